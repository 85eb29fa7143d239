"""Sessions: the browsers in which people are logged in, each a row that can be listed and ended.

A session ends by itself 60 days after the login, and 14 days after the last page: the second limit lies in the
cookie, whose signature bears the time and which each answer renews. So a page that is only looked at writes no row.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import joinedload

from rockonweb.models import LoginSession, User, db, now, writing
from rockonweb.models.session import BROWSER

LONGEST = timedelta(days=60)
IDLE = timedelta(days=14)
# Made once: each page asks it, and making it takes longer than its answer.
_BY_HASH = (
    select(LoginSession)
    .where(LoginSession.hash == bindparam("hash"), LoginSession.created > bindparam("since"))
    .options(joinedload(LoginSession.user, innerjoin=True))
)


def begin(user: User, address: str, browser: str) -> str:
    """Begin a session and return its key, of which only the hash is kept."""
    key = secrets.token_urlsafe(32)
    with writing() as session:
        session.execute(delete(LoginSession).where(LoginSession.created < now() - LONGEST))
        session.get_one(User, user.id).last_login = now()
        session.add(LoginSession(user_id=user.id, hash=_hash(key), address=address, browser=browser[:BROWSER]))
    return key


def find(key: str) -> LoginSession | None:
    """Return a session with its person, in one statement; None for one that has ended."""
    return db.session.scalar(_BY_HASH, {"hash": _hash(key), "since": now() - LONGEST})


def of(user: User) -> list[LoginSession]:
    """Return a person's sessions, the newest first."""
    mine = (LoginSession.user_id == user.id, LoginSession.created > now() - LONGEST)
    return [*db.session.scalars(select(LoginSession).where(*mine).order_by(LoginSession.id.desc()))]


def end(user_id: int, session_id: int) -> bool:
    """End one of a person's sessions; says whether there was one."""
    with writing() as session:
        found = session.get(LoginSession, session_id)
        if found is None or found.user_id != user_id:
            return False
        session.delete(found)
    return True


def end_others(user_id: int, kept: int | None = None) -> int:
    """End all sessions of a person but `kept`; returns how many those were."""
    with writing() as session:
        gone = select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.id != (kept or 0))
        found = [*session.scalars(gone)]
        for one in found:
            session.delete(one)
    return len(found)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()  # long and random: it needs no slow hash
