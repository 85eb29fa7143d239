"""Logging in and out, and the first account."""

from __future__ import annotations

import hashlib
import time

from flask import Blueprint, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user

from rockonweb.accounts import audit, second_step, sessions, users
from rockonweb.config import current_settings
from rockonweb.core.errors import BadInput
from rockonweb.forms.auth import CodeForm, LoginForm, SetupForm
from rockonweb.languages import say
from rockonweb.models import User, db, writing
from rockonweb.web import login_throttle
from rockonweb.web.extensions import KEY
from rockonweb.web.permissions import public, safe_next
from rockonweb.web.responses import lead_to

blueprint = Blueprint("auth", __name__)
HALF = "half"  # in the cookie: who gave the right password, and until when a code may follow
HALF_SECONDS = 600


@blueprint.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    """Ask for name and password, then go where the person was going, or on to the second step."""
    if not users.exist():
        return lead_to("auth.setup")
    target = safe_next(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target, code=303)
    form = LoginForm()
    if form.validate_on_submit():
        login_throttle.check(form.name.data)
        user = users.authenticate(form.name.data, form.password.data)
        if user is not None:
            return _enter(user, target) if user.totp_since is None else _ask_code(user, target)
        login_throttle.failed(form.name.data)
        form.password.errors = [_("This name and password don't belong together.")]
    return render_template("auth/login.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/login/code", methods=["GET", "POST"])
@public
def code() -> ResponseReturnValue:
    """Ask for the code of the second step from whoever gave the right password a short while ago."""
    target = safe_next(request.args.get("next"))
    user = _half()
    if user is None:
        return lead_to("auth.login", next=target)
    form = CodeForm()
    if form.validate_on_submit():
        login_throttle.check(user.name)
        if second_step.passes(user, form.code.data):
            return _enter(user, target)
        login_throttle.failed(user.name, "login.code")
        form.code.errors = [_("This code is not right, or it was used already. A device shows a new one soon.")]
    return render_template("auth/code.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/logout", methods=["POST"])
@public
def logout() -> ResponseReturnValue:
    """End the session."""
    if current_user.is_authenticated and "login_session" in g:
        found, name = g.login_session, current_user.name
        sessions.end(found.user_id, found.id)
        audit.record("login.ended", user=name)
    logout_user()
    session.clear()
    return lead_to("auth.login")


@blueprint.route("/setup", methods=["GET", "POST"])
@public
@login_throttle.limiter.limit("10 per minute", methods=["POST"])
def setup() -> ResponseReturnValue:
    """Make the first account for whoever can read the terminal."""
    settings = current_settings()
    if users.setup_code(settings) is None:
        return lead_to("auth.login")
    form = SetupForm()
    if form.validate_on_submit():
        if users.code_matches(settings, form.code.data):
            try:
                return _enter(users.make_first_user(settings, form.name.data, form.password.data), safe_next(None))
            except BadInput as error:
                form.name.errors = [say(fault) for fault in error.faults]
        else:
            form.code.errors = [_("This is not the code. It stands in the terminal and in the file setup-code.")]
    return render_template("auth/setup.html", form=form), 422 if form.is_submitted() else 200


def _enter(user: User, target: str) -> ResponseReturnValue:
    """Begin a session anew, so that nothing of the anonymous one is left."""
    session.clear()
    session.permanent = True
    with writing():
        session[KEY] = sessions.begin(user, request.remote_addr or "", request.user_agent.string)
        audit.record(login_throttle.LOGGED_IN, user=user.name)
    login_user(user)
    return redirect(target, code=303)


def _ask_code(user: User, target: str) -> ResponseReturnValue:
    session.clear()
    session[HALF] = [user.id, _fingerprint(user), int(time.time()) + HALF_SECONDS]
    return lead_to("auth.code", next=target)


def _half() -> User | None:
    """Return the account whose password was right; after a change of the password it does not count."""
    user_id, fingerprint, until = session.get(HALF) or (0, "", 0)
    user = db.session.get(User, user_id) if time.time() < until else None
    return user if user and user.totp_since and _fingerprint(user) == fingerprint else None


def _fingerprint(user: User) -> str:
    return hashlib.sha256(f"half {user.password_hash}".encode()).hexdigest()[:16]
