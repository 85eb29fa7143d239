"""The secrets of an installed rock-on: shown one at a time after the password was confirmed, and audited."""

from __future__ import annotations

from flask import abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.accounts import audit
from rockonweb.forms.auth import ReauthenticationForm
from rockonweb.models import Installation, Role
from rockonweb.web import rockon_page, secret_answers
from rockonweb.web.confirm_password import password_confirmed
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view
from rockonweb.web.secret_answers import SecretAnswer

blueprint = RoleBlueprint("secrets", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/secrets")


@blueprint.get("")
def index(rockon_id: int) -> ResponseReturnValue:
    """List the answers and which of them are secrets."""
    return _render_secrets(rockon_page.installed_or_404(rockon_id), ReauthenticationForm(formdata=None))


@blueprint.post("/show")
def show(rockon_id: int) -> ResponseReturnValue:
    """Show a secret, or mark an answer as not secret; requires the password."""
    installation, form = rockon_page.installed_or_404(rockon_id), ReauthenticationForm()
    unhide = "unhide" in request.form
    answer = _find_answer(installation, request.form.get("unhide" if unhide else "show", ""))
    if not form.validate() or not password_confirmed(form.password):
        return _render_secrets(installation, form), 422
    if unhide:
        secret_answers.mark_secret(installation, answer.container, answer.row.key, answer.row.label, secret=False)
        return redirect_to_view("secrets.index", rockon_id=installation.id)
    audit.record("secret.revealed", f"{installation.name} {answer.row.key}")
    return _render_secrets(installation, ReauthenticationForm(formdata=None), revealed=answer)


@blueprint.post("/hide")
def hide(rockon_id: int) -> ResponseReturnValue:
    """Mark an answer as a secret."""
    installation = rockon_page.installed_or_404(rockon_id)
    answer = _find_answer(installation, request.form.get("hide", ""))
    secret_answers.mark_secret(installation, answer.container, answer.row.key, answer.row.label, secret=True)
    flash(_("%(key)s is now a secret.", key=answer.row.key), "success")
    return redirect_to_view("secrets.index", rockon_id=installation.id)


def _find_answer(installation: Installation, name: str) -> SecretAnswer:
    return next(
        (answer for answer in secret_answers.list_secret_answers(installation) if answer.name == name), None
    ) or abort(404)


def _render_secrets(
    installation: Installation, form: ReauthenticationForm, revealed: SecretAnswer | None = None
) -> str:
    return render_template(
        "rockons/secrets.html",
        rockon=installation,
        form=form,
        answers=secret_answers.list_secret_answers(installation),
        shown=revealed,
    )
