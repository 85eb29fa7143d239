"""Facts of an instance go in, findings in words come out."""

from dataclasses import replace
from typing import Any

import pytest

from rockonweb.core.docker.daemon_settings import DockerSettings
from rockonweb.core.facts import PortListener
from rockonweb.core.instance import diagnosis
from rockonweb.core.instance.diagnosis import (
    CheckResult,
    DatabaseFacts,
    DiskSpaceFacts,
    FallenApp,
    FileFacts,
    OperationFacts,
)

GOOD = DatabaseFacts("SQLite", "/i/rockonweb.db", "3.40", "UTF-8")
FOLDER = FileFacts(".", 0o700, 1000)


def test_a_finding_is_a_line_with_a_mark_in_letters_and_what_to_do_below() -> None:
    assert str(CheckResult("clock", "ok", "Right.")) == "[ok]   clock: Right."
    assert str(CheckResult("clock", "warn", "Slow.", "Wind it.")) == "[warn] clock: Slow.\n       Wind it."
    assert str(CheckResult("clock", "fail", "Wrong.")) == "[FAIL] clock: Wrong."


def test_warnings_are_no_failures() -> None:
    assert not diagnosis.has_failure([CheckResult("a", "ok", ""), CheckResult("b", "warn", "")])
    assert diagnosis.has_failure([CheckResult("a", "ok", ""), CheckResult("b", "fail", "")])


@pytest.mark.parametrize(
    ("found", "writable", "level", "words"),
    [
        ([FOLDER, FileFacts("secret.key", 0o600, 1000)], True, "ok", "/i belongs to one user"),
        (None, False, "fail", "The instance folder /i does not exist"),
        ([FOLDER], False, "fail", "can't write to /i"),
        ([FOLDER, FileFacts("secret.key", 0o640, 1000)], True, "warn", "Other users have access to: secret.key."),
        ([FileFacts(".", 0o755, 1000)], True, "warn", "Other users have access to: .."),
        (
            [FOLDER, FileFacts("up.lock", 0o600, 0)],
            True,
            "warn",
            "Not everything belongs to the folder's owner: up.lock",
        ),
    ],
)
def test_files(found: list[FileFacts] | None, writable: bool, level: str, words: str) -> None:
    finding = diagnosis.diagnose_files("/i", found, writable=writable)
    assert (finding.level, words in finding.sentence) == (level, True), finding
    assert finding.hint or level == "ok"


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, "ok", "SQLite 3.40, /i/rockonweb.db; no damage found."),
        ({"damage": ("row 3 missing from index x",)}, "fail", "is damaged: row 3 missing from index x."),
        ({"dangling": 2}, "fail", "Rows refer to rows that do not exist: 2"),
        ({"encoding": "SQL_ASCII"}, "fail", "encoding SQL_ASCII"),
        ({"encoding": "UTF8", "kind": "PostgreSQL"}, "ok", "PostgreSQL 3.40"),
    ],
)
def test_database(changes: dict[str, Any], level: str, words: str) -> None:
    found = diagnosis.diagnose_database(replace(GOOD, **changes))
    assert (found.level, words in found.sentence) == (level, True), found


@pytest.mark.parametrize(
    ("revision", "level", "words"),
    [
        ("0012", "ok", "It is up to date: 0012."),
        (None, "fail", "The database is empty."),
        ("0011", "fail", "It is at 0011, but this version of Rockonweb needs 0012."),
        ("0099", "fail", "belongs to a newer version of Rockonweb: 0099"),
    ],
)
def test_schema(revision: str | None, level: str, words: str) -> None:
    found = diagnosis.diagnose_schema(revision, ["0012", "0011"])
    assert (found.level, words in found.sentence) == (level, True), found
    assert found.facts == {"revision": revision, "head": "0012"}


@pytest.mark.parametrize(
    ("persistent", "writes", "level"), [(True, True, "ok"), (False, True, "warn"), (True, False, "fail")]
)
def test_queue(persistent: bool, writes: bool, level: str) -> None:
    assert diagnosis.diagnose_queue("unix:///s", "8", persistent=persistent, writes=writes).level == level


@pytest.mark.parametrize(
    ("facts", "levels"),
    [
        (("http://x", "ours", 1, 3, True), "ok ok ok"),
        (("http://x", "another", 3, 3, True), "fail ok ok"),
        (("http://x", "nothing", 0, 3, False), "fail fail fail"),
        (("http://x", "ours", None, 3, None), "ok warn warn"),
    ],
)
def test_roles(facts: tuple[Any, ...], levels: str) -> None:
    assert " ".join(one.level for one in diagnosis.diagnose_roles(*facts)) == levels


def test_parts_that_end_at_each_start_are_named_once_for_each_reason() -> None:
    failing = {"worker 1": "No queue.", "watcher": "No queue.", "web": "No space."}
    found = [one for one in diagnosis.diagnose_roles("u", "nothing", None, 1, False, failing) if one.about == "parts"]
    assert [one.sentence for one in found] == [
        "This part ends each time it is started: worker 1, watcher. No queue.",
        "This part ends each time it is started: web. No space.",
    ]
    assert {one.level for one in found} == {"fail"}
    others = diagnosis.diagnose_roles("u", "nothing", None, 1, False, failing)
    assert not any("with `rockonweb up`" in one.hint for one in others)


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
    assert diagnosis.diagnose_apps([]) == []
    (found,) = diagnosis.diagnose_apps([fallen])
    assert (found.about, found.level, found.sentence) == ("apps", "warn", said)
    assert found.hint.endswith("tart it again.")


def test_an_app_whose_share_is_absent_is_not_to_be_started_again() -> None:
    (found,) = diagnosis.diagnose_apps([FallenApp("Notes", waits=True)])
    assert found.sentence == "Notes is kept stopped: its share is absent."
    assert found.hint.startswith("Mount its disk")


def test_engine_names_what_a_supporter_asks_for() -> None:
    good = DockerSettings("28.1", "1.49", "/var/lib/docker", storage_driver="overlay2", cgroup_version="2")
    found = diagnosis.diagnose_engine(good, has_command=True)
    assert str(found) == "[ok]   Docker: Version 28.1, API 1.49, storage driver overlay2, cgroup version 2."
    assert found.facts == {
        "version": "28.1",
        "api_version": "1.49",
        "storage_driver": "overlay2",
        "cgroup": "2",
        "rootless": False,
        "folder": "/var/lib/docker",
    }
    assert diagnosis.diagnose_engine(replace(good, storage_driver="vfs"), has_command=True).level == "warn"
    missing = diagnosis.diagnose_engine(good, has_command=False)
    assert (missing.level, "docker-cli" in missing.hint) == ("fail", True)
    rootless = diagnosis.diagnose_engine(replace(good, rootless=True), has_command=True)
    assert (rootless.level, "rootless" in rootless.sentence) == ("warn", True)


def test_operations() -> None:
    one = OperationFacts(7, "install", "Gitea")
    assert diagnosis.diagnose_operations([], []).level == "ok"
    failed = diagnosis.diagnose_operations([], [one])
    assert (failed.level, failed.facts) == ("warn", {"stuck": [], "failed": [7]})
    stuck = diagnosis.diagnose_operations([one, OperationFacts(8, "refresh", "")], [])
    assert (stuck.level, stuck.sentence) == ("fail", "No process is working on: 7 (install Gitea), 8 (refresh).")


@pytest.mark.parametrize(
    ("free", "little", "level"),
    [(10**12, 10**9, "ok"), (5 * 10**9, 10**10, "warn"), (10**8 - 1, 10**9, "fail"), (None, 10**9, "ok")],
)
def test_room(free: int | None, little: int, level: str) -> None:
    found = diagnosis.diagnose_disks([DiskSpaceFacts("images", "/d", free, little)])
    assert found.level == level
    assert ("Free up space at /d." in found.hint) == (level != "ok")


@pytest.mark.parametrize(
    ("offset", "synchronised", "level"),
    [(0.4, True, "ok"), (None, None, "ok"), (0, False, "warn"), (-6, True, "warn"), (61, True, "fail")],
)
def test_clock(offset: float | None, synchronised: bool | None, level: str) -> None:
    assert diagnosis.diagnose_clock(offset, "Europe/Lisbon", synchronised).level == level


def test_ports_say_who_has_them() -> None:
    assert diagnosis.diagnose_ports(4, []).level == "ok"
    nginx = PortListener(80, "tcp", holder="the program nginx", rockon="Wiki")
    found = diagnosis.diagnose_ports(4, [nginx, PortListener(81, "udp", rockon="Wiki")])
    told = {"number": 80, "protocol": "tcp", "rockon": "Wiki", "holder": "the program nginx"}
    assert found.facts is not None
    assert (found.facts["wanted"], found.facts["taken"][0]) == (4, told)
    assert found.level == "warn"
    assert "80/tcp of Wiki (the program nginx), 81/udp of Wiki (a program not visible to this user)" in found.sentence


def test_rows_beside_docker_and_long_lists() -> None:
    assert diagnosis.diagnose_containers([], []).level == "ok"
    assert "docker rm" in diagnosis.diagnose_containers(["old"], []).hint
    many = diagnosis.diagnose_containers([], [f"c{number}" for number in range(9)])
    assert "c0, c1, c2, c3, c4, 4 more." in many.sentence


def test_catalogue() -> None:
    assert diagnosis.diagnose_catalogue("", 0, ()).level == "warn"
    assert diagnosis.diagnose_catalogue("2026-01-01", 1, ()).level == "ok"
    assert diagnosis.diagnose_catalogue("2026-01-01", 31, ()).level == "warn"
    assert "could not use: a.json" in diagnosis.diagnose_catalogue("2026-01-01", 1, ("a.json",)).sentence


@pytest.mark.parametrize(
    ("total", "bad", "key", "level"),
    [(3, 0, True, "ok"), (3, 1, True, "fail"), (3, 3, False, "fail"), (0, 0, False, "warn")],
)
def test_secrets(total: int, bad: int, key: bool, level: str) -> None:
    assert diagnosis.diagnose_secrets(total, ["row"] * bad, key=key).level == level


def test_the_rows_of_secrets_are_named_where_only_some_can_not_be_read() -> None:
    assert "Affected: draft 7 (content)." in diagnosis.diagnose_secrets(3, ["draft 7 (content)"], key=True).sentence
    assert "Affected" not in diagnosis.diagnose_secrets(1, ["draft 7 (content)"], key=True).sentence


def test_stored_data() -> None:
    assert diagnosis.diagnose_stored_data([]).level == "ok"
    found = diagnosis.diagnose_stored_data([f"rockon {number} (ports)" for number in range(7)])
    assert (found.level, "rockon 4 (ports), 2 more." in found.sentence) == ("warn", True)


@pytest.mark.parametrize(
    ("days", "trouble", "level"), [(31, "", "ok"), (29, "", "warn"), (0, "", "fail"), (31, "no PEM", "fail")]
)
def test_certificate(days: float, trouble: str, level: str) -> None:
    assert diagnosis.diagnose_certificate("/c.pem", "2026-01-01", days, trouble).level == level
