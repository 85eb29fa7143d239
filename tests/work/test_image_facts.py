"""What is asked of registries before an install, and what is remembered of it."""

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rockonweb.core.docker.daemon_settings import DockerSettings
from rockonweb.core.docker.disk_usage import Disk
from rockonweb.core.facts import HostFacts, ImageFacts
from rockonweb.remote import registry
from rockonweb.remote.registry import ImageNotFound, LookupFailed, RemoteImage
from rockonweb.work import image_facts

Look = Callable[[str], RemoteImage]


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the registries say, by image; `asked` has the images that they were asked about."""
    said: dict[str, Any] = {"asked": []}

    def look(image: str, logins: object) -> RemoteImage:
        said["asked"].append(image)
        answer = said[image]
        if isinstance(answer, threading.Event):
            answer.wait(10)
            return RemoteImage("sha256:late", ("linux/amd64",), None, 1)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, RemoteImage)
        return answer

    monkeypatch.setattr(registry, "lookup_image", look)
    monkeypatch.setattr(image_facts, "CACHE", image_facts._ImageFactsCache())
    yield said
    for answer in said.values():
        if isinstance(answer, threading.Event):
            answer.set()


def test_what_registries_say_becomes_facts_and_is_remembered(registries: dict[str, Any]) -> None:
    registries |= {
        "a": RemoteImage("sha256:1", ("linux/arm64",), None, 7),
        "b": ImageNotFound("no such tag"),
        "c": LookupFailed("busy"),
    }
    expected = {
        "a": ImageFacts(("linux/arm64",), 7),
        "b": ImageFacts(missing="no such tag"),
        "c": ImageFacts(unknown="busy"),
    }
    assert image_facts.CACHE.get_facts(["a", "b", "c"], 5) == expected
    assert image_facts.CACHE.get_facts(["a", "b", "c"], 5) == expected
    assert sorted(registries["asked"]) == ["a", "b", "c"]
    image_facts.CACHE.clear_answers()
    image_facts.CACHE.get_facts(["a"], 5)
    assert sorted(registries["asked"]) == ["a", "a", "b", "c"]


def test_nobody_is_waited_for_longer_than_said_and_what_comes_later_is_there_then(registries: dict[str, Any]) -> None:
    slow = threading.Event()
    registries |= {"slow": slow, "slower": slow, "a": RemoteImage("sha256:1")}
    began = time.monotonic()
    found = image_facts.CACHE.get_facts(["slow", "slower", "a"], 0.3)
    assert time.monotonic() - began < 2
    assert found["slow"] == found["slower"] == ImageFacts(unknown="its registry did not answer in time")
    assert found["a"] == ImageFacts()
    slow.set()
    assert image_facts.CACHE.get_facts(["slow", "slower"], 5)["slow"] == ImageFacts(("linux/amd64",), 1)
    assert sorted(registries["asked"]) == ["a", "slow", "slower"]


def docker(**about: Any) -> Any:
    """An engine that has the image `here`."""
    return SimpleNamespace(
        daemon_settings=lambda: DockerSettings(**{"disk": Disk(5, 9), **about}), has_image=lambda image: image == "here"
    )


@pytest.mark.usefixtures("app")
def test_the_facts_have_what_docker_knows_too(registries: dict[str, Any]) -> None:
    registries |= {"here": RemoteImage("sha256:1"), "box.example/a": RemoteImage("sha256:2", size=5)}
    found = image_facts.add_image_facts(HostFacts(), ["here", "box.example/a"], docker(machine="aarch64"), 5)
    assert found.images == {"here": ImageFacts(here=True), "box.example/a": ImageFacts(size=5)}
    assert found.machine == "arm64"
    assert found.image_room
    assert image_facts.add_image_facts(HostFacts(), ["here"], docker(disk=None), 5).image_room is None


@pytest.mark.usefixtures("app")
def test_where_a_mirror_is_set_up_only_other_registries_are_asked(registries: dict[str, Any]) -> None:
    registries |= {"box.example/a": RemoteImage("sha256:2")}
    found = image_facts.add_image_facts(HostFacts(), ["example/web", "box.example/a"], docker(mirrors=True), 5)
    assert set(found.images) == {"box.example/a"}


def test_nothing_is_asked_where_nobody_wants_to_wait(registries: dict[str, Any]) -> None:
    facts = HostFacts()
    assert image_facts.add_image_facts(facts, ["a"], docker(), 0) is facts
    assert image_facts.add_image_facts(facts, [], docker(), 5) is facts
    assert registries["asked"] == []
