"""API tokens: shown once, stored as a hash, limited by a role and an expiry."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from rockonweb.accounts import audit
from rockonweb.core.errors import BadInput
from rockonweb.core.text import t
from rockonweb.models import Role, Token, User, db, transaction, utc_now
from rockonweb.models.token import LABEL_LENGTH

MAX_DAYS = 3650


def create_token(user: User, role: Role | None = None, days: int | None = None, label: str = "") -> str:
    """Create a token of a user and return it; without `days` it is valid until it is revoked.

    Raises BadInput for a role beyond the user's own, invalid days or an invalid label.
    """
    token_role, faults = role or user.role, list[str]()
    if not user.role.includes(token_role):
        faults.append(
            t('"%(name)s" does not have the permissions of the role %(role)s.', name=user.name, role=str(token_role))
        )
    if days is not None and not 1 <= days <= MAX_DAYS:
        faults.append(t("A token can be valid for 1 to %(n)s days.", n=MAX_DAYS))
    if len(label) > LABEL_LENGTH or not label.isprintable():
        faults.append(t("A label can have at most %(n)s printable characters.", n=LABEL_LENGTH))
    if faults:
        raise BadInput(faults[0], faults=faults)
    token, user_id, name = secrets.token_urlsafe(32), user.id, user.name
    expires = utc_now() + timedelta(days=days) if days else None
    with transaction() as session:
        session.add(
            Token(user_id=user_id, hash=_hash_token(token), role=token_role, expires=expires, label=label.strip())
        )
        audit.record("token.made", label.strip() or name)
    return token


def find_token(token: str) -> Token | None:
    """Return a valid token with its user, in one SQL statement; None for an unknown or expired one."""
    query = select(Token).where(
        Token.hash == _hash_token(token), or_(Token.expires.is_(None), Token.expires > utc_now())
    )
    return db.session.scalar(query.options(joinedload(Token.user, innerjoin=True)))


def list_tokens(user: User) -> list[Token]:
    """Return a user's tokens, the newest first, expired ones too."""
    return [*db.session.scalars(select(Token).where(Token.user_id == user.id).order_by(Token.id.desc()))]


def revoke_token(user_id: int, token_id: int) -> bool:
    """Delete one of a user's tokens; return whether it existed."""
    with transaction() as session:
        row = session.get(Token, token_id)
        if row is None or row.user_id != user_id:
            return False
        session.delete(row)
        audit.record("token.revoked", row.label)
    return True


def revoke_tokens(user_id: int) -> None:
    """Delete all tokens of a user."""
    with transaction() as session:
        for row in session.scalars(select(Token).where(Token.user_id == user_id)):
            session.delete(row)
            audit.record("token.revoked", row.label)


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()  # long and random: it needs no slow hash
