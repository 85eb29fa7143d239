"""Wakes the supervisor: it sleeps until a signal arrives, or a process tells that there may be a job for a worker."""

from __future__ import annotations

import os
import select
import signal
import socket
from contextlib import suppress

from rockonweb import config


def wake_supervisor(settings: config.Config) -> None:
    """Let `rockonweb up` look for jobs at once. Where it does not hear this, it looks by itself within seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
        sender.setblocking(False)
        sender.sendto(b"\0", os.fsencode(settings.wakeup_socket))


class InterruptibleSleep:
    """The sleep of a process that signals and `wake_supervisor` end. Signals need a handler to do so."""

    def __init__(self, settings: config.Config) -> None:
        config.make_private_folder(settings.wakeup_socket.parent)
        settings.wakeup_socket.unlink(missing_ok=True)
        path = os.fsencode(settings.wakeup_socket)
        self._inbox, self._signals = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        self._inbox.bind(path)
        self._signals.connect(path)
        for end in (self._inbox, self._signals):
            end.setblocking(False)
        signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)

    def sleep(self, seconds: float) -> None:
        """InterruptibleSleep for so long at most; not at all where something arrived since the last sleep."""
        select.select([self._inbox], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            while self._inbox.recv(1):
                pass
