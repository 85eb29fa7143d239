"""User accounts, managed by owners."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.accounts import two_factor, users
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.forms.account import ROLE_LABELS, NewUserForm, ResetPasswordForm, RoleForm
from rockonweb.languages import translate
from rockonweb.models import Role, User, db
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view

blueprint = RoleBlueprint("people", __name__, Role.OWNER, url_prefix="/people")


@blueprint.get("")
def index() -> str:
    """List the accounts."""
    return _render_users(NewUserForm(role=str(Role.VIEWER)))


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Create an account."""
    form = NewUserForm()
    if not form.validate():
        return _render_users(form), 422
    try:
        users.create_user(form.name.data, form.password.data, Role(form.role.data))
    except BadInput as error:
        form.name.errors = [translate(fault) for fault in error.faults]
        return _render_users(form), 422
    flash(_("%(name)s can now log in.", name=form.name.data), "success")
    return redirect_to_view("people.index")


@blueprint.get("/<int:user_id>")
def show(user_id: int) -> str:
    """Show an account."""
    return _render_user(db.get_or_404(User, user_id))


@blueprint.post("/<int:user_id>/role")
def change_role(user_id: int) -> ResponseReturnValue:
    """Change a user's role; it takes effect at once."""
    person, form = db.get_or_404(User, user_id), RoleForm()
    if not form.validate():
        return _render_user(person, role_form=form), 422
    try:
        users.set_role(person, Role(form.role.data))
    except Conflict as error:
        form.role.errors = [translate(error.sentence), translate(error.hint)]
        return _render_user(person, role_form=form), 409
    flash(_("The role was changed. It takes effect immediately."), "success")
    # An owner who gives up that role may not see this page any more.
    is_self = person.id == current_user.id and form.role.data != str(Role.OWNER)
    return redirect(url_for("rockons.index") if is_self else url_for("people.show", user_id=user_id), code=303)


@blueprint.post("/<int:user_id>/password")
def reset(user_id: int) -> ResponseReturnValue:
    """Set another user's password, which ends that user's sessions, and API tokens unless they are to be kept."""
    person, form = db.get_or_404(User, user_id), ResetPasswordForm()
    if person.id == current_user.id:
        raise Conflict(
            _("This is your own account."),
            _("Change your password on your account page, which asks for the current one."),
        )
    if not form.validate():
        return _render_user(person, reset_form=form), 422
    keep_tokens = bool(form.keep_tokens.data)
    users.set_password(person, form.password.data, keep_tokens=keep_tokens)
    flash(_("The password was set, and all sessions of this account were ended."), "success")
    if not keep_tokens:
        flash(_("All API tokens of the account were revoked."), "success")
    return redirect_to_view("people.show", user_id=user_id)


@blueprint.post("/<int:user_id>/second-step/off")
def turn_second_step_off(user_id: int) -> ResponseReturnValue:
    """Turn two-factor authentication off for another user, who lost device and recovery codes."""
    person = db.get_or_404(User, user_id)
    if person.id == current_user.id:
        raise Conflict(
            _("This is your own account."),
            _("Turn two-factor authentication off on your account page, which asks for your password."),
        )
    two_factor.disable_second_step(person)
    flash(_("Two-factor authentication is off: the password alone is enough to log in."), "success")
    return redirect_to_view("people.show", user_id=user_id)


@blueprint.get("/<int:user_id>/remove")
def confirm_remove(user_id: int) -> str:
    """Ask for confirmation before an account is removed."""
    return render_template("people/remove.html", person=db.get_or_404(User, user_id))


@blueprint.post("/<int:user_id>/remove")
def remove(user_id: int) -> ResponseReturnValue:
    """Remove an account."""
    person = db.get_or_404(User, user_id)
    name, is_self = person.name, person.id == current_user.id
    users.remove_user(person)
    flash(_("The account %(name)s was removed.", name=name), "success")
    return redirect(url_for("auth.login") if is_self else url_for("people.index"), code=303)


def _render_users(form: NewUserForm) -> str:
    return render_template("people/index.html", people=users.list_users(), form=form, roles=ROLE_LABELS)


def _render_user(person: User, role_form: RoleForm | None = None, reset_form: ResetPasswordForm | None = None) -> str:
    return render_template(
        "people/show.html",
        person=person,
        role_form=role_form or RoleForm(formdata=None, role=str(person.role)),
        reset_form=reset_form or ResetPasswordForm(formdata=None),
    )
