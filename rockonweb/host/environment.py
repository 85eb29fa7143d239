"""Where this server is: its time zone, its name and address, and whose its folders are."""

from __future__ import annotations

import os
import pwd
import socket
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rockonweb.core.answers.answers import split_share
from rockonweb.core.questions.suggestions import Owner
from rockonweb.host.shares import Shares

ELSEWHERE = "192.0.2.1"  # of the documentation's network: nothing is ever sent there
ORDINARY = range(1000, 60_000)  # users that are people
NOT_A_NAME = ("", "localhost", "localhost.localdomain")


def is_only_here(visited: str) -> bool:
    """Whether a name or address is one by which only this machine reaches itself."""
    return visited in NOT_A_NAME or visited.startswith("127.") or visited == "::1"


def time_zone(etc: Path = Path("/etc")) -> str:
    """Return the host's time zone, such as Europe/Lisbon: Etc/UTC where none is set."""
    candidates = [os.environ.get("TZ", "").lstrip(":")] if etc == Path("/etc") else []
    try:
        candidates.append(str((etc / "localtime").resolve()).partition("/zoneinfo/")[2])
        candidates += (etc / "timezone").read_text().split()[:1]
    except (OSError, UnicodeDecodeError):
        pass
    return next((name for name in candidates if _is_zone(name)), "Etc/UTC")


def _is_zone(name: str) -> bool:
    try:
        return bool(name) and ZoneInfo(name).key == name
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return False


def host_name() -> str:
    """Return the host's name, blank when it has none of its own."""
    name = socket.gethostname()
    return "" if name in NOT_A_NAME else name


def address() -> str:
    """Return the address by which this host talks to others; blank without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE, 9))  # chooses a route, sends nothing
        except OSError:
            return ""
        found: str = probe.getsockname()[0]
    return "" if found.startswith("127.") else found


def owner(shares: Shares, place: str) -> Owner:
    """Return whose a share or folder is. One that is not there yet would be ours, a folder of a share the share's."""
    share, folder = split_share(place)
    root = shares.root / share
    for path in (root / folder, root) if folder else (root,):
        try:
            about = path.stat(follow_symlinks=False)
        except OSError:
            continue
        return Owner(about.st_uid, about.st_gid, new=bool(folder) and path == root)
    return Owner(os.geteuid(), os.getegid(), new=True)


def usual_owner(shares: Shares) -> Owner:
    """Return the ordinary user to whom most shares belong; else the host's first one, else the number that has."""
    owners = Counter((one.uid, one.gid) for one in shares.listing().values() if one.uid in ORDINARY)
    if owners:
        return Owner(*owners.most_common(1)[0][0])
    accounts = sorted((one.pw_uid, one.pw_gid) for one in pwd.getpwall() if one.pw_uid in ORDINARY)
    return Owner(*accounts[0]) if accounts else Owner(ORDINARY.start, ORDINARY.start)
