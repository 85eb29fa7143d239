"""Rocknets: the networks that users create for containers."""

from __future__ import annotations

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.core.errors import Conflict, EngineError, EngineUnreachable
from rockonweb.forms.network import NetworkForm, NewNetworkForm, network_field_values
from rockonweb.languages import translate
from rockonweb.models import Role
from rockonweb.web.permissions import RoleBlueprint, require_role
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import network_operations, rocknets
from rockonweb.work.rocknets import InvalidNetwork, Rocknet

blueprint = RoleBlueprint("networks", __name__, Role.OWNER, url_prefix="/networks")


@blueprint.get("")
@require_role(Role.VIEWER)
def index() -> str:
    """List the networks with their containers."""
    return render_template(
        "networks/index.html", listing=rocknets.list_rocknets(), operations=network_operations.notable_operations()
    )


@blueprint.get("/new")
def new() -> str:
    """Show the form of a new network."""
    return _render_new_network(NewNetworkForm())


@blueprint.post("/new")
def make() -> ResponseReturnValue:
    """Submit the creation of a network."""
    form = NewNetworkForm()
    if not form.validate():
        return _render_new_network(form), 422
    try:
        operation_id = network_operations.submit_creation(form.to_spec(form.name.data), current_user.name)
    except InvalidNetwork as error:
        return _render_new_network(_attach_faults(form, error)), 422
    except (Conflict, EngineError) as error:
        return _render_new_network(form, error), _error_status(error)
    return redirect_to_view("operations.show", operation_id=operation_id)


@blueprint.get("/<name>/edit")
def edit(name: str) -> str:
    """Show the form of a network, and which containers a change disconnects for a moment."""
    network = _get_rocknet(name)
    if refusal := rocknets.change_refusal(network):
        raise refusal
    return _render_network(network, NetworkForm(data=network_field_values(network.desired_spec)))


@blueprint.post("/<name>/edit")
def change(name: str) -> ResponseReturnValue:
    """Submit the change of a network; a new comment alone is stored at once."""
    network, form = _get_rocknet(name), NetworkForm()
    if not form.validate():
        return _render_network(network, form), 422
    try:
        operation_id = network_operations.submit_change(form.to_spec(network.name), current_user.name)
    except InvalidNetwork as error:
        return _render_network(network, _attach_faults(form, error)), 422
    except (Conflict, EngineError) as error:
        return _render_network(network, form, error), _error_status(error)
    if operation_id is not None:
        return redirect_to_view("operations.show", operation_id=operation_id)
    flash(_("The comment was changed."), "success")
    return redirect_to_view("networks.index")


@blueprint.post("/<name>/restore")
def restore(name: str) -> ResponseReturnValue:
    """Submit that a network which is missing in Docker is recreated."""
    operation_id = network_operations.submit_change(_get_rocknet(name).desired_spec, current_user.name)
    return redirect_to_view("operations.show", operation_id=operation_id)


@blueprint.get("/<name>/remove")
def confirm_remove(name: str) -> str:
    """Show which containers lose the network, and ask for confirmation."""
    network = _get_rocknet(name)
    return render_template("networks/remove.html", net=network, refusal=rocknets.removal_refusal(network))


@blueprint.post("/<name>/remove")
def remove(name: str) -> ResponseReturnValue:
    """Submit the removal of a network."""
    operation_id = network_operations.submit_removal(_get_rocknet(name).name, current_user.name)
    return redirect_to_view("operations.show", operation_id=operation_id)


def _get_rocknet(name: str) -> Rocknet:
    return rocknets.list_rocknets().find_rocknet(name) or abort(404)


def _error_status(error: Conflict | EngineError) -> int:
    return 503 if isinstance(error, EngineUnreachable) else 409


def _attach_faults(form: NetworkForm, error: InvalidNetwork) -> NetworkForm:
    """Set faults as errors of their fields, else of the subnet: the edit form has no field for the name."""
    for fault in error.field_faults:
        field = form[fault.part] if hasattr(form, fault.part) else form.subnet
        field.errors = [*field.errors, translate(fault.sentence)]
    return form


def _render_new_network(form: NetworkForm, error: Conflict | EngineError | None = None) -> str:
    return render_template("networks/new.html", form=form, error=error)


def _render_network(network: Rocknet, form: NetworkForm, error: Conflict | EngineError | None = None) -> str:
    return render_template("networks/edit.html", net=network, form=form, error=error)
