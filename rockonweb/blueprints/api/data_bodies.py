"""What the bodies of requests about data backups say."""

from __future__ import annotations

from typing import Any

from rockonweb.core.data_backup.schedule import BackupSchedule
from rockonweb.core.errors import BadInput
from rockonweb.core.formats import rockstor_api
from rockonweb.core.text import t
from rockonweb.work.data_repositories import RepositorySettings


def read_repository(body: bytes) -> RepositorySettings:
    """Return the repository that a body describes: name, url, passphrase, environment, all_apps, hours. Raises
    BadInput.
    """
    data = rockstor_api.parse_body(body)
    return RepositorySettings(
        _text(data, "name"),
        _text(data, "url"),
        _text(data, "passphrase"),
        _text(data, "environment"),
        all_apps=data.get("all_apps", True) is True,
        schedule=BackupSchedule(_number(data, "hours", 24) or 0),
    )


def read_backup_choices(body: bytes) -> tuple[int | None, bool | None]:
    """Return repository (id) and live of a body, None for what it does not say. Raises BadInput."""
    data = rockstor_api.parse_body(body)
    return _number(data, "repository", None), data["live"] is True if "live" in data else None


def read_restore_choices(body: bytes) -> tuple[int, str, list[str], str]:
    """Return repository (id), snapshot, paths and to of a body. Raises BadInput."""
    data = rockstor_api.parse_body(body)
    paths = data.get("paths", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise _fault("paths")
    snapshot = _text(data, "snapshot")
    if not (snapshot.isalnum() and snapshot.isascii()):
        raise _fault("snapshot")
    return _number(data, "repository", None) or 0, snapshot, paths, _text(data, "to")


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise _fault(key)
    return value


def _number(data: dict[str, Any], key: str, default: int | None) -> int | None:
    value = data.get(key, default)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31):
        raise _fault(key)
    return value


def _fault(key: str) -> BadInput:
    return BadInput(t('"%(key)s" has a value that can\'t be used.', key=key))
