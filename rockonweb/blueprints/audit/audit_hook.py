"""An audit entry for every change through pages or API, and the labels of actions on the audit page.

Logins, operations and changes to accounts write entries of their own with more details. Every other POST that succeeded
gets an entry here, so that a new view can't forget it.
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
# Drafts of forms (submitting one starts an operation, which writes an entry), and preferences of one browser.
UNRECORDED_ENDPOINTS = (
    "account.prepare",
    "api.import_source",  # saving writes an entry of its own
    "imports.submit",
    "install.begin",
    "install.submit",
    "rockstor.read",
    "settings.begin",
    "settings.submit",
    "settings.discard",
    "theme.choose",
    "language.choose",
)
ACTION_LABELS: dict[str, LazyString] = {
    "login.done": _l("logged in"),
    "login.failed": _l("failed to log in"),
    "login.code": _l("entered a wrong code at login"),
    "login.ended": _l("logged out"),
    "password.wrong": _l("entered a wrong password to confirm an action"),
    "session.ended": _l("ended a session"),
    "session.others": _l("ended all other sessions"),
    "user.added": _l("created an account"),
    "user.password": _l("set a password"),
    "user.role": _l("changed a role"),
    "user.removed": _l("removed an account"),
    "token.made": _l("created a token"),
    "token.revoked": _l("revoked a token"),
    "totp.on": _l("turned on two-factor authentication"),
    "totp.off": _l("turned off two-factor authentication"),
    "totp.codes": _l("created new recovery codes"),
    "totp.recovery": _l("logged in with a recovery code"),
    "secret.revealed": _l("viewed a secret"),
    "secret.hidden": _l("marked as a secret"),
    "secret.unhidden": _l("marked as not a secret"),
    "secret.plan": _l("printed a plan with its secrets"),
    "secret.answers": _l("printed answers with the secrets"),
    "secret.exported": _l("exported with the secrets"),
    "operation.install": _l("installed"),
    "operation.uninstall": _l("uninstalled"),
    "operation.start": _l("started"),
    "operation.stop": _l("stopped"),
    "operation.restart": _l("restarted"),
    "operation.change": _l("changed settings or containers"),
    "operation.update": _l("updated"),
    "operation.rehearse": _l("rehearsed"),
    "operation.action": _l("ran a task"),
    "operation.refresh": _l("refreshed the catalogue"),
    "operation.create_network": _l("created a network"),
    "operation.change_network": _l("changed a network"),
    "operation.remove_network": _l("removed a network"),
    "operation.backup_data": _l("backed up data"),
    "operation.restore_data": _l("restored data"),
    "operations.cancel": _l("cancelled an operation"),
    "operations.retry": _l("repeated an operation"),
    "metastores.add": _l("added a metastore"),
    "metastores.change": _l("changed a metastore"),
    "metastores.remove": _l("removed a metastore"),
    "metastores.schedule": _l("changed how often the catalogue is refreshed"),
    "imports.save": _l("imported an app"),
    "definitions.create": _l("created a definition"),
    "definitions.change": _l("changed a definition"),
    "definitions.remove": _l("removed a definition"),
    "networks.make": _l("created a network"),
    "networks.change": _l("changed a network"),
    "networks.restore": _l("recreated a missing network"),
    "networks.remove": _l("removed a network"),
    "shares.make": _l("created a share"),
    "shares.confirm": _l("confirmed a share"),
    "api.confirm_share": _l("confirmed a share"),
    "shares.remove_aside": _l("removed data kept from before a rollback"),
    "data_backups.add": _l("added a data repository"),
    "data_backups.change": _l("changed a data repository"),
    "data_backups.check": _l("checked a data repository"),
    "data_backups.unlock": _l("unlocked a data repository"),
    "data_backups.remove": _l("removed a data repository"),
    "data_backups.plan": _l("changed how an app's data is backed up"),
    "data_backups.bring_back": _l("brought apps back from a data repository"),
    "backup.make": _l("created a backup"),
    "backup.take": _l("uploaded a backup to restore"),
    "backup.begin": _l("started a restore"),
    "backup.forget": _l("discarded a restore"),
    "backup.send_export": _l("exported"),
    "images.remove": _l("removed images"),
    "notices.add": _l("added a notification"),
    "notices.change": _l("changed a notification"),
    "notices.remove": _l("removed a notification"),
    "notices.test": _l("sent a test notification"),
    "registries.save": _l("saved the login for a registry"),
    "registries.test": _l("tested the login for a registry"),
    "registries.remove": _l("removed the login for a registry"),
    "maintenance.begin": _l("began maintenance"),
    "maintenance.end": _l("ended maintenance"),
    "rockon.watch": _l("changed how an app is watched"),
    "api.watch": _l("changed how an app is watched"),
    "updates.look": _l("checked for updates"),
    "updates.look_at": _l("checked for updates"),
    "updates.take_all": _l("updated everything"),
    "updates.automatic": _l("changed automatic updates"),
    **dict.fromkeys(("adoption.watch", "api.watch_container"), _l("watched containers of others")),
    "adoption.unwatch": _l("stopped watching containers of others"),
    **dict.fromkeys(("rockstor.take", "api.move_from_rockstor"), _l("took over rock-ons of Rockstor")),
    **dict.fromkeys(("rockons.settle_old", "api.settle_old"), _l("decided on the containers before an adoption")),
    "container.remove_old": _l("removed the containers before an adoption"),
    "openvpn.download": _l("downloaded a VPN client profile"),
}


def record_change(response: Response) -> Response:
    """Write an audit entry for a change that succeeded, unless the view wrote one; an `after_request` function."""
    if request.method in SAFE_METHODS or response.status_code >= 400 or not request.endpoint or audit.was_recorded():
        return response
    if request.endpoint in UNRECORDED_ENDPOINTS or not (current_user.is_authenticated or "actor" in g):
        return response
    try:
        audit.record(request.endpoint, _describe_subject())
    except SQLAlchemyError as error:  # the change itself was made, so its response stays valid
        current_app.logger.error("the audit has no line for %s: %s", request.endpoint, error)
    return response


def describe_action(action: str) -> str:
    """Return the label of an action, derived from its name where it has none."""
    return str(ACTION_LABELS.get(action) or action.replace("rq_dashboard", "jobs").replace("_", " ").replace(".", ": "))


def _describe_subject() -> str:
    """Return the names of what was changed, as far as the URL or the form has them."""
    view_args = dict(request.view_args or {})
    names = []
    if rockon_id := view_args.pop("rockon_id", None):
        installation = repository.find_installation(rockon_id)
        names.append(installation.name if installation else f"#{rockon_id}")
    if operation_id := view_args.pop("operation_id", None):
        operation = db.session.get(Operation, operation_id)
        names.append(f"{operation.subject if operation else ''} #{operation_id}".strip())
    names += [f"#{value}" if isinstance(value, int) else str(value) for value in view_args.values()]
    return ", ".join(names or [request.form.get("name", "")])
