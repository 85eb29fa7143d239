"""Tokens by which scripts log in: shown once, kept as a hash, limited by a role and an end."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from rockonweb.accounts import audit
from rockonweb.core.errors import BadInput
from rockonweb.core.text import t
from rockonweb.models import Role, Token, User, db, now, writing
from rockonweb.models.token import LABEL

MOST_DAYS = 3650


def make(user: User, role: Role | None = None, days: int | None = None, label: str = "") -> str:
    """Make a token for an account and return it; without `days` it lasts until it is revoked.

    Raises BadInput for a role that the account has not, or for days that make no sense.
    """
    wanted, faults = role or user.role, list[str]()
    if not user.role.includes(wanted):
        faults.append(t('"%(name)s" may not do what the role %(role)s may.', name=user.name, role=str(wanted)))
    if days is not None and not 1 <= days <= MOST_DAYS:
        faults.append(t("A token lasts from 1 to %(n)s days.", n=MOST_DAYS))
    if len(label) > LABEL or not label.isprintable():
        faults.append(t("A label has at most %(n)s printable characters.", n=LABEL))
    if faults:
        raise BadInput(faults[0], faults=faults)
    token, user_id, name = secrets.token_urlsafe(32), user.id, user.name
    expires = now() + timedelta(days=days) if days else None
    with writing() as session:
        session.add(Token(user_id=user_id, hash=_hash(token), role=wanted, expires=expires, label=label.strip()))
        audit.record("token.made", label.strip() or name)
    return token


def find(token: str) -> Token | None:
    """Return a token that counts, with its person, in one statement."""
    query = select(Token).where(Token.hash == _hash(token), or_(Token.expires.is_(None), Token.expires > now()))
    return db.session.scalar(query.options(joinedload(Token.user, innerjoin=True)))


def of(user: User) -> list[Token]:
    """Return a person's tokens, the newest first; those that have ended too, until they are removed."""
    return [*db.session.scalars(select(Token).where(Token.user_id == user.id).order_by(Token.id.desc()))]


def revoke(user_id: int, token_id: int) -> bool:
    """Remove one of a person's tokens; says whether there was one."""
    with writing() as session:
        found = session.get(Token, token_id)
        if found is None or found.user_id != user_id:
            return False
        session.delete(found)
        audit.record("token.revoked", found.label)
    return True


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()  # long and random: it needs no slow hash
