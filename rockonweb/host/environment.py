"""The server's time zone, host name, address, and the owners of its folders, from which answers are suggested."""

from __future__ import annotations

import os
import pwd
import socket
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rockonweb.core.answers.answers import split_share_path
from rockonweb.core.facts import FolderOwner
from rockonweb.host.host_root import resolve_on_host
from rockonweb.host.shares import Shares

PROBE_ADDRESS = "192.0.2.1"  # of TEST-NET-1 (RFC 5737): nothing is ever sent there
PERSON_IDS = range(1000, 60_000)  # uids of ordinary users, as useradd assigns them
LOCAL_NAMES = ("", "localhost", "localhost.localdomain")


RESERVED_COMMAND_BYTES = 2**16  # for the docker client's own variables, and those of an image
MAX_COMMAND_BYTES = 6 * 2**20  # Linux allows no more, whatever the limit of the stack


def command_limit() -> int:
    """Return how many bytes all words of one command may have here."""
    return min(os.sysconf("SC_ARG_MAX"), MAX_COMMAND_BYTES) - RESERVED_COMMAND_BYTES


def is_loopback_name(visited: str) -> bool:
    """Whether a host name or address is a loopback one."""
    return visited in LOCAL_NAMES or visited.startswith("127.") or visited == "::1"


def time_zone(etc: Path | None = None) -> str:
    """Return the host's time zone, such as Europe/Lisbon; Etc/UTC where none is set."""
    candidates = [os.environ.get("TZ", "").lstrip(":")] if etc is None else []
    etc = etc or resolve_on_host("/etc")
    try:
        candidates.append(_zone_of(etc / "localtime"))
        candidates += (etc / "timezone").read_text().split()[:1]
    except (OSError, UnicodeDecodeError):
        pass
    return next((name for name in candidates if _is_known_zone(name)), "Etc/UTC")


def _zone_of(link: Path) -> str:
    """Return the time zone that a link names, which may be the host's and is then not followed in the container."""
    target = os.readlink(link) if link.is_symlink() else ""
    named = target if "/zoneinfo/" in target else str(link.resolve())
    return named.partition("/zoneinfo/")[2]


def _is_known_zone(name: str) -> bool:
    try:
        return bool(name) and ZoneInfo(name).key == name
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return False


def host_name() -> str:
    """Return the host's name, blank where it is only localhost."""
    name = socket.gethostname()
    return "" if name in LOCAL_NAMES else name


def outgoing_address() -> str:
    """Return the IPv4 address of the default route's interface; blank without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((PROBE_ADDRESS, 9))  # chooses a route, sends nothing
        except OSError:
            return ""
        own_address: str = probe.getsockname()[0]
    return "" if own_address.startswith("127.") else own_address


def path_owner(shares: Shares, share_path: str) -> FolderOwner:
    """Return the owner of SHARE or SHARE/FOLDER. A missing folder gets its share's, a missing share this process's."""
    share, folder = split_share_path(share_path)
    root = shares.root / share
    for path in (root / folder, root) if folder else (root,):
        try:
            status = path.stat(follow_symlinks=False)
        except OSError:
            continue
        return FolderOwner(status.st_uid, status.st_gid, new=bool(folder) and path == root)
    return FolderOwner(os.geteuid(), os.getegid(), new=True)


def usual_owner(shares: Shares) -> FolderOwner:
    """Return the ordinary user who owns most shares, else the host's first ordinary user, else uid and gid 1000."""
    owners = Counter((entry.uid, entry.gid) for entry in shares.shares_by_name().values() if entry.uid in PERSON_IDS)
    if owners:
        return FolderOwner(*owners.most_common(1)[0][0])
    accounts = sorted((entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall() if entry.pw_uid in PERSON_IDS)
    return FolderOwner(*accounts[0]) if accounts else FolderOwner(PERSON_IDS.start, PERSON_IDS.start)
