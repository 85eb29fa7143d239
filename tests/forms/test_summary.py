"""The summary remembers which command lines the person saw."""

from rockonweb.forms import summary
from tests.forms.conftest import Posted

LINES = ["docker run -d --name web example/web:latest"]


def test_the_same_lines_were_seen(posted: Posted) -> None:
    with posted({"reviewed": summary.digest(LINES)}):
        assert summary.SummaryForm().saw(list(LINES))


def test_other_lines_were_not_seen(posted: Posted) -> None:
    with posted({"reviewed": summary.digest(LINES)}):
        assert not summary.SummaryForm().saw([*LINES, "docker run more"])
    with posted({"reviewed": ""}):
        assert not summary.SummaryForm().saw(LINES)


def test_who_names_no_lines_relies_on_those_of_now(posted: Posted) -> None:
    with posted({"Submit": "Submit"}):
        assert summary.SummaryForm().saw(LINES)
