"""Roles of `rockonweb up` that end at each start, and why: stored by the supervisor, for doctor and pages."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from rockonweb.config import Config, temporary_file
from rockonweb.core.text import from_stored, to_stored


def store_failing_roles(settings: Config, reasons: Mapping[str, str]) -> None:
    """Store the reasons of this process's failing roles by their names; none removes the file. Raises OSError."""
    path = _stored_at(settings)
    if not reasons:
        path.unlink(missing_ok=True)
        return
    entries = {name: to_stored(reason) for name, reason in reasons.items()}
    with temporary_file(path, json.dumps({"supervisor": os.getpid(), "roles": entries}).encode()) as temporary:
        temporary.replace(path)


def read_failing_roles(settings: Config) -> dict[str, str]:
    """Return the reasons by the names of the roles; none where no supervisor runs."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        stored = json.loads(_stored_at(settings).read_bytes())
        if psutil.pid_exists(stored["supervisor"]):
            return {name: from_stored(reason) for name, reason in stored["roles"].items()}
    return {}


def _stored_at(settings: Config) -> Path:
    return settings.instance / "failing-roles.json"
