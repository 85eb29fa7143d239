"""Rehearsals: of an update, on clones of an app's shares, and of a copy of its data that was brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from rockonweb.core.answers.answers import Answers, split_share_path
from rockonweb.core.containers.argv import REHEARSAL_SUFFIX
from rockonweb.core.errors import Conflict
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.lifecycle import Kind
from rockonweb.core.operations.requests import RehearseRequest
from rockonweb.core.operations.steps import (
    AwaitAnswer,
    AwaitEnd,
    AwaitRehearsal,
    CloneMethod,
    RunOnce,
    StartContainer,
)
from rockonweb.core.plan.plan import Plan
from rockonweb.core.plan.rehearsal import (
    ClosedRoom,
    clone_steps,
    comparison_steps,
    outermost_paths,
    plan_rehearsal,
    rehearsal_obstacles,
)
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.mounts import absent_share_finding
from rockonweb.core.text import TranslatableText, format_size, join_texts, t
from rockonweb.host import Host, get_host
from rockonweb.models import Installation, Operation, Progress, db
from rockonweb.models.repository import load_answers
from rockonweb.work import operations
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.known_shares import find_absent_shares

# What fails in these is due to the app.
APP_STEPS = (AwaitRehearsal.kind, StartContainer.kind, AwaitAnswer.kind, AwaitEnd.kind, RunOnce.kind)
COPY_HINT = t("It can be copied instead, which takes time and as much space as it has data.")


def rehearse_update(installation: Installation, user: str, *, copy: bool = False) -> int:
    """Queue the rehearsal of an update and return the operation's id; with `copy`, shares that can't be cloned are
    copied. Raises Conflict where the app can't be rehearsed.
    """
    refuse_obstacles(installation, may_copy=copy)
    return operations.submit_operation(installation, RehearseRequest(copy=copy), user)


def rehearse_copy(installation: Installation, folders: Mapping[str, Path], taken: datetime, user: str) -> int:
    """Queue the proof of a copy of an app's data, in `folders` by share path, as it was at the time `taken`; return the
    operation's id.

    Its files are compared with the shares; then the app is started with it, which writes into the folders. They are not
    removed. Where the app can't be rehearsed, comparing is all, and a warning of the operation says why.
    """
    paths = {share_path: str(folder) for share_path, folder in folders.items()}
    return operations.submit_operation(installation, RehearseRequest(folders=paths, taken=taken.timestamp()), user)


def last_rehearsal(installation: Installation) -> Operation | None:
    """Return the last rehearsal of an update of an app; None where there is none. Its `notes.warnings` say what was
    left out.
    """
    query = select(Operation).where(Operation.installation_id == installation.id, Operation.kind == Kind.REHEARSE)
    rehearsals = db.session.scalars(query.order_by(Operation.id.desc()))
    return next((operation for operation in rehearsals if _is_of_update(operation)), None)


def _is_of_update(operation: Operation) -> bool:
    return isinstance(operation.request, RehearseRequest) and operation.request.folders is None


def describe_result(operation: Operation) -> str:
    """Return what a rehearsal that has ended has proved, or why it has proved nothing; blank for a cancelled one."""
    of_update, name = _is_of_update(operation), operation.subject
    if operation.progress is Progress.DONE:
        if all(step.kind != AwaitRehearsal.kind for step in operation.steps):
            return t("The files of the copy are right. %(name)s was not started with them.", name=name)
        if of_update:
            return t("It would hold: a copy of %(name)s was healthy with the newest images.", name=name)
        return t("%(name)s was started with the copy of its data, and was healthy.", name=name)
    if any(step.kind in APP_STEPS and step.progress is Progress.FAILED for step in operation.steps):
        if of_update:
            return t("It would not hold: %(why)s", why=operation.error)
        return t("%(name)s does not run with the copy of its data: %(why)s", name=name, why=operation.error)
    return operation.error


def find_obstacles(installation: Installation, *, may_copy: bool = False) -> list[Finding]:
    """Return why an update of an app can't be rehearsed; nothing where it can. With `may_copy`, a share that can't be
    cloned is no obstacle.
    """
    return [
        *(Finding("block", sentence) for sentence in rehearsal_obstacles(installation.current_definition)),
        *_data_obstacles(get_host(installation), load_answers(installation), may_copy=may_copy),
    ]


def refuse_obstacles(installation: Installation, *, may_copy: bool) -> None:
    """Raise Conflict where an update of an app can't be rehearsed."""
    for finding in find_obstacles(installation, may_copy=may_copy):
        raise Conflict(_cannot_sentence(installation, finding.sentence), finding.hint)


def _cannot_sentence(installation: Installation, why: str) -> TranslatableText:
    return t("%(name)s can't be rehearsed: %(why)s", name=installation.name, why=why)


def _data_obstacles(host: Host, answers: Answers, *, may_copy: bool) -> Iterator[Finding]:
    absent = find_absent_shares(db.session(), host.shares)
    for share in answers.used_shares():
        if share in absent:
            yield absent_share_finding(share, absent[share])
    for path, method in _clone_methods(host, answers).items():
        if method is None and not may_copy and split_share_path(path)[0] not in absent:
            yield Finding(
                "block",
                t("%(share)s can't be cloned: it is no Btrfs subvolume, and its disk has no reflinks.", share=path),
                COPY_HINT,
            )


def _clone_methods(host: Host, answers: Answers) -> dict[str, CloneMethod | None]:
    """Return how each share, or folder of one, is cloned: a share with snapshots always as a whole."""
    whole = [share for share in answers.used_shares() if host.clones.find_method(share) is CloneMethod.SNAPSHOT]
    paths = outermost_paths([*whole, *(share_path for _, share_path in answers.share_mounts)])
    return {path: host.clones.find_method(path) for path in paths}


def plan_update(operation: Operation, request: RehearseRequest, installation: Installation) -> Plan:
    """Plan the rehearsal of an update whose images are there. Raises Conflict where it is not possible."""
    definition, answers, host = installation.current_definition, load_answers(installation), get_host(installation)
    refuse_obstacles(installation, may_copy=request.copy)
    methods = {path: method or CloneMethod.COPY for path, method in _clone_methods(host, answers).items()}
    _refuse_full_disk(host, [path for path, method in methods.items() if method is CloneMethod.COPY])
    folder = host.clones.room_path(operation.uid)
    folders = {path: str(folder / str(number)) for number, path in enumerate(methods)}
    room = ClosedRoom(operation.uid, f"{host.instance}{REHEARSAL_SUFFIX}", folders)
    facts = _gather_facts(installation)
    steps, left_out = plan_rehearsal(definition, answers, facts, room, clone_steps(folders, methods))
    return Plan(installation.name, tuple(steps), findings=(*left_out, *_clone_warnings(host, methods)))


def plan_proof(operation: Operation, installation: Installation, folders: Mapping[str, str], taken: float) -> Plan:
    """Plan to prove a copy of an app's data, see `rehearse_copy`, with the images that it runs: for any operation in a
    closed room. Folders in the one of the operation's own, `Host.clones.room_path`, are removed with the room.
    """
    definition, answers, facts = (
        installation.current_definition,
        load_answers(installation),
        _gather_facts(installation),
    )
    comparisons = comparison_steps(folders, taken)
    uncovered = [
        path
        for path in outermost_paths(share_path for _, share_path in answers.share_mounts)
        if not any(f"{path}/".startswith(f"{covered}/") for covered in folders)
    ]
    obstacles = [
        *rehearsal_obstacles(definition),
        *(t("There is no copy of %(share)s.", share=path) for path in uncovered),
    ]
    if obstacles:
        why = _cannot_sentence(installation, join_texts(" ", obstacles))
        only_files = Finding("warn", why, t("Only its files were compared; that it starts with them is not proved."))
        return Plan(installation.name, tuple(comparisons), findings=(only_files,))
    images = {
        name: container.image_id
        for name, container in (facts.containers or {}).items()
        if name in definition.containers and container.rockon == installation.name and container.image_id
    }
    room = ClosedRoom(operation.uid, f"{facts.instance}{REHEARSAL_SUFFIX}", folders)
    steps, left_out = plan_rehearsal(definition, answers, replace(facts, pinned=images), room, comparisons)
    return Plan(installation.name, tuple(steps), findings=tuple(left_out))


def _gather_facts(installation: Installation) -> HostFacts:
    """Return the facts by a connection that sees the app's containers: that of the operation sees rehearsals alone."""
    with get_host(installation).connect_docker() as docker:
        return gather_facts(installation, None, docker, (), installation.current_definition)


def _refuse_full_disk(host: Host, share_paths: list[str]) -> None:
    for path in share_paths:
        if lacking := host.clones.lacking_bytes(path):
            raise Conflict(
                t("There is no room for a copy of %(share)s: %(size)s are missing.",
                  share=path, size=format_size(lacking)),
                t("Free up space on the disk of the shares."),
            )  # fmt: skip


def _clone_warnings(host: Host, methods: Mapping[str, CloneMethod]) -> Iterator[Finding]:
    """Yield what a clone does not have, or may have differently, as the app goes on running."""
    for path, method in methods.items():
        for inner in host.snapshots.nested_subvolumes(path) if method is CloneMethod.SNAPSHOT else ():
            yield Finding(
                "warn", t("Left out of %(name)s: %(what)s.", name=path, what=t("the subvolume %(path)s", path=inner))
            )
        if method is not CloneMethod.SNAPSHOT:
            yield Finding(
                "warn",
                t("%(share)s was copied file by file while the app was running.", share=path),
                t("A database in it may be inconsistent in the copy though it is well in the share."),
            )
