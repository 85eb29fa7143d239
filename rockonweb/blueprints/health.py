"""Health of the services: as JSON for monitoring, and as the banner on pages."""

from __future__ import annotations

import hmac

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from rockonweb.config import OWN_KEY_HEADER, own_request_key
from rockonweb.host import get_host
from rockonweb.models import Role, db
from rockonweb.web.permissions import allow_anonymous, require_role
from rockonweb.web.proxies import LOCAL_PEER
from rockonweb.work import heartbeat

blueprint = Blueprint("health", __name__)
ENGINE_STATUS = {True: "ok", False: "down", None: "unknown"}


@blueprint.get("/healthz")
@allow_anonymous
def healthz() -> ResponseReturnValue:
    """Return whether it serves: 503 only when the database or Redis is down. The state of each service is for those who
    are logged in, for this machine, and for this instance's own processes.
    """
    database, queue = _database_alive(), heartbeat.queue_alive()
    engine = heartbeat.engine_status().reachable if queue else None
    workers = heartbeat.count_workers() or 0
    serving = database and queue
    if not (_from_this_machine() or (database and current_user.is_authenticated)):
        return jsonify(status="ok" if serving else "error"), 200 if serving else 503
    status = "error" if not serving else "ok" if engine and workers else "degraded"
    return jsonify(
        status=status,
        database="ok" if database else "down",
        queue="ok" if queue else "down",
        docker=ENGINE_STATUS[engine],
        workers=workers,
        unseen=sorted(get_host().blind_spots),
    ), 200 if serving else 503


@blueprint.get("/banner")
@require_role(Role.VIEWER)
def banner() -> ResponseReturnValue:
    """Return the banner of services that are down; a page that shows one polls this."""
    return render_template("_troubles.html")


def _from_this_machine() -> bool:
    own_key = request.headers.get(OWN_KEY_HEADER, "")
    return bool(request.environ.get(LOCAL_PEER)) or hmac.compare_digest(
        own_key.encode(), own_request_key(str(current_app.secret_key)).encode()
    )


def _database_alive() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
