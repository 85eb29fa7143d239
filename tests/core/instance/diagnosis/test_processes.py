"""What is said of the queue, the parts, the clock and the certificate."""

from typing import Any

import pytest

from rockonweb.core.instance.diagnosis.processes import (
    diagnose_certificate,
    diagnose_clock,
    diagnose_queue,
    diagnose_roles,
)


@pytest.mark.parametrize(
    ("persistent", "writes", "level"), [(True, True, "ok"), (False, True, "warn"), (True, False, "fail")]
)
def test_queue(persistent: bool, writes: bool, level: str) -> None:
    assert diagnose_queue("unix:///s", "8", persistent=persistent, writes=writes).level == level


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
    assert " ".join(one.level for one in diagnose_roles(*facts)) == levels


def test_parts_that_end_at_each_start_are_named_once_for_each_reason() -> None:
    failing = {"worker 1": "No queue.", "watcher": "No queue.", "web": "No space."}
    found = [one for one in diagnose_roles("u", "nothing", None, 1, False, failing) if one.about == "parts"]
    assert [one.sentence for one in found] == [
        "This part ends each time it is started: worker 1, watcher. No queue.",
        "This part ends each time it is started: web. No space.",
    ]
    assert {one.level for one in found} == {"fail"}
    others = diagnose_roles("u", "nothing", None, 1, False, failing)
    assert not any("with `rockonweb up`" in one.hint for one in others)


@pytest.mark.parametrize(
    ("offset", "synchronised", "level"),
    [(0.4, True, "ok"), (None, None, "ok"), (0, False, "warn"), (-6, True, "warn"), (61, True, "fail")],
)
def test_clock(offset: float | None, synchronised: bool | None, level: str) -> None:
    assert diagnose_clock(offset, "Europe/Lisbon", synchronised).level == level


@pytest.mark.parametrize(
    ("days", "trouble", "level"), [(31, "", "ok"), (29, "", "warn"), (0, "", "fail"), (31, "no PEM", "fail")]
)
def test_certificate(days: float, trouble: str, level: str) -> None:
    assert diagnose_certificate("/c.pem", "2026-01-01", days, trouble).level == level
