"""Logging in and out, and the first account."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from flask_login import current_user, login_user, logout_user

from rockonweb import accounts
from rockonweb.core.errors import BadInput
from rockonweb.forms.auth import LoginForm, SetupForm
from rockonweb.models import User
from rockonweb.web.extensions import limiter
from rockonweb.web.permission import account_exists, public, safe_next
from rockonweb.web.wording import say

blueprint = Blueprint("auth", __name__)


def _address_and_account() -> str:
    return f"{get_remote_address()} {request.form.get('name', '').strip().casefold()}"


def _failed(response: object) -> bool:
    """Only attempts that did not get in count."""
    return getattr(response, "status_code", 0) != 303


@blueprint.route("/login", methods=["GET", "POST"])
@public
@limiter.limit("5 per minute", key_func=_address_and_account, methods=["POST"], deduct_when=_failed)
@limiter.limit("30 per minute", methods=["POST"], deduct_when=_failed)
def login() -> ResponseReturnValue:
    """Ask for name and password, then go where the person was going."""
    if not account_exists():
        return redirect(url_for("auth.setup"), code=303)
    target = safe_next(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target, code=303)
    form = LoginForm()
    if form.validate_on_submit():
        user = accounts.authenticate(form.name.data, form.password.data)
        if user is not None:
            return _enter(user, target)
        form.password.errors = [_("This name and password don't belong together.")]
    return render_template("auth/login.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/logout", methods=["POST"])
@public
def logout() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"), code=303)


@blueprint.route("/setup", methods=["GET", "POST"])
@public
@limiter.limit("10 per minute", methods=["POST"])
def setup() -> ResponseReturnValue:
    """Make the first account for whoever can read the terminal."""
    settings = current_app.config["SETTINGS"]
    if accounts.setup_code(settings) is None:
        return redirect(url_for("auth.login"), code=303)
    form = SetupForm()
    if form.validate_on_submit():
        if accounts.code_matches(settings, form.code.data):
            try:
                return _enter(accounts.make_first_user(settings, form.name.data, form.password.data), safe_next(None))
            except BadInput as error:
                form.name.errors = [say(fault) for fault in error.faults]
        else:
            form.code.errors = [_("This is not the code. It stands in the terminal and in the file setup-code.")]
    return render_template("auth/setup.html", form=form), 422 if form.is_submitted() else 200


def _enter(user: User, target: str) -> ResponseReturnValue:
    """Begin a session anew, so that nothing of the anonymous one is left."""
    session.clear()
    session.permanent = True
    login_user(user)
    return redirect(target, code=303)
