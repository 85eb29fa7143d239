"""Limits on failed logins: per account and address, per address, and per account from everywhere.

The last limit does not apply to addresses from which the account's user has logged in before: an attacker who guesses
from a thousand addresses can't lock the user out. There is one web process, so the counts are in its memory.
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
from rockonweb.models import AuditEntry, User, db

limiter = Limiter(get_remote_address, storage_uri="memory://")
PER_ADDRESS_AND_ACCOUNT = parse("5 per minute")
PER_ADDRESS = parse("30 per minute")
PER_ACCOUNT = parse("60 per hour")
LOGIN_ACTION = "login.done"


def check_login_throttle(name: str) -> None:
    """Refuse before a password or code is checked. Raises TooManyRequests with `retry_after` in seconds."""
    waits = [
        wait
        for limit, keys in _applicable_limits(name)
        if (wait := _seconds_to_wait(limit, keys)) and not _is_known_address(limit, name)
    ]
    if waits:
        raise TooManyRequests(retry_after=max(waits))


def record_failed_login(name: str, action: str = "login.failed") -> None:
    """Count a failure and audit it. An unknown name is not written to the audit log: it may be a password."""
    count_failed_login(name)
    user_name = db.session.scalar(select(User.name).where(User.name == users.clean_name(name))) if name else None
    audit.record(action, user=user_name or "?")


def count_failed_login(name: str) -> None:
    """Count a failure; for an invalid token the name is blank."""
    for limit, keys in _applicable_limits(name):
        limiter.limiter.hit(limit, *keys)


def _applicable_limits(name: str) -> Iterator[tuple[RateLimitItem, tuple[str, ...]]]:
    address, account = _client_network(), name.strip().casefold()[:200]
    yield PER_ADDRESS, ("failed", address)
    if account:
        yield PER_ADDRESS_AND_ACCOUNT, ("failed", address, account)
        yield PER_ACCOUNT, ("failed", account)


def _seconds_to_wait(limit: RateLimitItem, keys: tuple[str, ...]) -> int:
    """Return the seconds until a limit allows another attempt; 0 where it does now."""
    if limiter.limiter.test(limit, *keys):
        return 0
    return max(1, math.ceil(limiter.limiter.get_window_stats(limit, *keys).reset_time - time.time()))


def _is_known_address(limit: RateLimitItem, name: str) -> bool:
    """Whether the limit of an account does not apply, because its user has logged in from this address."""
    if limit is not PER_ACCOUNT:
        return False
    conditions = (
        AuditEntry.who == users.clean_name(name),
        AuditEntry.action == LOGIN_ACTION,
        AuditEntry.address == request.remote_addr,
    )
    return db.session.scalar(select(AuditEntry.id).where(*conditions).limit(1)) is not None


def _client_network() -> str:
    """Return the client's IPv4 address, or the /64 network that one household has of IPv6."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "?"
    return str(ip_network(f"{address}/64", strict=False) if isinstance(address, IPv6Address) else address)
