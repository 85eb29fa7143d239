"""The shares of the host."""

from __future__ import annotations

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.config import current_config
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.facts import ShareAbsence
from rockonweb.core.preflight.mounts import absent_share_finding
from rockonweb.forms.share import ShareForm
from rockonweb.host import get_host
from rockonweb.languages import translate
from rockonweb.models import Role, db
from rockonweb.web.permissions import RoleBlueprint, require_role, user_has_role
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import known_shares
from rockonweb.work.collect_facts import share_users

blueprint = RoleBlueprint("shares", __name__, Role.OWNER)


@blueprint.get("/shares")
@require_role(Role.VIEWER)
def index() -> str:
    """List the shares, with a form to create one."""
    return _render_shares(ShareForm())


@blueprint.post("/shares")
def make() -> ResponseReturnValue:
    """Create a share."""
    form = ShareForm()
    if not form.validate():
        return _render_shares(form), 422
    try:
        get_host().shares.create_share(form.name.data)
    except BadInput as error:
        form.name.errors = [translate(error.sentence), *filter(None, [translate(error.hint)])]
        return _render_shares(form), 422
    flash(_('The share "%(name)s" was created.', name=form.name.data), "success")
    return redirect_to_view("shares.index")


@blueprint.post("/shares/<name>/confirm")
def confirm(name: str) -> ResponseReturnValue:
    """Take the folder that is there now as the share that apps have used."""
    if name not in get_host().shares.shares_by_name():
        abort(404)
    known_shares.confirm_share(name)
    flash(_('"%(name)s" is the share now. Apps that wait for it are started within a minute.', name=name), "success")
    return redirect_to_view("shares.index")


@blueprint.get("/shares/aside/<name>")
def confirm_removal(name: str) -> str:
    """Ask for confirmation before data that a rollback replaced is deleted for good."""
    since = get_host().snapshots.replaced_shares().get(name) or abort(404)
    return render_template("shares/remove.html", name=name, since=since, path=get_host().snapshots.replaced_path(name))


@blueprint.post("/shares/aside/<name>")
def remove_aside(name: str) -> ResponseReturnValue:
    """Delete data that a rollback replaced."""
    try:
        get_host().snapshots.delete_replaced(name)
    except RockonwebError as error:
        flash(f"{translate(error.sentence)} {translate(error.hint)}", "danger")
    else:
        flash(_("%(name)s was removed.", name=name), "success")
    return redirect_to_view("shares.index")


def _render_shares(form: ShareForm) -> str:
    absent = known_shares.find_absent_shares(db.session(), get_host().shares)
    return render_template(
        "shares/index.html",
        form=form if user_has_role(Role.OWNER) else None,
        shares=get_host().shares.shares_by_name(),
        owner=lambda share: ":".join(get_host().owner_names(share.uid, share.gid)),
        absent={name: absent_share_finding(name, absence) for name, absence in absent.items()},
        to_confirm=[name for name, absence in absent.items() if absence is ShareAbsence.OTHER],
        boot=known_shares.boot_sentences(),
        unusable_folders=get_host().shares.unusable_folders(),
        users=share_users(),
        root=current_config().shares_root,
        ground=get_host().shares.new_share_constraints(),
        aside=get_host().snapshots.replaced_shares() if user_has_role(Role.OWNER) else {},
    )
