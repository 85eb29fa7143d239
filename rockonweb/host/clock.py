"""Whether the system clock is synchronised (by NTP), as the kernel knows it."""

from __future__ import annotations

import ctypes
from pathlib import Path

SYSTEMD = Path("/run/systemd/system")  # see sd_booted(3)
MAX_ERROR = 16_000_000  # µs: the kernel's estimate grows up to this while nobody synchronises the clock


class _Timex(ctypes.Structure):
    """The first fields of `struct timex` in <sys/timex.h>; `rest` is at least as long as the others."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_char * 512),
    )


def is_synchronised() -> bool | None:
    """Return whether the clock is synchronised, by the kernel's `maxerror`, as `timedatectl` does.

    None without systemd, for example in a container, where the clock is set from outside. With `modes` 0, adjtimex(2)
    only reads.
    """
    if not SYSTEMD.is_dir():
        return None
    adjtimex, timex = ctypes.CDLL(None).adjtimex, _Timex()
    return timex.maxerror < MAX_ERROR if adjtimex(ctypes.byref(timex)) >= 0 else None
