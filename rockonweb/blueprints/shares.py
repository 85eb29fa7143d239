"""The shares of the host."""

from __future__ import annotations

import grp
import pwd

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.config import current_settings
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.facts import ShareFacts
from rockonweb.forms.share import ShareForm
from rockonweb.host import host_of
from rockonweb.languages import say
from rockonweb.models import Role
from rockonweb.web.permissions import Pages, may, requires
from rockonweb.web.responses import lead_to
from rockonweb.work.collect_facts import share_users

blueprint = Pages("shares", __name__, Role.OWNER)


@blueprint.get("/shares")
@requires(Role.VIEWER)
def index() -> str:
    """List the shares, with a form to make one."""
    return _page(ShareForm())


@blueprint.post("/shares")
def make() -> ResponseReturnValue:
    """Make a share."""
    form = ShareForm()
    if not form.validate():
        return _page(form), 422
    try:
        host_of().shares.make(form.name.data)
    except BadInput as error:
        form.name.errors = [say(error.sentence), *filter(None, [say(error.hint)])]
        return _page(form), 422
    flash(_('The share "%(name)s" is there.', name=form.name.data), "success")
    return lead_to("shares.index")


@blueprint.get("/shares/aside/<name>")
def confirm_removal(name: str) -> str:
    """Say what goes for good when data that lies aside is removed, and ask."""
    since = host_of().snapshots.set_aside().get(name) or abort(404)
    return render_template("shares/remove.html", name=name, since=since, path=host_of().snapshots.replaced(name))


@blueprint.post("/shares/aside/<name>")
def remove_aside(name: str) -> ResponseReturnValue:
    """Remove data that lies aside since somebody went back."""
    try:
        host_of().snapshots.remove_aside(name)
    except RockonwebError as error:
        flash(f"{say(error.sentence)} {say(error.hint)}", "danger")
    else:
        flash(_("%(name)s is removed.", name=name), "success")
    return lead_to("shares.index")


def _page(form: ShareForm) -> str:
    return render_template(
        "shares/index.html",
        form=form if may(Role.OWNER) else None,
        shares=host_of().shares.listing(),
        owner=_owner,
        users=share_users(),
        root=current_settings().shares_root,
        ground=host_of().shares.ground(),
        aside=host_of().snapshots.set_aside() if may(Role.OWNER) else {},
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
