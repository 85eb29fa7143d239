"""One's own account: password, second step, sessions, tokens."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import undefer

from rockonweb.accounts import audit, second_step, sessions, tokens, users
from rockonweb.blueprints.account import browsers
from rockonweb.core.errors import BadInput
from rockonweb.forms.account import ConfirmForm, FirstCodeForm, PasswordForm, TokenForm
from rockonweb.languages import say
from rockonweb.models import Role, User, db, now
from rockonweb.web import last_used
from rockonweb.web.confirm_password import confirmed
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import lead_to

blueprint = Pages("account", __name__, Role.VIEWER, url_prefix="/account")


@blueprint.get("")
def index() -> str:
    """Show the account."""
    return _page()


@blueprint.post("/password")
def password() -> ResponseReturnValue:
    """Change the password; all other sessions end."""
    form = PasswordForm(prefix="new-")
    if not form.validate() or not confirmed(form.present):
        return _page(password_form=form), 422
    users.set_password(_me(), form.password.data, kept_session=_here())
    flash(_("The password is changed, and all your other sessions have ended."), "success")
    return lead_to("account.index")


@blueprint.post("/second-step")
def prepare() -> ResponseReturnValue:
    """Make a key for the second step."""
    form = ConfirmForm(prefix="step-")
    if not form.validate() or not confirmed(form.present):
        return _page(step_form=form), 422
    second_step.prepare(_me())
    return lead_to("account.key")


@blueprint.get("/second-step")
def key() -> ResponseReturnValue:
    """Show the key that waits for its first code, as a picture and in letters."""
    return _key_page(FirstCodeForm()) or lead_to("account.index")


@blueprint.post("/second-step/on")
def enable() -> ResponseReturnValue:
    """Turn the second step on, and show the recovery codes this once: they are in this answer and nowhere else."""
    form = FirstCodeForm()
    try:
        if form.validate():
            codes = second_step.enable(_me(), form.code.data)
            sessions.end_others(current_user.id, _here())
            return render_template("account/codes.html", codes=codes)
    except BadInput as error:
        form.code.errors = [say(str(error.sentence)) + " " + say(error.hint)]
    page = _key_page(form)
    return (page, 422) if page else lead_to("account.index")


@blueprint.post("/second-step/<any(codes, off):what>")
def change_step(what: str) -> ResponseReturnValue:
    """Make new recovery codes, which are in this answer and nowhere else, or turn the second step off."""
    form = ConfirmForm(prefix="step-")
    if not form.validate() or not confirmed(form.present):
        return _page(step_form=form), 422
    if what == "codes":
        return render_template("account/codes.html", codes=second_step.new_codes(_me()))
    second_step.disable(_me())
    flash(_("The second step is off: the password alone lets you in."), "success")
    return lead_to("account.index")


@blueprint.post("/sessions/<int:session_id>/end")
def end_session(session_id: int) -> ResponseReturnValue:
    """End a session."""
    if not sessions.end(current_user.id, session_id):
        abort(404)
    audit.record("session.ended")
    return lead_to("account.index")


@blueprint.post("/sessions/end-others")
def end_others() -> ResponseReturnValue:
    """End all sessions but this one."""
    sessions.end_others(current_user.id, _here())
    audit.record("session.others")
    flash(_("All your other sessions have ended."), "success")
    return lead_to("account.index")


@blueprint.post("/tokens")
def make_token() -> ResponseReturnValue:
    """Make a token, and show it this once: it is in this answer and nowhere else."""
    form = TokenForm(prefix="token-")
    form.offer(current_user.role)
    if not form.validate() or not confirmed(form.present):
        return _page(token_form=form), 422
    try:
        days = int(form.days.data) if form.days.data else None
        token = tokens.make(_me(), Role(form.role.data), days, form.label.data or "")
    except BadInput as error:
        form.label.errors = [say(fault) for fault in error.faults]
        return _page(token_form=form), 422
    return render_template("account/token.html", token=token, address=request.host_url.rstrip("/"))


@blueprint.post("/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Revoke a token."""
    if not tokens.revoke(current_user.id, token_id):
        abort(404)
    flash(_("The token is revoked."), "success")
    return lead_to("account.index")


def _me() -> User:
    user: User = current_user._get_current_object()
    return user


def _here() -> int | None:
    return g.login_session.id if "login_session" in g else None


def _page(**forms: Any) -> str:
    token_form = forms.pop("token_form", None) or TokenForm(prefix="token-", formdata=None)
    token_form.offer(current_user.role)
    mine, made = sessions.of(current_user), tokens.of(current_user)
    return render_template(
        "account/index.html",
        here=_here(),
        sessions=mine,
        sessions_seen=last_used.moments(mine),
        browser_words=browsers.words,
        tokens=made,
        tokens_seen=last_used.moments(made),
        now=now(),
        token_form=token_form,
        password_form=forms.get("password_form") or PasswordForm(prefix="new-", formdata=None),
        step_form=forms.get("step_form") or ConfirmForm(prefix="step-", formdata=None),
    )


def _key_page(form: FirstCodeForm) -> str | None:
    user = db.session.get_one(User, current_user.id, options=[undefer(User.totp_pending)], populate_existing=True)
    if not user.totp_pending:
        return None
    said = second_step.address(user.name, user.totp_pending, request.host)
    return render_template(
        "account/key.html", form=form, key=user.totp_pending, picture=second_step.picture(said), said=said
    )
