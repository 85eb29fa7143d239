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
from rockonweb.web.extensions import authenticate_token, csrf
from rockonweb.web.permissions import role_allows

BASIC_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Rockonweb", charset="UTF-8"'}
LOGIN_CACHE_SECONDS = 300
MAX_CACHED_LOGINS = 100

View = Callable[..., ResponseReturnValue]


class LoginCache:
    """Logins that were right a short while ago: checking a password takes a quarter of a second on purpose.

    Neither names nor passwords are kept, only a hash of both with a key that ends with the process. A changed
    password or a removed account counts at once.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._logins: dict[bytes, tuple[int, str, float]] = {}

    def find_user(self, name: str, password: str) -> User | None:
        """Return the account that a login was right for."""
        user_id, password_hash, expires = self._logins.get(self._hash_login(name, password), (0, "", 0.0))
        user = db.session.get(User, user_id) if time.monotonic() < expires else None
        return user if user and user.password_hash == password_hash else None

    def store_login(self, name: str, password: str, user: User) -> None:
        """Remember a login that was right; the oldest is forgotten where there are many."""
        with self._lock:
            if len(self._logins) >= MAX_CACHED_LOGINS:
                del self._logins[next(iter(self._logins))]
            expires = time.monotonic() + LOGIN_CACHE_SECONDS
            self._logins[self._hash_login(name, password)] = (user.id, user.password_hash, expires)

    def _hash_login(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{len(name)} {name}{password}".encode(), hashlib.sha256)


login_cache = LoginCache()


def require_api_role(role: Role) -> Callable[[View], View]:
    """Refuse a call to those who are not logged in or whose role does not include `role`.

    The view gets the account as its first argument.
    """

    def decorate_api_view(view: View) -> View:
        @wraps(view)
        def guarded_api_view(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            caller = _authenticate_caller()
            if isinstance(caller, Response):
                return caller
            audit.set_actor(caller)
            if not role_allows(caller, role):
                return api_errors.api_error(
                    403, _("Your account may not do this."), _("Ask an owner of this Rockonweb.")
                )
            return view(caller, *args, **kwargs)

        guarded_api_view.permission = role  # type: ignore[attr-defined]
        return guarded_api_view

    return decorate_api_view


def _authenticate_caller() -> User | Response:
    """Return the account that calls, or the answer that refuses. What is sent as a login counts, not a cookie too."""
    if "Authorization" in request.headers:
        if request.method == "POST" and _is_cross_site():
            return api_errors.api_error(403, _("A page of another site sent this, so nothing was done."))
        return _authenticate_header()
    if not current_user.is_authenticated:
        return api_errors.api_error(401, _("Log in by HTTP Basic or with a token."), headers=BASIC_CHALLENGE)
    try:
        csrf.protect()
    except CSRFError:
        return api_errors.api_error(
            400,
            _("A browser's session alone may not change anything."),
            _("Send the form token of a page as the header X-CSRFToken, or log in by HTTP Basic or with a token."),
        )
    user: User = current_user._get_current_object()
    return user


def _authenticate_header() -> User | Response:
    try:
        authorization = request.authorization
    except ValueError:  # not even letters of ASCII
        authorization = None
    scheme = authorization.type if authorization else ""
    if authorization and scheme == "bearer":
        login_throttle.check_login_throttle("")
        return authenticate_token((authorization.token or "").strip()) or _unauthorized_response()
    name, password = (authorization.username or "", authorization.password or "") if authorization else ("", "")
    login_throttle.check_login_throttle(name)
    if scheme != "basic" or "\0" in name:
        login_throttle.count_failed_login(name)
        return _unauthorized_response()
    user = login_cache.find_user(name, password)
    if user is None and (user := users.authenticate(name, password)):
        login_cache.store_login(name, password, user)
    if user is None:
        login_throttle.record_failed_login(name)
        return _unauthorized_response()
    if user.totp_since is not None:
        sentence = _("This account has a second step, which HTTP Basic can't ask for.")
        return api_errors.api_error(
            401, sentence, _("Make a token on the page /account and send it as a bearer token.")
        )
    return user


def _unauthorized_response() -> Response:
    return api_errors.api_error(401, _("This login is not right."), headers=BASIC_CHALLENGE)


def _is_cross_site() -> bool:
    """Whether a browser says that another site sends this: it adds a remembered HTTP Basic login by itself."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host
