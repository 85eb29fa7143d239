"""The Flask extensions, bound to an application by `faces.register`."""

from __future__ import annotations

from flask import Request, current_app, g, session
from flask_babel import Babel, Domain
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from rockonweb.accounts import sessions, tokens
from rockonweb.models import Token, User
from rockonweb.web import last_used, login_throttle

KEY = "key"  # of a session, in its cookie


class Catalogues(Babel):  # type: ignore[misc]
    """Flask-Babel, which would read the catalogue of a language anew for each request."""

    @property
    def domain_instance(self) -> Domain:
        """The application's messages, kept."""
        return current_app.extensions.setdefault("catalogue of messages", Domain(domain=self.domain))


babel = Catalogues()
csrf = CSRFProtect()
login = LoginManager()


@login.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return the person whose session this is, as long as it was not ended; one statement, as the account's alone."""
    found = sessions.find(str(session.get(KEY, "")))
    if found is None or str(found.user_id) != user_id:
        return None
    g.login_session = found
    last_used.note(found)
    return found.user


@login.request_loader  # type: ignore[untyped-decorator]
def load_user_of_token(request: Request) -> User | None:
    """Return the account whose token a script sends in `Authorization: Bearer …`."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return user_of_token(token.strip()) if kind.lower() == "bearer" else None


def user_of_token(given: str) -> User | None:
    """Return the account of a token, which limits what the account may do in this request."""
    token: Token | None = tokens.find(given)
    if token is None:
        login_throttle.count("")
        return None
    g.token_role = token.role
    last_used.note(token)
    return token.user
