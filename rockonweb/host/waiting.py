"""Waits that can be broken off: what Docker takes long for runs in a thread, while somebody may ask to stop waiting."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.5  # how often somebody is asked


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
        items: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        left = threading.Event()
        threading.Thread(target=_fill, args=(make_items, items, left), daemon=True).start()
        try:
            while True:
                try:
                    is_item, value = items.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    self.poll()
                    is_item, value = True, None
                if is_item:
                    yield value
                    self.poll()
                elif value is None:
                    return
                else:
                    raise value
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
    make_items: Callable[[], Iterable[Any]], items: queue.SimpleQueue[tuple[bool, Any]], left: threading.Event
) -> None:
    """Put into `items` what an iterable yields, until nobody waits for it any longer."""
    try:
        for item in make_items():
            items.put((True, item))
            if left.is_set():
                return  # which closes a generator, and so the connection that it reads from
    except BaseException as error:
        items.put((False, error))
    else:
        items.put((False, None))
