"""Login, logout, and setup of the first account."""

from __future__ import annotations

import hashlib
import time

from flask import Blueprint, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user

from rockonweb.accounts import audit, sessions, two_factor, users
from rockonweb.config import current_config
from rockonweb.core.errors import BadInput
from rockonweb.forms.auth import CodeForm, LoginForm, SetupForm
from rockonweb.languages import translate
from rockonweb.models import User, db, transaction
from rockonweb.web import login_throttle
from rockonweb.web.extensions import SESSION_KEY
from rockonweb.web.permissions import allow_anonymous, safe_next
from rockonweb.web.responses import redirect_to_view

blueprint = Blueprint("auth", __name__)
PENDING_LOGIN = "half"  # session key: user id, password fingerprint and expiry of a login that awaits its code
PENDING_LOGIN_SECONDS = 600


@blueprint.route("/login", methods=["GET", "POST"])
@allow_anonymous
def login() -> ResponseReturnValue:
    """Check name and password, then redirect to the page `next`, or to the second factor."""
    if not users.has_users():
        return redirect_to_view("auth.setup")
    target = safe_next(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target, code=303)
    form = LoginForm()
    if form.validate_on_submit():
        with login_throttle.admit_attempt(form.name.data):
            user = users.authenticate(form.name.data, form.password.data)
            if user is None:
                login_throttle.record_failed_login(form.name.data)
        if user is not None:
            return _start_login_session(user, target) if user.totp_since is None else _ask_second_step(user, target)
        form.password.errors = [_("Wrong name or password.")]
    return render_template("auth/login.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/login/code", methods=["GET", "POST"])
@allow_anonymous
def code() -> ResponseReturnValue:
    """Check the code of the second factor for a login whose password was right at most ten minutes ago."""
    target = safe_next(request.args.get("next"))
    user = _pending_login_user()
    if user is None:
        return redirect_to_view("auth.login", next=target)
    form = CodeForm()
    if form.validate_on_submit():
        with login_throttle.admit_attempt(user.name):
            right = two_factor.verify_code(user, form.code.data)
            if not right:
                login_throttle.record_failed_login(user.name, "login.code")
        if right:
            return _start_login_session(user, target)
        form.code.errors = [_("This code is wrong or was already used. Your device will show a new one soon.")]
    return render_template("auth/code.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/logout", methods=["POST"])
@allow_anonymous
def logout() -> ResponseReturnValue:
    """End the session."""
    if current_user.is_authenticated and "login_session" in g:
        login_session, name = g.login_session, current_user.name
        sessions.end_session(login_session.user_id, login_session.id)
        audit.record("login.ended", user=name)
    logout_user()
    session.clear()
    return redirect_to_view("auth.login")


@blueprint.route("/setup", methods=["GET", "POST"])
@allow_anonymous
@login_throttle.limiter.limit("10 per minute", methods=["POST"])
def setup() -> ResponseReturnValue:
    """Create the first account; requires the setup code, which only the terminal and a file show."""
    settings = current_config()
    if users.ensure_setup_code(settings) is None:
        return redirect_to_view("auth.login")
    form = SetupForm()
    if form.validate_on_submit():
        if users.setup_code_matches(settings, form.code.data):
            try:
                return _start_login_session(
                    users.create_first_user(settings, form.name.data, form.password.data), safe_next(None)
                )
            except BadInput as error:
                form.name.errors = [translate(fault) for fault in error.faults]
        else:
            form.code.errors = [_("Wrong code. It is shown in the terminal and is in the file setup-code.")]
    return render_template("auth/setup.html", form=form), 422 if form.is_submitted() else 200


def _start_login_session(user: User, target: str) -> ResponseReturnValue:
    """Start a new session; nothing of the anonymous one is carried over."""
    session.clear()
    session.permanent = True
    with transaction():
        session[SESSION_KEY] = sessions.start_session(user, request.remote_addr or "", request.user_agent.string)
        audit.record(login_throttle.LOGIN_ACTION, user=user.name)
    login_user(user)
    return redirect(target, code=303)


def _ask_second_step(user: User, target: str) -> ResponseReturnValue:
    session.clear()
    session[PENDING_LOGIN] = [user.id, _password_fingerprint(user), int(time.time()) + PENDING_LOGIN_SECONDS]
    return redirect_to_view("auth.code", next=target)


def _pending_login_user() -> User | None:
    """Return the user whose login awaits its code; None after it expired or the password was changed."""
    user_id, fingerprint, until = session.get(PENDING_LOGIN) or (0, "", 0)
    user = db.session.get(User, user_id) if time.time() < until else None
    return user if user and user.totp_since and _password_fingerprint(user) == fingerprint else None


def _password_fingerprint(user: User) -> str:
    return hashlib.sha256(f"half {user.password_hash}".encode()).hexdigest()[:16]
