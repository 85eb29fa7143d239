"""The Docker Engine: where images are stored, the free space there, and important settings."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from rockonweb.config import current_config
from rockonweb.core.errors import EngineError
from rockonweb.host import get_host
from rockonweb.models import Role
from rockonweb.web.partials import render_page
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.work.disk_usage import docker_disk_usage

blueprint = RoleBlueprint("docker", __name__, Role.OPERATOR)


@blueprint.get("/docker")
def index() -> ResponseReturnValue:
    """Show Docker's settings."""
    try:
        with get_host().connect_docker() as docker:
            engine_settings, log = docker.daemon_settings(), docker.log_options()
    except EngineError as error:
        return render_template("docker/index.html", error=error)
    return render_template("docker/index.html", docker=engine_settings, log=log, room=engine_settings.disk)


@blueprint.get("/docker/usage")
def usage() -> ResponseReturnValue:
    """Show Docker's disk usage, loaded separately since Docker may take long to compute it; polls until it has."""
    try:
        found = docker_disk_usage(current_config())
    except EngineError as error:
        return render_page("docker/usage.html", "docker/_usage.html", error=error)
    return render_page("docker/usage.html", "docker/_usage.html", usage=found)
