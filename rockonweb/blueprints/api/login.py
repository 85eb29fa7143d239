"""Authentication of the API: HTTP Basic, a bearer token, or a browser's session with its CSRF token."""

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

from flask import Response, g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import TooManyRequests

from rockonweb.accounts import audit, users
from rockonweb.models import Role, User, db
from rockonweb.web import api_errors, login_throttle
from rockonweb.web.extensions import authenticate_token, csrf
from rockonweb.web.permissions import role_allows

BASIC_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Rockonweb", charset="UTF-8"'}
LOGIN_CACHE_SECONDS = 300
MAX_CACHED_LOGINS = 100
LOGIN_LOCKS = 64

View = Callable[..., ResponseReturnValue]


class LoginCache:
    """A cache of recent valid HTTP Basic logins, since checking a password takes a quarter of a second by design.

    Names and passwords are not stored, only an HMAC of both with a random key of this process. A changed password
    or a removed account invalidates an entry at once.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._logins: dict[bytes, tuple[int, str, float]] = {}
        self._login_locks = [threading.Lock() for _ in range(LOGIN_LOCKS)]

    def find_user(self, name: str, password: str) -> User | None:
        """Return the user of a cached login; None where it is unknown, expired or outdated."""
        user_id, password_hash, expires = self._logins.get(self._hash_login(name, password), (0, "", 0.0))
        user = db.session.get(User, user_id) if time.monotonic() < expires else None
        return user if user and user.password_hash == password_hash else None

    def lock_login(self, name: str, password: str) -> threading.Lock:
        """Return the lock to hold while this login is checked; few others have the same."""
        return self._login_locks[self._hash_login(name, password)[0] % LOGIN_LOCKS]

    def store_login(self, name: str, password: str, user: User) -> None:
        """Add a valid login; beyond `MAX_CACHED_LOGINS` the oldest is dropped."""
        with self._lock:
            if len(self._logins) >= MAX_CACHED_LOGINS:
                del self._logins[next(iter(self._logins))]
            expires = time.monotonic() + LOGIN_CACHE_SECONDS
            self._logins[self._hash_login(name, password)] = (user.id, user.password_hash, expires)

    def _hash_login(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{len(name)} {name}{password}".encode(), hashlib.sha256)


login_cache = LoginCache()


def require_api_role(role: Role) -> Callable[[View], View]:
    """Refuse an API call with 401 without a login, with 403 where the role does not include `role`.

    The view gets the user as its first argument.
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
    """Return the calling user, or an error response. An Authorization header takes precedence over a cookie."""
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
    except ValueError:  # not ASCII
        authorization = None
    if authorization is None or authorization.type != "basic":  # anything else is no attempt at a password
        token_text = authorization.token if authorization and authorization.type == "bearer" else None
        token_user = authenticate_token((token_text or "").strip())
        if token_user is None and g.too_many_tokens:
            raise TooManyRequests(retry_after=60)
        return token_user or _unauthorized_response()
    user = _check_basic_login(authorization.username or "", authorization.password or "")
    if user is None:
        return _unauthorized_response()
    if user.totp_since is not None:
        sentence = _("This account uses two-factor authentication, which HTTP Basic does not support.")
        return api_errors.api_error(
            401, sentence, _("Create a token on the page /account and send it as a bearer token.")
        )
    return user


def _check_basic_login(name: str, password: str) -> User | None:
    """Return the user of a login, which is checked once where a script sends it several times at once.

    The limits apply before the cache is asked, which would otherwise answer any number of guesses.
    """
    with login_cache.lock_login(name, password), login_throttle.admit_attempt(name):
        if "\0" in name:
            login_throttle.count_failed_login(name)
            return None
        user = login_cache.find_user(name, password)
        if user is None and (user := users.authenticate(name, password)):
            login_cache.store_login(name, password, user)
        if user is None:
            login_throttle.record_failed_login(name)
        return user


def _unauthorized_response() -> Response:
    return api_errors.api_error(401, _("This login is not right."), headers=BASIC_CHALLENGE)


def _is_cross_site() -> bool:
    """Whether a browser reports that another site sends this: browsers add stored HTTP Basic logins automatically."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host
