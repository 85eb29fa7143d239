"""Whether the system's clock is kept right by the network, as the kernel knows it."""

from __future__ import annotations

import ctypes
from pathlib import Path

SYSTEMD = Path("/run/systemd/system")  # see sd_booted(3)
MAX_ERROR = 16_000_000  # µs: the kernel lets its estimate grow to this where nobody has set the clock for long


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` in <sys/timex.h>, with room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_char * 512),
    )


def is_synchronised() -> bool | None:
    """Return it by the kernel's estimate of its clock's greatest error, as `timedatectl` does, but without a process.

    None without systemd: elsewhere, e.g. in a container, the clock is somebody else's to keep. See adjtimex(2): with no
    mode set it only reads.
    """
    if not SYSTEMD.is_dir():
        return None
    adjtimex, timex = ctypes.CDLL(None).adjtimex, _Timex()
    return timex.maxerror < MAX_ERROR if adjtimex(ctypes.byref(timex)) >= 0 else None
