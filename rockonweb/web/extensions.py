"""The Flask extensions, bound to an application by `faces.register`."""

from __future__ import annotations

from flask import Request, request
from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from rockonweb import accounts
from rockonweb.models import User, db

babel = Babel()
csrf = CSRFProtect()
login = LoginManager()
# One web process keeps the counts, so its own memory is the place for them.
limiter = Limiter(get_remote_address, storage_uri="memory://")


@login.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return the account that a session belongs to."""
    return db.session.get(User, int(user_id)) if user_id.isdecimal() else None


@login.request_loader  # type: ignore[untyped-decorator]
def load_user_of_token(request: Request) -> User | None:
    """Return the account whose token a script sends in `Authorization: Bearer …`."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return accounts.user_of_token(token.strip()) if kind.lower() == "bearer" else None


def language() -> str:
    """Return the reader's language among the translated ones."""
    available = [str(locale) for locale in babel.list_translations()]
    return request.accept_languages.best_match(available, "en") or "en"
