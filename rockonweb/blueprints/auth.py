"""Logging in and out, and the first account."""

from __future__ import annotations

import hashlib
import time

from flask import Blueprint, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user

from rockonweb.accounts import audit, second_step, sessions, users
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
PENDING_LOGIN = "half"  # in the cookie: who gave the right password, and until when a code may follow
PENDING_LOGIN_SECONDS = 600


@blueprint.route("/login", methods=["GET", "POST"])
@allow_anonymous
def login() -> ResponseReturnValue:
    """Ask for name and password, then go where the person was going, or on to the second step."""
    if not users.has_users():
        return redirect_to_view("auth.setup")
    target = safe_next(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target, code=303)
    form = LoginForm()
    if form.validate_on_submit():
        login_throttle.check_login_throttle(form.name.data)
        user = users.authenticate(form.name.data, form.password.data)
        if user is not None:
            return _start_login_session(user, target) if user.totp_since is None else _ask_second_step(user, target)
        login_throttle.record_failed_login(form.name.data)
        form.password.errors = [_("This name and password don't belong together.")]
    return render_template("auth/login.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/login/code", methods=["GET", "POST"])
@allow_anonymous
def code() -> ResponseReturnValue:
    """Ask for the code of the second step from whoever gave the right password a short while ago."""
    target = safe_next(request.args.get("next"))
    user = _pending_login_user()
    if user is None:
        return redirect_to_view("auth.login", next=target)
    form = CodeForm()
    if form.validate_on_submit():
        login_throttle.check_login_throttle(user.name)
        if second_step.verify_code(user, form.code.data):
            return _start_login_session(user, target)
        login_throttle.record_failed_login(user.name, "login.code")
        form.code.errors = [_("This code is not right, or it was used already. A device shows a new one soon.")]
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
    """Make the first account for whoever can read the terminal."""
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
            form.code.errors = [_("This is not the code. It stands in the terminal and in the file setup-code.")]
    return render_template("auth/setup.html", form=form), 422 if form.is_submitted() else 200


def _start_login_session(user: User, target: str) -> ResponseReturnValue:
    """Begin a session anew, so that nothing of the anonymous one is left."""
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
    """Return the account whose password was right; after a change of the password it does not count."""
    user_id, fingerprint, until = session.get(PENDING_LOGIN) or (0, "", 0)
    user = db.session.get(User, user_id) if time.time() < until else None
    return user if user and user.totp_since and _password_fingerprint(user) == fingerprint else None


def _password_fingerprint(user: User) -> str:
    return hashlib.sha256(f"half {user.password_hash}".encode()).hexdigest()[:16]
