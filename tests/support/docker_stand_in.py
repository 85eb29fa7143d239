"""A stand-in for the Docker engine, for tests of pages that ask it: what Docker does is for tests on an engine."""

from typing import Any, Self

import pytest

from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.core.facts import ContainerFacts, LayerFacts, NetworkFacts, PortListener
from rockonweb.host import engine, sockets


class FakeDocker:
    """Tells what a test puts into its attributes; `docker.down = True`, and it does not answer.

    What only one module asks of it is a subclass there, with a fixture `docker` that lets it take the engine's place.
    """

    instance = "tests"

    def __init__(self) -> None:
        self.is_down = False
        self.connections = 0  # how often somebody asked
        self.known_containers: dict[str, ContainerFacts] = {}
        self.known_networks: dict[str, NetworkFacts] = {}
        self.layers: dict[str, LayerFacts] = {}  # what containers wrote beside their volumes
        self.log_texts: dict[str, str] = {}  # the logs, by container
        self.log_request: dict[str, Any] = {}  # of the logs, the last time

    def replace_engine(self, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Be what a test's pages find as the engine; no other program of the host listens on a port."""
        monkeypatch.setattr(engine, "connect_engine", self.connect)
        monkeypatch.setattr(sockets, "read_sockets", list)
        return self

    def run_containers(self, rockon: str, *names: str, **facts: Any) -> None:
        """Let these containers of a rock-on run."""
        for name in names:
            self.known_containers[name] = ContainerFacts(name, id=name, state="running", rockon=rockon, **facts)

    def publish_ports(self, *ports: int, container: str = "somebody") -> None:
        """Let a container that is no app's publish these ports of the host."""
        listeners = tuple(PortListener(port, "tcp", "", f"the container {container}") for port in ports)
        self.known_containers[container] = ContainerFacts(container, id=container, state="running", published=listeners)

    def connect(self, *_: str, **__: float) -> Self:
        """As `engine.connect_engine` does."""
        self.connections += 1
        if self.is_down:
            raise EngineUnreachable("Docker does not answer.", "Start it.")
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def list_containers(self) -> dict[str, ContainerFacts]:
        return self.known_containers

    def inspect_container(self, name: str) -> ContainerFacts | None:
        return self.known_containers.get(name)

    def inspect_layer(self, name: str, _deadline: float) -> LayerFacts:
        return self.layers.get(name, LayerFacts())

    def list_networks(self, *_: object) -> dict[str, NetworkFacts]:
        return self.known_networks

    def has_image(self, _image: str) -> bool:
        return True

    def volume_names(self) -> set[str]:
        return set()

    def anonymous_volumes(self, _name: str) -> list[Any]:
        return []

    def paths_to_mount(self, _argv: object) -> list[str]:
        return []

    def read_logs(self, name: str, tail: int = 200, **options: Any) -> str:
        self.log_request = {"name": name, "tail": tail, **options}
        if name not in self.log_texts:
            raise EngineError(f"There is no container {name}.", "Install it.")
        return self.log_texts[name]
