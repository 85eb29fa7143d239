"""What an owner of an OpenVPN server does next: the certificate authority and the clients' profiles.

The list of clients is read from the authority's own files, through Docker's copy out of the data container: no
container is made or started for a GET. What runs one is a POST, also the download, which leaves nothing behind.
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
from rockonweb.host import Engine, host_of
from rockonweb.languages import say
from rockonweb.models import Installation, Role, repository
from rockonweb.web import rockon_page
from rockonweb.web.partials import render
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import file, lead_to
from rockonweb.work import handler_tasks, operations

blueprint = Pages("openvpn", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/openvpn")


@blueprint.get("")
def panel(rockon_id: int) -> ResponseReturnValue:
    """Show the authority and the clients, as a page or as the part of the rock-on's page."""
    return _page(_get(rockon_id), ClientForm(formdata=None))


@blueprint.post("/authority")
def make_authority(rockon_id: int) -> ResponseReturnValue:
    """Make the certificate authority, once."""
    return _begin(_get(rockon_id), TaskRequest("authority"))


@blueprint.post("/clients")
def make_client(rockon_id: int) -> ResponseReturnValue:
    """Make a client's profile."""
    rockon, form = _get(rockon_id), ClientForm()
    try:
        return _begin(rockon, TaskRequest("profile", form.client.data or ""))
    except (BadInput, Conflict) as error:
        form.client.errors = [say(error.sentence), *filter(None, [say(error.hint)])]
        return _page(rockon, form), 422


@blueprint.post("/profile")
def download(rockon_id: int) -> ResponseReturnValue:
    """Send a client's profile as a file. It holds a private key, so nothing keeps it on the way."""
    rockon, client = _get(rockon_id), request.form.get("client", "")
    answers = repository.answers_of(rockon)
    if fault := openvpn.client_fault(client, answers):
        raise BadInput(fault)
    with host_of(rockon).connect() as docker:
        known = _authority(rockon, answers, docker)
        found = known.client(client)
        if known.listed and (found is None or found.revoked):
            raise Conflict(
                t('There is no valid profile for "%(name)s".', name=client), t("Look at the list of clients again.")
            )
        ours = HostFacts(instance=host_of().instance)  # by which our containers are known; it needs no more
        command = openvpn.show_profile(rockon.definition, ours, client)
        host_of().shares.refuse_links(docker.would_mount(command))
        profile = docker.read_once(command)
    told = openvpn.reachable(profile, rockon.definition, answers)
    return file(told, "application/x-openvpn-profile", f'attachment; filename="{client}.ovpn"')


@blueprint.get("/revoke")
def confirm_revoke(rockon_id: int) -> ResponseReturnValue:
    """Say what revoking means, and ask."""
    rockon, client = _get(rockon_id), request.args.get("client", "").strip()
    if fault := openvpn.client_fault(client, repository.answers_of(rockon)):
        raise BadInput(fault)
    return render_template("openvpn/revoke.html", rockon=rockon, client=client)


@blueprint.post("/revoke")
def revoke(rockon_id: int) -> ResponseReturnValue:
    """Revoke a client's profile."""
    return _begin(_get(rockon_id), TaskRequest("revoke", request.form.get("client", "")))


def _get(rockon_id: int) -> Installation:
    rockon = rockon_page.get(rockon_id)
    if handler_tasks.of(rockon) is not openvpn.tasks:
        abort(404)
    return rockon


def _authority(rockon: Installation, answers: Answers, docker: Engine) -> openvpn.Authority:
    return openvpn.authority(handler_tasks.files(rockon, openvpn.tasks, docker), answers)


def _begin(rockon: Installation, order: TaskRequest) -> ResponseReturnValue:
    """Queue a task that can be done as things are; one that can't be is refused here already."""
    with host_of(rockon).connect() as docker:
        handler_tasks.planned(rockon, order, docker)
    operation = operations.begin(rockon, order, current_user.name)
    return lead_to("operations.show", operation_id=operation)


def _page(rockon: Installation, form: ClientForm) -> str:
    answers = repository.answers_of(rockon)
    context: dict[str, Any] = {"rockon": rockon, "form": form, "address": openvpn.address(rockon.definition, answers)}
    try:
        with host_of(rockon).connect() as docker:
            context["authority"] = _authority(rockon, answers, docker)
    except EngineError as error:
        context["error"] = error
    return render("openvpn/index.html", "openvpn/_panel.html", **context)
