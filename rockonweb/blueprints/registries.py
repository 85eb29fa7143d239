"""The logins for image registries."""

from __future__ import annotations

from flask import flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.core.errors import BadInput
from rockonweb.forms.registry_login import RegistryLoginForm
from rockonweb.languages import translate
from rockonweb.models import RegistryLogin, Role, db
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import registry_logins

blueprint = RoleBlueprint("registries", __name__, Role.OWNER, url_prefix="/registries")


@blueprint.get("")
def index() -> str:
    """List the logins, with a form to add or replace one."""
    return _render_logins(RegistryLoginForm())


@blueprint.post("")
def save() -> ResponseReturnValue:
    """Store a login, instead of an earlier one for the same registry, and test it."""
    form = RegistryLoginForm()
    if not form.validate():
        return _render_logins(form), 422
    try:
        row = registry_logins.save_login(form.host.data, form.user.data, form.password.data or "")
    except BadInput as error:
        return _render_logins(form, error), 422
    return _show_result(row)


@blueprint.post("/<int:login_id>/test")
def test(login_id: int) -> ResponseReturnValue:
    """Test a login."""
    return _show_result(registry_logins.check_login(db.get_or_404(RegistryLogin, login_id)))


@blueprint.post("/<int:login_id>/remove")
def remove(login_id: int) -> ResponseReturnValue:
    """Remove a login."""
    host = registry_logins.remove_login(db.get_or_404(RegistryLogin, login_id))
    flash(_("The login for %(host)s was removed.", host=host), "success")
    return redirect_to_view("registries.index")


def _show_result(row: RegistryLogin) -> ResponseReturnValue:
    """Flash what a registry said; where it is not good, the list says so."""
    if not row.error:
        flash(_("%(host)s accepts the login.", host=row.host), "success")
    return redirect_to_view("registries.index")


def _render_logins(form: RegistryLoginForm, error: BadInput | None = None) -> str:
    fault = " ".join(translate(text) for text in (error.sentence, error.hint) if text) if error else ""
    return render_template("registries/index.html", form=form, logins=registry_logins.list_logins(), fault=fault)
