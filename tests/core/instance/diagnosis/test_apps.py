"""What is said of apps, operations and the catalogue."""

import pytest

from rockonweb.core.instance.diagnosis.apps import (
    FallenApp,
    OperationFacts,
    diagnose_apps,
    diagnose_catalogue,
    diagnose_operations,
)


@pytest.mark.parametrize(
    ("fallen", "said"),
    [
        (FallenApp("Notes"), "Notes should be running, but is stopped."),
        (FallenApp("Notes", 137), "Notes should be running, but is not: exit code 137"),
        (FallenApp("Notes", 0, "no room"), "Notes should be running, but is not: exit code 0: no room"),
        (FallenApp("Notes", -1, "it is gone"), "Notes should be running, but is not: it is gone"),
        (FallenApp("Notes", None, "it is ill", runs=True), "Notes is not running properly: it is ill"),
        (FallenApp("Notes", None, "The port is in use."), "Notes should be running, but is not: The port is in use."),
    ],
)
def test_each_app_that_should_run_is_named_with_its_reason(fallen: FallenApp, said: str) -> None:
    assert diagnose_apps([]) == []
    (found,) = diagnose_apps([fallen])
    assert (found.about, found.level, found.sentence) == ("apps", "warn", said)
    assert found.hint.endswith("tart it again.")


def test_an_app_whose_share_is_absent_is_not_to_be_started_again() -> None:
    (found,) = diagnose_apps([FallenApp("Notes", waits=True)])
    assert found.sentence == "Notes is kept stopped: its share is absent."
    assert found.hint.startswith("Mount its disk")


def test_operations() -> None:
    one = OperationFacts(7, "install", "Gitea")
    assert diagnose_operations([], []).level == "ok"
    failed = diagnose_operations([], [one])
    assert (failed.level, failed.facts) == ("warn", {"stuck": [], "failed": [7]})
    stuck = diagnose_operations([one, OperationFacts(8, "refresh", "")], [])
    assert (stuck.level, stuck.sentence) == ("fail", "No process is working on: 7 (install Gitea), 8 (refresh).")


def test_catalogue() -> None:
    assert diagnose_catalogue("", 0, ()).level == "warn"
    assert diagnose_catalogue("2026-01-01", 1, ()).level == "ok"
    assert diagnose_catalogue("2026-01-01", 31, ()).level == "warn"
    assert "could not use: a.json" in diagnose_catalogue("2026-01-01", 1, ("a.json",)).sentence
