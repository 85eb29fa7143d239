"""Rollback points: written before a change, kept while they are wanted, and how data is put back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import select

from rockonweb.config import current_settings
from rockonweb.core.answers.answers import Answers, from_json
from rockonweb.core.definition.definition import Definition, from_source
from rockonweb.core.errors import Conflict, LeftAlone, RockonwebError
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.core.operations.steps import Create, PutBack, SetAside, Snapshot, Step
from rockonweb.core.plan.rollback import Back, Kept, restorable
from rockonweb.core.preflight import Finding
from rockonweb.core.text import t
from rockonweb.host import Engine, host_of
from rockonweb.models import Installation, Operation, Progress, RollbackPoint, Status, db, repository, writing

# -- looking ----------------------------------------------------------------------------------------------------------


def points(rockon: Installation) -> list[RollbackPoint]:
    """Return the rollback points of a rock-on, the newest first, without that of a change which is under way."""
    query = select(RollbackPoint).where(RollbackPoint.installation_id == rockon.id).order_by(RollbackPoint.id.desc())
    return [point for point in db.session.scalars(query) if point.operation is None or not point.operation.active]


def point_of(rockon: Installation, point_id: int) -> RollbackPoint:
    """Return a rollback point of a rock-on. Raises Conflict where there is none any more."""
    found = next((point for point in points(rockon) if point.id == point_id), None)
    if found is None:
        raise Conflict(
            t("%(name)s has no such rollback point any more.", name=rockon.name),
            t("Only the newest are kept. Choose another one on its page."),
        )
    return found


def made_from(point: RollbackPoint) -> tuple[Definition, Answers]:
    """Return the definition and the answers that a point remembers."""
    return point.installation.read(point.definition), from_json(json.loads(point.answers))


def way_back(
    point: RollbackPoint,
    old: Definition,
    facts: HostFacts,
    docker: Engine | None,
    *,
    data: bool,
    asked: Collection[str],
) -> Back:
    """Return how a rock-on that is made from the definition `old` goes back to a point, with its data if wanted.

    What was stopped on purpose stays so; otherwise what ran then, runs again.
    """
    covers = restorable(point.shares, facts, asked) if data else []
    stopped = point.installation.status is Status.STOPPED
    return Back(
        point.id,
        dict(_images(point, old, facts, docker)),
        None if stopped else frozenset(name for name, kept in point.kept.items() if kept.ran),
        tuple(one.share for one in covers if one.covered),
    )


def _images(
    point: RollbackPoint, old: Definition, facts: HostFacts, docker: Engine | None
) -> Iterator[tuple[str, str]]:
    """Yield the image of each container that is to have another one than now: by its id, or by its digest where Docker
    has it no more.
    """
    new = from_source(point.installation.name, point.definition)
    for name, kept in point.kept.items():
        if name not in new.containers or not kept.image_id:
            continue
        known = (facts.containers or {}).get(name)
        same_name = name in old.containers and old.containers[name].reference == new.containers[name].reference
        if same_name and known and known.image_id == kept.image_id:
            continue  # it has it
        if docker is None or docker.has_image(kept.image_id):
            yield name, kept.image_id
        elif kept.digest:
            yield name, kept.digest


def in_the_way(shares: Iterable[str], own: Collection[str], docker: Engine) -> list[Finding]:
    """Return what forbids to put other data into shares: containers of others that are up and use them."""
    root = host_of().shares.root
    return [
        Finding(
            "block",
            t("%(container)s is up and uses the share %(share)s.", container=name, share=share),
            t("Stop it first; it would go on with the data that is taken away."),
        )
        for share in shares
        for name in docker.mounting(str(root / share))
        if name not in own
    ]


# -- before and after a change ----------------------------------------------------------------------------------------


def needed(steps: Iterable[Step]) -> bool:
    """Whether steps change something that one may want to go back from."""
    return any(isinstance(step, Create | SetAside | Snapshot | PutBack) for step in steps)


def remember(operation_id: int, docker: Engine) -> None:
    """Write what an operation's rock-on is like before it, unless that is done, and hold its images."""
    operation = db.session.get_one(Operation, operation_id)
    rockon = operation.installation
    if rockon is None or _of(operation_id) is not None:
        return
    known = {name: facts for name, facts in docker.containers().items() if docker.acts_on(facts)}
    running = operation.notes.running or ()
    kept = {}
    for name, spec in rockon.definition.launch_order:
        image_id = known[name].image_id if name in known else ""
        digest, created = docker.image_history(image_id, spec.reference) if image_id else ("", "")
        kept[name] = Kept(spec.reference, image_id, digest, created, name in running)
    with writing() as session:
        point = RollbackPoint(
            installation_id=rockon.id,
            operation_id=operation_id,
            definition=rockon.installed_source or rockon.entry.source,
            answers=json.dumps(repository.answers_of(rockon).to_json()),
            kept=kept,
        )
        session.add(point)
        session.flush()
        point_id = point.id
    for name, one in kept.items():
        if one.image_id:
            docker.hold_image(one.image_id, _repository(docker), _tag(point_id, name))


def tidy(rockon_id: int, docker: Engine) -> None:
    """Remove the points of changes that were undone, those of a rock-on that is gone, and the oldest that are too many;
    then the images and snapshots that no point has any more.
    """
    snapshots, most = host_of().snapshots, current_settings().rollback_points
    tags, kept = docker.held_images(_repository(docker)), snapshots.kept_for()
    with writing() as session:
        query = (
            select(RollbackPoint).where(RollbackPoint.installation_id == rockon_id).order_by(RollbackPoint.id.desc())
        )
        found = list(session.scalars(query))
        wanted = [point for point in found if _is_wanted(point)]
        under_way = [point for point in wanted if point.operation and point.operation.active]
        ended = [point for point in wanted if point not in under_way]
        for point in found:
            if point not in [*under_way, *ended[:most]]:
                session.delete(point)
        session.flush()
        left = list(session.scalars(select(RollbackPoint)))
        ids, held = {point.id for point in left}, {_tag(point.id, name) for point in left for name in point.kept}
    for point_id in kept:
        if point_id not in ids:
            snapshots.drop(point_id)
    for tag in tags:
        if tag not in held:
            docker.remove_image_name(f"{_repository(docker)}:{tag}")


def _is_wanted(point: RollbackPoint) -> bool:
    """Whether one can go back to it: not where its change was undone, with the data, nor after an uninstall."""
    operation = point.operation
    undone = operation and not operation.active and operation.progress is not Progress.DONE
    if undone and not (point.ran and point.shares):
        return False
    return point.installation.state in THERE


# -- data -------------------------------------------------------------------------------------------------------------


def take(operation_id: int, step: Snapshot) -> None:
    """Take a snapshot of a share for the point of an operation."""
    with writing():
        if (point := _of(operation_id)) is None:
            raise RuntimeError("there is no rollback point for this operation")
        point.shares = {**point.shares, step.share: list(step.containers)}
        point_id = point.id
    host_of().snapshots.take(point_id, step.share)


def asks_whether_run(operation_id: int) -> bool:
    """Whether it is still to be noted that what an operation made has run."""
    point = _of(operation_id)
    return point is not None and not point.ran


def has_run(operation_id: int) -> None:
    """Note that what an operation made has run, or that it replaced data: to undo it, data must be put back too."""
    if (point := _of(operation_id)) and not point.ran:
        with writing():
            point.ran = True


def put_back(operation_id: int, step: PutBack, docker: Engine) -> str:
    """Put a share's data of a point in its place; return where what was there lies."""
    if step.share not in host_of().snapshots.kept_for().get(step.point, ()):
        raise RockonwebError(
            t('The snapshot of the share "%(share)s" is gone.', share=step.share), t("Go back without the data.")
        )
    for finding in in_the_way([step.share], (), docker):
        raise RockonwebError(finding.sentence, finding.hint)
    has_run(operation_id)
    lies = host_of().snapshots.put(step.point, step.share, _aside(operation_id, step.share))
    return _lies(lies)


def undo(operation_id: int, share: str, docker: Engine) -> str:
    """Put a share's data from before an operation in its place, where something of the operation has run.

    Returns a sentence on where the newer data lies. Raises LeftAlone.
    """
    point = _of(operation_id)
    if point is None or not point.ran or share not in point.shares:
        return ""
    for name in point.shares[share]:
        docker.stop(name)
    for finding in in_the_way([share], (), docker):
        raise LeftAlone(
            t(
                "The share %(share)s was left as it is: %(why)s Its data from before lies in %(path)s.",
                share=share,
                why=finding.sentence,
                path=str(host_of().snapshots.where(point.id, share)),
            )
        )
    lies = host_of().snapshots.put(point.id, share, f"{_aside(operation_id, share)}-undone")
    with writing():
        point.shares = {name: by for name, by in point.shares.items() if name != share}
    return _lies(lies)


def _aside(operation_id: int, share: str) -> str:
    operation = db.session.get_one(Operation, operation_id)
    began = operation.started or operation.created
    return f"{share}-{began:%Y%m%d-%H%M%S}-{operation_id}"


def _lies(path: object) -> str:
    return t("The newer data lies in %(path)s.", path=str(path)) if path else ""


def _of(operation_id: int) -> RollbackPoint | None:
    return db.session.scalar(select(RollbackPoint).where(RollbackPoint.operation_id == operation_id))


def _repository(docker: Engine) -> str:
    return f"rockonweb/rollback-{docker.instance}"


def _tag(point_id: int, container: str) -> str:
    return f"{point_id}-{container}"[:128]
