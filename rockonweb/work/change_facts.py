"""The facts for planning a change of an installed rock-on, with the images that its containers keep."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from rockonweb.core.containers.host_ports import host_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker.run_options import Relation
from rockonweb.core.facts import HostFacts, VolumeMount
from rockonweb.core.plan import plan
from rockonweb.core.plan.change import DesiredState
from rockonweb.host import get_host
from rockonweb.models import Installation
from rockonweb.work import image_facts
from rockonweb.work.collect_facts import gather_facts, other_users

if TYPE_CHECKING:
    from rockonweb.host import Engine


def pin_images(
    old: Definition,
    new: Definition,
    facts: HostFacts,
    docker: Engine,
    registry_seconds: float,
    updated: Collection[str] = (),
) -> HostFacts:
    """Return the facts with the images that containers keep (a change of settings must not update the app), except
    those that are `updated`, and with registry lookups of those to be pulled.
    """
    containers = facts.containers or {}
    pinned = {
        name: containers[name].image_id
        for name, spec in new.launch_order
        if name in old.containers
        and name not in updated
        and old.containers[name].image_reference == spec.image_reference
        and name in containers
        and containers[name].rockon == new.name
        and containers[name].image_id
        and containers[name].image_id != docker.image_id(spec.image_reference)
    }
    pinned_references = {new.containers[name].image_reference for name in pinned}
    absent_images, old_images = facts.absent_images - pinned_references, plan.image_references(old)
    pulled_images = [image for image in plan.image_references(new) if image not in old_images or image in absent_images]
    return image_facts.add_image_facts(
        replace(facts, pinned=pinned, absent_images=absent_images), pulled_images, docker, registry_seconds
    )


def gather_change_facts(
    installation: Installation, old: DesiredState, new: DesiredState, docker: Engine | None
) -> HostFacts:
    """Return the facts for planning a rock-on's change from `old` to `new`; without an engine, those that need none.

    Raises EngineError where a given engine fails.
    """
    ports = host_ports(new.definition, new.answers)
    facts = gather_facts(installation, new.answers, docker, ports, new.definition)
    host = get_host(installation)
    facts = rename_in_facts(facts, installation.name, new.definition.name)
    used = {*old.answers.used_shares(), *new.answers.used_shares()}
    nested = {
        name: replace(item, nested=host.snapshots.nested_subvolumes(name))
        for name, item in facts.shares.items()
        if name in used and item.snapshots
    }
    facts = replace(facts, shares={**facts.shares, **nested}, share_users=other_users(installation))
    if docker is None:
        return facts
    present = {name for name, item in (facts.containers or {}).items() if item.rockon == new.definition.name}
    return replace(
        facts,
        absent_images=frozenset(
            image for image in plan.image_references(new.definition) if not docker.has_image(image)
        ),
        kept_volumes={**facts.kept_volumes, **_inherited_volumes(old.definition, present, docker)},
    )


def rename_in_facts(facts: HostFacts, old: str, new: str) -> HostFacts:
    """Return the facts with ports and containers of the rock-on `old` as those of `new`."""
    if old == new:
        return facts
    return replace(
        facts,
        listening=tuple(replace(item, rockon=new) if item.rockon == old else item for item in facts.listening),
        containers=facts.containers
        and {
            name: replace(item, rockon=new) if item.rockon == old else item for name, item in facts.containers.items()
        },
    )


def _inherited_volumes(
    definition: Definition, present: Collection[str], docker: Engine
) -> dict[str, tuple[VolumeMount, ...]]:
    """Return by container the anonymous volumes of manually removed ones that another one has by `--volumes-from`."""
    return {
        reference.container: tuple(docker.anonymous_volumes(name))
        for name, spec in definition.launch_order
        for reference in spec.run_options.references
        if reference.relation is Relation.VOLUMES
        and name in present
        and reference.container in definition.containers
        and reference.container not in present
    }
