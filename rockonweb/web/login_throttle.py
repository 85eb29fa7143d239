"""How often a login may fail: of an account at one address, of one address, and of an account from everywhere.

The last limit is slow, and leaves alone the addresses at which the account's owner has logged in before: a stranger
who guesses from a thousand addresses can't lock anybody out. One web process keeps the counts, so its own memory is the
place for them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItem, parse
from sqlalchemy import select
from werkzeug.exceptions import TooManyRequests

from rockonweb.accounts import audit, users
from rockonweb.models import AuditLine, User, db

limiter = Limiter(get_remote_address, storage_uri="memory://")
OF_BOTH = parse("5 per minute")
OF_ADDRESS = parse("30 per minute")
OF_ACCOUNT = parse("60 per hour")
LOGGED_IN = "login.done"


def check(name: str) -> None:
    """Refuse before a password or code is looked at. Raises TooManyRequests, which says when to try again."""
    waits = [wait for item, keys in _limits(name) if (wait := _wait(item, keys)) and not _excused(item, name)]
    if waits:
        raise TooManyRequests(retry_after=max(waits))


def failed(name: str, action: str = "login.failed") -> None:
    """Count a failure and write it down. A name that nobody has is not written: it may be a password."""
    count(name)
    known = db.session.scalar(select(User.name).where(User.name == users.asked(name))) if name else None
    audit.record(action, user=known or "?")


def count(name: str) -> None:
    """Count a failure; a token that is none has no name."""
    for item, keys in _limits(name):
        limiter.limiter.hit(item, *keys)


def _limits(name: str) -> Iterator[tuple[RateLimitItem, tuple[str, ...]]]:
    address, account = _neighbourhood(), name.strip().casefold()[:200]
    yield OF_ADDRESS, ("failed", address)
    if account:
        yield OF_BOTH, ("failed", address, account)
        yield OF_ACCOUNT, ("failed", account)


def _wait(item: RateLimitItem, keys: tuple[str, ...]) -> int:
    """Return how many seconds are left until there is a place below a limit; 0 where there is one."""
    if limiter.limiter.test(item, *keys):
        return 0
    return max(1, math.ceil(limiter.limiter.get_window_stats(item, *keys).reset_time - time.time()))


def _excused(item: RateLimitItem, name: str) -> bool:
    """Whether an account's limit does not concern this address: its owner has logged in here."""
    if item is not OF_ACCOUNT:
        return False
    here = (
        AuditLine.who == users.asked(name),
        AuditLine.action == LOGGED_IN,
        AuditLine.address == request.remote_addr,
    )
    return db.session.scalar(select(AuditLine.id).where(*here).limit(1)) is not None


def _neighbourhood() -> str:
    """Return the address, or the network that one household has of the newer kind."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "?"
    return str(ip_network(f"{address}/64", strict=False) if isinstance(address, IPv6Address) else address)
