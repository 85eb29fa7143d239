"""The steps by which a network is created, recreated with its containers, or removed."""

from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.operations.steps import ConnectNetwork
from rockonweb.core.plan.network import plan_network

SPEC = NetworkSpec("media", subnet="10.5.0.0/24")
ENDPOINTS = {"db": Endpoint(), "web": Endpoint(("front",), (("db", "base"),), "10.5.0.9", "fd00::9")}


def text(spec: NetworkSpec | None, *, replaced: bool) -> list[str]:
    return [str(step) for step in plan_network("media", spec, ENDPOINTS, replaced=replaced).steps]


def test_a_change_disconnects_everybody_and_connects_them_again() -> None:
    assert text(SPEC, replaced=True) == [
        "disconnect db from network media",
        "disconnect web from network media",
        "remove network media",
        "create network media",
        "connect db to network media",
        "connect web to network media",
    ]


def test_what_docker_lost_is_created_and_what_it_has_is_completed() -> None:
    assert text(SPEC, replaced=False) == [
        "create network media",
        "connect db to network media",
        "connect web to network media",
    ]


def test_a_removal_leaves_nothing_and_one_that_docker_has_not_is_done() -> None:
    assert text(None, replaced=True) == [
        "disconnect db from network media",
        "disconnect web from network media",
        "remove network media",
    ]
    assert text(None, replaced=False) == []


def test_an_address_of_its_own_stays_where_the_network_has_it_and_names_stay_anyway() -> None:
    found = [
        step.endpoint
        for spec in (SPEC, NetworkSpec("media", subnet="10.6.0.0/24"), NetworkSpec("media"))
        for step in plan_network("media", spec, ENDPOINTS, replaced=True).steps
        if isinstance(step, ConnectNetwork) and step.container == "web"
    ]
    names = Endpoint(("front",), (("db", "base"),))
    assert found == [Endpoint(names.aliases, names.links, "10.5.0.9"), names, names]
