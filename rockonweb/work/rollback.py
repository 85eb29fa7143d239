"""Rollback points: creates them before a change, prunes them, and restores the data of shares."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from sqlalchemy import select

from rockonweb.config import current_config
from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.errors import Conflict, RockonwebError, UndoSkipped
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING, Kind
from rockonweb.core.operations.requests import ChangeRequest, UpdateRequest
from rockonweb.core.operations.steps import CreateContainer, RenameOld, RestoreSnapshot, Step, TakeSnapshot
from rockonweb.core.packed import unpack_or
from rockonweb.core.plan.rollback import PreviousImage, RollbackTarget, restorable_scopes
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.unsaved_files import with_saved_folders
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, Operation, Progress, RollbackPoint, Status, db, repository, transaction
from rockonweb.work import known_shares

if TYPE_CHECKING:
    from rockonweb.host import Engine

# -- reading ----------------------------------------------------------------------------------------------------------


def list_points(installation: Installation) -> list[RollbackPoint]:
    """Return the rollback points of a rock-on, newest first, without that of an active change."""
    query = (
        select(RollbackPoint).where(RollbackPoint.installation_id == installation.id).order_by(RollbackPoint.id.desc())
    )
    return [point for point in db.session.scalars(query) if point.operation is None or not point.operation.is_active]


def get_point(installation: Installation, point_id: int) -> RollbackPoint:
    """Return a rollback point of a rock-on. Raises Conflict where it no longer exists."""
    match = next((point for point in list_points(installation) if point.id == point_id), None)
    if match is None:
        raise Conflict(
            t("%(name)s no longer has this rollback point.", name=installation.name),
            t("Only the newest are kept. Choose another one on its page."),
        )
    return match


def load_point(point: RollbackPoint) -> tuple[Definition, Answers]:
    """Return the definition and the answers of a point, with the shares to which folders were copied since: the files
    are nowhere else any more. Raises Conflict where they can't be read.
    """
    definition = point.installation.parse_definition(point.definition)
    answers: Answers | None = unpack_or(Answers, point.answers, None)
    if definition.unreadable or answers is None:
        raise Conflict(
            t("This rollback point can't be read in the database."), t("Choose another one, or change the app.")
        )
    query = select(Operation).where(
        Operation.installation_id == point.installation_id,
        Operation.id >= (point.operation_id or 0),
        Operation.kind.in_((Kind.CHANGE, Kind.UPDATE)),
        Operation.progress == Progress.DONE,
    )
    for operation in db.session.scalars(query.order_by(Operation.id)):
        if isinstance(operation.request, ChangeRequest | UpdateRequest):
            answers = with_saved_folders(answers, operation.request.unsaved)
    return definition, answers


def build_target(
    point: RollbackPoint,
    present: Definition,
    facts: HostFacts,
    docker: Engine | None,
    *,
    data: bool,
    asked: Collection[str],
) -> RollbackTarget:
    """Return how to roll back a rock-on from the definition `present` to a point, with `data` that of its shares too.

    `asked` are shares to restore though others use them. A stopped rock-on stays so; else what ran then is started.
    """
    scopes = restorable_scopes(point.shares, facts, asked) if data else []
    stopped = point.installation.status is Status.STOPPED
    return RollbackTarget(
        point.id,
        dict(_changed_images(point, present, facts, docker)),
        None if stopped else frozenset(name for name, container in point.kept.items() if container.ran),
        tuple(scope.share for scope in scopes if scope.is_included),
    )


def _changed_images(
    point: RollbackPoint, present: Definition, facts: HostFacts, docker: Engine | None
) -> Iterator[tuple[str, str]]:
    """Yield each container whose image changes, with the image's id, or its digest where Docker no longer has it."""
    target = definition_from_source(point.installation.name, point.definition)
    for name, saved in point.kept.items():
        if name not in target.containers or not saved.image_id:
            continue
        container = (facts.containers or {}).get(name)
        same_name = (
            name in present.containers
            and present.containers[name].image_reference == target.containers[name].image_reference
        )
        if same_name and container and container.image_id == saved.image_id:
            continue  # unchanged
        if docker is None or docker.has_image(saved.image_id):
            yield name, saved.image_id
        elif saved.digest:
            yield name, saved.digest


def find_share_conflicts(shares: Iterable[str], own_containers: Collection[str], docker: Engine) -> list[Finding]:
    """Return what blocks replacing the data of shares: other running containers that mount them."""
    root = get_host().shares.root
    return [
        Finding(
            "block",
            t("%(container)s is running and uses the share %(share)s.", container=name, share=share),
            t("Stop it first; otherwise it would continue with the data that is being replaced."),
        )
        for share in shares
        for name in docker.containers_mounting(str(root / share))
        if name not in own_containers
    ]


# -- creating and pruning ---------------------------------------------------------------------------------------------


def needs_point(steps: Iterable[Step]) -> bool:
    """Whether steps change something that can be rolled back later."""
    return any(isinstance(step, CreateContainer | RenameOld | TakeSnapshot | RestoreSnapshot) for step in steps)


def create_point(operation_id: int, docker: Engine) -> None:
    """Create the rollback point of an operation, unless it exists, and tag its images against pruning."""
    operation = db.session.get_one(Operation, operation_id)
    installation = operation.installation
    if installation is None or _operation_point(operation_id) is not None:
        return
    containers = {name: facts for name, facts in docker.list_containers().items() if docker.acts_on(facts)}
    running = operation.notes.running or ()
    saved = {}
    for name, spec in installation.current_definition.launch_order:
        image_id = containers[name].image_id if name in containers else ""
        digest, created = docker.image_history(image_id, spec.image_reference) if image_id else ("", "")
        saved[name] = PreviousImage(spec.image_reference, image_id, digest, created, name in running)
    with transaction() as session:
        point = RollbackPoint(
            installation_id=installation.id,
            operation_id=operation_id,
            definition=installation.current_source,
            answers=json.dumps(repository.load_answers(installation).to_dict()),
            kept=saved,
        )
        session.add(point)
        session.flush()
        uid = point.uid
    for name, image in saved.items():
        if image.image_id:
            docker.tag_image(image.image_id, _image_repository(docker), _image_tag(uid, name))


def prune_points(rockon_id: int, docker: Engine) -> None:
    """Delete a rock-on's unusable points (see `_is_usable`) and the oldest above the limit, with their tags and
    snapshots. Those that belong to no point in this database are left: a newer database may know them.
    """
    snapshots, limit = get_host().snapshots, current_config().rollback_points
    query = select(RollbackPoint).where(RollbackPoint.installation_id == rockon_id).order_by(RollbackPoint.id.desc())
    points = list(db.session.scalars(query))
    usable = [point for point in points if _is_usable(point)]
    under_way = [point for point in usable if point.operation and point.operation.is_active]
    ended = [point for point in usable if point not in under_way]
    surplus = {point.id: point for point in points if point not in [*under_way, *ended[:limit]]}
    to_clean = [(point.uid, [_image_tag(point.uid, name) for name in point.kept]) for point in surplus.values()]
    db.session.rollback()
    for uid, tags in to_clean:
        snapshots.delete_snapshots(uid)
        for tag in tags:
            docker.untag_image(f"{_image_repository(docker)}:{tag}")
    with transaction() as session:
        for point in session.scalars(select(RollbackPoint).where(RollbackPoint.id.in_(surplus))):
            session.delete(point)


def _is_usable(point: RollbackPoint) -> bool:
    """Whether to keep a point: not after an uninstall, nor where its change was rolled back and the data restored."""
    operation = point.operation
    undone = operation and not operation.is_active and operation.progress is not Progress.DONE
    if undone and not (point.ran and point.shares):
        return False
    return point.installation.state in INSTALLED_OR_PENDING


# -- data -------------------------------------------------------------------------------------------------------------


def snapshot_share(operation_id: int, step: TakeSnapshot) -> None:
    """Take a snapshot of a share for the rollback point of an operation."""
    with transaction():
        if (point := _operation_point(operation_id)) is None:
            raise RuntimeError("there is no rollback point for this operation")
        point.shares = {**point.shares, step.share: list(step.containers)}
        uid = point.uid
    get_host().snapshots.take_snapshot(uid, step.share)


def lacks_run_mark(operation_id: int) -> bool:
    """Whether an operation has a rollback point that `mark_ran` has not marked."""
    point = _operation_point(operation_id)
    return point is not None and not point.ran


def mark_ran(operation_id: int) -> None:
    """Mark that a new container has run or data was replaced, so that a rollback must restore data too."""
    if (point := _operation_point(operation_id)) and not point.ran:
        with transaction():
            point.ran = True


def restore_snapshot(operation_id: int, step: RestoreSnapshot, docker: Engine) -> str:
    """Restore a share's snapshot; return a sentence on where the replaced data is. Raises RockonwebError."""
    point = db.session.get(RollbackPoint, step.point)
    if point is None or step.share not in get_host().snapshots.shares_by_point().get(point.uid, ()):
        raise RockonwebError(
            t('The snapshot of the share "%(share)s" no longer exists.', share=step.share),
            t("Roll back without the data."),
        )
    for finding in find_share_conflicts([step.share], (), docker):
        raise RockonwebError(finding.sentence, finding.hint)
    uid = point.uid
    mark_ran(operation_id)
    moved_to = get_host().snapshots.restore_share(uid, step.share, old_data_name(operation_id, step.share))
    known_shares.confirm_share(step.share)
    return _location_sentence(moved_to)


def revert_share(operation_id: int, share: str, docker: Engine) -> str:
    """Restore a share's data from before an operation that is rolled back, if a container of it has run.

    Returns a sentence on where the newer data is. Raises UndoSkipped where another container uses the share.
    """
    point = _operation_point(operation_id)
    if point is None or not point.ran or share not in point.shares:
        return ""
    for name in point.shares[share]:
        docker.stop_container(name)
    for finding in find_share_conflicts([share], (), docker):
        raise UndoSkipped(
            t(
                "The share %(share)s was not changed: %(why)s Its previous data is in %(path)s.",
                share=share,
                why=finding.sentence,
                path=str(get_host().snapshots.snapshot_path(point.uid, share)),
            )
        )
    moved_to = get_host().snapshots.restore_share(point.uid, share, f"{old_data_name(operation_id, share)}-undone")
    known_shares.confirm_share(share)
    with transaction():
        point.shares = {name: containers for name, containers in point.shares.items() if name != share}
    return _location_sentence(moved_to)


def old_data_name(operation_id: int, share: str) -> str:
    """Return the name under which the data of a share is kept that an operation replaces."""
    operation = db.session.get_one(Operation, operation_id)
    started = operation.started or operation.created
    return f"{share}-{started:%Y%m%d-%H%M%S}-{operation_id}"


def _location_sentence(path: object) -> str:
    return t("The newer data is in %(path)s.", path=str(path)) if path else ""


def _operation_point(operation_id: int) -> RollbackPoint | None:
    return db.session.scalar(select(RollbackPoint).where(RollbackPoint.operation_id == operation_id))


def _image_repository(docker: Engine) -> str:
    return f"rockonweb/rollback-{docker.instance}"


def _image_tag(uid: str, container: str) -> str:
    return f"{uid}-{container}"[:128]
