"""Waits that somebody may break off."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from rockonweb.host import waiting
from rockonweb.host.waiting import Waiter


class Broken(Exception):
    """Somebody does not want to wait any longer."""


@pytest.fixture
def waiter(monkeypatch: pytest.MonkeyPatch) -> Waiter:
    """One that asks often, and is broken off at the third time."""
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.01)
    asked: list[None] = []

    def on_wait() -> None:
        asked.append(None)
        if len(asked) == 3:
            raise Broken

    waiter = Waiter()
    waiter.on_wait = on_wait
    return waiter


def test_what_is_returned_or_raised_arrives(waiter: Waiter) -> None:
    assert waiter.call(lambda: 7) == 7
    assert Waiter().call(lambda: 7) == 7
    assert [*waiter.iterate(lambda: "abc")] == ["a", "b", "c"]
    with pytest.raises(ZeroDivisionError):
        waiter.call(lambda: 1 // 0)


def test_a_call_that_hangs_is_left(waiter: Waiter) -> None:
    gate = threading.Event()
    with pytest.raises(Broken):
        waiter.call(gate.wait)
    gate.set()


def test_what_has_begun_to_come_is_waited_for_and_can_be_left(waiter: Waiter) -> None:
    gate = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        gate.wait()

    waited = waiter.iterate(items)
    assert next(waited) == 1
    with pytest.raises(Broken):
        assert not any(waited)
    gate.set()


def test_what_nobody_waits_for_any_longer_ends_with_its_next_item() -> None:
    gate, closed = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        try:
            yield 1
            gate.wait()
            yield from range(1000)
        finally:
            closed.set()

    waited = Waiter().iterate(items)
    assert next(waited) == 1
    waited.close()  # type: ignore[attr-defined]
    gate.set()
    assert closed.wait(60)


def test_while_nothing_comes_whoever_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.01)
    gate = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        gate.wait()
        yield 2

    waited = Waiter().iterate(items)
    assert [next(waited) for _ in range(3)] == [1, None, None]
    gate.set()
    assert [item for item in waited if item] == [2]


def hanging_process() -> subprocess.Popen[str]:
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_process_that_hangs_is_killed_when_nobody_waits(waiter: Waiter) -> None:
    process = hanging_process()
    with pytest.raises(Broken):
        waiter.communicate(process, "", 600)
    assert process.returncode == -9


def test_a_process_that_takes_too_long_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.01)
    process = hanging_process()
    with pytest.raises(subprocess.TimeoutExpired):
        Waiter().communicate(process, "", 0)
    assert process.returncode == -9


def test_a_process_gets_its_text_and_its_words_arrive() -> None:
    program = [sys.executable, "-c", "import sys; print(sys.stdin.read()); print('told', file=sys.stderr)"]
    process = subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert Waiter().communicate(process, "A=1", 60) == ("A=1\n", "told\n")
