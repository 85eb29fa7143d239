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
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from rockonweb.accounts import audit, users
from rockonweb.models import Role, User, db
from rockonweb.web import api_errors, login_throttle
from rockonweb.web.extensions import csrf, user_of_token
from rockonweb.web.permissions import allowed

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
            audit.acts_as(found)
            if not allowed(found, role):
                return api_errors.answer(403, _("Your account may not do this."), _("Ask an owner of this Rockonweb."))
            return view(found, *args, **kwargs)

        guarded.permission = role  # type: ignore[attr-defined]
        return guarded

    return decorate


def _caller() -> User | Response:
    """Return the account that calls, or the answer that refuses. What is sent as a login counts, not a cookie too."""
    if "Authorization" in request.headers:
        if request.method == "POST" and _from_elsewhere():
            return api_errors.answer(403, _("A page of another site sent this, so nothing was done."))
        return _by_header()
    if not current_user.is_authenticated:
        return api_errors.answer(401, _("Log in by HTTP Basic or with a token."), headers=CHALLENGE)
    try:
        csrf.protect()
    except CSRFError:
        return api_errors.answer(
            400,
            _("A browser's session alone may not change anything."),
            _("Send the form token of a page as the header X-CSRFToken, or log in by HTTP Basic or with a token."),
        )
    user: User = current_user._get_current_object()
    return user


def _by_header() -> User | Response:
    try:
        given = request.authorization
    except ValueError:  # not even letters of ASCII
        given = None
    kind = given.type if given else ""
    if given and kind == "bearer":
        login_throttle.check("")
        return user_of_token((given.token or "").strip()) or _refused()
    name, password = (given.username or "", given.password or "") if given else ("", "")
    login_throttle.check(name)
    if kind != "basic" or "\0" in name:
        login_throttle.count(name)
        return _refused()
    user = passed.find(name, password)
    if user is None and (user := users.authenticate(name, password)):
        passed.keep(name, password, user)
    if user is None:
        login_throttle.failed(name)
        return _refused()
    if user.totp_since is not None:
        words = _("This account has a second step, which HTTP Basic can't ask for.")
        return api_errors.answer(401, words, _("Make a token on the page /account and send it as a bearer token."))
    return user


def _refused() -> Response:
    return api_errors.answer(401, _("This login is not right."), headers=CHALLENGE)


def _from_elsewhere() -> bool:
    """Whether a browser says that another site sends this: it adds a remembered HTTP Basic login by itself."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host
