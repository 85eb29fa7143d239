"""The secrets of an installed rock-on: shown one at a time, against the password, and written down."""

from __future__ import annotations

from flask import abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.accounts import audit
from rockonweb.forms.auth import AgainForm
from rockonweb.models import Installation, Role
from rockonweb.web import rockon_page, secret_answers
from rockonweb.web.confirm_password import confirmed
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import lead_to
from rockonweb.web.secret_answers import SecretAnswer

blueprint = Pages("secrets", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/secrets")


@blueprint.get("")
def index(rockon_id: int) -> ResponseReturnValue:
    """List the answers: which are secrets, and which are not."""
    return _page(rockon_page.get_installed(rockon_id), AgainForm(formdata=None))


@blueprint.post("/show")
def show(rockon_id: int) -> ResponseReturnValue:
    """Show a secret once, or say that it is none, against the password."""
    rockon, form = rockon_page.get_installed(rockon_id), AgainForm()
    unhide = "unhide" in request.form
    chosen = _chosen(rockon, request.form.get("unhide" if unhide else "show", ""))
    if not form.validate() or not confirmed(form.password):
        return _page(rockon, form), 422
    if unhide:
        secret_answers.choose(rockon, chosen.container, chosen.row.key, chosen.row.label, secret=False)
        return lead_to("secrets.index", rockon_id=rockon.id)
    audit.record("secret.revealed", f"{rockon.name} {chosen.row.key}")
    return _page(rockon, AgainForm(formdata=None), shown=chosen)


@blueprint.post("/hide")
def hide(rockon_id: int) -> ResponseReturnValue:
    """Mark an answer as a secret."""
    rockon = rockon_page.get_installed(rockon_id)
    chosen = _chosen(rockon, request.form.get("hide", ""))
    secret_answers.choose(rockon, chosen.container, chosen.row.key, chosen.row.label, secret=True)
    flash(_("%(key)s is a secret now.", key=chosen.row.key), "success")
    return lead_to("secrets.index", rockon_id=rockon.id)


def _chosen(rockon: Installation, name: str) -> SecretAnswer:
    return next((one for one in secret_answers.of(rockon) if one.name == name), None) or abort(404)


def _page(rockon: Installation, form: AgainForm, shown: SecretAnswer | None = None) -> str:
    return render_template(
        "rockons/secrets.html", rockon=rockon, form=form, answers=secret_answers.of(rockon), shown=shown
    )
