"""What a data snapshot has of an app, and restores of it: of one that is here, and of one that is not installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rockonweb.core.answers.answers import share_fault
from rockonweb.core.data_backup.repository import SETTINGS_FILE, SETTINGS_FOLDER
from rockonweb.core.data_backup.restic_output import DataSnapshot
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.formats.backup import Backup
from rockonweb.core.operations.requests import RestoreDataRequest
from rockonweb.core.plan.data_backup import data_paths
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import DataRepository, Installation, db, repository
from rockonweb.work import data_repositories, operations, restore


def newest_by_app(snapshots: Sequence[DataSnapshot]) -> dict[str, DataSnapshot]:
    """Return the newest snapshot of each app, by name; `snapshots` are the newest first."""
    newest: dict[str, DataSnapshot] = {}
    for snapshot in snapshots:
        newest.setdefault(snapshot.app, snapshot)
    return dict(sorted(newest.items(), key=lambda item: item[0].lower()))


def find_snapshot(row: DataRepository, app: str, start: str = "") -> DataSnapshot:
    """Return the newest snapshot of an app whose id begins so. Raises BadInput, RepositoryFailed."""
    for snapshot in data_repositories.list_snapshots(row, app):
        if snapshot.id.startswith(start):
            return snapshot
    raise BadInput(t("The data repository %(name)s has no such snapshot of %(app)s.", name=row.name, app=app))


def load_settings(row: DataRepository, snapshot: str) -> Backup:
    """Return the backup of the app's settings in a snapshot, with its secrets. Raises BadInput, RepositoryFailed."""
    access = row.access
    text = data_repositories.open_row(row).read_file(snapshot, f"{SETTINGS_FOLDER}/{SETTINGS_FILE}")
    return restore.read_backup(text.encode(), access.passphrase if access else "")


def saved_paths(settings: Backup) -> tuple[str, ...]:
    """Return the share paths whose data a snapshot with these settings has."""
    mounts = (mount for rockon in settings.rockons for _, mount in rockon.parse_answers().share_mounts)
    return data_paths(mounts)


def submit_restore(
    app: Installation, row: DataRepository, snapshot: str, user: str, paths: Sequence[str] = (), to: str = ""
) -> int:
    """Submit a restore of share paths, without any of all that the snapshot has; return the operation's id.

    They go to the places that they have, or, where `to` names a new share, there: then only one path. Raises BadInput,
    Conflict, RepositoryFailed.
    """
    chosen = [path.strip("/") for path in paths] or saved_paths(load_settings(row, snapshot))
    for path in (*chosen, *([to] if to else [])):
        if fault := share_fault(path, None):
            raise BadInput(fault)
    if to and ("/" in to or len(chosen) != 1):
        raise BadInput(
            t("Into a new share goes one share or one path."), t("Restore the others one by one: %(paths)s.",
                                                                paths=", ".join(chosen))
        )  # fmt: skip
    if not chosen:
        raise BadInput(t("Choose what is to be restored."))
    request = RestoreDataRequest(row.id, snapshot, {path: to or path for path in chosen})
    db.session.rollback()
    return operations.submit_operation(app, request, user)


def bring_back(row: DataRepository, snapshots: Mapping[str, str], user: str) -> tuple[int, list[int]]:
    """Bring back apps that are not installed, by name from these snapshots.

    Their data is restored by operations; returns the id of a restore of their settings, which waits for a person to
    review and start it, and the operations' ids. Raises BadInput, Conflict where one is installed, RepositoryFailed.
    """
    if not snapshots:
        raise BadInput(t("Choose at least one app."))
    merged, paths = Backup(), {}
    for name, snapshot in snapshots.items():
        installation = repository.find_installation_by_name(name)
        if installation and installation.is_installed:
            raise Conflict(t("%(name)s is installed here already.", name=name), t("Restore its data on its own page."))
        settings = load_settings(row, snapshot)
        paths[name] = saved_paths(settings)
        merged = replace(
            settings,
            rockons=(*merged.rockons, *settings.rockons),
            networks=tuple({spec.name: spec for spec in (*merged.networks, *settings.networks)}.values()),
            shares=tuple({share.name: share for share in (*merged.shares, *settings.shares)}.values()),
            sealed=None,
        )
    restore_id = restore.store_restore(merged, user)
    begun: list[int] = []
    taken: set[str] = set()
    for rockon in merged.rockons:
        installation = restore.ensure_installation(rockon, ())
        # What is here already stays, and what another one of them brings comes once.
        places = {path: path for path in paths[rockon.name] if path not in taken and _is_free(path)}
        taken.update(places)
        if places:
            request = RestoreDataRequest(row.id, snapshots[rockon.name], places)
            begun.append(operations.submit_operation(installation, request, user))
    return restore_id, begun


def _is_free(path: str) -> bool:
    """Whether there is nothing at a share path, or an empty folder."""
    host = get_host()
    return not host.data_folders.exists(path) or host.shares.inspect_path(path).empty
