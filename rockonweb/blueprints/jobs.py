"""The page of the job queue: RQ's own dashboard, for owners only."""

from __future__ import annotations

import re

import rq_dashboard
from flask import Flask, Response, abort, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import generate_csrf
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from werkzeug.exceptions import MethodNotAllowed

from rockonweb.models import Role
from rockonweb.web import error_pages
from rockonweb.web.permissions import require_role
from rockonweb.work import queue

PREFIX = "/jobs"
# A looser policy: the dashboard has inline scripts, and templates that are compiled in the browser.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


# Its templates insert job data unescaped: `<%= x %>`; `<%- x %>` escapes it.
_UNESCAPED = re.compile(r"<%= (?=d\.|jobId|JSON)")


def mount_dashboard(app: Flask) -> None:
    """Mount the dashboard and require the role owner for each of its views."""
    app.register_blueprint(rq_dashboard.blueprint, url_prefix=PREFIX)
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith("rq_dashboard."):
            app.view_functions[endpoint] = require_role(Role.OWNER)(view)
    # Replaces its own hook, which opens a new connection for each request.
    app.before_request_funcs["rq_dashboard"] = [require_role(Role.OWNER)(_guard_dashboard)]
    app.after_request_funcs.setdefault("rq_dashboard", []).append(_secure_response)
    app.register_error_handler(NoSuchJobError, _handle_missing_job)
    app.register_error_handler(InvalidJobOperation, _handle_invalid_operation)


def _guard_dashboard() -> None:
    """Refuse the dashboard's state-changing GET, which a link could trigger; give it the queue's connection."""
    if request.method != "POST" and request.endpoint == "rq_dashboard.requeue_all":
        raise MethodNotAllowed(["POST"])
    if (request.view_args or {}).get("instance_number", 0) > 0:
        abort(404)
    current_app.redis_conn = queue.redis_connection()  # type: ignore[attr-defined]
    g.dashboard = True


def _secure_response(response: Response) -> Response:
    """Set the looser policy on these pages only, and the CSRF cookie, which the dashboard's script returns in POSTs.

    Job data (descriptions, exceptions) is escaped, since scripts in it would run under this policy.
    """
    if "dashboard" not in g:  # refused before it reached the dashboard
        return response
    if response.mimetype == "text/html":
        response.set_data(_UNESCAPED.sub("<%- ", response.get_data(as_text=True)))
    response.headers["Content-Security-Policy"] = POLICY
    response.set_cookie("_csrf_token", generate_csrf(), path=PREFIX, samesite="Strict", secure=request.is_secure)
    return response


def _handle_missing_job(_error: NoSuchJobError) -> ResponseReturnValue:
    return error_pages.render_error(
        404, _("This job is not in the queue or no longer exists."), _("Results are kept for a day.")
    )


def _handle_invalid_operation(_error: InvalidJobOperation) -> ResponseReturnValue:
    return error_pages.render_error(409, _("This is not possible in the job's current state."), _("Reload the page."))
