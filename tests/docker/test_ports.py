"""Whose port it is, told from real sockets of real containers."""

from collections.abc import Callable

import pytest

from rockonweb import config
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import port_conflict
from rockonweb.core.facts import HostFacts
from rockonweb.host import engine as docker
from rockonweb.models import Installation, Kind
from rockonweb.work.collect_facts import gather_facts
from tests.support.apps import fetch_app_page
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}


def facts(instance: Instance, rockon: Installation) -> HostFacts:
    """The host as a plan for a rock-on sees it."""
    return gather_facts(rockon, Answers(), docker.connect_engine(config.instance_id(instance.settings)))


@pytest.fixture
def other(instance: Instance) -> Installation:
    """A rock-on that is not installed."""
    return instance.add_rockon("Other", {"other": {"image": "example/other"}})


def test_a_published_port_is_its_rock_ons_running_or_stopped(
    instance: Instance, other: Installation, app_image: str
) -> None:
    mine = instance.add_rockon("Mine", {"mine": {"image": app_image, "tag": "", "ports": WEB}})
    port = chosen_port(instance.install_rockon(mine), "mine")
    held = port_conflict("Other", port, "tcp", facts(instance, other))
    assert held
    assert (held.rockon, held.holder) == ("Mine", "the container mine")
    assert not port_conflict("Mine", port, "tcp", facts(instance, mine))
    assert not port_conflict("Other", port, "udp", facts(instance, other))
    instance.perform(Kind.STOP, mine)
    held = port_conflict("Other", port, "tcp", facts(instance, other))
    assert held
    assert (held.rockon, held.holder) == ("Mine", "the rock-on Mine")
    instance.perform(Kind.UNINSTALL, mine)
    assert not port_conflict("Other", port, "tcp", facts(instance, other))


def test_an_app_on_the_hosts_network_is_told_by_its_rock_on(
    instance: Instance, other: Installation, standin: Callable[..., str]
) -> None:
    port = free_port()
    asked = {str(port): {"label": "", "description": "", "host_default": port, "protocol": "tcp"}}
    spec = {"image": standin("lifecycle/port:1", (port,)), "tag": "", "ports": asked, "opts": [["--network=host", ""]]}
    mine = instance.add_rockon("Mine", {"mine": spec})
    instance.install_rockon(mine)
    fetch_app_page(port)
    held = port_conflict("Other", port, "tcp", facts(instance, other))
    assert held
    assert (held.rockon, held.holder) == ("Mine", "the rock-on Mine")
    assert not port_conflict("Mine", port, "tcp", facts(instance, mine))


def test_a_strangers_container_is_named(
    engine: DockerDaemon, instance: Instance, other: Installation, app_image: str
) -> None:
    port = free_port()
    engine.run_docker("run", "-d", "--name", "strange", "-p", f"{port}:8080", app_image)
    engine.run_docker("run", "-d", "--name", "linked", "--link", "strange:alias", app_image)
    held = port_conflict("Other", port, "tcp", facts(instance, other))
    assert held
    assert (held.rockon, held.holder) == ("", "the container strange")
    assert set(facts(instance, other).containers or ()) == {"strange", "linked"}
