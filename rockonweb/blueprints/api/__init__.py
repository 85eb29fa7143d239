"""Rockstor's JSON API for rock-ons: its URLs, bodies and field names, on the same functions as the pages."""

from __future__ import annotations

import time
from typing import NoReturn

from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.blueprints.api import actions, data_bodies, envelope, fields, host_fields, login
from rockonweb.blueprints.api.registry_fields import registry_fields, save_from_body
from rockonweb.core.errors import BadInput, EngineError, RockonwebError
from rockonweb.core.operations.requests import UninstallRequest, blank_request
from rockonweb.host import get_host
from rockonweb.models import (
    DataRepository,
    Installation,
    Kind,
    Operation,
    Progress,
    RefreshReport,
    RegistryLogin,
    Role,
    User,
    db,
    maintenance_until,
    repository,
)
from rockonweb.web import api_errors, error_pages
from rockonweb.web.extensions import csrf
from rockonweb.web.permissions import require_role
from rockonweb.work import (
    data_repositories,
    data_restores,
    data_schedule,
    kept_containers,
    known_shares,
    operations,
    registry_logins,
    watched,
)
from rockonweb.work.adoption import describe_unmanaged
from rockonweb.work.data_descriptions import describe_repository, describe_snapshot, describe_status
from rockonweb.work.episodes import set_watching
from rockonweb.work.maintenance import set_maintenance
from rockonweb.work.rehearsal import rehearse_update

blueprint = Blueprint("api", __name__, url_prefix="/api")
csrf.exempt(blueprint)  # `login.require_api_role` checks the CSRF token where a browser's session is used

REFRESH_SECONDS = 600
POLL_SECONDS = 0.3


@blueprint.get("", strict_slashes=False)
@require_role(Role.VIEWER)
def guide() -> str:
    """Show the guide to the API."""
    return render_template("api/index.html", address=request.host_url.rstrip("/"))


@blueprint.get("/rockons", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def index(_account: User) -> ResponseReturnValue:
    """List the rock-ons."""
    return envelope.paginate(fields.count_rockons(), fields.list_rockon_fields)


@blueprint.post("/rockons/update", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def refresh(account: User) -> ResponseReturnValue:
    """Refresh the catalogue and wait for the end, `REFRESH_SECONDS` at most; return the report."""
    operation = _wait_for_operation(operations.submit_refresh(account.name))
    if operation.is_active:
        message = _("The refresh has not ended within %(n)s seconds.", n=REFRESH_SECONDS)
        return api_errors.api_error(
            503, message, _("It is still running: /operations/%(id)s shows its progress.", id=operation.id)
        )
    if operation.progress is not Progress.DONE:
        return api_errors.api_error(503, operation.error or _("The refresh was cancelled."), operation.hint)
    report = RefreshReport.load_latest(db.session())
    return jsonify(report.report_data if report else {})


@blueprint.get("/rockons/<int:rockon_id>", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def show(_account: User, rockon_id: int) -> ResponseReturnValue:
    """Show one rock-on."""
    return _rockon_response(rockon_id)


@blueprint.post("/rockons/<int:rockon_id>/install", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def install(account: User, rockon_id: int) -> ResponseReturnValue:
    """Submit an install."""
    actions.submit_api_install(_get_installation(rockon_id), request.get_data(), account.name)
    return _rockon_response(rockon_id)


@blueprint.post("/rockons/<int:rockon_id>/update", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def update(account: User, rockon_id: int) -> ResponseReturnValue:
    """Submit a change of settings."""
    actions.submit_api_change(_get_installation(rockon_id), request.get_data(), account.name)
    return _rockon_response(rockon_id)


@blueprint.post("/rockons/<int:rockon_id>/<any(start, stop, restart):kind>", strict_slashes=False)
@login.require_api_role(Role.OPERATOR)
def act(account: User, rockon_id: int, kind: str) -> ResponseReturnValue:
    """Submit a start, stop or restart; the body is ignored, as in Rockstor."""
    operations.submit_operation(_get_installation(rockon_id), blank_request(Kind(kind)), account.name)
    return _rockon_response(rockon_id)


@blueprint.post("/rockons/<int:rockon_id>/rehearse", strict_slashes=False)
@login.require_api_role(Role.OPERATOR)
def rehearse(account: User, rockon_id: int) -> ResponseReturnValue:
    """Submit the rehearsal of an update, with "copy" in the body true also where shares have to be copied."""
    installation = _get_installation(rockon_id)
    rehearse_update(installation, account.name, **actions.read_switches(request.get_data(), "copy"))
    return show_rehearsal(rockon_id)


@blueprint.get("/rockons/<int:rockon_id>/rehearsal", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def show_rehearsal(_account: User, rockon_id: int) -> ResponseReturnValue:
    """Show the last rehearsal of an update; null where there is none."""
    return jsonify(fields.rehearsal_fields(_get_installation(rockon_id)))


@blueprint.post("/rockons/<int:rockon_id>/uninstall", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def uninstall(account: User, rockon_id: int) -> ResponseReturnValue:
    """Submit an uninstall."""
    operations.submit_operation(_get_installation(rockon_id), UninstallRequest(), account.name)
    return _rockon_response(rockon_id)


@blueprint.get(f"/rockons/<any({', '.join(fields.FIELD_LISTERS)}):part>/<int:rockon_id>", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def settings(_account: User, part: str, rockon_id: int) -> ResponseReturnValue:
    """List one kind of a rock-on's settings; `part` is a key of `FIELD_LISTERS`."""
    return envelope.paginate_list(fields.FIELD_LISTERS[part](_get_installation(rockon_id)))


@blueprint.get("/rockons/docker/containers/<int:rockon_id>", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def containers(_account: User, rockon_id: int) -> ResponseReturnValue:
    """List the containers of a rock-on."""
    return envelope.paginate_list(fields.container_fields(_get_installation(rockon_id)))


@blueprint.post("/rockons/<int:rockon_id>/watch", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def watch(_account: User, rockon_id: int) -> ResponseReturnValue:
    """Store whether a rock-on is restarted automatically when it is down, and whether its page is asked."""
    switches = actions.read_switches(request.get_data(), "mend", "ask_page")
    set_watching(_get_installation(rockon_id).id, **switches)
    return _rockon_response(rockon_id)


@blueprint.post("/import", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def import_source(_account: User) -> ResponseReturnValue:
    """Import an app, or with `dry_run` only say what it would be."""
    return jsonify(actions.import_from_body(request.get_data()))


@blueprint.get("/maintenance", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def show_maintenance(_account: User) -> ResponseReturnValue:
    """Return until when maintenance lasts; null where there is none."""
    until = maintenance_until()
    return jsonify({"until": until.isoformat(timespec="seconds") if until else None})


@blueprint.post("/maintenance", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def maintain(account: User) -> ResponseReturnValue:
    """Begin maintenance for the minutes of the body, 0 to end it."""
    set_maintenance(actions.read_minutes(request.get_data()), account.name)
    return show_maintenance()


@blueprint.get("/shares", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def shares(_account: User) -> ResponseReturnValue:
    """List the shares, by name."""
    names = get_host().shares.shares_by_name()
    return envelope.paginate(len(names), host_fields.list_share_fields)


@blueprint.post("/shares/<name>/confirm", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def confirm_share(_account: User, name: str) -> ResponseReturnValue:
    """Take the folder that is there now as the share that apps have used; list the shares."""
    if name not in get_host().shares.shares_by_name():
        abort(api_errors.api_error(404, _('The share "%(share)s" does not exist.', share=name)))
    known_shares.confirm_share(name)
    return shares()


@blueprint.get("/pools", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def pools(_account: User) -> ResponseReturnValue:
    """List the disks that hold the shares."""
    return envelope.paginate_list(host_fields.list_pool_fields())


@blueprint.get("/network", strict_slashes=False)
@blueprint.get("/network/connections", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def networks(_account: User) -> ResponseReturnValue:
    """List Docker's networks; Rockstor has the same list at both paths."""
    return envelope.paginate_list(host_fields.list_network_fields())


@blueprint.get("/registries", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def registries(_account: User) -> ResponseReturnValue:
    """List the logins for registries."""
    return envelope.paginate_list([registry_fields(row) for row in registry_logins.list_logins()])


@blueprint.post("/registries", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def save_registry_login(_account: User) -> ResponseReturnValue:
    """Store a login for a registry and test it."""
    return jsonify(registry_fields(save_from_body(request.get_data())))


@blueprint.post("/registries/<int:login_id>/test", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def check_registry_login(_account: User, login_id: int) -> ResponseReturnValue:
    """Test a login for a registry."""
    return jsonify(registry_fields(registry_logins.check_login(db.get_or_404(RegistryLogin, login_id))))


@blueprint.post("/registries/<int:login_id>/remove", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def remove_registry_login(_account: User, login_id: int) -> ResponseReturnValue:
    """Remove a login for a registry."""
    return jsonify(host=registry_logins.remove_login(db.get_or_404(RegistryLogin, login_id)))


@blueprint.get("/containers", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def unmanaged_containers(_account: User) -> ResponseReturnValue:
    """List the containers that no app has, and that can be adopted, by group."""
    return envelope.paginate_list(describe_unmanaged())


@blueprint.post("/containers/<container>/watch", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def watch_container(_account: User, container: str) -> ResponseReturnValue:
    """Watch a container of others, or with "watch" in the body false no longer."""
    is_on = actions.read_switches(request.get_data(), "watch").get("watch", True)
    (watched.watch_container if is_on else watched.stop_watching)(container)
    return jsonify([vars(status) for status in watched.list_watched()])


@blueprint.post("/rockstor", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def move_from_rockstor(account: User) -> ResponseReturnValue:
    """List the rock-ons of Rockstor that run here or are in the backup of the body, and take over those it names."""
    return jsonify(actions.move_from_body(request.get_data(), account.name))


@blueprint.post("/rockons/<int:rockon_id>/old", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def settle_old(account: User, rockon_id: int) -> ResponseReturnValue:
    """Remove the containers whose place an app has taken, now or after some days, or go back to them."""
    kept_containers.settle(_get_installation(rockon_id), user=account.name, **actions.read_old(request.get_data()))
    return _rockon_response(rockon_id)


@blueprint.get("/data-backups", strict_slashes=False)
@login.require_api_role(Role.VIEWER)
def data_backups(_account: User) -> ResponseReturnValue:
    """List how the data of each installed app is backed up."""
    return envelope.paginate_list([describe_status(status) for status in data_schedule.list_statuses()])


@blueprint.get("/data-repositories", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def list_data_repositories(_account: User) -> ResponseReturnValue:
    """List the data repositories."""
    return envelope.paginate_list([describe_repository(row) for row in data_repositories.list_repositories()])


@blueprint.post("/data-repositories", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def add_data_repository(_account: User) -> ResponseReturnValue:
    """Add a data repository; the answer has its passphrase, which is told nowhere else."""
    row, passphrase = data_repositories.add_repository(data_bodies.read_repository(request.get_data()))
    return jsonify(describe_repository(row) | {"passphrase": passphrase})


@blueprint.get("/data-repositories/<int:repository_id>/snapshots", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def data_snapshots(_account: User, repository_id: int) -> ResponseReturnValue:
    """List the snapshots of apps in a data repository, the newest first."""
    snapshots = data_repositories.list_snapshots(db.get_or_404(DataRepository, repository_id))
    return envelope.paginate_list([describe_snapshot(snapshot) for snapshot in snapshots])


@blueprint.post("/rockons/<int:rockon_id>/data-backup", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def back_up_data(account: User, rockon_id: int) -> ResponseReturnValue:
    """Submit a backup of an app's data."""
    repository_id, live = data_bodies.read_backup_choices(request.get_data())
    operation_id = data_schedule.submit_backup(_get_installation(rockon_id), account.name, repository_id, live)
    return jsonify(operation=operation_id)


@blueprint.post("/rockons/<int:rockon_id>/data-restore", strict_slashes=False)
@login.require_api_role(Role.OWNER)
def restore_data(account: User, rockon_id: int) -> ResponseReturnValue:
    """Submit a restore of an app's data."""
    app = _get_installation(rockon_id)
    repository_id, snapshot, paths, to = data_bodies.read_restore_choices(request.get_data())
    row = db.get_or_404(DataRepository, repository_id)
    return jsonify(operation=data_restores.submit_restore(app, row, snapshot, account.name, paths, to))


@blueprint.after_request
def forbid_caching(response: Response) -> Response:
    """Forbid caching what only an account may read."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@blueprint.errorhandler(RockonwebError)
def render_api_error(error: RockonwebError) -> Response:
    """Return an error as JSON; unlike on the pages, bad input is 400 and an error of Docker 503."""
    status = (
        400
        if isinstance(error, BadInput)
        else 503
        if isinstance(error, EngineError)
        else error_pages.http_status_of(error)
    )
    return api_errors.error_to_response(status, error)


def _get_installation(rockon_id: int) -> Installation:
    return repository.find_installation(rockon_id) or _abort_unknown_rockon(rockon_id)


def _rockon_response(rockon_id: int) -> ResponseReturnValue:
    return jsonify(fields.find_rockon_fields(rockon_id) or _abort_unknown_rockon(rockon_id))


def _abort_unknown_rockon(rockon_id: int) -> NoReturn:
    abort(api_errors.api_error(404, _('There is no rock-on with the id "%(id)s".', id=rockon_id)))


def _wait_for_operation(operation_id: int) -> Operation:
    """Return an operation when it has ended, or still active after `REFRESH_SECONDS`."""
    until = time.monotonic() + REFRESH_SECONDS
    while (operation := db.session.get_one(Operation, operation_id)).is_active and time.monotonic() < until:
        db.session.rollback()
        time.sleep(POLL_SECONDS)
    return operation
