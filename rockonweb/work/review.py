"""Prepares a review: what a request would do to a rock-on on this host, for a user to confirm.

The pages, the JSON API, the command line, a restore and the job that runs the operation all use this module, so that
they get the same result; and only a review can be submitted (work/submission.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from rockonweb.config import current_config
from rockonweb.core.answers.answers import Answers, split_share_path
from rockonweb.core.containers.argv import resolve_host_ports, share_facts
from rockonweb.core.containers.host_ports import host_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import find_input_fault
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.facts import ContainerFacts, HostFacts, VolumeMount
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest, StartRequest, UpdateRequest
from rockonweb.core.plan import plan
from rockonweb.core.plan.adoption import check_adopted, find_adopted, pin_adopted, plan_adoption, without_pulls
from rockonweb.core.plan.change import Change, DesiredState, plan_change, save_folders
from rockonweb.core.plan.data_moves import DataMove, add_moves, apply_moves, find_moves
from rockonweb.core.plan.dependents import add_dependent, find_disturbance
from rockonweb.core.plan.plan import Plan
from rockonweb.core.plan.rollback import NO_ROLLBACK, RollbackTarget
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.unsaved_files import check_choices, check_unsaved_files, with_saved_folders
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, RockOn, State, db, repository
from rockonweb.models.image import rockon_images
from rockonweb.work import image_facts, rollback
from rockonweb.work.change_facts import gather_change_facts, pin_images
from rockonweb.work.collect_facts import collect_volumes, gather_facts, pending_adoption
from rockonweb.work.dependents import plan_dependents
from rockonweb.work.known_shares import absent_data_findings
from rockonweb.work.unreadable_rockons import refuse_unreadable
from rockonweb.work.unsaved_files import inspect_layers, unsaved_warnings

if TYPE_CHECKING:
    from rockonweb.host import Engine

CONFIRMATION_LENGTH = 16  # characters of a fingerprint that a script sends
ReviewableRequest = InstallRequest | ChangeRequest | UpdateRequest | StartRequest


@dataclass(frozen=True)
class Review:
    """What a request would do on this host now.

    The answers in `request` are those that will be stored. `change` says what happens to each container of an installed
    rock-on. `missing_shares` are the shares that are used, do not exist and will not be created. `trouble` is the error
    where Docker could not be asked: then what only it knows is left out.
    """

    rockon: Installation
    request: ReviewableRequest
    plan: Plan
    change: Change | None = None
    missing_shares: tuple[str, ...] = ()
    trouble: EngineError | None = field(default=None, compare=False)

    @property
    def final_answers(self) -> Answers:
        """The answers as they will be stored; for a start and an update the stored ones."""
        requested = self.request.answers if isinstance(self.request, InstallRequest | ChangeRequest) else None
        return requested or repository.load_answers(self.rockon)

    @property
    def planned_change(self) -> Change:
        """What happens to each container. Raises TypeError for an install."""
        if self.change is None:
            raise TypeError("an install changes nothing that is there")
        return self.change

    @property
    def reviewed_lines(self) -> list[str]:
        """The lines that the user confirms, secrets masked."""
        return self.change.reviewed if self.change else self.plan.masked_lines

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the reviewed lines."""
        return fingerprint_lines(self.reviewed_lines)

    @property
    def confirmation(self) -> str:
        """What a script sends to confirm what this review does: changes with anything that it does."""
        return self.fingerprint[:CONFIRMATION_LENGTH]

    @property
    def blocking_findings(self) -> list[Finding]:
        """The findings that forbid it."""
        return self.plan.blockers

    def with_choices(self, **choices: Any) -> Review:
        """Return a copy with fields of the request that the user chose on the review page: `give` and `asked`."""
        return replace(self, request=replace(self.request, **choices))


def fingerprint_lines(lines: Iterable[str]) -> str:
    """Return a hash of lines, to detect that they have changed since a review."""
    return hashlib.sha256(json.dumps(list(lines)).encode()).hexdigest()


def review_request(installation: Installation, request: ReviewableRequest) -> Review:
    """Return a review to show, with registry lookups; without what only Docker knows where it does not answer."""
    registry_seconds = current_config().registry_seconds
    review, trouble = get_host(installation).call_with_engine(
        lambda docker: prepare_review(installation, request, docker, registry_seconds, preview=True)
    )
    return replace(review, trouble=trouble)


def prepare_review(
    installation: Installation,
    request: ReviewableRequest,
    docker: Engine | None,
    registry_seconds: float = 0,
    *,
    preview: bool = False,
) -> Review:
    """Return what a request would do now. `registry_seconds` limits the registry lookups; 0: none.

    With `preview`, an update is for the images that are known to be newer, which are not pulled yet; without, for those
    that Docker has.

    Without an engine, what only it knows is left out. Raises EngineError where a given engine fails, Conflict where the
    requested rollback point or name is no longer available.
    """
    if isinstance(request, InstallRequest):
        return _review_install(installation, request, docker, registry_seconds, preview=preview)
    return _review_change(installation, request, docker, registry_seconds, preview=preview)


def _review_install(
    installation: Installation,
    request: InstallRequest,
    docker: Engine | None,
    registry_seconds: float,
    *,
    preview: bool,
) -> Review:
    source = request.source or installation.entry.source
    if fault := find_input_fault(installation.name, source):
        raise _unusable_definition(installation.name, fault)
    definition = installation.parse_definition(source)
    answers = request.answers or repository.load_answers(installation)
    named_ports = host_ports(definition, resolve_host_ports(definition, answers))
    facts = gather_facts(installation, answers, docker, named_ports, definition, request.adopted)
    adopted = request.adopted or pending_adoption(installation, facts.containers)
    replaced = {name: old for name, old in find_adopted(adopted, facts).items() if name in definition.containers}
    adoption_findings = [*check_adopted(definition, adopted, facts)] if docker else []
    if docker and replaced and not adoption_findings:
        image_ids = {image: docker.image_id(image) for image in plan.image_references(definition)}
        facts = pin_adopted(facts, definition, replaced, image_ids)
    if preview:  # the result of the answers alone, independent of containers that exist
        facts = replace(facts, kept_volumes=collect_volumes(installation, None, None))
    if docker:
        facts = replace(facts, kept_volumes={**facts.kept_volumes, **_adopted_volumes(definition, replaced, docker)})
        containers = definition.containers.keys() - replaced.keys()  # those that are taken over keep their images
        pulled = [
            image
            for image in plan.image_references(definition)
            if image in {definition.containers[name].image_reference for name in containers}
        ]
        facts = image_facts.add_image_facts(facts, pulled, docker, registry_seconds)
        facts = _with_new_databases(definition, answers, facts, docker, changed=containers, pulled=containers)
    # With its definition, so that a refresh in between, or before it is repeated, installs no other one.
    request, install_plan = assemble_install(
        definition, replace(request, answers=answers, source=source, adopted=adopted), facts
    )
    if docker and adopted:
        kept = {spec.image_reference for name, spec in definition.launch_order if name in replaced} - {*pulled}
        install_plan = plan_adoption(without_pulls(install_plan, kept), replaced, facts.containers or {})
    if docker:
        absent = _find_absent_data(installation, definition.name, answers, facts)
        unsaved = unsaved_warnings(installation, (facts.containers or {}).values())
        install_plan = replace(install_plan, findings=(*adoption_findings, *install_plan.findings, *absent, *unsaved))
    return Review(
        installation,
        request,
        install_plan,
        missing_shares=_missing_shares(request.answers or answers, facts, request.new_shares),
    )


def _adopted_volumes(
    definition: Definition, replaced: Mapping[str, ContainerFacts], docker: Engine
) -> dict[str, tuple[VolumeMount, ...]]:
    """Return the volumes without a name of containers that are taken over, which no option mounts."""
    targets = {
        name: {mount.target.rstrip("/") for mount in definition.containers[name].run_options.mounts}
        for name in replaced
    }
    return {
        name: tuple(m for m in docker.anonymous_volumes(old.name) if m.destination.rstrip("/") not in targets[name])
        for name, old in replaced.items()
    }


def _unusable_definition(name: str, why: str) -> Conflict:
    return Conflict(
        t("The definition of %(name)s can't be used: %(why)s.", name=name, why=why),
        t("Refresh the catalogue; its author may have corrected it."),
    )


def assemble_install(definition: Definition, request: InstallRequest, facts: HostFacts) -> tuple[InstallRequest, Plan]:
    """Return the request of an install with its answers as they will be stored, and its plan. Has no side effects.

    For containers on the host network, the host ports are the container ports, whatever was answered.
    """
    answers = resolve_host_ports(definition, request.answers or Answers())
    return replace(request, answers=answers), plan.plan_install(
        definition, answers, facts, request.new_shares, request.give
    )


def _review_change(
    installation: Installation,
    request: ChangeRequest | UpdateRequest | StartRequest,
    docker: Engine | None,
    registry_seconds: float,
    *,
    preview: bool,
) -> Review:
    """Prepare a change, an update or a start: all plan the difference to the rock-on as if newly installed."""
    change_request = request if isinstance(request, ChangeRequest) else ChangeRequest()
    refuse_unreadable(installation, change_request)  # of an update and a start too: they may recreate
    old = DesiredState(installation.current_definition, repository.load_answers(installation))
    name = _replacement_name(change_request.successor) if change_request.successor else installation.name
    definition = (
        installation.parse_definition(change_request.source, name)
        if change_request.source
        else installation.current_definition
    )
    if definition.unreadable:
        raise _unusable_definition(name, definition.unreadable)
    choices = {} if isinstance(request, StartRequest) else request.unsaved
    check_choices(definition, choices)
    moves = _plan_moves(installation, old, definition, docker) if change_request.move_data else []
    new_shares = change_request.new_shares.union(move.new_share for move in moves if move.new_share)
    answers = apply_moves(with_saved_folders(change_request.answers or old.answers, choices), moves)
    new = DesiredState(definition, resolve_host_ports(definition, answers))
    facts = gather_change_facts(installation, old, new, docker)
    recreate_reasons: Mapping[str, str] = {}
    if isinstance(request, UpdateRequest):
        recreate_reasons = {
            name: t("a newer image is available")
            for name in (_updatable_containers(installation) if preview else _outdated_containers(installation, docker))
        }
        facts = (
            _with_newest_images(new.definition, recreate_reasons, facts, docker, registry_seconds) if docker else facts
        )
    else:
        recreate_reasons = (
            {name: t("it was requested") for name in installation.current_definition.containers}
            if change_request.rebuild or old.definition.unreadable  # then nothing tells what stays the same
            else {name: t("its database gets another version") for name in definition.containers if moves}
        )
        moved = {move.container for move in moves}
        facts = pin_images(old.definition, new.definition, facts, docker, registry_seconds, moved) if docker else facts
    confirmed_shares = request.asked if isinstance(request, ChangeRequest | UpdateRequest) else frozenset()
    rollback_point = rollback.get_point(installation, change_request.point) if change_request.point else None
    rollback_target = NO_ROLLBACK
    if rollback_point:
        rollback_target = rollback.build_target(
            rollback_point, old.definition, facts, docker, data=change_request.data, asked=confirmed_shares
        )
        missing_images = {image for image in rollback_target.images.values() if docker and not docker.has_image(image)}
        facts = replace(facts, absent_images=facts.absent_images | missing_images)
    if docker and any(facts.databases.values()):
        changed, pulled = (
            (set(recreate_reasons), set(recreate_reasons) if preview else set())
            if isinstance(request, UpdateRequest)
            else _changed_images(old.definition, definition, facts, rollback_target, docker)
        )
        facts = _with_new_databases(
            definition, new.answers, facts, docker, changed=changed, pulled=pulled, rollback_target=rollback_target
        )
    planned_change = plan_change(
        old,
        new,
        facts,
        recreate=recreate_reasons,
        start_all=isinstance(request, StartRequest),
        new_shares=new_shares,
        ownership_changes=change_request.give,
        requested_shares=confirmed_shares,
        rollback_target=rollback_target,
    )
    planned_change = add_moves(save_folders(planned_change, choices), moves, definition, facts)
    if docker:
        disturbance = find_disturbance(planned_change, facts)
        planned_change = add_dependent(planned_change, plan_dependents(installation, disturbance, docker))
    absent_data = _find_absent_data(installation, new.definition.name, new.answers, facts)
    planned_change = replace(
        planned_change,
        plan=replace(
            planned_change.plan,
            findings=(*planned_change.plan.findings, *absent_data),
            movable_data=tuple(move.container for move in find_moves(definition, new.answers, facts)),
        ),
    )
    if docker and rollback_target.shares:
        own_containers = {
            name for name, container in (facts.containers or {}).items() if container.rockon == new.definition.name
        }
        blocked = rollback.find_share_conflicts(rollback_target.shares, own_containers, docker)
        planned_change = replace(
            planned_change, plan=replace(planned_change.plan, findings=(*planned_change.plan.findings, *blocked))
        )
    if docker:
        removed = [diff.container for diff in planned_change.containers if diff.recreated and diff.before]
        layers = inspect_layers(installation, removed)
        unsaved = check_unsaved_files(new.definition, layers, choices, facts.places)
        planned_change = replace(
            planned_change,
            plan=replace(planned_change.plan, findings=(*planned_change.plan.findings, *unsaved)),
        )
    stored_request = replace(change_request, answers=new.answers) if isinstance(request, ChangeRequest) else request
    return Review(
        installation,
        stored_request,
        planned_change.plan,
        planned_change,
        _missing_shares(new.answers, facts, new_shares),
    )


def _find_absent_data(installation: Installation, name: str, answers: Answers, facts: HostFacts) -> Iterable[Finding]:
    """Return a finding for each share and folder that a container has, is to have again, and that is absent."""
    own_mounts = [item for item in (facts.containers or {}).values() if item.rockon == name]
    wanted_paths = {share_facts(share_path, facts).path for _, share_path in answers.share_mounts}
    return absent_data_findings(
        [replace(item, bind_mounts=tuple(wanted_paths.intersection(item.bind_mounts))) for item in own_mounts],
        get_host(installation).shares,
        facts.absent_shares,
    )


def _missing_shares(answers: Answers, facts: HostFacts, new_shares: Collection[str]) -> tuple[str, ...]:
    """Return the shares that are used, do not exist and will not be created."""
    available = {*facts.shares, *new_shares}
    return tuple(share for share in answers.used_shares() if share not in available)


def _updatable_containers(installation: Installation) -> list[str]:
    """Return the containers for which a newer image is known."""
    return [image.container.name for image in rockon_images(installation.id) if image.has_update]


def _outdated_containers(installation: Installation, docker: Engine | None) -> list[str]:
    """Return the containers whose image is not the one that its name now refers to on this host."""
    containers = docker.list_containers() if docker else {}
    return [
        name
        for name, spec in installation.current_definition.launch_order
        if docker and name in containers and containers[name].image_id != docker.image_id(spec.image_reference)
    ]


def _with_newest_images(
    definition: Definition, recreated: Collection[str], facts: HostFacts, docker: Engine, registry_seconds: float
) -> HostFacts:
    """Return the facts with registry lookups of the images of the containers that an update recreates; `here` is True
    only for an image that is pulled but does not run yet, as the running one is the old one.
    """
    references = {definition.containers[name].image_reference for name in recreated if name in definition.containers}
    facts = image_facts.add_image_facts(facts, sorted(references), docker, registry_seconds)
    running_ids = {
        container.image_id for container in (facts.containers or {}).values() if container.rockon == definition.name
    }
    pulled_images = {image for image in facts.images if docker.image_id(image) not in {None, *running_ids}}
    return replace(
        facts,
        images={image: replace(image_info, here=image in pulled_images) for image, image_info in facts.images.items()},
    )


def _plan_moves(
    installation: Installation, old: DesiredState, new: Definition, docker: Engine | None
) -> list[DataMove]:
    """Return the data that is taken along to the newest images of its containers, each with its new folder.

    Raises Conflict where there is none.
    """
    host, moves = get_host(installation), []
    if docker:
        facts = HostFacts(databases=host.find_databases(share_path for _, share_path in old.answers.share_mounts))
        containers = set(new.containers)
        facts = _with_new_databases(new, old.answers, facts, docker, changed=containers, pulled=containers)
        for move in find_moves(new, old.answers, facts):
            container = docker.inspect_container(move.container)
            image_id = docker.image_id(new.containers[move.container].image_reference)
            shares = host.shares.shares_by_name() if move.fills_share else {}
            paths = (path for path in move.possible_paths() if split_share_path(path)[0] not in shares)
            is_free = (path for path in paths if not host.files.exists(path))
            moves.append(
                replace(
                    move,
                    new_path=next(path for path in is_free if not host.files.exists(f"{path}.sql")),
                    is_pulled=container is not None and image_id not in (None, container.image_id),
                )
            )
    if not moves:
        raise Conflict(
            t("%(name)s has no database whose data can be taken along now.", name=installation.name),
            t(
                "It can where the newest image has another major version of PostgreSQL or MariaDB, and Docker and "
                "the registry answer."
            ),
        )
    return moves


def _changed_images(
    old: Definition, new: Definition, facts: HostFacts, rollback_target: RollbackTarget, docker: Engine
) -> tuple[set[str], set[str]]:
    """Return the containers that a change gives another image than they run, and those of which it is pulled."""
    kept = {**facts.pinned, **rollback_target.images}
    old_images, containers = plan.image_references(old), facts.containers or {}
    pulled = {name for name, spec in new.launch_order if name not in kept and spec.image_reference not in old_images}
    changed = {
        name
        for name, spec in new.launch_order
        if name not in containers or containers[name].image_id != docker.image_id(kept.get(name, spec.image_reference))
    }
    return changed | pulled, pulled


def _with_new_databases(
    definition: Definition,
    answers: Answers,
    facts: HostFacts,
    docker: Engine,
    *,
    changed: Collection[str],
    pulled: Collection[str],
    rollback_target: RollbackTarget = NO_ROLLBACK,
) -> HostFacts:
    """Return the facts with the database servers in the `changed` images of containers that have data of one.

    Of shares whose data is restored, it is not known what will be in them. Registries are asked even where nobody sees
    the review, as starting another version may convert the data for good.
    """
    databases = {
        share_path: data
        for share_path, data in facts.databases.items()
        if data and split_share_path(share_path)[0] not in rollback_target.shares
    }
    kept = {**facts.pinned, **rollback_target.images}
    images = {
        name: (definition.containers[name].image_reference, kept.get(name, ""))
        for name, share_path in answers.share_mounts
        if share_path in databases and name in changed and name in definition.containers
    }
    facts = replace(facts, databases=databases)
    if not images:
        return facts
    return image_facts.add_new_databases(
        facts, images, images.keys() & pulled, docker, current_config().registry_seconds
    )


def _replacement_name(entry_id: int) -> str:
    """Return the name of the catalogue entry that replaces the rock-on's. Raises Conflict where it is not available."""
    entry = db.session.get(RockOn, entry_id)
    installed_query = select(Installation.id).where(
        Installation.entry_id == entry_id, Installation.state != State.AVAILABLE
    )
    if entry is None or db.session.scalar(installed_query) is not None:
        raise Conflict(
            t("The name to be taken over is no longer in the catalogue, or is installed separately."),
            t("The installed rock-on is not changed. Check the rock-on's page again."),
        )
    return entry.name
