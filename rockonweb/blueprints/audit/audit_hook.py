"""The audit's line for every change by a page or the API, and the words in which the audit's page shows them.

Logins, operations and what concerns accounts write lines of their own, which say more. Everything else that was asked
for by POST and succeeded gets a line here, so that a new view can't forget it.
"""

from __future__ import annotations

from flask import Response, current_app, g, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from rockonweb.accounts import audit
from rockonweb.models import Operation, db, repository

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Pages of a form that is not sent yet (sending it begins an operation, which writes a line), and what concerns one
# browser alone.
UNRECORDED_ENDPOINTS = (
    "account.prepare",
    "install.begin",
    "install.submit",
    "settings.begin",
    "settings.submit",
    "settings.discard",
    "theme.choose",
    "language.choose",
)
ACTION_LABELS: dict[str, LazyString] = {
    "login.done": _l("logged in"),
    "login.failed": _l("failed to log in"),
    "login.code": _l("gave a wrong code at the login"),
    "login.ended": _l("logged out"),
    "password.wrong": _l("gave a wrong password to confirm something"),
    "session.ended": _l("ended a session"),
    "session.others": _l("ended all other sessions"),
    "user.added": _l("made an account"),
    "user.password": _l("set a password"),
    "user.role": _l("changed a role"),
    "user.removed": _l("removed an account"),
    "token.made": _l("made a token"),
    "token.revoked": _l("revoked a token"),
    "totp.on": _l("turned the second step on"),
    "totp.off": _l("turned the second step off"),
    "totp.codes": _l("made new recovery codes"),
    "totp.recovery": _l("logged in by a recovery code"),
    "secret.revealed": _l("had a secret shown"),
    "secret.hidden": _l("marked as a secret"),
    "secret.unhidden": _l("marked as no secret"),
    "secret.plan": _l("had a plan printed with its secrets"),
    "secret.answers": _l("had answers printed, with the secrets"),
    "secret.exported": _l("exported for Docker Compose with the secrets"),
    "operation.install": _l("installed"),
    "operation.uninstall": _l("uninstalled"),
    "operation.start": _l("started"),
    "operation.stop": _l("stopped"),
    "operation.restart": _l("restarted"),
    "operation.change": _l("changed settings or containers"),
    "operation.update": _l("updated"),
    "operation.action": _l("ran a task"),
    "operation.refresh": _l("refreshed the catalogue"),
    "operations.cancel": _l("cancelled an operation"),
    "operations.retry": _l("repeated an operation"),
    "metastores.add": _l("added a metastore"),
    "metastores.change": _l("changed a metastore"),
    "metastores.remove": _l("removed a metastore"),
    "definitions.create": _l("made a definition"),
    "definitions.change": _l("changed a definition"),
    "definitions.remove": _l("removed a definition"),
    "networks.make": _l("made a network"),
    "networks.change": _l("changed a network"),
    "networks.restore": _l("made a lost network again"),
    "networks.remove": _l("removed a network"),
    "shares.make": _l("made a share"),
    "shares.remove_aside": _l("removed data that lay aside"),
    "backup.make": _l("made a backup"),
    "backup.take": _l("took up a backup to restore"),
    "backup.begin": _l("began a restore"),
    "backup.forget": _l("dismissed a restore"),
    "backup.send_export": _l("exported for Docker Compose"),
    "images.remove": _l("removed images"),
    "notices.add": _l("made a notice"),
    "notices.change": _l("changed a notice"),
    "notices.remove": _l("removed a notice"),
    "notices.test": _l("sent a notice to try it"),
    "updates.look": _l("looked for newer images"),
    "updates.look_at": _l("looked for newer images"),
    "updates.take_all": _l("updated everything"),
    "updates.automatic": _l("changed automatic updates"),
    "openvpn.download": _l("downloaded a VPN client's file"),
}


def record_change(response: Response) -> Response:
    """Write a line for a change that succeeded, unless the view wrote one."""
    if request.method in SAFE_METHODS or response.status_code >= 400 or not request.endpoint or audit.was_recorded():
        return response
    if request.endpoint in UNRECORDED_ENDPOINTS or not (current_user.is_authenticated or "actor" in g):
        return response
    try:
        audit.record(request.endpoint, _describe_subject())
    except SQLAlchemyError as error:  # what was done is done, and its answer stays true
        current_app.logger.error("the audit has no line for %s: %s", request.endpoint, error)
    return response


def describe_action(action: str) -> str:
    """Return an action in plain words; one without words of its own by its name."""
    return str(ACTION_LABELS.get(action) or action.replace("rq_dashboard", "jobs").replace("_", " ").replace(".", ": "))


def _describe_subject() -> str:
    """Return the name of what was changed, as far as the address or the form says it."""
    view_args = dict(request.view_args or {})
    names = []
    if rockon_id := view_args.pop("rockon_id", None):
        installation = repository.find_installation(rockon_id)
        names.append(installation.name if installation else f"#{rockon_id}")
    if operation_id := view_args.pop("operation_id", None):
        operation = db.session.get(Operation, operation_id)
        names.append(
            f"{operation.installation.name if operation and operation.installation else ''} #{operation_id}".strip()
        )
    names += [f"#{value}" if isinstance(value, int) else str(value) for value in view_args.values()]
    return ", ".join(names or [request.form.get("name", "")])
