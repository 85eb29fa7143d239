"""Tasks of an installed OpenVPN server: its certificate authority and the clients' profiles.

The list of clients is read from the authority's files, copied by Docker out of the data container: a GET creates or
starts no container. What runs one is a POST, even the download, whose container is removed.
"""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import BadInput, Conflict, EngineError
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers import openvpn
from rockonweb.core.operations.requests import TaskRequest
from rockonweb.core.text import t
from rockonweb.forms.client import ClientForm
from rockonweb.host import Engine, get_host
from rockonweb.languages import translate
from rockonweb.models import Installation, Role, repository
from rockonweb.web import rockon_page
from rockonweb.web.partials import render_page
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view, send_download
from rockonweb.work import handler_tasks, known_shares, operations

blueprint = RoleBlueprint("openvpn", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/openvpn")


@blueprint.get("")
def panel(rockon_id: int) -> ResponseReturnValue:
    """Show the authority and the clients, as a page or as the partial on the rock-on's page."""
    return _render_panel(_get_vpn_server(rockon_id), ClientForm(formdata=None))


@blueprint.post("/authority")
def make_authority(rockon_id: int) -> ResponseReturnValue:
    """Submit the task that creates the certificate authority."""
    return _submit_task(_get_vpn_server(rockon_id), TaskRequest("authority"))


@blueprint.post("/clients")
def make_client(rockon_id: int) -> ResponseReturnValue:
    """Submit the task that creates a client's profile."""
    installation, form = _get_vpn_server(rockon_id), ClientForm()
    try:
        return _submit_task(installation, TaskRequest("profile", form.client.data or ""))
    except (BadInput, Conflict) as error:
        form.client.errors = [translate(error.sentence), *filter(None, [translate(error.hint)])]
        return _render_panel(installation, form), 422


@blueprint.post("/profile")
def download(rockon_id: int) -> ResponseReturnValue:
    """Send a client's profile as an uncached download: it contains a private key."""
    installation, client = _get_vpn_server(rockon_id), request.form.get("client", "")
    answers = repository.load_answers(installation)
    if fault := openvpn.client_fault(client, answers):
        raise BadInput(fault)
    with get_host(installation).connect_docker() as docker:
        authority = _load_authority(installation, answers, docker)
        listed_client = authority.find_client(client)
        if authority.listed and (listed_client is None or listed_client.revoked):
            raise Conflict(
                t('There is no valid profile for "%(name)s".', name=client), t("Check the list of clients again.")
            )
        instance_facts = HostFacts(instance=get_host().instance)  # for the label of containers; nothing else is needed
        command = openvpn.show_profile(installation.current_definition, instance_facts, client)
        known_shares.prepare_mounts(get_host(), docker.paths_to_mount(command))
        profile = docker.read_once(command)
    reachable_profile = openvpn.with_host_port(profile, installation.current_definition, answers)
    return send_download(reachable_profile, "application/x-openvpn-profile", f'attachment; filename="{client}.ovpn"')


@blueprint.get("/revoke")
def confirm_revoke(rockon_id: int) -> ResponseReturnValue:
    """Show what revoking means, and ask for confirmation."""
    installation, client = _get_vpn_server(rockon_id), request.args.get("client", "").strip()
    if fault := openvpn.client_fault(client, repository.load_answers(installation)):
        raise BadInput(fault)
    return render_template("openvpn/revoke.html", rockon=installation, client=client)


@blueprint.post("/revoke")
def revoke(rockon_id: int) -> ResponseReturnValue:
    """Submit the task that revokes a client's profile."""
    return _submit_task(_get_vpn_server(rockon_id), TaskRequest("revoke", request.form.get("client", "")))


def _get_vpn_server(rockon_id: int) -> Installation:
    installation = rockon_page.rockon_or_404(rockon_id)
    if handler_tasks.find_tasks(installation) is not openvpn.OPENVPN_TASKS:
        abort(404)
    return installation


def _load_authority(installation: Installation, answers: Answers, docker: Engine) -> openvpn.CertificateAuthority:
    return openvpn.read_authority(handler_tasks.read_task_files(installation, openvpn.OPENVPN_TASKS, docker), answers)


def _submit_task(installation: Installation, task: TaskRequest) -> ResponseReturnValue:
    """Submit a task; planning it first raises for one that can't be done now."""
    with get_host(installation).connect_docker() as docker:
        handler_tasks.plan_task(installation, task, docker)
    operation = operations.submit_operation(installation, task, current_user.name)
    return redirect_to_view("operations.show", operation_id=operation)


def _render_panel(installation: Installation, form: ClientForm) -> str:
    answers = repository.load_answers(installation)
    context: dict[str, Any] = {
        "rockon": installation,
        "form": form,
        "address": openvpn.vpn_address(installation.current_definition, answers),
    }
    try:
        with get_host(installation).connect_docker() as docker:
            context["authority"] = _load_authority(installation, answers, docker)
    except EngineError as error:
        context["error"] = error
    return render_page("openvpn/index.html", "openvpn/_panel.html", **context)
