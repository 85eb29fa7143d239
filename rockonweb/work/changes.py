"""What a change of an installed rock-on would do on this host today: for the page that shows it and the job that does
it, which must come to the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from flask import current_app

from rockonweb import rows
from rockonweb.core import argv
from rockonweb.core.answers import Answers
from rockonweb.core.change import Change, Made, change
from rockonweb.core.definition import Definition
from rockonweb.core.errors import Conflict
from rockonweb.core.facts import HostFacts, Mount
from rockonweb.core.plan import images
from rockonweb.core.preflight import REFERRING_OPTIONS, host_ports, referred_containers
from rockonweb.core.rollback import AS_IT_IS
from rockonweb.core.text import t
from rockonweb.host import image_facts, snapshots, survey
from rockonweb.host.engine import Engine
from rockonweb.models import RockOn, RollbackPoint, State, db
from rockonweb.work import rollback


def planned(
    rockon: RockOn,
    wanted: Answers | None,
    docker: Engine | None,
    *,
    source: str | None = None,
    successor: int | None = None,
    new_shares: frozenset[str] = frozenset(),
    again: Mapping[str, str] | None = None,
    newest: bool = False,
    start: bool = False,
    give: Mapping[str, tuple[int, int]] | None = None,
    registry_seconds: int = 0,
    asked: Collection[str] = (),
    point: RollbackPoint | None = None,
    data: bool = False,
) -> Change:
    """Plan what makes a rock-on as if it had been installed with the answers `wanted` (None: its present ones).

    `source` is a newer definition's canonical text, `successor` the id of the rock-on whose name it takes; `newest`
    takes the images that the names mean now, while otherwise a container keeps the one that it has. `point` is the
    rollback point that it goes back to, with its images, and with its `data` if that is wanted; `source` and `wanted`
    are the point's then. `registry_seconds` are how long registries may take to tell of the images that are got. The
    others are those of `core.change.change`. Without an engine, what only it knows is left out. Raises EngineError
    when an engine was given and fails.
    """
    old = Made(rockon.definition, rows.answers_of(rockon))
    name = _name_of(successor) if successor else rockon.name
    definition = rockon.read(source, name) if source else rockon.definition
    new = Made(definition, argv.fixed_ports(definition, wanted or old.answers))
    facts = _facts(rockon, old, new, docker)
    if docker and not newest:
        facts = _pinned(old.definition, new.definition, facts, docker)
    if docker and newest:
        facts = _of_newest(new.definition, again or {}, facts, docker, registry_seconds)
    elif docker:
        had = images(old.definition)
        pulled = [one for one in images(new.definition) if one not in had or one in facts.absent_images]
        facts = image_facts.added(facts, pulled, docker, registry_seconds)
    back = AS_IT_IS
    if point:
        back = rollback.way_back(point, old.definition, facts, docker, data=data, asked=asked)
        gone = {image for image in back.images.values() if docker and not docker.has_image(image)}
        facts = replace(facts, absent_images=facts.absent_images | gone)
    found = change(old, new, facts, again=again, start=start, new_shares=new_shares, give=give, asked=asked, back=back)
    if docker and back.shares:
        own = {name for name, known in (facts.containers or {}).items() if known.rockon == new.definition.name}
        blocked = rollback.in_the_way(back.shares, own, current_app.config["SETTINGS"], docker)
        found = replace(found, plan=replace(found.plan, findings=(*found.plan.findings, *blocked)))
    return found


def _pinned(old: Definition, new: Definition, facts: HostFacts, docker: Engine) -> HostFacts:
    """Return the facts with the images that containers keep: a change of settings is no update of the app."""
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
    return replace(facts, pinned=pinned, absent_images=facts.absent_images - kept)


def _of_newest(
    definition: Definition, again: Collection[str], facts: HostFacts, docker: Engine, seconds: int
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
    if found is None or found.state is not State.AVAILABLE:
        raise Conflict(
            t("The name that was to be taken over is gone from the catalogue, or installed by itself."),
            t("What is installed stays. Look at the rock-on's page again."),
        )
    return found.name


def _facts(rockon: RockOn, old: Made, new: Made, docker: Engine | None) -> HostFacts:
    ports = host_ports(new.definition, new.answers)
    facts = survey.gather(rockon, new.answers, engine=docker, named=ports)
    facts = renamed(facts, rockon.name, new.definition.name)
    used = {*old.answers.used_shares(), *new.answers.used_shares()}
    nested = {
        name: replace(known, nested=snapshots.nested(known.path))
        for name, known in facts.shares.items()
        if name in used and known.snapshots
    }
    facts = replace(facts, shares={**facts.shares, **nested}, share_users=rollback.other_users(rockon))
    if docker is None:
        return facts
    present = {name for name, known in (facts.containers or {}).items() if known.rockon == new.definition.name}
    return replace(
        facts,
        absent_images=frozenset(image for image in images(new.definition) if not docker.has_image(image)),
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
    lent = REFERRING_OPTIONS["--volumes-from"]
    return {
        other: tuple(docker.anonymous_volumes(name))
        for name, spec in definition.launch_order
        for verb, other in referred_containers(spec)
        if verb == lent and name in present and other in definition.containers and other not in present
    }
