"""The shares of the host."""

from __future__ import annotations

import grp
import pwd
from dataclasses import dataclass

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.core.errors import BadInput
from rockonweb.core.facts import ShareFacts
from rockonweb.forms.share import ShareForm
from rockonweb.host import shares
from rockonweb.models import Role
from rockonweb.web.permission import may, requires
from rockonweb.web.share_users import share_users
from rockonweb.web.wording import say

blueprint = Blueprint("shares", __name__)


@dataclass(frozen=True)
class Line:
    """A share as the list shows it; `users` are the rock-ons that keep data in it, by id and name."""

    name: str
    path: str
    owner: str
    users: list[tuple[int, str]]


@blueprint.get("/shares")
@requires(Role.VIEWER)
def index() -> str:
    """List the shares, with a form to make one."""
    return _page(ShareForm())


@blueprint.post("/shares")
@requires(Role.OWNER)
def make() -> ResponseReturnValue:
    """Make a share."""
    form = ShareForm()
    if not form.validate():
        return _page(form), 422
    try:
        shares.make(current_app.config["SETTINGS"], form.name.data.strip())
    except BadInput as error:
        form.name.errors = [say(error.sentence), *filter(None, [say(error.hint)])]
        return _page(form), 422
    flash(_('The share "%(name)s" is there.', name=form.name.data.strip()), "success")
    return redirect(url_for("shares.index"), code=303)


def _page(form: ShareForm) -> str:
    settings = current_app.config["SETTINGS"]
    users = share_users()
    lines = [
        Line(name, facts.path, _owner(facts), users.get(name, [])) for name, facts in shares.listing(settings).items()
    ]
    return render_template(
        "shares/index.html",
        form=form if may(Role.OWNER) else None,
        shares=lines,
        root=settings.shares_root,
        ground=shares.ground(settings),
    )


def _owner(facts: ShareFacts) -> str:
    """Return owner and group by name, or by number where they have none."""
    try:
        user = pwd.getpwuid(facts.uid).pw_name
    except KeyError:
        user = str(facts.uid)
    try:
        group = grp.getgrgid(facts.gid).gr_name
    except KeyError:
        group = str(facts.gid)
    return f"{user}:{group}"
