"""Which operations conflict: those on rock-ons and networks that use the same resources."""

from __future__ import annotations

from collections.abc import Iterable

from rockonweb.core.containers.networks import BUILT_IN_NETWORKS
from rockonweb.core.definition.definition import Definition


def rockon_resources(definition: Definition, joined_networks: Iterable[str]) -> frozenset[str]:
    """Return what an operation on a rock-on uses, as `network NAME` and `container NAME`.

    That is its own containers, those that its options refer to, and its networks, without Docker's own: those of its
    definition, and those that its containers `joined_networks`.
    """
    networks = {link.network for link in definition.network_links} | {*joined_networks}
    containers = {*definition.containers}
    for spec in definition.containers.values():
        containers |= {reference.container for reference in spec.run_options.references}
        networks |= {*spec.run_options.own_networks}
    return frozenset(
        {f"network {name}" for name in networks - {*BUILT_IN_NETWORKS}} | {f"container {name}" for name in containers}
    )


def network_resources(network: str, members: Iterable[Definition]) -> frozenset[str]:
    """Return what an operation on a network uses: itself, and the containers of the rock-ons that are on it."""
    return frozenset({f"network {network}", *(f"container {name}" for member in members for name in member.containers)})
