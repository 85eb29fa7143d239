"""Restores a backup, as restore_plan.py has planned it.

A restore is stored in the database, so that its page survives a reload and a crash, and failed parts can be retried:
whatever exists already is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import delete, select

from rockonweb.catalog import local, sources
from rockonweb.config import Config, current_config
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.errors import BadInput, Conflict, RockonwebError
from rockonweb.core.facts import HostFacts
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.backup import Backup, SavedRockOn
from rockonweb.core.formats.restored import RestoredPart, RestoredRockOn, SecretLocation
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.text import join_texts, t
from rockonweb.host import Engine, get_host
from rockonweb.models import (
    Installation,
    KeptVolume,
    Operation,
    Progress,
    Restore,
    RockOn,
    db,
    port_suggestions,
    repository,
    transaction,
    utc_now,
)
from rockonweb.work import backup_encryption, network_operations, operations, queue
from rockonweb.work.restore_plan import find_skip_reason, plan_parts, write_lost_volume_note
from rockonweb.work.review import prepare_review
from rockonweb.work.submission import submit_review

MAX_RESTORES = 5  # restores that are stored


@dataclass(frozen=True)
class RestoreItemStatus:
    """The progress of a rock-on's restore. `id` is None where it is not in the catalogue; `operation` is its install,
    None where none was submitted; `missing_secrets` must be entered first.
    """

    name: str
    id: int | None
    operation: Operation | None
    skip_reason: str = ""
    notes: tuple[str, ...] = ()
    missing_secrets: tuple[SecretLocation, ...] = ()

    @property
    def in_progress(self) -> bool:
        """Whether its install is queued or runs."""
        return self.operation is not None and self.operation.is_active

    @property
    def done(self) -> bool:
        """Whether it is installed."""
        return self.operation is not None and self.operation.progress is Progress.DONE

    @property
    def retryable(self) -> bool:
        """Whether its install can be submitted (again)."""
        return not (self.skip_reason or self.in_progress or self.done)


@dataclass(frozen=True)
class RestoreStatus:
    """The progress of a restore."""

    restore: Restore
    items: tuple[RestoreItemStatus, ...]
    parts: tuple[RestoredPart, ...]

    @property
    def in_progress(self) -> bool:
        """Whether an install of it is queued or runs."""
        return any(item.in_progress for item in self.items)

    @property
    def retryable(self) -> list[RestoreItemStatus]:
        """The rock-ons whose install can be submitted (again)."""
        return [item for item in self.items if item.retryable]

    @property
    def missing_secrets(self) -> list[SecretLocation]:
        """The secrets that the user must enter."""
        return [secret for item in self.items for secret in item.missing_secrets]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do, and no part failed."""
        return not self.in_progress and not self.retryable and all(part.well for part in self.parts)


def create_restore(content: bytes, passphrase: str, user: str) -> int:
    """Store an uploaded backup as a restore that is not started, and return its id. Raises BadInput."""
    return store_restore(read_backup(content, passphrase), user)


def read_backup(content: bytes | str, passphrase: str) -> Backup:
    """Return a backup; with its passphrase, it has its secrets in plain text. Raises BadInput."""
    uploaded = core.read_backup(content)
    return backup_encryption.unseal_secrets(uploaded, passphrase) if passphrase else uploaded


def store_restore(uploaded: Backup, user: str) -> int:
    """Store a backup as a restore that is not started, and return its id."""
    with transaction() as session:
        session.execute(delete(Restore).where(Restore.begun.is_(None)))
        newest = select(Restore.id).order_by(Restore.id.desc()).limit(MAX_RESTORES - 1)
        session.execute(delete(Restore).where(Restore.id.not_in(newest.scalar_subquery())))
        row = Restore(user=user, content=core.backup_to_json(replace(uploaded, sealed=None)))
        session.add(row)
    return row.id


def stored_backup(restore: Restore) -> Backup:
    """Return the backup of a restore, with the secrets that were decrypted or entered. Raises Conflict."""
    try:
        return core.read_backup(restore.content)
    except BadInput as error:
        raise Conflict(
            t("The uploaded backup can't be read in the database: %(why)s", why=error.sentence),
            t("Upload its file again."),
        ) from None


# -- restoring ----------------------------------------------------------------------------------------------------


def apply_restore(restore_id: int, entered_secrets: Mapping[SecretLocation, str], user: str) -> None:
    """Restore what can be: files, metastores, networks and shares at once, rock-ons as operations.

    `entered_secrets` are those typed by the user. May be repeated: what was restored before is skipped. Raises
    EngineError or QueueUnreachable before anything is changed.
    """
    settings = current_config()
    queue.ping()
    with get_host().connect_docker() as docker:
        volumes = docker.volume_names()
        with transaction() as session:
            row = session.get_one(Restore, restore_id)
            archive = core.fill_secrets(
                stored_backup(row), {secret: value for secret, value in entered_secrets.items() if value}
            )
            row.content, row.begun = core.backup_to_json(archive), row.begun or utc_now()
            recorded = row.outcome.rockons
            entries = {
                saved.name: replace(recorded.get(saved.name, RestoredRockOn()), hidden=tuple(saved.withheld_secrets))
                for saved in archive.rockons
            }
            row.outcome = outcome = replace(row.outcome, rockons={**recorded, **entries})
        if outcome.parts is None:
            parts = tuple(_restore_parts(settings, archive, docker, user))
            with transaction() as session:
                row = session.get_one(Restore, restore_id)
                row.outcome = replace(row.outcome, parts=parts)
            if any(part.new and part.kind in ("definition", "metastore") for part in parts):
                operations.submit_refresh(user)
        for saved in archive.rockons:
            if not saved.withheld_secrets and _item_status(saved.name, entries[saved.name]).retryable:
                _record_entry(restore_id, saved.name, _submit_rockon(saved, docker, volumes, user))


def _record_entry(restore_id: int, name: str, entry: RestoredRockOn) -> None:
    """Store the outcome of a rock-on, unless another request has submitted its install in the meantime."""
    with transaction() as session:
        row = session.get_one(Restore, restore_id)
        if entry.operation or _item_status(name, row.outcome.rockons[name]).retryable:
            row.outcome = replace(row.outcome, rockons={**row.outcome.rockons, name: entry})


def _restore_parts(settings: Config, archive: Backup, docker: Engine, user: str) -> Iterator[RestoredPart]:
    """Restore everything but rock-ons, and yield the outcome of each part."""
    planned_parts = list(
        plan_parts(settings, archive, HostFacts(containers=docker.list_containers(), networks=docker.list_networks()))
    )
    db.session.rollback()
    for part in planned_parts:
        if not part.new:
            yield part
            continue
        try:
            yield _restore_part(settings, archive, part, user)
        except RockonwebError as error:
            yield replace(part, sentence=join_texts(" ", _error_sentences(error)), well=False)


def _restore_part(settings: Config, archive: Backup, part: RestoredPart, user: str) -> RestoredPart:
    if part.kind == "definition":
        if not local.restore_file(settings, archive.definitions[part.name], part.name):
            return replace(part, sentence=t("There is another file with this name, which is kept."), well=False)
        return replace(part, sentence=t("It was restored."))
    if part.kind == "metastore":
        store = next(store for store in archive.metastores if store.address_without_password == part.name)
        sources.add_metastore(
            sources.parse_place(store.address_without_password if store.withheld else store.address, settings)
        )
        if not store.enabled:
            sources.enable_metastore(sources.list_sources(settings)[-2].id or 0, enabled=False)
        if store.withheld:
            return replace(part, sentence=t("It was added without its password: enter the password again."), well=False)
        return replace(part, sentence=t("It was added."))
    if part.kind == "network":
        spec = next(spec for spec in archive.networks if spec.name == part.name)
        network_operations.submit_creation(spec, user)
        return replace(part, sentence=t("It is being created, before the rock-ons on it."))
    shares = get_host().shares
    created = shares.create_share(part.name, as_saved=True)
    saved_share = next((share for share in archive.shares if share.name == part.name), core.SavedShare(part.name))
    same_owner = (created.uid, created.gid) == (saved_share.uid, saved_share.gid)
    if refusal := "" if same_owner else shares.change_owner(part.name, saved_share.uid, saved_share.gid):
        sentence = t("It was newly created and is EMPTY. Its owner could not be set: %(why)s.", why=refusal)
        return replace(part, sentence=sentence, well=False)
    return replace(part, sentence=t("It was newly created and is EMPTY."))


def _submit_rockon(saved: SavedRockOn, docker: Engine, volumes: set[str], user: str) -> RestoredRockOn:
    """Submit the install of a rock-on; return the outcome. `volumes` are the names of Docker's volumes."""
    installation = db.session.scalar(select(Installation).where(Installation.name == saved.name))
    state = installation.state if installation else None
    if skip_reason := find_skip_reason(saved, state, HostFacts(containers=docker.list_containers())):
        return (
            RestoredRockOn(left=skip_reason) if state in INSTALLED_OR_PENDING else RestoredRockOn(told=(skip_reason,))
        )  # retryable: the conflicting container may be removed
    present_volumes = [volume for volume in saved.volumes if volume.volume in volumes]
    notes = [write_lost_volume_note(volume) for volume in saved.volumes if volume not in present_volumes]
    try:
        request = InstallRequest(saved.parse_answers(), source=saved.source, stopped=not saved.running)
        review = prepare_review(ensure_installation(saved, present_volumes), request, docker)
        if review.blocking_findings:
            return RestoredRockOn(told=(*(finding.full_message for finding in review.blocking_findings), *notes))
        operation = submit_review(review, user)
    except RockonwebError as error:
        db.session.rollback()
        return RestoredRockOn(told=(*_error_sentences(error), *notes))
    return RestoredRockOn(operation, told=tuple(notes))


def _error_sentences(error: RockonwebError) -> list[str]:
    return error.faults if isinstance(error, BadInput) else [error.message_with_hint]


def ensure_installation(saved: SavedRockOn, volumes: Iterable[core.SavedVolume]) -> Installation:
    """Return the rock-on's row, created from the backup's definition where the catalogue does not have it, with the
    existing volumes that its containers will mount.
    """
    with transaction() as session:
        entry = session.scalar(select(RockOn).where(RockOn.name == saved.name))
        if entry is None:
            definition = definition_from_source(saved.name, saved.newest)
            suggestions = port_suggestions.PortSuggestions.load_taken(session)
            entry, _ = repository.upsert_entry(
                session, None, definition, saved.newest, suggestions, origin="", position=0
            )
            entry.in_catalogue = False
            session.flush()
        installation = repository.ensure_installation(session, repository.blank_installation(entry))
        installation.secret_choices = {name: dict(choices) for name, choices in saved.secrets.items()}
        new_volumes = {
            (saved_volume.container, saved_volume.destination): saved_volume.volume for saved_volume in volumes
        }
        old_volumes = [
            existing
            for existing in installation.kept_volumes
            if (existing.container, existing.destination) not in new_volumes
        ]
        installation.kept_volumes = old_volumes + [
            KeptVolume(container=container, destination=destination, volume=volume)
            for (container, destination), volume in new_volumes.items()
        ]
    return installation


# -- status -------------------------------------------------------------------------------------------------------


def restore_status(restore: Restore) -> RestoreStatus:
    """Return the progress of a restore."""
    ids = {row.name: row.id for row in db.session.execute(select(RockOn.name, RockOn.id))}
    items = (_item_status(name, entry, ids.get(name)) for name, entry in restore.outcome.rockons.items())
    return RestoreStatus(restore, tuple(items), restore.outcome.parts or ())


def _item_status(name: str, entry: RestoredRockOn, rockon_id: int | None = None) -> RestoreItemStatus:
    operation = db.session.get(Operation, entry.operation) if entry.operation else None
    return RestoreItemStatus(name, rockon_id, operation, entry.left, entry.told, entry.hidden)


def delete_restore(restore_id: int) -> None:
    """Delete a restore, with the secrets in it. Raises Conflict while an install of it is queued or runs."""
    restore = db.session.get(Restore, restore_id)
    if restore is not None and restore_status(restore).in_progress:
        raise Conflict(t("This restore has not finished yet."), t("Wait until the restore has finished."))
    with transaction() as session:
        session.execute(delete(Restore).where(Restore.id == restore_id))


def latest_restore() -> Restore | None:
    """Return the newest restore that was started."""
    return db.session.scalar(select(Restore).where(Restore.begun.is_not(None)).order_by(Restore.id.desc()).limit(1))
