"""Plans an adoption: an install whose containers take the place of containers of others, which are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import UNSTEADY_STATES, UP_STATES, ContainerFacts, HostFacts, PortListener
from rockonweb.core.operations.steps import (
    KEPT_SUFFIX,
    AwaitAnswer,
    AwaitHealth,
    CreateContainer,
    GiveBack,
    PullImage,
    StartContainer,
    Step,
    TakeOver,
)
from rockonweb.core.plan.plan import Plan
from rockonweb.core.preflight import Finding
from rockonweb.core.text import t


@dataclass(frozen=True)
class KeptState:
    """A container of others that was taken over: its own name and id, and how it was before."""

    name: str
    id: str
    restart_policy: str
    running: bool


def find_adopted(adopted: Mapping[str, str], facts: HostFacts) -> dict[str, ContainerFacts]:
    """Return the containers of these ids that are there, by the name of the container that replaces each."""
    by_id = {container.id: container for container in (facts.containers or {}).values()}
    return {name: by_id[container_id] for name, container_id in adopted.items() if container_id in by_id}


def check_adopted(definition: Definition, adopted: Mapping[str, str], facts: HostFacts) -> Iterator[Finding]:
    """Yield why containers can't be taken over now."""
    present = find_adopted(adopted, facts)
    for name in adopted:
        container = present.get(name)
        if container is None or name not in definition.containers:
            yield Finding(
                "block",
                t('The container "%(name)s" that was to be adopted is no longer there.', name=name),
                t("It was removed or recreated. Import it again: under Import, Containers that run here."),
            )
        elif container.rockon not in ("", definition.name):
            yield Finding("block", t('The container "%(name)s" belongs to a rock-on already.', name=container.name))
        elif container.state in UNSTEADY_STATES:
            yield Finding(
                "block",
                t('The container "%(name)s" is %(state)s just now.', name=container.name, state=container.state),
                t("Let it run, or stop it, and try again."),
            )


def own_adopted(facts: HostFacts, rockon: str, adopted: Mapping[str, str]) -> HostFacts:
    """Return the facts with the containers that are taken over, and the ports that they use, as the rock-on's."""
    present = find_adopted(adopted, facts)
    ids = {container.id for container in present.values()}
    published = {(item.port, item.protocol) for container in present.values() for item in container.published}
    holders = {str(t("the container %(name)s", name=container.name)) for container in present.values()}

    def own(listener: PortListener) -> PortListener:
        is_theirs = (listener.port, listener.protocol) in published or str(listener.holder) in holders
        return replace(listener, rockon=rockon) if is_theirs else listener

    return (
        facts
        if not present
        else replace(
            facts,
            containers={
                name: replace(container, rockon=rockon) if container.id in ids else container
                for name, container in (facts.containers or {}).items()
            },
            listening=tuple(own(listener) for listener in facts.listening),
        )
    )


def pin_adopted(
    facts: HostFacts, definition: Definition, present: Mapping[str, ContainerFacts], image_ids: Mapping[str, str | None]
) -> HostFacts:
    """Return the facts with the images that the containers which are taken over have. `image_ids` are those that the
    definition's images have now, by name.
    """
    pinned = {
        name: container.image_id
        for name, container in present.items()
        if container.image_id != image_ids.get(definition.containers[name].image_reference)
    }
    return replace(facts, pinned={**facts.pinned, **pinned})


def plan_adoption(install_plan: Plan, adopted: Mapping[str, ContainerFacts], names: Collection[str]) -> Plan:
    """Return an install that takes over containers of others, by the name of the container that replaces each: what
    ran runs again, and must be healthy. `names` are those of all containers.
    """
    created = [step.container for step in install_plan.steps if isinstance(step, CreateContainer)]
    stopped = {name for name, container in adopted.items() if container.state not in UP_STATES}
    take_overs = [
        TakeOver(
            container=adopted[name].name,
            container_id=adopted[name].id,
            kept=_kept_name(adopted[name].name, names),
            replacement=name,
            why=t("it is put back if its replacement fails"),
        )
        for name in reversed(created)
        if name in adopted
    ]
    steps: list[Step] = []
    for step in install_plan.steps:
        if isinstance(step, CreateContainer) and take_overs:
            steps += take_overs
            take_overs = []
        if isinstance(step, AwaitHealth):
            pages = tuple(page for page in step.pages if page[0] not in stopped)
            steps += [replace(step, stays=False, pages=pages)] if pages else []
        elif not isinstance(step, StartContainer | AwaitAnswer) or step.container not in stopped:
            steps.append(step)
    return replace(install_plan, steps=tuple(steps))


def without_pulls(install_plan: Plan, images: Collection[str]) -> Plan:
    """Return a plan that pulls none of these images: an adoption is no update."""
    steps = (step for step in install_plan.steps if not (isinstance(step, PullImage) and step.image in images))
    return replace(install_plan, steps=tuple(steps))


def plan_give_back(uninstall_plan: Plan, kept: Collection[KeptState]) -> Plan:
    """Return an uninstall that puts the containers of before back. Those are in the order in which they start."""
    backs = tuple(
        GiveBack(container=one.name, container_id=one.id, restart_policy=one.restart_policy, running=one.running,
                 why=t("as it was before it was adopted"))
        for one in kept
    )  # fmt: skip
    return replace(uninstall_plan, steps=(*uninstall_plan.steps, *backs))


def _kept_name(name: str, names: Collection[str]) -> str:
    kept, number = name + KEPT_SUFFIX, 2
    while kept in names:
        kept, number = f"{name}{KEPT_SUFFIX}-{number}", number + 1
    return kept
