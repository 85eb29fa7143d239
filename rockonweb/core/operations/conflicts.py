"""Which operations on two rock-ons get in each other's way: those by which both of them touch the same."""

from __future__ import annotations

from collections.abc import Iterable

from rockonweb.core.containers.networks import DOCKERS_OWN
from rockonweb.core.definition.definition import Definition


def touched(definition: Definition, joined: Iterable[str]) -> frozenset[str]:
    """Return what an operation on a rock-on touches, as `network NAME` and `container NAME`.

    That is its own containers, those that its options refer to, and its networks, without Docker's own: those of its
    definition, and those that its containers `joined`.
    """
    networks = {link.network for link in definition.links} | {*joined}
    containers = {*definition.containers}
    for spec in definition.containers.values():
        containers |= {reference.container for reference in spec.options.references}
        networks |= {*spec.options.own_networks}
    return frozenset(
        {f"network {name}" for name in networks - {*DOCKERS_OWN}} | {f"container {name}" for name in containers}
    )
