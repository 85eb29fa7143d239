"""The Docker Engine: where images live, how much room is left, and the settings that matter."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from rockonweb.core.errors import EngineError
from rockonweb.host import host_of
from rockonweb.models import Role
from rockonweb.web.partials import render
from rockonweb.web.permissions import Pages

blueprint = Pages("docker", __name__, Role.OPERATOR)


@blueprint.get("/docker")
def index() -> ResponseReturnValue:
    """Ask Docker for its settings and show them."""
    try:
        with host_of().connect() as docker:
            found, log = docker.settings(), docker.log_options()
    except EngineError as error:
        return render_template("docker/index.html", error=error)
    return render_template("docker/index.html", docker=found, log=log, room=found.disk)


@blueprint.get("/docker/usage")
def usage() -> ResponseReturnValue:
    """Ask Docker how much room things take; it may count for a while, so the page above does not wait for it."""
    try:
        with host_of().connect() as docker:
            found = docker.usage()
    except EngineError as error:
        return render("docker/usage.html", "docker/_usage.html", error=error)
    return render("docker/usage.html", "docker/_usage.html", usage=found)
