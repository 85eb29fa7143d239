"""The kernel's word on its clock, without a process."""

import ctypes
from pathlib import Path
from typing import Any

import pytest

from rockonweb.host import clock


def test_without_systemd_nobody_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "SYSTEMD", tmp_path / "absent")
    assert clock.is_synchronised() is None


@pytest.mark.parametrize(("error", "said"), [(1_500, True), (15_999_999, True), (16_000_000, False)])
def test_a_clock_is_right_while_its_error_is_small(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: int, said: bool
) -> None:
    class Libc:
        """Tells of this error."""

        @staticmethod
        def adjtimex(told: Any) -> int:
            """Write where the kernel would."""
            ctypes.cast(told, ctypes.POINTER(ctypes.c_long))[3] = error
            return 5 if error == 16_000_000 else 0

    monkeypatch.setattr(clock, "SYSTEMD", tmp_path)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Libc)
    assert clock.is_synchronised() is said


def test_the_kernel_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "SYSTEMD", tmp_path)
    assert clock.is_synchronised() in (True, False)
