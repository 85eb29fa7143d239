"""Backs up the data of an app, and restores it: the plan of each, and what its steps do."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from sqlalchemy import select

from rockonweb.config import VERSION, current_config
from rockonweb.core.answers.answers import split_share_path
from rockonweb.core.data_backup.repository import (
    IMAGES_FILE,
    OWN_TAG,
    SETTINGS_FILE,
    snapshot_tags,
)
from rockonweb.core.data_backup.restic_output import BackupSummary, DataProgress
from rockonweb.core.errors import Conflict, DiskFull, RockonwebError
from rockonweb.core.facts import UP_STATES, ContainerFacts
from rockonweb.core.operations.requests import BackupDataRequest, RestoreDataRequest
from rockonweb.core.operations.steps import BackUpData, FetchData, PlaceData, PruneData, SnapshotData
from rockonweb.core.plan.data_backup import RepositoryName, data_paths, find_uncovered, plan_backup, plan_restore
from rockonweb.core.plan.dependents import Disturbance
from rockonweb.core.plan.plan import Phases, Plan
from rockonweb.core.preflight import Finding
from rockonweb.core.text import format_size, t
from rockonweb.host import Engine, get_host
from rockonweb.models import DataBackup, DataRepository, Installation, Operation, db, transaction, utc_now
from rockonweb.work import backup, data_repositories, known_shares, rollback
from rockonweb.work.collect_facts import other_users
from rockonweb.work.dependents import plan_dependents

PRUNE_INTERVAL = timedelta(days=7)
REPORT_SECONDS = 0.5  # between two writes of the progress
logger = logging.getLogger(__name__)


# -- planning ---------------------------------------------------------------------------------------------------------


def plan_data_backup(
    operation: Operation, request: BackupDataRequest, installation: Installation, docker: Engine
) -> Plan:
    """Plan a backup of an app's data. Raises Conflict where there is nothing to save, or a share of it is absent."""
    row = _get_repository(request.repository)
    host = get_host(installation)
    paths = data_paths(known_shares.used_share_paths(db.session()).get(installation.id, ()))
    if not paths:
        raise Conflict(t("%(name)s uses no share, so there is no data to back up.", name=installation.name))
    for finding in known_shares.absent_share_findings(installation):
        raise Conflict(finding.sentence, finding.hint)
    for path in paths:
        if not host.shares.inspect_path(path).exists:
            raise Conflict(t("%(path)s does not exist.", path=path), t("Is its disk mounted?"))
    can_snapshot = {
        name
        for name, facts in host.shares.shares_by_name().items()
        if facts.snapshots and not host.snapshots.nested_subvolumes(name)
    }
    running = _running_containers(installation, docker)
    phases = plan_backup(
        RepositoryName(row.id, row.name),
        paths,
        running,
        can_snapshot,
        live=request.live,
        prunes=row.retention.keeps_any and abs(utc_now() - row.pruned) >= PRUNE_INTERVAL,
    )
    findings = (Finding("warn", live_warning(installation.name)),) if request.live and running else ()
    return _with_dependents(installation, phases, running if phases.stop else (), docker, findings)


def plan_data_restore(
    operation: Operation, request: RestoreDataRequest, installation: Installation, docker: Engine
) -> Plan:
    """Plan a restore of an app's data. Raises RockonwebError where another container uses what is to be replaced, where
    a new share can't be created, or where there is no room for it.
    """
    row = _get_repository(request.repository)
    running = _running_containers(installation, docker)
    host = get_host(installation)
    shares = host.shares.shares_by_name()
    for source, target in request.places.items():
        share, folder = split_share_path(target)
        if source == target:
            for finding in rollback.find_share_conflicts([target], running, docker):
                raise RockonwebError(finding.sentence, finding.hint)
        elif folder or share in shares or host.data_folders.exists(share):
            raise Conflict(t('A share or file "%(name)s" already exists.', name=target), t("Choose another name."))
        if share not in shares and (refusal := host.shares.new_share_constraints().refusal):
            raise Conflict(refusal, host.shares.new_share_constraints().hint)
    inside = {split_share_path(target)[0] for target in request.places.values() if split_share_path(target)[1]}
    phases = plan_restore(
        RepositoryName(row.id, row.name),
        request.snapshot,
        request.places,
        running,
        host.data_folders.find_own_disks(),
        sorted(inside - shares.keys()),
    )
    return _with_dependents(installation, phases, running if phases.stop else (), docker, ())


def live_warning(name: str) -> str:
    """Return what to say of a backup that is taken while the app runs."""
    return t("%(name)s goes on running while it is backed up: what it writes then may be incomplete in it.", name=name)


def live_remark(name: str) -> str:
    """Return what to say of a backup that was taken while the app ran."""
    return t("%(name)s went on running meanwhile: what it wrote then may be incomplete in it.", name=name)


def _with_dependents(
    installation: Installation, phases: Phases, restarted: Iterable[str], docker: Engine, findings: tuple[Finding, ...]
) -> Plan:
    """Return the plan with what other apps do whose containers refer to those that are stopped for it."""
    along = plan_dependents(installation, Disturbance(restarted=frozenset(restarted)), docker)
    return Plan(installation.name, phases.with_dependent(along.phases).steps, findings=(*findings, *along.findings))


def _running_containers(installation: Installation, docker: Engine) -> list[str]:
    containers = docker.list_containers()
    return [
        name
        for name, _ in installation.current_definition.launch_order
        if name in containers and containers[name].rockon == installation.name and containers[name].state in UP_STATES
    ]


def _get_repository(repository_id: int) -> DataRepository:
    row = db.session.get(DataRepository, repository_id)
    if row is None:
        raise Conflict(t("This data repository is not known any more."), t("Add it again, or choose another one."))
    return row


# -- the steps of a backup --------------------------------------------------------------------------------------------


def snapshot_shares(operation_id: int, step: SnapshotData) -> None:
    """Take the snapshots of a backup."""
    point, host = _backup_point(operation_id), get_host()
    for share in step.shares:
        host.snapshots.take_snapshot(point, share)


def remove_snapshots(operation_id: int) -> None:
    """Remove the snapshots and files of a backup."""
    get_host().data_folders.remove_backup(_backup_point(operation_id))


def back_up(operation_id: int, step: BackUpData, docker: Engine, report: Callable[[DataProgress], None]) -> str:
    """Save the data of an operation's app, and return a sentence on what was saved. Raises RockonwebError."""
    installation = _installation_of(operation_id)
    installation_id, name, host = installation.id, installation.name, get_host()
    row = _get_repository(step.repository)
    access = row.access
    settings = backup.create_app_backup(
        current_config(), VERSION, installation, access.passphrase if access else "", docker
    )
    uncovered = _list_uncovered(installation, step, docker)
    files = {SETTINGS_FILE: settings, IMAGES_FILE: json.dumps(_list_images(installation, docker), indent=1)}
    point = _backup_point(operation_id)
    try:
        folder = host.data_folders.prepare_backup(point, files)
        targets = host.data_folders.backup_targets(point, step.paths, step.snapshots)
        tags = snapshot_tags(name, host.instance)
        with data_repositories.opened(step.repository, docker.waiter) as opened:
            summary = opened.save(folder, targets, tags, f"rockonweb-{host.instance}", _seldom(report))
            for path in step.paths:  # restic only warns of one that is gone
                if split_share_path(path)[0] not in step.snapshots and not host.shares.inspect_path(path).exists:
                    opened.forget_snapshot(summary.snapshot)
                    raise RockonwebError(
                        t("%(path)s went away while it was backed up.", path=path), t("Check its disk, then try again.")
                    )
    finally:
        host.data_folders.remove_backup(point)
    _store_backup(installation_id, step, summary, uncovered)
    return _describe_summary(summary)


def prune(step: PruneData, docker: Engine) -> str:
    """Remove what is not to be kept from a repository; return a sentence where that failed."""
    row = _get_repository(step.repository)
    retention, instance = row.retention, get_host().instance
    try:
        with data_repositories.opened(step.repository, docker.waiter) as opened:
            for app in sorted({snapshot.app for snapshot in opened.snapshots((OWN_TAG, f"instance={instance}"))}):
                opened.forget(snapshot_tags(app, instance), retention)
            opened.prune()
    except RockonwebError as error:
        logger.info("old snapshots stay: %s", error.sentence)
        return error.message_with_hint
    with transaction() as session:
        session.get_one(DataRepository, step.repository).pruned = utc_now()
    return ""


def _store_backup(installation_id: int, step: BackUpData, summary: BackupSummary, uncovered: list[str]) -> None:
    with transaction() as session:
        row = session.scalar(select(DataBackup).where(DataBackup.installation_id == installation_id))
        if row is None:
            row = DataBackup(installation_id=installation_id)
            session.add(row)
        row.taken, row.taken_live, row.snapshot = utc_now(), step.live, summary.snapshot
        row.size, row.files = summary.size, summary.files
        row.unread = [*summary.unread, *(["…"] if summary.unread_count > len(summary.unread) else [])]
        row.uncovered, row.overdue_told = uncovered, False


def _describe_summary(summary: BackupSummary) -> str:
    saved = t(
        "Files: %(files)s, size: %(size)s, of that new: %(added)s. Snapshot %(snapshot)s.",
        files=summary.files,
        size=format_size(summary.size),
        added=format_size(summary.added),
        snapshot=summary.snapshot[:8],
    )
    if not summary.unread_count:
        return saved
    return t(
        "%(saved)s %(count)s could not be read and are not in it: %(names)s",
        saved=saved,
        count=summary.unread_count,
        names=", ".join(summary.unread),
    )


def _list_images(installation: Installation, docker: Engine) -> dict[str, dict[str, str]]:
    """Return by container the image that it runs: its name, id and digest."""
    containers = docker.list_containers()
    images = {}
    for name, spec in installation.current_definition.launch_order:
        image_id = containers[name].image_id if name in containers else ""
        digest = docker.image_history(image_id, spec.image_reference)[0] if image_id else ""
        images[name] = {"image": spec.image_reference, "id": image_id, "digest": digest}
    return images


def _list_uncovered(installation: Installation, step: BackUpData, docker: Engine) -> list[str]:
    names = installation.current_definition.containers
    containers: list[ContainerFacts] = [
        facts for name in names if (facts := docker.inspect_container(name)) and facts.rockon == installation.name
    ]
    volumes = {facts.name: docker.volume_folders(facts.name) for facts in containers}
    shares = {split_share_path(path)[0] for path in step.paths} - {*step.snapshots}
    others = {share: names for share, names in other_users(installation).items() if share in shares}
    return [*find_uncovered(containers, volumes, str(get_host().shares.root), others)]


# -- the steps of a restore -------------------------------------------------------------------------------------------


def fetch(operation_id: int, step: FetchData, docker: Engine, report: Callable[[DataProgress], None]) -> None:
    """Restore a share path of a snapshot into a folder of its own. Raises RockonwebError."""
    host, key = get_host(), _restore_key(operation_id, step.number)
    with data_repositories.opened(step.repository, docker.waiter) as opened:
        folder = host.data_folders.create_restore(key, step.source, step.target)
        needed = opened.restored_size(step.snapshot) if not split_share_path(step.source)[1] else 0
        free = host.free_bytes(folder)
        if free is not None and needed > free:
            raise DiskFull(
                t("There is not enough room for the data: it has up to %(needed)s, and %(free)s are free.",
                  needed=format_size(needed), free=format_size(free)),
                t("Free up space on the disk of the shares, or restore a part of it."),
            )  # fmt: skip
        opened.restore(step.snapshot, [step.source], folder, _seldom(report))
    if not (folder / step.source).exists() and not (folder / step.source).is_symlink():
        raise RockonwebError(
            t("%(source)s is not in the snapshot %(snapshot)s.", source=step.source, snapshot=step.snapshot[:8]),
            t("Choose something else of it."),
        )


def place(operation_id: int, step: PlaceData, docker: Engine) -> str:
    """Put restored data to its share path; return a sentence on where what was there is kept. Raises RockonwebError."""
    for finding in rollback.find_share_conflicts([step.target], (), docker):
        raise RockonwebError(finding.sentence, finding.hint)
    kept = get_host().data_folders.place(
        _restore_key(operation_id, step.number), _placed_source(step), step.target, _kept_name(operation_id, step)
    )
    known_shares.confirm_share(split_share_path(step.target)[0])
    return t("What was there is in %(path)s.", path=kept) if kept else ""


def take_back(operation_id: int, step: PlaceData, docker: Engine, *, existed: bool) -> None:
    """Undo `place`. Raises RockonwebError."""
    for name in step.containers:
        docker.stop_container(name)
    get_host().data_folders.take_back(
        _restore_key(operation_id, step.number),
        _placed_source(step),
        step.target,
        _kept_name(operation_id, step),
        existed=existed,
    )
    if existed:
        known_shares.confirm_share(split_share_path(step.target)[0])


def remove_fetched(operation_id: int, targets: Iterable[str]) -> None:
    """Remove the folders into which an operation has restored data. Raises RockonwebError."""
    for number, target in enumerate(targets):
        remove_fetch(operation_id, number, target)


def remove_fetch(operation_id: int, number: int, target: str) -> None:
    """Remove one of them. Raises RockonwebError."""
    get_host().data_folders.remove_restore(_restore_key(operation_id, number), target)


def _placed_source(step: PlaceData) -> str:
    """Return what of the restored folder goes to the target: into a new share, all from the share on."""
    return step.source if step.source == step.target else split_share_path(step.source)[0]


def _kept_name(operation_id: int, step: PlaceData) -> str:
    name = rollback.old_data_name(operation_id, split_share_path(step.target)[0])
    return f"{name}-{step.number}" if step.number else name


# -- common -----------------------------------------------------------------------------------------------------------


def _seldom(report: Callable[[DataProgress], None]) -> Callable[[DataProgress], None]:
    """Return a function that gives a progress on only where the last one is a while ago."""
    reported = 0.0

    def report_seldom(progress: DataProgress) -> None:
        nonlocal reported
        if time.monotonic() - reported >= REPORT_SECONDS:
            reported = time.monotonic()
            report(progress)

    return report_seldom


def _installation_of(operation_id: int) -> Installation:
    installation = db.session.get_one(Operation, operation_id).installation
    if installation is None:
        raise RuntimeError("a backup of data is that of an app")
    return installation


def _backup_point(operation_id: int) -> str:
    """Return the name of the folder of an app's backups: always the same, so that restic knows its last one again."""
    return f"data-{_installation_of(operation_id).id}"


def _restore_key(operation_id: int, number: int) -> str:
    return f"{db.session.get_one(Operation, operation_id).uid}-{number}"
