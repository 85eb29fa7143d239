"""The Docker Engine: where images live, how much room is left, and the settings that matter."""

from __future__ import annotations

from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from rockonweb.config import instance_id
from rockonweb.core.errors import EngineError
from rockonweb.host import engine
from rockonweb.host.docker_settings import room
from rockonweb.models import Role
from rockonweb.web.partials import render
from rockonweb.web.permission import Pages

blueprint = Pages("docker", __name__, Role.OPERATOR)


@blueprint.get("/docker")
def index() -> ResponseReturnValue:
    """Ask Docker for its settings and show them."""
    try:
        docker = _connect()
        try:
            found, log = docker.settings(), docker.log_options()
        finally:
            docker.close()
    except EngineError as error:
        return render_template("docker/index.html", error=error)
    disk = room(found.images_folder) if found.local else None
    return render_template("docker/index.html", docker=found, log=log, room=disk)


@blueprint.get("/docker/usage")
def usage() -> ResponseReturnValue:
    """Ask Docker how much room things take; it may count for a while, so the page above does not wait for it."""
    try:
        docker = _connect()
        try:
            found = docker.usage()
        finally:
            docker.close()
    except EngineError as error:
        return render("docker/usage.html", "docker/_usage.html", error=error)
    return render("docker/usage.html", "docker/_usage.html", usage=found)


def _connect() -> engine.Engine:
    return engine.connect(instance_id(current_app.config["SETTINGS"]))
