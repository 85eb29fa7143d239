"""Rocknets: the networks that a person makes for containers."""

from __future__ import annotations

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.core.errors import Conflict, EngineError, EngineUnreachable
from rockonweb.forms.network import NetworkForm, NewNetworkForm, values
from rockonweb.languages import say
from rockonweb.models import Role
from rockonweb.web.permissions import Pages, requires
from rockonweb.web.responses import lead_to
from rockonweb.work import rocknets
from rockonweb.work.rocknets import Rocknet, Unfit

blueprint = Pages("networks", __name__, Role.OWNER, url_prefix="/networks")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    """List the networks, and who is on each."""
    return render_template("networks/index.html", listing=rocknets.listing())


@blueprint.get("/new")
def new() -> str:
    """Ask what a new network is to be like."""
    return _new_page(NewNetworkForm())


@blueprint.post("/new")
def make() -> ResponseReturnValue:
    """Make a network."""
    form = NewNetworkForm()
    if not form.validate():
        return _new_page(form), 422
    try:
        rocknets.make(form.spec(form.name.data))
    except Unfit as error:
        return _new_page(_told(form, error)), 422
    except (Conflict, EngineError) as error:
        return _new_page(form, error), _status(error)
    flash(_('The network "%(name)s" is there.', name=form.name.data), "success")
    return lead_to("networks.index")


@blueprint.get("/<name>/edit")
def edit(name: str) -> str:
    """Show what a network is like, and say whose connection a change cuts for a moment."""
    net = _get(name)
    if refusal := rocknets.change_refusal(net):
        raise refusal
    return _edit_page(net, NetworkForm(data=values(net.wanted)))


@blueprint.post("/<name>/edit")
def change(name: str) -> ResponseReturnValue:
    """Change a network."""
    net, form = _get(name), NetworkForm()
    if not form.validate():
        return _edit_page(net, form), 422
    try:
        anew = rocknets.change(net, form.spec(net.name))
    except Unfit as error:
        return _edit_page(net, _told(form, error)), 422
    except (Conflict, EngineError) as error:
        return _edit_page(net, form, error), _status(error)
    flash(
        _('The network "%(name)s" was made anew; its containers are on it again.', name=name)
        if anew
        else _("The comment was changed."),
        "success",
    )
    return lead_to("networks.index")


@blueprint.post("/<name>/restore")
def restore(name: str) -> ResponseReturnValue:
    """Make a network again that Docker lost."""
    rocknets.restore(_get(name))
    flash(_('The network "%(name)s" is there again, with its containers.', name=name), "success")
    return lead_to("networks.index")


@blueprint.get("/<name>/remove")
def confirm_remove(name: str) -> str:
    """Say whom it cuts off, and ask."""
    net = _get(name)
    return render_template("networks/remove.html", net=net, refusal=rocknets.removal_refusal(net))


@blueprint.post("/<name>/remove")
def remove(name: str) -> ResponseReturnValue:
    """Remove a network."""
    rocknets.remove(_get(name))
    flash(_('The network "%(name)s" was removed.', name=name), "success")
    return lead_to("networks.index")


def _get(name: str) -> Rocknet:
    return rocknets.listing().find(name) or abort(404)


def _status(error: Conflict | EngineError) -> int:
    return 503 if isinstance(error, EngineUnreachable) else 409


def _told(form: NetworkForm, error: Unfit) -> NetworkForm:
    """Put what is wrong beside the fields; a network that is changed has no field for its name."""
    for fault in error.found:
        field = form[fault.part] if hasattr(form, fault.part) else form.subnet
        field.errors = [*field.errors, say(fault.sentence)]
    return form


def _new_page(form: NetworkForm, error: Conflict | EngineError | None = None) -> str:
    return render_template("networks/new.html", form=form, error=error)


def _edit_page(net: Rocknet, form: NetworkForm, error: Conflict | EngineError | None = None) -> str:
    return render_template("networks/edit.html", net=net, form=form, error=error)
