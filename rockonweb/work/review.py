"""One preparation for every face: from a rock-on, a request and the host comes what will run, for a person to review.

The pages, the JSON API, the command line, a restore and the job that does it all prepare here, so they come to the
same; and only what was prepared here can be submitted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from rockonweb.config import current_settings
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import fixed_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker.run_options import Relation
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.facts import HostFacts, Mount
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest, StartRequest, UpdateRequest
from rockonweb.core.plan import plan
from rockonweb.core.plan.change import Change, Made, change
from rockonweb.core.plan.plan import Plan
from rockonweb.core.plan.rollback import AS_IT_IS
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.ports import host_ports
from rockonweb.core.text import joined, t
from rockonweb.host import Engine, host_of
from rockonweb.models import Installation, RockOn, State, db, repository
from rockonweb.work import image_facts, operations, rollback, updates
from rockonweb.work.collect_facts import gather_facts, other_users, volumes

Reviewed = InstallRequest | ChangeRequest | UpdateRequest | StartRequest


@dataclass(frozen=True)
class Review:
    """What a request would do on this host today.

    The answers in `request` are those that will be stored. `change` tells what becomes of each container of a rock-on
    that is installed. `missing` are the shares that are used, do not exist and are not to be made. `trouble` is why
    Docker could not be asked: then what only it knows is left out.
    """

    rockon: Installation
    request: Reviewed
    plan: Plan
    change: Change | None = None
    missing: tuple[str, ...] = ()
    trouble: EngineError | None = field(default=None, compare=False)

    @property
    def answers(self) -> Answers:
        """The answers as they will be stored; of a start and an update those that are."""
        given = self.request.answers if isinstance(self.request, InstallRequest | ChangeRequest) else None
        return given or repository.answers_of(self.rockon)

    @property
    def changes(self) -> Change:
        """What becomes of each container; asked only of a rock-on that is installed."""
        if self.change is None:
            raise TypeError("an install changes nothing that is there")
        return self.change

    @property
    def lines(self) -> list[str]:
        """What a person agrees to, secrets masked."""
        return self.change.reviewed if self.change else self.plan.lines

    @property
    def fingerprint(self) -> str:
        """What tells these lines from others."""
        return fingerprint(self.lines)

    @property
    def blocked(self) -> list[Finding]:
        """What forbids it."""
        return self.plan.blocked

    def choosing(self, **choices: Any) -> Review:
        """Return it with what a person chose beside the lines: `give` and `asked` of its request."""
        return replace(self, request=replace(self.request, **choices))


def fingerprint(lines: Iterable[str]) -> str:
    """Return what tells lines from others."""
    return hashlib.sha256(json.dumps(list(lines)).encode()).hexdigest()


def review_request(rockon: Installation, request: Reviewed) -> Review:
    """Prepare for a person to look: with what registries say of images; without Docker's part where it is away."""
    seconds = current_settings().registry_seconds
    found, trouble = host_of(rockon).ask(lambda docker: prepare_review(rockon, request, docker, seconds, foresees=True))
    return replace(found, trouble=trouble)


def review_or_refuse(rockon: Installation, request: Reviewed, hint: str = "") -> Review:
    """Prepare for a submit without a look. Raises EngineError where Docker can't be asked, and Conflict, with a `hint`
    on what to do, where something forbids it.
    """
    with host_of(rockon).connect() as docker:
        found = prepare_review(rockon, request, docker)
    if found.blocked:
        raise Conflict(joined("\n", (one.sentence if hint else one.words for one in found.blocked)), hint)
    return found


def submit_review(found: Review, user: str) -> int:
    """Queue what was reviewed and return the operation's id. Raises Conflict or QueueUnreachable."""
    return operations.begin(found.rockon, found.request, user, found.lines)


def prepare_review(
    rockon: Installation,
    request: Reviewed,
    docker: Engine | None,
    registry_seconds: float = 0,
    *,
    foresees: bool = False,
) -> Review:
    """Return what a request would do now. `registry_seconds` is how long registries may take to tell of images.

    Before an update has got its images it `foresees` what becomes of those that are known to be newer; afterwards what
    Docker has by then counts.

    Without an engine, what only it knows is left out. Raises EngineError when an engine was given and fails, Conflict
    for what can't be had any more.
    """
    if isinstance(request, InstallRequest):
        return _prepare_install(rockon, request, docker, registry_seconds, foresees=foresees)
    return _prepare_change(rockon, request, docker, registry_seconds, foresees=foresees)


def _prepare_install(
    rockon: Installation, request: InstallRequest, docker: Engine | None, seconds: float, *, foresees: bool
) -> Review:
    definition = rockon.read(request.source or rockon.entry.source)
    answers = request.answers or repository.answers_of(rockon)
    facts = gather_facts(rockon, answers, docker, host_ports(definition, fixed_ports(definition, answers)))
    if foresees:  # a look says what the answers come to, whichever containers there are by now
        facts = replace(facts, kept_volumes=volumes(rockon, None, None))
    if docker:
        facts = image_facts.added(facts, plan.images(definition), docker, seconds)
    request, found = assemble_install(definition, replace(request, answers=answers), facts)
    return Review(rockon, request, found, missing=_missing(request.answers or answers, request.new_shares))


def assemble_install(definition: Definition, request: InstallRequest, facts: HostFacts) -> tuple[InstallRequest, Plan]:
    """Return the request of an install with its answers as they will be stored, and its plan. Decides, touches nothing.

    Ports of containers on the host's own network are those of the containers, whatever was answered.
    """
    answers = fixed_ports(definition, request.answers or Answers())
    return replace(request, answers=answers), plan.install(definition, answers, facts, request.new_shares, request.give)


def _prepare_change(
    rockon: Installation,
    request: ChangeRequest | UpdateRequest | StartRequest,
    docker: Engine | None,
    seconds: float,
    *,
    foresees: bool,
) -> Review:
    """Prepare what makes a rock-on as if it had been installed so: a change, newer images, or a start."""
    wanted = request if isinstance(request, ChangeRequest) else ChangeRequest()
    old = Made(rockon.definition, repository.answers_of(rockon))
    name = _name_of(wanted.successor) if wanted.successor else rockon.name
    definition = rockon.read(wanted.source, name) if wanted.source else rockon.definition
    new = Made(definition, fixed_ports(definition, wanted.answers or old.answers))
    facts = _facts(rockon, old, new, docker)
    again: Mapping[str, str] = {}
    if isinstance(request, UpdateRequest):
        again = {
            name: t("its image is newer")
            for name in (_foreseen(rockon) if foresees else _with_other_images(rockon, docker))
        }
        facts = _of_newest(new.definition, again, facts, docker, seconds) if docker else facts
    else:
        again = {name: t("it was asked for") for name in rockon.definition.containers} if wanted.rebuild else {}
        facts = _of_kept(old.definition, new.definition, facts, docker, seconds) if docker else facts
    asked = request.asked if isinstance(request, ChangeRequest | UpdateRequest) else frozenset()
    point = rollback.point_of(rockon, wanted.point) if wanted.point else None
    back = AS_IT_IS
    if point:
        back = rollback.way_back(point, old.definition, facts, docker, data=wanted.data, asked=asked)
        gone = {image for image in back.images.values() if docker and not docker.has_image(image)}
        facts = replace(facts, absent_images=facts.absent_images | gone)
    found = change(
        old,
        new,
        facts,
        again=again,
        start=isinstance(request, StartRequest),
        new_shares=wanted.new_shares,
        give=wanted.give,
        asked=asked,
        back=back,
    )
    if docker and back.shares:
        own = {name for name, known in (facts.containers or {}).items() if known.rockon == new.definition.name}
        blocked = rollback.in_the_way(back.shares, own, docker)
        found = replace(found, plan=replace(found.plan, findings=(*found.plan.findings, *blocked)))
    kept = replace(wanted, answers=new.answers) if isinstance(request, ChangeRequest) else request
    return Review(rockon, kept, found.plan, found, _missing(new.answers, wanted.new_shares))


def _missing(answers: Answers, new_shares: Collection[str]) -> tuple[str, ...]:
    """Return the shares that are used, do not exist and are not to be made."""
    known = {*host_of().shares.listing(), *new_shares}
    return tuple(share for share in answers.used_shares() if share not in known)


def _foreseen(rockon: Installation) -> list[str]:
    """Return the containers for which a newer image is known of."""
    return [image.container.name for image in updates.images_of(rockon.id) if image.newer]


def _with_other_images(rockon: Installation, docker: Engine | None) -> list[str]:
    """Return the containers that run on another image than the one that its name means on this host."""
    known = docker.containers() if docker else {}
    return [
        name
        for name, spec in rockon.definition.launch_order
        if docker and name in known and known[name].image_id != docker.image_id(spec.reference)
    ]


def _of_kept(old: Definition, new: Definition, facts: HostFacts, docker: Engine, seconds: float) -> HostFacts:
    """Return the facts with the images that containers keep, as a change of settings is no update of the app, and with
    what registries say of those to be got.
    """
    known = facts.containers or {}
    pinned = {
        name: known[name].image_id
        for name, spec in new.launch_order
        if name in old.containers
        and old.containers[name].reference == spec.reference
        and name in known
        and known[name].rockon == new.name
        and known[name].image_id
        and known[name].image_id != docker.image_id(spec.reference)
    }
    kept = {new.containers[name].reference for name in pinned}
    absent, had = facts.absent_images - kept, plan.images(old)
    pulled = [one for one in plan.images(new) if one not in had or one in absent]
    return image_facts.added(replace(facts, pinned=pinned, absent_images=absent), pulled, docker, seconds)


def _of_newest(
    definition: Definition, again: Collection[str], facts: HostFacts, docker: Engine, seconds: float
) -> HostFacts:
    """Return the facts with what registries say of the images of the containers that an update makes anew; of these
    an image counts as here where it was got already: what runs is not the one that is wanted.
    """
    wanted = {definition.containers[name].reference for name in again if name in definition.containers}
    facts = image_facts.added(facts, sorted(wanted), docker, seconds)
    running = {known.image_id for known in (facts.containers or {}).values() if known.rockon == definition.name}
    got = {image for image in facts.images if docker.image_id(image) not in {None, *running}}
    return replace(facts, images={image: replace(one, here=image in got) for image, one in facts.images.items()})


def _name_of(successor: int) -> str:
    """Return the name that is taken over. Raises Conflict where it can't be had any more."""
    found = db.session.get(RockOn, successor)
    used = select(Installation.id).where(Installation.entry_id == successor, Installation.state != State.AVAILABLE)
    if found is None or db.session.scalar(used) is not None:
        raise Conflict(
            t("The name that was to be taken over is gone from the catalogue, or installed by itself."),
            t("What is installed stays. Look at the rock-on's page again."),
        )
    return found.name


def _facts(rockon: Installation, old: Made, new: Made, docker: Engine | None) -> HostFacts:
    ports = host_ports(new.definition, new.answers)
    facts = gather_facts(rockon, new.answers, docker, ports)
    host = host_of(rockon)
    facts = renamed(facts, rockon.name, new.definition.name)
    used = {*old.answers.used_shares(), *new.answers.used_shares()}
    nested = {
        name: replace(known, nested=host.snapshots.nested(name))
        for name, known in facts.shares.items()
        if name in used and known.snapshots
    }
    facts = replace(facts, shares={**facts.shares, **nested}, share_users=other_users(rockon))
    if docker is None:
        return facts
    present = {name for name, known in (facts.containers or {}).items() if known.rockon == new.definition.name}
    return replace(
        facts,
        absent_images=frozenset(image for image in plan.images(new.definition) if not docker.has_image(image)),
        kept_volumes={**facts.kept_volumes, **_lent(old.definition, present, docker)},
    )


def renamed(facts: HostFacts, old: str, new: str) -> HostFacts:
    """Return the facts with what belongs to the rock-on under its old name under its new one."""
    if old == new:
        return facts
    return replace(
        facts,
        listening=tuple(replace(one, rockon=new) if one.rockon == old else one for one in facts.listening),
        containers=facts.containers
        and {n: replace(one, rockon=new) if one.rockon == old else one for n, one in facts.containers.items()},
    )


def _lent(definition: Definition, present: Collection[str], docker: Engine) -> dict[str, tuple[Mount, ...]]:
    """Return the volumes of containers that were removed by hand, where another one still has them from there."""
    return {
        one.container: tuple(docker.anonymous_volumes(name))
        for name, spec in definition.launch_order
        for one in spec.options.references
        if one.relation is Relation.VOLUMES
        and name in present
        and one.container in definition.containers
        and one.container not in present
    }
