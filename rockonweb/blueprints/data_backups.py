"""Backups of apps' data: their repositories and schedules, what is in them, and restores."""

from __future__ import annotations

from flask import abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.core.data_backup.repository import SETTINGS_FOLDER, restore_commands, shown_url
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.forms.data_backup import (
    AS_DEFAULT,
    AppDataForm,
    NewRepositoryForm,
    RepositorySettingsForm,
    RestoreDataForm,
)
from rockonweb.languages import translate
from rockonweb.models import DataRepository, Installation, Role, db, repository
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view
from rockonweb.web.rockon_page import installed_or_404
from rockonweb.work import data_repositories, data_restores, data_schedule, queue

blueprint = RoleBlueprint("data_backups", __name__, Role.OWNER, url_prefix="/data-backups")
CHECK_JOB = "rockonweb.jobs.check_data_repository"


@blueprint.get("")
def index() -> str:
    """List the apps with their last data backup, and the repositories."""
    return render_template(
        "data_backups/index.html",
        statuses=data_schedule.list_statuses(),
        repositories=data_repositories.list_repositories(),
        shown_url=shown_url,
    )


# -- repositories -----------------------------------------------------------------------------------------------------


@blueprint.get("/repositories/new")
def add_form() -> str:
    """Show the form to add a repository."""
    return render_template("data_backups/new.html", form=NewRepositoryForm.blank(), fault=None)


@blueprint.post("/repositories/new")
def add() -> ResponseReturnValue:
    """Add a repository, and show its passphrase once."""
    form = NewRepositoryForm()
    if not form.validate():
        return render_template("data_backups/new.html", form=form, fault=None), 422
    try:
        row, passphrase = data_repositories.add_repository(form.settings(form.url.data, form.passphrase.data or ""))
    except RockonwebError as error:
        return render_template("data_backups/new.html", form=form, fault=error), 422
    return render_template(
        "data_backups/passphrase.html", repository=row, passphrase=passphrase, commands=restore_commands(row.url)
    )


@blueprint.get("/repositories/<int:repository_id>")
def show(repository_id: int) -> str:
    """Show a repository: its settings, and the apps whose data is in it."""
    row = _get_repository(repository_id)
    return _render_repository(row, RepositorySettingsForm.for_row(row))


@blueprint.post("/repositories/<int:repository_id>")
def change(repository_id: int) -> ResponseReturnValue:
    """Store other settings of a repository."""
    row, form = _get_repository(repository_id), RepositorySettingsForm()
    if not form.validate():
        return _render_repository(row, form), 422
    try:
        data_repositories.change_repository(repository_id, form.settings())
    except BadInput as error:
        return _render_repository(row, form, error), 422
    flash(_("Saved."), "success")
    return redirect_to_view("data_backups.show", repository_id=repository_id)


@blueprint.post("/repositories/<int:repository_id>/check")
def check(repository_id: int) -> ResponseReturnValue:
    """Check a whole repository in the background."""
    _get_repository(repository_id)
    queue.enqueue_job(CHECK_JOB, repository_id, job_id=f"check-data-repository-{repository_id}")
    flash(_("The repository is being checked. Its page says what was found."), "success")
    return redirect_to_view("data_backups.show", repository_id=repository_id)


@blueprint.post("/repositories/<int:repository_id>/unlock")
def unlock(repository_id: int) -> ResponseReturnValue:
    """Remove the locks that ended programs have left."""
    data_repositories.unlock_repository(_get_repository(repository_id))
    flash(_("Locks of programs that have ended were removed."), "success")
    return redirect_to_view("data_backups.show", repository_id=repository_id)


@blueprint.get("/repositories/<int:repository_id>/remove")
def confirm_remove(repository_id: int) -> str:
    """Ask for confirmation before a repository is forgotten."""
    row = _get_repository(repository_id)
    return render_template("data_backups/remove.html", repository=row, address=shown_url(row.url))


@blueprint.post("/repositories/<int:repository_id>/remove")
def remove(repository_id: int) -> ResponseReturnValue:
    """Forget a repository."""
    name = data_repositories.remove_repository(_get_repository(repository_id).id)
    flash(_("%(name)s was removed here; what is in it stays there.", name=name), "success")
    return redirect_to_view("data_backups.index")


@blueprint.post("/repositories/<int:repository_id>/bring-back")
def bring_back(repository_id: int) -> ResponseReturnValue:
    """Restore the data of apps that are not installed, and go on to the review of their settings."""
    row = _get_repository(repository_id)
    newest = data_restores.newest_by_app(data_repositories.list_snapshots(row))
    chosen = {name: newest[name].id for name in request.form.getlist("app") if name in newest}
    restore_id, _operations = data_restores.bring_back(row, chosen, current_user.name)
    flash(_("The data is being restored. Wait for it before you start the restore of the apps here."), "success")
    return redirect_to_view("backup.show", restore_id=restore_id)


# -- apps -------------------------------------------------------------------------------------------------------------


@blueprint.get("/apps/<int:rockon_id>")
def show_app(rockon_id: int) -> str:
    """Show how the data of an app is backed up, with its snapshots."""
    app = installed_or_404(rockon_id)
    status = data_schedule.find_status(app)
    backup = status.backup
    form = AppDataForm(
        repository=(backup.repository_id if backup else None) or AS_DEFAULT,
        hours=AS_DEFAULT if backup is None or backup.hours is None else backup.hours,
        live=status.live,
    )
    return _render_app(app, form)


@blueprint.post("/apps/<int:rockon_id>")
def plan(rockon_id: int) -> ResponseReturnValue:
    """Store how the data of an app is backed up."""
    app = installed_or_404(rockon_id)
    form = AppDataForm().with_repositories(data_repositories.list_repositories())
    if not form.validate():
        return _render_app(app, form), 422
    chosen, hours = form.repository.data, form.hours.data
    data_schedule.choose_plan(
        app, None if chosen == AS_DEFAULT else chosen, None if hours == AS_DEFAULT else hours, live=form.live.data
    )
    flash(_("Saved."), "success")
    return redirect_to_view("data_backups.show_app", rockon_id=rockon_id)


@blueprint.post("/apps/<int:rockon_id>/back-up")
def back_up(rockon_id: int) -> ResponseReturnValue:
    """Back up the data of an app now."""
    operation_id = data_schedule.submit_backup(installed_or_404(rockon_id), current_user.name)
    return redirect_to_view("operations.show", operation_id=operation_id)


@blueprint.get("/apps/<int:rockon_id>/snapshots/<int:repository_id>/<snapshot>")
def browse(rockon_id: int, repository_id: int, snapshot: str) -> str:
    """Show a folder of a snapshot, with the form to restore it."""
    return _render_folder(rockon_id, repository_id, snapshot, RestoreDataForm(formdata=None))


@blueprint.post("/apps/<int:rockon_id>/snapshots/<int:repository_id>/<snapshot>")
def restore(rockon_id: int, repository_id: int, snapshot: str) -> ResponseReturnValue:
    """Restore a path of a snapshot."""
    app, row, form = installed_or_404(rockon_id), _get_repository(repository_id), RestoreDataForm()
    if form.place.data == "beside" and not form.share.data:
        form.share.errors = [_("Enter a name for the new share.")]
        return _render_folder(rockon_id, repository_id, snapshot, form), 422
    to = form.share.data if form.place.data == "beside" else ""
    try:
        operation_id = data_restores.submit_restore(
            app, row, _snapshot_id(snapshot), current_user.name, [form.path.data] if form.path.data else [], to
        )
    except BadInput as error:
        form.share.errors = [translate(error.message_with_hint)]
        return _render_folder(rockon_id, repository_id, snapshot, form), 422
    return redirect_to_view("operations.show", operation_id=operation_id)


def _get_repository(repository_id: int) -> DataRepository:
    return db.get_or_404(DataRepository, repository_id)


def _snapshot_id(snapshot: str) -> str:
    return snapshot if snapshot.isalnum() and snapshot.isascii() else abort(404)


def _render_repository(row: DataRepository, form: RepositorySettingsForm, fault: BadInput | None = None) -> str:
    repository_id = row.id
    trouble, newest = None, {}
    try:
        newest = data_restores.newest_by_app(data_repositories.list_snapshots(row))
    except RockonwebError as error:
        trouble = error
    apps = {name: app for name in newest if (app := repository.find_installation_by_name(name)) and app.is_installed}
    row = _get_repository(repository_id)
    return render_template(
        "data_backups/show.html",
        repository=row,
        address=shown_url(row.url),
        form=form,
        fault=fault,
        trouble=trouble,
        newest=newest,
        apps=apps,
        commands=restore_commands(row.url),
    )


def _render_app(app: Installation, form: AppDataForm) -> str:
    app_id, name = app.id, app.name
    status = data_schedule.find_status(app)
    snapshots, trouble = [], None
    if status.repository:
        try:
            snapshots = data_repositories.list_snapshots(status.repository, name)
        except RockonwebError as error:
            trouble = error
    app = installed_or_404(app_id)
    return render_template(
        "data_backups/app.html",
        rockon=app,
        status=data_schedule.find_status(app),
        form=form.with_repositories(data_repositories.list_repositories()),
        snapshots=snapshots,
        trouble=trouble,
    )


def _render_folder(rockon_id: int, repository_id: int, snapshot: str, form: RestoreDataForm) -> str:
    row, snapshot_id = _get_repository(repository_id), _snapshot_id(snapshot)
    folder = (form.path.data if request.method == "POST" else request.args.get("folder", "")).strip("/")
    files = data_repositories.list_folder(row, snapshot_id, folder)
    form.path.data = folder
    return render_template(
        "data_backups/folder.html",
        rockon=installed_or_404(rockon_id),
        repository_id=repository_id,
        snapshot=snapshot_id,
        folder=folder,
        files=[file for file in files if file.path != SETTINGS_FOLDER],
        is_full=len(files) >= data_repositories.MAX_ENTRIES,
        form=form,
    )
