"""The summary remembers which command lines the person saw."""

from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.operations.steps import CreateContainer
from rockonweb.core.plan.plan import Plan
from rockonweb.forms import summary
from rockonweb.models import Installation
from rockonweb.work.review import Review
from tests.forms.conftest import Posted


def review(*images: str) -> Review:
    steps = tuple(CreateContainer(container="web", argv=("docker", "run", "-d", image), why="") for image in images)
    return Review(Installation(name="Web"), InstallRequest(), Plan("Web", steps))


def test_the_same_lines_were_seen(posted: Posted) -> None:
    with posted({"reviewed": review("web").fingerprint}):
        assert summary.SummaryForm().matches_review(review("web"))


def test_other_lines_were_not_seen(posted: Posted) -> None:
    with posted({"reviewed": review("web").fingerprint}):
        assert not summary.SummaryForm().matches_review(review("web", "more"))
    with posted({"reviewed": ""}):
        assert not summary.SummaryForm().matches_review(review("web"))


def test_who_names_no_lines_relies_on_those_of_now(posted: Posted) -> None:
    with posted({"Submit": "Submit"}):
        assert summary.SummaryForm().matches_review(review("web"))
