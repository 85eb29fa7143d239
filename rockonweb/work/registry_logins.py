"""Logins for image registries: kept, tested, and given to pulls and to the look for newer images.

They are sent to their own registry alone; no command line, log or operation contains them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy import or_, select

from rockonweb.accounts import audit
from rockonweb.core.errors import BadInput
from rockonweb.core.packed import UnreadableText
from rockonweb.core.text import t
from rockonweb.models import RegistryLogin, db, transaction, utc_now
from rockonweb.remote import registry
from rockonweb.remote.registry import Credentials, ImageNotFound, LoginRefused, LookupFailed
from rockonweb.work import queue

MAX_LOGINS = 50
TEST_INTERVAL = timedelta(hours=12)  # between two tests by the look for newer images
PAUSES_KEY = "rockonweb:registry-pauses"


def list_logins() -> list[RegistryLogin]:
    """Return all logins, by registry."""
    return list(db.session.scalars(select(RegistryLogin).order_by(RegistryLogin.host)))


def refused_registries() -> list[str]:
    """Return the registries that refused their login when it was tested last, by name."""
    query = select(RegistryLogin.host).where(RegistryLogin.accepted.is_(False))
    return list(db.session.scalars(query.order_by(RegistryLogin.host)))


def load_logins() -> dict[str, Credentials]:
    """Return the login of each registry, as far as they can be read."""
    return {row.host: login for row in list_logins() if (login := _credentials(row))}


def login_for_image(image: str) -> Credentials | None:
    """Return the login for the registry of an image; None where there is none."""
    with suppress(ImageNotFound):  # an invalid name
        return load_logins().get(registry.parse_image_name(image).registry)
    return None


def save_login(typed_registry: str, user: str, password: str) -> RegistryLogin:
    """Store the login of a registry, instead of an earlier one, test it, and return it. Raises BadInput."""
    name, login = registry.parse_registry(typed_registry), registry.parse_credentials(user, password)
    with transaction() as session:
        row = session.scalar(select(RegistryLogin).where(RegistryLogin.host == name))
        if row is None:
            if len(list_logins()) >= MAX_LOGINS:
                raise BadInput(t("There are already %(count)d logins. Remove one first.", count=MAX_LOGINS))
            row = RegistryLogin(host=name)
            session.add(row)
        row.user, row.password = login.user, login.password
        row.accepted, row.error, row.tested = None, "", None
        audit.record("registries.save", name)
    return _test_row(row)


def check_login(row: RegistryLogin) -> RegistryLogin:
    """Test a login and return it with the result."""
    audit.record("registries.test", row.host)
    return _test_row(row)


def remove_login(row: RegistryLogin) -> str:
    """Remove a login, and return the name of its registry."""
    with transaction() as session:
        name = row.host
        session.delete(row)
        audit.record("registries.remove", name)
    return name


def check_due_logins() -> list[str]:
    """Test the logins that were not tested for TEST_INTERVAL; return the registries that refuse theirs from now on."""
    due = or_(RegistryLogin.tested.is_(None), RegistryLogin.tested < utc_now() - TEST_INTERVAL)
    refused = []
    for row in list(db.session.scalars(select(RegistryLogin).where(due).order_by(RegistryLogin.id))):
        was_refused = row.accepted is False
        if _test_row(row).accepted is False and not was_refused:
            refused.append(row.host)
    return refused


@contextmanager
def share_pauses() -> Iterator[None]:
    """Ask no registry that told an earlier job to wait, and let later ones know which do."""
    with suppress(RedisError, ValueError):
        stored = queue.redis_connection().get(PAUSES_KEY)
        registry.PAUSES.update(json.loads(stored) if isinstance(stored, bytes | str) else {})
    yield
    with suppress(RedisError):
        queue.redis_connection().set(PAUSES_KEY, json.dumps(registry.PAUSES), ex=registry.MAX_PAUSE)


def _test_row(row: RegistryLogin) -> RegistryLogin:
    """Test a login, store the result in its row, and return that."""
    login_id, name, login = row.id, row.host, _credentials(row)
    db.session.rollback()
    accepted, error = _try_login(name, login)
    with transaction() as session:
        stored = session.get(RegistryLogin, login_id)
        if stored is None or _credentials(stored) != login:
            return stored or row  # removed or changed in the meantime
        if accepted is not None:
            stored.accepted = accepted
        stored.error, stored.tested = error, utc_now()
    return stored


def _try_login(name: str, login: Credentials | None) -> tuple[bool | None, str]:
    """Return whether a registry accepts a login (None: unknown), and why not."""
    if login is None:
        return False, t("it can't be read in the database: enter it again")
    try:
        registry.check_login(name, login)
    except LoginRefused as error:
        return False, error.sentence
    except LookupFailed as error:
        return None, error.sentence
    return True, ""


def _credentials(row: RegistryLogin) -> Credentials | None:
    if isinstance(row.user, UnreadableText) or isinstance(row.password, UnreadableText):
        return None
    return Credentials(row.user, row.password)
