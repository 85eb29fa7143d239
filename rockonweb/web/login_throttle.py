"""Limits on failed logins: per account and address, per address, and per account from everywhere.

An attempt takes its place before the password is checked, so that many at once are not more than one after another;
only one that failed keeps it. Invalid API tokens are counted apart: a script with a revoked one locks out nobody. The
last limit does not apply to addresses from which the account's user has logged in before: an attacker who guesses
from a thousand addresses can't lock the user out. There is one web process, so the counts are in its memory.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
_lock = threading.Lock()
_unfinished: Counter[tuple[str, ...]] = Counter()  # attempts that are being checked, by the keys of a limit


@contextmanager
def admit_attempt(name: str) -> Iterator[None]:
    """Admit the check of a password or code. Raises TooManyRequests with `retry_after` in seconds."""
    limits = [*_applicable_limits(name)]
    with _lock:
        waits = [
            wait
            for limit, keys in limits
            if (wait := _seconds_to_wait(limit, keys)) and not _is_known_address(limit, name)
        ]
        if waits:
            raise TooManyRequests(retry_after=max(waits))
        _unfinished.update(keys for _, keys in limits)
    try:
        yield
    finally:
        with _lock:
            _unfinished.subtract(keys for _, keys in limits)
            for _, keys in limits:
                if not _unfinished[keys]:
                    del _unfinished[keys]


def count_invalid_token() -> bool:
    """Count an invalid API token; return whether that was within the limit of an address."""
    return limiter.limiter.hit(PER_ADDRESS, "tokens", _client_network())


def record_failed_login(name: str, action: str = "login.failed") -> None:
    """Count a failure and audit it. An unknown name is not written to the audit log: it may be a password."""
    count_failed_login(name)
    user_name = db.session.scalar(select(User.name).where(User.name == users.clean_name(name))) if name else None
    audit.record(action, user=user_name or "?")


def count_failed_login(name: str) -> None:
    """Count a failure."""
    for limit, keys in _applicable_limits(name):
        limiter.limiter.hit(limit, *keys)


def _applicable_limits(name: str) -> Iterator[tuple[RateLimitItem, tuple[str, ...]]]:
    address, account = _client_network(), name.strip().casefold()[:200]
    yield PER_ADDRESS, ("failed", address)
    if account:
        yield PER_ADDRESS_AND_ACCOUNT, ("failed", address, account)
        yield PER_ACCOUNT, ("failed", account)


def _seconds_to_wait(limit: RateLimitItem, keys: tuple[str, ...]) -> int:
    """Return the seconds until a limit allows another attempt; 0 where it does now.

    Unfinished attempts count like failures, and are over in a second or so.
    """
    window = limiter.limiter.get_window_stats(limit, *keys)
    if window.remaining > _unfinished[keys]:
        return 0
    return 1 if window.remaining else max(1, math.ceil(window.reset_time - time.time()))


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
