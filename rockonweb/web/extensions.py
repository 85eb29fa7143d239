"""The Flask extensions, bound to an application by `rockonweb.app`."""

from __future__ import annotations

from flask import Request, current_app, g, session
from flask_babel import Babel, Domain
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from rockonweb.accounts import sessions, tokens
from rockonweb.models import Token, User
from rockonweb.web import last_used, login_throttle

SESSION_KEY = "key"  # of the session cookie: the key of the `LoginSession`


class CachingBabel(Babel):  # type: ignore[misc]
    """Flask-Babel, which by itself reads a language's catalogue again for each request."""

    @property
    def domain_instance(self) -> Domain:
        """The application's messages, cached."""
        return current_app.extensions.setdefault("catalogue of messages", Domain(domain=self.domain))


babel = CachingBabel()
csrf = CSRFProtect()
login = LoginManager()


@login.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return the user of the session cookie, None when the session has ended. One SQL statement for both."""
    login_session = sessions.find_session(str(session.get(SESSION_KEY, "")))
    if login_session is None or str(login_session.user_id) != user_id:
        return None
    g.login_session = login_session
    last_used.record_use(login_session)
    return login_session.user


@login.request_loader  # type: ignore[untyped-decorator]
def load_token_user(request: Request) -> User | None:
    """Return the user whose token a script sends in `Authorization: Bearer …`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return authenticate_token(token.strip()) if scheme.lower() == "bearer" else None


def authenticate_token(token_text: str) -> User | None:
    """Return the user of a token, whose role limits this request; None, which is counted, if invalid."""
    token: Token | None = tokens.find_token(token_text)
    if token is None:
        g.too_many_tokens = not login_throttle.count_invalid_token()
        return None
    g.token_role = token.role
    last_used.record_use(token)
    return token.user
