"""The command lines of restic. No address and no secret is in one: these come by environment and by a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rockonweb.core.data_backup.repository import BESIDE, Retention

Argv = tuple[str, ...]
# With the program that sets it, where that is there: the load is kept low, and restic ends with its job.
WRAPPERS: tuple[Argv, ...] = (
    ("setpriv", "--pdeathsig", "KILL"),
    ("nice", "-n", "10"),
    ("ionice", "-c", "2", "-n", "7"),
)


def backup_argv(targets: Iterable[str], tags: Sequence[str], host: str, upload_limit: int) -> Argv:
    """Return the line that saves these paths as one snapshot."""
    return (
        *("backup", "--json", "--host", host, *_tag_options(tags), "--exclude", f"{BESIDE}*"),
        *(("--limit-upload", str(upload_limit)) if upload_limit else ()),
        *("--", *targets),
    )


def restore_argv(snapshot: str, paths: Iterable[str], target: str) -> Argv:
    """Return the line that restores these paths of a snapshot below a folder, and reads each file again to compare."""
    includes = (word for path in paths for word in ("--include", escape_pattern(f"/{path}")))
    return ("restore", "--json", "--verify", "--target", target, *includes, "--", snapshot)


def snapshots_argv(tags: Sequence[str]) -> Argv:
    """Return the line that lists the snapshots with all of these tags."""
    return ("snapshots", "--json", "--no-lock", "--tag", ",".join(tags))


def list_argv(snapshot: str, folder: str) -> Argv:
    """Return the line that lists a folder of a snapshot."""
    return ("ls", "--json", "--no-lock", "--", snapshot, f"/{folder}")


def size_argv(snapshot: str) -> Argv:
    """Return the line that tells how many bytes a restored snapshot has."""
    return ("stats", "--json", "--no-lock", "--mode", "restore-size", "--", snapshot)


def forget_argv(tags: Sequence[str], retention: Retention) -> Argv:
    """Return the line that forgets what is not to be kept of the snapshots with all of these tags."""
    kept = (
        ("--keep-hourly", retention.hourly),
        ("--keep-daily", retention.daily),
        ("--keep-weekly", retention.weekly),
        ("--keep-monthly", retention.monthly),
    )
    keeps = (word for option, count in kept if count for word in (option, str(count)))
    return ("forget", "--json", "--tag", ",".join(tags), "--group-by", "", *keeps)


def check_argv(*, read_data: bool) -> Argv:
    """Return the line that checks the whole repository, with `read_data` each byte of it."""
    return ("check", *(("--read-data",) if read_data else ()))


def escape_pattern(path: str) -> str:
    """Return a path as a pattern that matches it alone."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", path)


def _tag_options(tags: Iterable[str]) -> Iterable[str]:
    return (word for tag in tags for word in ("--tag", tag))
