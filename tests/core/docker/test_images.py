"""Who uses the images of a host, and which may go."""

import pytest

from rockonweb.core.docker.images import DockerImage, HoldReason, classify_images, familiar_image_name
from rockonweb.core.facts import ContainerFacts


def test_an_image_stays_as_long_as_anything_needs_it() -> None:
    images = [
        DockerImage("sha256:run", ("app:1",), size=50),
        DockerImage("sha256:stopped", ("app:0",), size=40),
        DockerImage("sha256:next", ("app:2",), size=30),
        DockerImage("sha256:back", ("rockonweb/rollback-abc:7",), size=20),
        DockerImage("sha256:kept", (), size=15),
        DockerImage("sha256:old", (), ("app@sha256:1",), size=10, shared_bytes=4),
        DockerImage("sha256:theirs", ("tool:1",), size=5),
    ]
    containers = [
        ContainerFacts("app", image_id="sha256:run", state="running", rockon="App"),
        ContainerFacts("stranger", image_id="sha256:run", state="running"),
        ContainerFacts("halted", image_id="sha256:stopped", state="exited"),
    ]
    pulled = {"sha256:run", "sha256:next", "sha256:back", "sha256:old", "sha256:stopped"}
    found = classify_images(images, containers, {"app:2": ["App", "Twin"]}, pulled, {"sha256:kept"})
    assert [
        (one.image.id[7:], one.hold, one.rockons, one.unmanaged_containers, one.removal_suggested) for one in found
    ] == [
        ("run", HoldReason.CONTAINER, ("App",), ("stranger",), False),
        ("stopped", HoldReason.CONTAINER, (), ("halted",), False),
        ("next", HoldReason.ROCKON, ("App", "Twin"), (), False),
        ("back", HoldReason.ROLLBACK, (), (), False),
        ("kept", HoldReason.ROLLBACK, (), (), False),
        ("old", None, (), (), True),
        ("theirs", None, (), (), False),
    ]
    assert [one.is_unused for one in found] == [False] * 5 + [True, True]
    assert found[5].image.freed_bytes == 6


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (DockerImage("sha256:" + "a" * 64, ("app:1", "app:2")), "app:1"),
        (
            DockerImage("sha256:" + "a" * 64, ("rockonweb/rollback-abc:3",), ("box.example/app@sha256:1",)),
            "box.example/app",
        ),
        (DockerImage("sha256:" + "a" * 64), "a" * 12),
    ],
)
def test_an_image_is_called_by_what_is_known_of_it(image: DockerImage, name: str) -> None:
    assert image.name == name


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("nginx", "nginx:latest"),
        ("docker.io/library/nginx:1", "nginx:1"),
        ("library/nginx:1", "nginx:1"),
        ("docker.io/some/app", "some/app:latest"),
        ("box.example:5000/library/app", "box.example:5000/library/app:latest"),
        ("box.example:5000/app:2", "box.example:5000/app:2"),
        ("app@sha256:1", "app@sha256:1"),
    ],
)
def test_names_are_those_of_dockers_lists(reference: str, name: str) -> None:
    assert familiar_image_name(reference) == name
