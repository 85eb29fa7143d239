"""Health of the services: as JSON for monitoring, and as the banner on pages."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from rockonweb.models import Role, db
from rockonweb.web.permissions import allow_anonymous, require_role
from rockonweb.work import heartbeat

blueprint = Blueprint("health", __name__)
ENGINE_STATUS = {True: "ok", False: "down", None: "unknown"}


@blueprint.get("/healthz")
@allow_anonymous
def healthz() -> ResponseReturnValue:
    """Return the state of each service; 503 only when the database or Redis is down."""
    database, queue = _database_alive(), heartbeat.queue_alive()
    engine = heartbeat.engine_status().reachable if queue else None
    workers = heartbeat.count_workers() if queue else 0
    serving = database and queue
    status = "error" if not serving else "ok" if engine and workers else "degraded"
    return jsonify(
        status=status,
        database="ok" if database else "down",
        queue="ok" if queue else "down",
        docker=ENGINE_STATUS[engine],
        workers=workers,
    ), 200 if serving else 503


@blueprint.get("/banner")
@require_role(Role.VIEWER)
def banner() -> ResponseReturnValue:
    """Return the banner of services that are down; a page that shows one polls this."""
    return render_template("_troubles.html")


def _database_alive() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
