"""The doctor's page and its report."""

import pytest

from tests.support.app import FormClient


def test_an_owner_sees_what_is_broken_first_and_what_to_do(owner_client: FormClient) -> None:
    answer = owner_client.get("/doctor")
    assert answer.status_code == 200
    assert "Errors found." in answer.text
    assert answer.text.index("</svg>Error</span>") < answer.text.index("</svg>OK</span>")
    assert "/rockonweb.db; no damage found." in answer.text


def test_the_report_is_a_file(owner_client: FormClient) -> None:
    text = owner_client.get("/doctor/report.txt")
    assert text.headers["Content-Disposition"] == "attachment; filename=rockonweb-doctor.txt"
    assert "[FAIL] queue: " in text.text
    assert "[ok]   web: " in text.text  # it has just answered
    told = owner_client.get("/doctor/report.json").json
    assert told is not None
    assert not told["ok"]
    assert owner_client.get("/doctor/report.xml").status_code == 404


@pytest.mark.parametrize("path", ["/doctor", "/doctor/report.txt"])
def test_it_is_for_owners(operator: FormClient, path: str) -> None:
    assert operator.get(path).status_code == 403
    assert "/doctor" not in operator.get("/").text
