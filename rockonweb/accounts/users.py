"""User accounts: creating and changing them, checking passwords, and the one-time code for the first one."""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import ObjectDeletedError

from rockonweb.accounts import audit, sessions, tokens
from rockonweb.config import Config, make_private_folder
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.text import t
from rockonweb.models import Role, User, db, transaction

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 1_000
MAX_NAME_LENGTH = 100
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without characters that look alike
MAX_HASHES = 2  # that are computed at a time: each takes 64 MiB of memory
_hasher = PasswordHasher()
_hashing = threading.BoundedSemaphore(MAX_HASHES)


def create_user(name: str, password: str, role: Role = Role.OWNER) -> User:
    """Create an account. Raises BadInput with every fault."""
    hashed = _validate_and_hash(name, password)
    with transaction() as session:
        user = _insert_user(session, name, hashed, role)
        audit.record("user.added", f"{user.name}: {role}")
        return user


def create_first_user(settings: Config, name: str, password: str) -> User:
    """Create the first owner's account and delete the one-time code. Raises BadInput, or Conflict where one exists."""
    hashed = _validate_and_hash(name, password)
    with transaction() as session:
        if has_users():
            raise _already_created()
        user = _insert_user(session, name, hashed, Role.OWNER)
        audit.record("user.added", f"{user.name}: {Role.OWNER}", user=user.name)
    _setup_code_path(settings).unlink(missing_ok=True)
    return user


def ensure_admin(settings: Config) -> None:
    """Create the account named in the environment, where there is no account yet. Raises BadInput."""
    if not settings.admin_user or not settings.admin_password or has_users():
        return
    with suppress(Conflict):  # another process was faster
        create_first_user(settings, settings.admin_user, settings.admin_password)


def authenticate(name: str, password: str) -> User | None:
    """Return the user when the password is right, else None. An unknown name takes as long as a wrong password."""
    user = db.session.scalar(select(User).where(User.name == clean_name(name)))
    hashed = user.password_hash if user else _dummy_hash()
    db.session.rollback()  # others use the connection while this one waits for its turn
    return user if _verify_password(hashed, password) else None


def get_user(name: str) -> User:
    """Return the account of that name. Raises BadInput where there is none."""
    user: User | None = db.session.scalar(select(User).where(User.name == clean_name(name)))
    if user is None:
        raise BadInput(t('There is no account "%(name)s".', name=name), t("Create it: rockonweb user add"))
    return user


def has_users() -> bool:
    """Whether an account exists; before, all pages redirect to `/setup`."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def list_users() -> list[User]:
    """Return all accounts by name."""
    return [*db.session.scalars(select(User).order_by(User.name))]


def check_password(user: User, password: str) -> bool:
    """Whether it is the user's password."""
    return _verify_password(user.password_hash, password)


def set_password(user: User, password: str, *, kept_session: int | None = None, keep_tokens: bool = False) -> None:
    """Change a password. Sessions of the account end, but the one with the id `kept_session`; its API tokens are
    revoked unless `keep_tokens`: whoever knew the old password may have created one. Raises BadInput.
    """
    hashed = _validate_and_hash(user.name, password)
    with transaction() as session:
        row = session.get_one(User, user.id)
        row.password_hash = hashed
        sessions.end_other_sessions(row.id, kept_session)
        if not keep_tokens:
            tokens.revoke_tokens(row.id)
        audit.record("user.password", row.name)


def set_role(user: User, role: Role) -> None:
    """Change a role. Raises Conflict for the last owner."""
    with transaction() as session:
        row = _reload_user(session, user)
        if role is not Role.OWNER:
            _require_other_owner(session, row)
        row.role = role
        audit.record("user.role", f"{row.name}: {role}")


def remove_user(user: User) -> None:
    """Remove an account with its sessions and tokens. Raises Conflict for the last owner."""
    with transaction() as session:
        row = _reload_user(session, user)
        _require_other_owner(session, row)
        audit.record("user.removed", row.name)
        session.delete(row)


def _reload_user(session: Session, user: User) -> User:
    """Return an account's row. Raises Conflict where it was removed in the meantime."""
    try:
        return session.get_one(User, user.id)
    except (NoResultFound, ObjectDeletedError):
        raise Conflict(t("The account was removed in the meantime."), t("Nothing was changed.")) from None


def ensure_setup_code(settings: Config) -> str | None:
    """Return the code for creating the first account, generated at the first call; None once there is an account."""
    path = _setup_code_path(settings)
    if has_users():
        path.unlink(missing_ok=True)
        return None
    make_private_folder(settings.instance)
    code = generate_code(2)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(code + "\n")
    except FileExistsError:
        with suppress(FileNotFoundError):  # the first account was just created
            return path.read_text().strip()
        return None
    return code


def read_setup_code(settings: Config) -> str | None:
    """Return the code from its file, without a query; None where there is none."""
    try:
        return _setup_code_path(settings).read_text().strip()
    except FileNotFoundError:
        return None


def setup_code_matches(settings: Config, typed: str) -> bool:
    """Whether `typed` is the one-time code, ignoring dashes, spaces and case.

    Raises Conflict where another request has just created the first account.
    """
    code = ensure_setup_code(settings)
    if code and hmac.compare_digest(normalize_code(code).encode(), normalize_code(typed).encode()):
        return True
    db.session.rollback()  # ends the snapshot, so that the next query sees new rows
    if has_users():
        raise _already_created()
    return False


def clean_name(name: str) -> str:
    """Return a name for queries, without NUL, which PostgreSQL rejects and no name contains."""
    return name.replace("\0", "\ufffd").strip()


def generate_code(groups: int) -> str:
    """Return a random code to be typed: groups of four characters, joined by dashes."""
    return "-".join("".join(secrets.choice(CODE_LETTERS) for _ in range(4)) for _ in range(groups))


def normalize_code(code: str) -> str:
    """Return a typed code in upper case, without dashes and spaces."""
    return "".join(letter for letter in code.upper() if letter.isalnum())


def _setup_code_path(settings: Config) -> Path:
    return settings.instance / "setup-code"


def _require_other_owner(session: Session, user: User) -> None:
    """Raise Conflict for the last owner. Locks the owners' rows, since two may be demoted at the same time."""
    owners = session.scalars(select(User).where(User.role == Role.OWNER).with_for_update()).all()
    if owners == [user]:
        raise Conflict(
            t('"%(name)s" is the last owner, and without one nobody could manage Rockonweb.', name=user.name),
            t("Make another account an owner first."),
        )


def _already_created() -> Conflict:
    return Conflict(t("The first account already exists."), t("Log in with it."))


def _validate_and_hash(name: str, password: str) -> str:
    faults = []
    if not name.strip() or len(name.strip()) > MAX_NAME_LENGTH or not name.strip().isprintable():
        faults.append(t("A name must have 1 to %(n)s printable characters.", n=MAX_NAME_LENGTH))
    if len(password) < MIN_PASSWORD_LENGTH:
        faults.append(t("A password must have at least %(n)s characters.", n=MIN_PASSWORD_LENGTH))
    if len(password) > MAX_PASSWORD_LENGTH:
        faults.append(t("A password can have at most %(n)s characters.", n=MAX_PASSWORD_LENGTH))
    if faults:
        raise BadInput(faults[0], faults=list(faults))
    return _hash_password(password)


def _insert_user(session: Session, name: str, hashed: str, role: Role) -> User:
    name = name.strip()
    if session.scalar(select(User.id).where(User.name == name)) is not None:
        raise BadInput(t('An account "%(name)s" already exists.', name=name), t("Choose another name."))
    user = User(name=name, password_hash=hashed, role=role)
    session.add(user)
    session.flush()
    return user


def _hash_password(password: str) -> str:
    with _hashing:
        return _hasher.hash(password)


def _verify_password(hashed: str, password: str) -> bool:
    try:
        with _hashing:
            return _hasher.verify(hashed, password[:MAX_PASSWORD_LENGTH])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _dummy_hash() -> str:
    return _hash_password(secrets.token_urlsafe(32))
