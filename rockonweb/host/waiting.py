"""Waits that can be broken off: what Docker takes long for runs in a thread, while somebody may ask to stop waiting."""

from __future__ import annotations

import itertools
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.5  # how often somebody is asked


@dataclass(frozen=True)
class Arrival(Generic[T]):
    """What comes of the iterable `key`: an item, or its end, which may be an error."""

    key: int
    item: T | None = None
    has_ended: bool = False
    error: BaseException | None = None


class Waiter:
    """Waits for something, and calls `on_wait` every half second meanwhile, which may raise to end the wait.

    What is waited for then ends at the next item that it yields, or with this process; a process is killed.
    """

    def __init__(self) -> None:
        self.on_wait: Callable[[], None] | None = None
        self._asked_at = time.monotonic()

    def poll(self) -> None:
        """Call `on_wait`, if that was not done within the last half second. Raises what it raises."""
        if self.on_wait and time.monotonic() - self._asked_at >= POLL_SECONDS:
            self._asked_at = time.monotonic()
            self.on_wait()

    def call(self, function: Callable[[], T]) -> T:
        """Return what a function returns, or raise what it raises."""
        if self.on_wait is None:
            return function()
        for result in self.iterate(lambda: ((function(),),)):
            if result is not None:
                return result[0]
        raise AssertionError("a function returns once")

    def iterate(self, make_items: Callable[[], Iterable[T]]) -> Iterator[T | None]:
        """Yield what an iterable yields, and None each half second in which it yields nothing."""
        for arrival in self.iterate_all([(0, make_items)], 1):
            if arrival and arrival.error:
                raise arrival.error
            if not (arrival and arrival.has_ended):
                yield arrival.item if arrival else None

    def iterate_all(
        self, sources: Iterable[tuple[int, Callable[[], Iterable[T]]]], at_once: int
    ) -> Iterator[Arrival[T] | None]:
        """Yield what several iterables yield, `at_once` of them side by side, and None each half second in which none
        does. The next of `sources`, with its key, is asked for when its turn has come.
        """
        arrivals: queue.SimpleQueue[Arrival[T]] = queue.SimpleQueue()
        left = threading.Event()
        remaining, running = iter(sources), 0
        try:
            while True:
                for key, make_items in itertools.islice(remaining, at_once - running):
                    threading.Thread(target=_fill, args=(key, make_items, arrivals, left), daemon=True).start()
                    running += 1
                if not running:
                    return
                arrival: Arrival[T] | None = None
                try:
                    arrival = arrivals.get(timeout=POLL_SECONDS)
                    running -= arrival.has_ended
                except queue.Empty:
                    self.poll()
                yield arrival
                self.poll()
        finally:
            left.set()

    def communicate(self, process: subprocess.Popen[str], text: str, seconds: float) -> tuple[str, str]:
        """Return what a process prints until it ends. Raises subprocess.TimeoutExpired after `seconds`."""
        deadline = time.monotonic() + seconds
        to_send: str | None = text
        while True:
            try:
                return process.communicate(to_send, timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                to_send = None
                try:
                    self.poll()
                    if time.monotonic() > deadline:
                        raise
                except BaseException:
                    process.kill()
                    process.communicate()
                    raise


def _fill(
    key: int, make_items: Callable[[], Iterable[T]], arrivals: queue.SimpleQueue[Arrival[T]], left: threading.Event
) -> None:
    """Put what an iterable yields into `arrivals`, until nobody waits for it any longer."""
    try:
        for item in make_items():
            arrivals.put(Arrival(key, item))
            if left.is_set():
                return  # which closes a generator, and so the connection that it reads from
    except BaseException as error:
        arrivals.put(Arrival(key, has_ended=True, error=error))
    else:
        arrivals.put(Arrival(key, has_ended=True))
