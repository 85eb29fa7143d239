"""Roles of `rockonweb up` that end at each start, and why: stored by what starts them, for doctor and pages."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

from rockonweb.config import Config, temporary_file
from rockonweb.core.text import from_stored, to_stored

Starter = Literal["supervisor", "web"]  # the web server's process starts the watcher


def store_failing_roles(settings: Config, reasons: Mapping[str, str], starter: Starter = "supervisor") -> None:
    """Store the reasons of the failing roles that this process starts, by their names; none removes the file. Raises
    OSError.
    """
    path = _stored_at(settings, starter)
    if not reasons:
        path.unlink(missing_ok=True)
        return
    entries = {name: to_stored(reason) for name, reason in reasons.items()}
    with temporary_file(path, json.dumps({"process": os.getpid(), "roles": entries}).encode()) as temporary:
        temporary.replace(path)


def read_failing_roles(settings: Config) -> dict[str, str]:
    """Return the reasons by the names of the roles; none of a process that has ended."""
    reasons: dict[str, str] = {}
    starters: tuple[Starter, ...] = ("supervisor", "web")
    for starter in starters:
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            stored = json.loads(_stored_at(settings, starter).read_bytes())
            if psutil.pid_exists(stored["process"]):
                reasons |= {name: from_stored(reason) for name, reason in stored["roles"].items()}
    return reasons


def _stored_at(settings: Config, starter: Starter) -> Path:
    return settings.instance / f"failing-roles-{starter}.json"
