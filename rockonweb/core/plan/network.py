"""Plans operations on a network: it is created, recreated with its containers, or removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.operations.steps import ConnectNetwork, CreateNetwork, DisconnectNetwork, RemoveNetwork, Step
from rockonweb.core.plan.plan import Plan
from rockonweb.core.text import t


def plan_network(name: str, spec: NetworkSpec | None, endpoints: Mapping[str, Endpoint], *, replaced: bool) -> Plan:
    """Plan that a network is as `spec` says; None: that it is gone.

    `endpoints` are those of the containers that are on it, or should be, by name. A network that exists and is to be
    `replaced` is removed first, as Docker can't change one; any other is only created, or completed with what it lacks.
    """
    removal = _removal_steps(name, endpoints, is_recreated=spec is not None) if replaced else ()
    return Plan(name, (*removal, *(_creation_steps(spec, endpoints) if spec else ())))


def _removal_steps(name: str, endpoints: Mapping[str, Endpoint], *, is_recreated: bool) -> Iterator[Step]:
    why = t("it keeps running and is connected again") if is_recreated else t("it keeps running")
    for container in endpoints:
        yield DisconnectNetwork(network=name, container=container, why=why)
    why = t("Docker can't change a network: it is recreated") if is_recreated else t("nothing is connected any more")
    yield RemoveNetwork(network=name, required=True, why=why)


def _creation_steps(spec: NetworkSpec, endpoints: Mapping[str, Endpoint]) -> Iterator[Step]:
    yield CreateNetwork(network=spec.name, spec=spec, why=t("with the chosen settings"))
    for container, endpoint in endpoints.items():
        why = t("it belongs to this network")
        yield ConnectNetwork(network=spec.name, container=container, endpoint=endpoint.moved_to(spec), why=why)
