"""What somebody should look at."""

from dataclasses import replace

from rockonweb.core.instance.attention import (
    Alert,
    AlertFacts,
    AlertTarget,
    Capacity,
    FailedOperation,
    InstalledApp,
    ProgramFacts,
    Severity,
    collect_alerts,
)
from rockonweb.core.own_container import BlindSpot
from rockonweb.core.text import t

GB = 10**9


def lines(**facts: object) -> list[tuple[str, str, str, int]]:
    return [
        (str(one.severity), str(one.sentence), str(one.target), one.id) for one in collect_alerts(AlertFacts(**facts))
    ]  # type: ignore[arg-type]


def test_where_all_is_well_there_is_nothing() -> None:
    plenty = Capacity(50 * GB, 100 * GB)
    assert lines(workers=1, shares=plenty, images=plenty, memory=plenty, apps=[InstalledApp(1, "Notes")]) == []


def test_what_nobody_knows_is_no_trouble() -> None:
    assert lines() == []


def test_nobody_who_does_the_jobs() -> None:
    found = collect_alerts(AlertFacts(workers=0))
    assert [one.sentence for one in found] == ["No worker is running: operations started now have to wait."]
    assert "rockonweb up" in found[0].hint


def test_what_runs_is_not_what_is_installed() -> None:
    def told(**facts: object) -> list[str]:
        program = replace(ProgramFacts("1.0", "1.0", False, False, "systemctl restart rockonweb"), **facts)
        return [f"{one.severity}: {one.sentence} {one.hint}" for one in collect_alerts(AlertFacts(program=program))]

    restart = "Restart it: systemctl restart rockonweb. Your apps keep running."
    assert told() == []
    assert told(is_replaced=True, installed="2.0") == [
        f"warning: Rockonweb 2.0 is installed, but 1.0 still runs. {restart}"
    ]
    updated = f"warning: Rockonweb was updated on the disk, but what runs is from before. {restart}"
    assert told(is_replaced=True) == told(is_replaced=True, installed="") == [updated]
    assert told(is_replaced=True, has_newer_schema=True) == [
        "danger: The database belongs to a newer Rockonweb than 1.0, which runs. "
        "Install the newer one again, then restart it: systemctl restart rockonweb"
    ]


def test_what_the_own_container_must_show_and_does_not_is_bad() -> None:
    hint = t("Add it.")
    spots = [BlindSpot("shares", t("No shares."), hint, breaks=True), BlindSpot("users", t("No names."), hint)]
    assert collect_alerts(AlertFacts(blind_spots=spots)) == [Alert(Severity.DANGER, "No shares.", "Add it.")]


def test_little_room_warns_and_hardly_any_is_bad() -> None:
    assert lines(shares=Capacity(9 * GB), images=Capacity(GB // 2)) == [
        ("danger", "The disk for images is nearly full.", "images", 0),
        ("warning", "The disk for shares is nearly full.", "shares", 0),
    ]


def test_little_memory() -> None:
    assert lines(memory=Capacity(5, 100)) == [("warning", "Memory is running low.", "", 0)]
    assert lines(memory=Capacity(8, 100)) == []


def test_an_app_that_ended_and_an_operation_that_failed() -> None:
    apps = [
        InstalledApp(1, "Notes", exit_reason="Ended with exit code 1"),
        InstalledApp(2, "Films", exit_reason="Start failed"),
    ]
    assert lines(
        apps=apps, failures=[FailedOperation(7, "Films could not be started", "No room.", "Make some.", rockon_id=2)]
    ) == [
        ("danger", "Notes is not running properly: Ended with exit code 1.", "rockon", 1),
        ("danger", "Films could not be started.", "operation", 7),
    ]


def test_the_hint_of_a_failure_says_why_and_what_to_do() -> None:
    assert collect_alerts(
        AlertFacts(failures=[FailedOperation(7, "Films could not be started", "No room.", "Make some.")])
    ) == [Alert(Severity.DANGER, "Films could not be started.", "No room. Make some.", AlertTarget.OPERATION, 7)]


def test_an_app_that_should_run_and_is_stopped_is_named() -> None:
    apps = [InstalledApp(2, "Films", has_fallen=True), InstalledApp(3, "Notes")]
    assert lines(apps=apps) == [("warning", "Films should be running, but is stopped.", "rockon", 2)]
    assert lines(apps=apps, busy_rockons=frozenset({2})) == []


def test_an_app_that_waits_for_its_share_is_not_to_be_started_again() -> None:
    alert = ("danger", "Films is kept stopped: its share is absent.", "shares", 2)
    assert lines(apps=[InstalledApp(2, "Films", waits=True, has_fallen=True)]) == [alert]


def test_what_is_being_worked_on_is_left_alone() -> None:
    apps = [InstalledApp(2, "Films", exit_reason="Start failed")]
    assert (
        lines(
            apps=apps,
            failures=[FailedOperation(7, "Films could not be started", rockon_id=2)],
            busy_rockons=frozenset({2}),
        )
        == []
    )


def test_news_come_last_and_name_a_few() -> None:
    apps = [InstalledApp(n, f"App {n}", newer_images=True) for n in range(1, 7)] + [
        InstalledApp(9, "Wiki", newer_definition=True)
    ]
    assert lines(apps=apps, workers=0)[1:] == [
        ("info", "Updates are available for App 1, App 2, App 3 … (+3).", "updates", 0),
        ("info", "The catalogue has a newer definition of Wiki.", "definition", 9),
    ]
