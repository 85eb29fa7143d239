"""A stand-in for the Docker engine, for tests of pages that ask it: what Docker does is for tests on an engine."""

from typing import Any, Self

import pytest

from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.core.facts import ContainerFacts, Listener, NetworkFacts
from rockonweb.host import engine, sockets


class Docker:
    """Tells what a test puts into its attributes; `docker.down = True`, and it does not answer.

    What only one module asks of it is a subclass there, with a fixture `docker` that lets it take the engine's place.
    """

    instance = "tests"

    def __init__(self) -> None:
        self.down = False
        self.connections = 0  # how often somebody asked
        self.found: dict[str, ContainerFacts] = {}
        self.nets: dict[str, NetworkFacts] = {}
        self.ports: list[Listener] = []  # that containers publish
        self.texts: dict[str, str] = {}  # the logs, by container
        self.asked: dict[str, Any] = {}  # of the logs, the last time

    def take_place(self, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Be what a test's pages find as the engine; no other program of the host listens on a port."""
        monkeypatch.setattr(engine, "connect", self.connect)
        monkeypatch.setattr(sockets, "held", list)
        return self

    def run(self, rockon: str, *names: str, **facts: Any) -> None:
        """Let these containers of a rock-on run."""
        for name in names:
            self.found[name] = ContainerFacts(name, id=name, state="running", rockon=rockon, **facts)

    def connect(self, *_: str) -> Self:
        """As `engine.connect` does."""
        self.connections += 1
        if self.down:
            raise EngineUnreachable("Docker does not answer.", "Start it.")
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def containers(self) -> dict[str, ContainerFacts]:
        return self.found

    def container(self, name: str) -> ContainerFacts | None:
        return self.found.get(name)

    def networks(self, *_: object) -> dict[str, NetworkFacts]:
        return self.nets

    def published(self) -> list[Listener]:
        return self.ports

    def has_image(self, _image: str) -> bool:
        return True

    def volumes(self) -> set[str]:
        return set()

    def anonymous_volumes(self, _name: str) -> list[Any]:
        return []

    def would_mount(self, _argv: object) -> list[str]:
        return []

    def logs(self, name: str, tail: int = 200, **options: Any) -> str:
        self.asked = {"name": name, "tail": tail, **options}
        if name not in self.texts:
            raise EngineError(f"There is no container {name}.", "Install it.")
        return self.texts[name]
