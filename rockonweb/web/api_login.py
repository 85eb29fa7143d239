"""Who calls the API: HTTP Basic or a token; and the pages of this Rockonweb, by their session and its form token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from rockonweb import accounts
from rockonweb.models import Role, User, db
from rockonweb.web import api_faults
from rockonweb.web.extensions import csrf, limiter

CHALLENGE = {"WWW-Authenticate": 'Basic realm="Rockonweb", charset="UTF-8"'}
KEPT_SECONDS = 300
MOST_KEPT = 100

View = Callable[..., ResponseReturnValue]


class Passed:
    """Logins that were right a short while ago: checking a password takes a quarter of a second on purpose.

    Neither names nor passwords are kept, only a hash of both with a key that ends with the process. A changed
    password or a removed account counts at once.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[int, str, float]] = {}

    def find(self, name: str, password: str) -> User | None:
        """Return the account that a login was right for."""
        user_id, stored, until = self._kept.get(self._hash(name, password), (0, "", 0.0))
        user = db.session.get(User, user_id) if time.monotonic() < until else None
        return user if user and user.password_hash == stored else None

    def keep(self, name: str, password: str, user: User) -> None:
        """Remember a login that was right; the oldest is forgotten where there are many."""
        with self._lock:
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            until = time.monotonic() + KEPT_SECONDS
            self._kept[self._hash(name, password)] = (user.id, user.password_hash, until)

    def _hash(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{len(name)} {name}{password}".encode(), hashlib.sha256)


passed = Passed()


def allows(role: Role) -> Callable[[View], View]:
    """Refuse a call to those who are not logged in or whose role does not include `role`.

    The view gets the account as its first argument.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            found = _caller()
            if isinstance(found, Response):
                return found
            if not found.role.includes(role):
                return api_faults.answer(403, _("Your account may not do this."), _("Ask an owner of this Rockonweb."))
            return view(found, *args, **kwargs)

        guarded.permission = role  # type: ignore[attr-defined]
        return guarded

    return decorate


def limit(blueprint: Any) -> None:
    """Slow down who guesses passwords, as the login page does; calls without a login don't count."""
    for times, key in (("5 per minute", _address_and_account), ("30 per minute", get_remote_address)):
        limiter.shared_limit(
            times, "api", key_func=key, deduct_when=_refused, exempt_when=lambda: "Authorization" not in request.headers
        )(blueprint)


def _address_and_account() -> str:
    name = (request.authorization.username if request.authorization else "") or ""
    return f"{get_remote_address()} {name.strip().casefold()}"


def _refused(response: Response) -> bool:
    return response.status_code == 401


def _caller() -> User | Response:
    """Return the account that calls, or the answer that refuses. What is sent as a login counts, not a cookie too."""
    if "Authorization" in request.headers:
        if request.method == "POST" and _from_elsewhere():
            return api_faults.answer(403, _("A page of another site sent this, so nothing was done."))
        return _by_header() or api_faults.answer(401, _("This login is not right."), headers=CHALLENGE)
    if not current_user.is_authenticated:
        return api_faults.answer(401, _("Log in by HTTP Basic or with a token."), headers=CHALLENGE)
    try:
        csrf.protect()
    except CSRFError:
        return api_faults.answer(
            400,
            _("A browser's session alone may not change anything."),
            _("Send the form token of a page as the header X-CSRFToken, or log in by HTTP Basic or with a token."),
        )
    user: User = current_user._get_current_object()
    return user


def _by_header() -> User | None:
    given = request.authorization
    if given is None:
        return None
    if given.type == "bearer":
        return accounts.user_of_token((given.token or "").strip())
    name, password = given.username or "", given.password or ""
    if given.type != "basic" or "\0" in name:
        return None
    user = passed.find(name, password)
    if user is None and (user := accounts.authenticate(name, password)):
        passed.keep(name, password, user)
    return user


def _from_elsewhere() -> bool:
    """Whether a browser says that another site sends this: it adds a remembered HTTP Basic login by itself."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host
