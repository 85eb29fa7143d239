"""Login sessions: one per browser, each a row that can be listed and ended.

A session expires 60 days after the login, and 14 days after the last request: the second limit is in the cookie,
whose signature contains the time and which each response renews. So viewing a page writes no row.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import joinedload

from rockonweb.models import LoginSession, User, db, transaction, utc_now
from rockonweb.models.session import BROWSER_LENGTH

MAX_AGE = timedelta(days=60)
MAX_IDLE = timedelta(days=14)
# Built once: each page executes it, and building it takes longer than the query.
_BY_HASH = (
    select(LoginSession)
    .where(LoginSession.hash == bindparam("hash"), LoginSession.created > bindparam("since"))
    .options(joinedload(LoginSession.user, innerjoin=True))
)


def start_session(user: User, address: str, browser: str) -> str:
    """Start a session and return its key, of which only the hash is stored."""
    key = secrets.token_urlsafe(32)
    with transaction() as session:
        session.execute(delete(LoginSession).where(LoginSession.created < utc_now() - MAX_AGE))
        session.get_one(User, user.id).last_login = utc_now()
        session.add(
            LoginSession(
                user_id=user.id, hash=_hash_session_key(key), address=address, browser=browser[:BROWSER_LENGTH]
            )
        )
    return key


def find_session(key: str) -> LoginSession | None:
    """Return a session with its user, in one SQL statement; None for one that has ended."""
    return db.session.scalar(_BY_HASH, {"hash": _hash_session_key(key), "since": utc_now() - MAX_AGE})


def list_sessions(user: User) -> list[LoginSession]:
    """Return a user's sessions, the newest first."""
    conditions = (LoginSession.user_id == user.id, LoginSession.created > utc_now() - MAX_AGE)
    return [*db.session.scalars(select(LoginSession).where(*conditions).order_by(LoginSession.id.desc()))]


def end_session(user_id: int, session_id: int) -> bool:
    """End one of a user's sessions; return whether it existed."""
    with transaction() as session:
        row = session.get(LoginSession, session_id)
        if row is None or row.user_id != user_id:
            return False
        session.delete(row)
    return True


def end_other_sessions(user_id: int, kept: int | None = None) -> int:
    """End all sessions of a user but the one with the id `kept`; return their number."""
    with transaction() as session:
        query = select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.id != (kept or 0))
        ended = [*session.scalars(query)]
        for row in ended:
            session.delete(row)
    return len(ended)


def _hash_session_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()  # long and random: it needs no slow hash
