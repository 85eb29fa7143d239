"""Data repositories: kept, opened, checked and looked into. Their passphrases are in no command line and no log."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import select

from rockonweb.accounts import audit
from rockonweb.core.data_backup.repository import (
    OWN_TAG,
    RepositoryAccess,
    Retention,
    parse_environment,
    parse_url,
)
from rockonweb.core.data_backup.restic_output import DataSnapshot, NoRepository, RepositoryFailed, SavedFile
from rockonweb.core.data_backup.schedule import BackupSchedule
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.text import t
from rockonweb.host import ResticRepository, Waiter, get_host
from rockonweb.models import DataRepository, db, transaction, utc_now
from rockonweb.work.backup_encryption import MIN_PASSPHRASE_LENGTH

PASSPHRASE_WORDS, LETTERS = 6, "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike
MAX_ENTRIES = 1000  # of a folder of a snapshot that are listed


@dataclass(frozen=True)
class RepositorySettings:
    """What a person says of a repository. A blank passphrase: one is made, or the stored one stays."""

    name: str
    url: str
    passphrase: str = ""
    environment: str = ""  # lines NAME=VALUE
    upload_limit: int = 0
    all_apps: bool = True
    schedule: BackupSchedule = field(default_factory=BackupSchedule)
    retention: Retention = field(default_factory=Retention)


def list_repositories() -> list[DataRepository]:
    """Return all repositories, by name."""
    return list(db.session.scalars(select(DataRepository).order_by(DataRepository.name)))


def find_repository(name: str) -> DataRepository:
    """Return the repository of this name; the only one for a blank name. Raises BadInput."""
    rows = list_repositories()
    match = next((row for row in rows if row.name == name), rows[0] if not name and len(rows) == 1 else None)
    if match is None:
        names = ", ".join(row.name for row in rows)
        raise BadInput(
            t("There is no data repository %(name)s.", name=name) if name else t("Name a data repository."),
            t("There are: %(names)s.", names=names) if names else t("Add one first."),
        )
    return match


def add_repository(settings: RepositorySettings) -> tuple[DataRepository, str]:
    """Create a repository at its address, or take the one that is there if the passphrase opens it.

    Returns it and its passphrase, to be shown once. Raises BadInput, RepositoryFailed.
    """
    _check_name(settings.name)
    if any(row.name == settings.name for row in list_repositories()):
        raise BadInput(t("There is already a data repository %(name)s.", name=settings.name))
    if settings.passphrase and (
        len(settings.passphrase) < MIN_PASSPHRASE_LENGTH or not settings.passphrase.isprintable()
    ):
        raise BadInput(t("Use at least %(count)s characters, in one line.", count=MIN_PASSPHRASE_LENGTH))
    passphrase = settings.passphrase or make_passphrase()
    access = RepositoryAccess(parse_url(settings.url), passphrase, parse_environment(settings.environment))
    host = get_host()
    host.restic_version()
    if access.url.startswith("/") and host.own_container and not host.own_container.has_mounted(access.url):
        raise BadInput(
            t("%(path)s is inside Rockonweb's container only, and goes with it.", path=access.url),
            t("Mount the folder into the container at the same path first."),
        )
    db.session.rollback()
    opened = host.open_repository(access)
    uid = _create_or_open(opened, is_new_passphrase=not settings.passphrase)
    if taken := next((row.name for row in list_repositories() if row.uid == uid), None):
        raise BadInput(t("This repository is known already, as %(name)s.", name=taken))
    with transaction() as session:
        row = DataRepository(
            name=settings.name,
            uid=uid,
            url=access.url,
            passphrase=passphrase,
            environment=json.dumps(dict(access.environment)),
        )
        _apply_settings(row, settings)
        session.add(row)
        audit.record("data_backups.add", settings.name)
    return row, passphrase


def change_repository(repository_id: int, settings: RepositorySettings) -> None:
    """Store other settings of a repository; address and passphrase stay. Blank variables: as before.

    Raises BadInput.
    """
    _check_name(settings.name)
    environment = parse_environment(settings.environment)
    with transaction() as session:
        if any(row.name == settings.name and row.id != repository_id for row in list_repositories()):
            raise BadInput(t("There is already a data repository %(name)s.", name=settings.name))
        row = session.get_one(DataRepository, repository_id)
        row.name = settings.name
        if environment:
            row.environment = json.dumps(environment)
        _apply_settings(row, settings)
        audit.record("data_backups.change", settings.name)


def remove_repository(repository_id: int) -> str:
    """Forget a repository and return its name; what is in it stays there."""
    with transaction() as session:
        row = session.get_one(DataRepository, repository_id)
        name = row.name
        session.delete(row)
        audit.record("data_backups.remove", name)
    return name


def make_passphrase() -> str:
    """Return a new passphrase that can be written down: groups of four letters and digits, 118 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(PASSPHRASE_WORDS))


def open_row(row: DataRepository, waiter: Waiter | None = None) -> ResticRepository:
    """Return the repository of a row. Raises Conflict where its passphrase can't be read in the database."""
    access = row.access
    if access is None:
        raise Conflict(
            t("The passphrase of the data repository %(name)s can't be read in the database.", name=row.name),
            t("Remove the repository here and add it again with its address and passphrase."),
        )
    return get_host().open_repository(access, waiter)


@contextmanager
def opened(repository_id: int, waiter: Waiter | None = None) -> Iterator[ResticRepository]:
    """Yield a repository, and note at its row what goes wrong with it.

    Raises Conflict where it is not known any more.
    """
    row = db.session.get(DataRepository, repository_id)
    if row is None:
        raise Conflict(t("This data repository is not known any more."), t("Add it again, or choose another one."))
    repository = open_row(row, waiter)
    db.session.rollback()
    try:
        yield repository
    except RepositoryFailed as error:
        _note_error(repository_id, error.sentence)
        raise
    _note_error(repository_id, "")


def list_snapshots(row: DataRepository, app: str = "") -> list[DataSnapshot]:
    """Return the snapshots of apps in a repository, the newest first. Raises RepositoryFailed."""
    repository = open_row(row)
    db.session.rollback()
    found = repository.snapshots((OWN_TAG,))
    return [snapshot for snapshot in found if snapshot.app and app in ("", snapshot.app)]


def list_folder(row: DataRepository, snapshot: str, folder: str) -> list[SavedFile]:
    """Return the first MAX_ENTRIES files of a folder of a snapshot, folders first. Raises RepositoryFailed."""
    repository = open_row(row)
    db.session.rollback()
    files = repository.list_folder(snapshot, folder, MAX_ENTRIES)
    return sorted(files, key=lambda file: (file.kind != "dir", file.name.lower()))


def check_repository(repository_id: int) -> None:
    """Check each byte of a repository, and note what was found. Raises RepositoryFailed where it is damaged."""
    with opened(repository_id) as repository:
        repository.check(read_data=True)
    with transaction() as session:
        session.get_one(DataRepository, repository_id).checked = utc_now()


def unlock_repository(row: DataRepository) -> None:
    """Remove the locks that ended programs have left in a repository. Raises RepositoryFailed."""
    name = row.name
    with opened(row.id) as repository:
        repository.unlock()
    audit.record("data_backups.unlock", name)


def _create_or_open(repository: ResticRepository, *, is_new_passphrase: bool) -> str:
    """Return the id of a repository that is there, or is created now."""
    if not is_new_passphrase:
        try:
            return repository.read_id()
        except NoRepository:
            pass
    try:
        repository.create()
    except RepositoryFailed as error:
        if is_new_passphrase and "already" in error.output:
            raise BadInput(
                t("There is already a repository at this address."), t("Enter its passphrase to use it.")
            ) from None
        raise
    return repository.read_id()


def _apply_settings(row: DataRepository, settings: RepositorySettings) -> None:
    row.upload_limit, row.all_apps = settings.upload_limit, settings.all_apps
    row.schedule, row.retention = settings.schedule, settings.retention


def _check_name(name: str) -> None:
    if not name or len(name) > 80 or not name.isprintable() or name != name.strip():
        raise BadInput(t("Enter a name for the repository."))


def _note_error(repository_id: int, sentence: str) -> None:
    row = db.session.get(DataRepository, repository_id)
    if row is not None and row.error != sentence:
        with transaction():
            row.error = sentence
    db.session.rollback()
