"""The user's own account: password, second factor, sessions, API tokens."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import undefer

from rockonweb.accounts import audit, sessions, tokens, two_factor, users
from rockonweb.blueprints.account import browsers
from rockonweb.core.errors import BadInput
from rockonweb.forms.account import ChangePasswordForm, CurrentPasswordForm, EnableSecondStepForm, TokenForm
from rockonweb.languages import translate
from rockonweb.models import Role, User, db, utc_now
from rockonweb.web import last_used
from rockonweb.web.confirm_password import password_confirmed
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view

blueprint = RoleBlueprint("account", __name__, Role.VIEWER, url_prefix="/account")


@blueprint.get("")
def index() -> str:
    """Show the account page."""
    return _render_account()


@blueprint.post("/password")
def password() -> ResponseReturnValue:
    """Change the password; all other sessions end, and API tokens are revoked unless they are to be kept."""
    form = ChangePasswordForm(prefix="new-")
    if not form.validate() or not password_confirmed(form.present):
        return _render_account(password_form=form), 422
    keep_tokens = bool(form.keep_tokens.data)
    users.set_password(
        _logged_in_user(), form.password.data, kept_session=_current_session_id(), keep_tokens=keep_tokens
    )
    flash(_("The password was changed, and all your other sessions were ended."), "success")
    if not keep_tokens:
        flash(_("All API tokens of the account were revoked."), "success")
    return redirect_to_view("account.index")


@blueprint.post("/second-step")
def prepare() -> ResponseReturnValue:
    """Create a TOTP key, pending until its first code."""
    form = CurrentPasswordForm(prefix="step-")
    if not form.validate() or not password_confirmed(form.present):
        return _render_account(step_form=form), 422
    two_factor.create_pending_key(_logged_in_user())
    return redirect_to_view("account.key")


@blueprint.get("/second-step")
def key() -> ResponseReturnValue:
    """Show the pending TOTP key as a QR code and as text."""
    return _render_pending_key(EnableSecondStepForm()) or redirect_to_view("account.index")


@blueprint.post("/second-step/on")
def enable() -> ResponseReturnValue:
    """Turn two-factor authentication on and show the recovery codes, which are shown only in this response."""
    form = EnableSecondStepForm()
    try:
        if form.validate():
            codes = two_factor.enable_second_step(_logged_in_user(), form.code.data)
            sessions.end_other_sessions(current_user.id, _current_session_id())
            return render_template("account/codes.html", codes=codes)
    except BadInput as error:
        form.code.errors = [translate(str(error.sentence)) + " " + translate(error.hint)]
    page = _render_pending_key(form)
    return (page, 422) if page else redirect_to_view("account.index")


@blueprint.post("/second-step/<any(codes, off):what>")
def change_step(what: str) -> ResponseReturnValue:
    """Create new recovery codes, shown only in this response, or turn two-factor authentication off."""
    form = CurrentPasswordForm(prefix="step-")
    if not form.validate() or not password_confirmed(form.present):
        return _render_account(step_form=form), 422
    if what == "codes":
        return render_template("account/codes.html", codes=two_factor.renew_recovery_codes(_logged_in_user()))
    two_factor.disable_second_step(_logged_in_user())
    flash(_("Two-factor authentication is off: the password alone is enough to log in."), "success")
    return redirect_to_view("account.index")


@blueprint.post("/sessions/<int:session_id>/end")
def end_session(session_id: int) -> ResponseReturnValue:
    """End a session."""
    if not sessions.end_session(current_user.id, session_id):
        abort(404)
    audit.record("session.ended")
    return redirect_to_view("account.index")


@blueprint.post("/sessions/end-others")
def end_others() -> ResponseReturnValue:
    """End all sessions but this one."""
    sessions.end_other_sessions(current_user.id, _current_session_id())
    audit.record("session.others")
    flash(_("All your other sessions were ended."), "success")
    return redirect_to_view("account.index")


@blueprint.post("/tokens")
def make_token() -> ResponseReturnValue:
    """Create a token, which is shown only in this response."""
    form = TokenForm(prefix="token-")
    form.limit_roles(current_user.role)
    if not form.validate() or not password_confirmed(form.present):
        return _render_account(token_form=form), 422
    try:
        days = int(form.days.data) if form.days.data else None
        token = tokens.create_token(_logged_in_user(), Role(form.role.data), days, form.label.data or "")
    except BadInput as error:
        form.label.errors = [translate(fault) for fault in error.faults]
        return _render_account(token_form=form), 422
    return render_template("account/token.html", token=token, address=request.host_url.rstrip("/"))


@blueprint.post("/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Revoke a token."""
    if not tokens.revoke_token(current_user.id, token_id):
        abort(404)
    flash(_("The token was revoked."), "success")
    return redirect_to_view("account.index")


def _logged_in_user() -> User:
    user: User = current_user._get_current_object()
    return user


def _current_session_id() -> int | None:
    return g.login_session.id if "login_session" in g else None


def _render_account(**forms: Any) -> str:
    token_form = forms.pop("token_form", None) or TokenForm(prefix="token-", formdata=None)
    token_form.limit_roles(current_user.role)
    login_sessions, api_tokens = sessions.list_sessions(current_user), tokens.list_tokens(current_user)
    return render_template(
        "account/index.html",
        here=_current_session_id(),
        sessions=login_sessions,
        sessions_seen=last_used.last_used_times(login_sessions),
        browser_words=browsers.describe_browser,
        tokens=api_tokens,
        tokens_seen=last_used.last_used_times(api_tokens),
        now=utc_now(),
        token_form=token_form,
        password_form=forms.get("password_form") or ChangePasswordForm(prefix="new-", formdata=None),
        step_form=forms.get("step_form") or CurrentPasswordForm(prefix="step-", formdata=None),
    )


def _render_pending_key(form: EnableSecondStepForm) -> str | None:
    user = db.session.get_one(User, current_user.id, options=[undefer(User.totp_pending)], populate_existing=True)
    if not user.totp_pending:
        return None
    otpauth_uri = two_factor.provisioning_uri(user.name, user.totp_pending, request.host)
    return render_template(
        "account/key.html",
        form=form,
        key=user.totp_pending,
        picture=two_factor.render_qr_code(otpauth_uri),
        said=otpauth_uri,
    )
