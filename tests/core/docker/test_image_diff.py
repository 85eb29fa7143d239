"""Two images compared."""

from typing import Any

import pytest

from rockonweb.core.docker.image_diff import (
    MAX_VALUE_SHOWN,
    ImageDifference,
    compare_images,
    pack_differences,
    unpack_differences,
)
from rockonweb.core.secret import MASK


def image(created: str = "2026-03-01T10:20:30.123456789Z", **config: Any) -> dict[str, Any]:
    return {"Id": "sha256:1", "Created": created, "Config": config}


def test_the_same_configuration_differs_in_nothing() -> None:
    one = image(Env=["A=1"], ExposedPorts={"80/tcp": {}}, Cmd=["serve"], User="app", Labels={"x": "y"})
    assert compare_images(one, one) == []
    assert compare_images({}, {}) == []
    assert compare_images(image(Cmd=None, Labels=None), image(Cmd=[], Labels={}, User="")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            image(ExposedPorts={"80/tcp": {}, "53/udp": {}}),
            image(ExposedPorts={"80/tcp": {}, "443/tcp": {}}),
            [ImageDifference("added", "port", after="443/tcp"), ImageDifference("removed", "port", "53/udp")],
        ),
        (image(), image(Volumes={"/data": {}}), [ImageDifference("added", "volume", after="/data")]),
        (image(User="1000"), image(), [ImageDifference("removed", "user", "1000")]),
        (image(), image(User="app"), [ImageDifference("added", "user", after="app")]),
        (image(Cmd=["a", "b"]), image(Cmd=["a", "c"]), [ImageDifference("changed", "command", "a b", "a c")]),
        (image(Entrypoint="run"), image(Entrypoint=["go"]), [ImageDifference("changed", "entrypoint", "run", "go")]),
        (image(WorkingDir="/a"), image(WorkingDir="/b"), [ImageDifference("changed", "folder", "/a", "/b")]),
        (
            image(Labels={"org.opencontainers.image.version": "1.2", "other": "a"}),
            image(Labels={"org.opencontainers.image.version": "1.3", "other": "b"}),
            [ImageDifference("changed", "version", "1.2", "1.3")],
        ),
        (
            image("2026-03-01T10:20:30Z"),
            image("2026-04-02T10:20:30Z"),
            [ImageDifference("changed", "created", "2026-03-01", "2026-04-02")],
        ),
        (
            image(Healthcheck={"Test": ["CMD", "true"]}),
            image(Healthcheck={"Test": ["CMD", "check"]}),
            [ImageDifference("changed", "health", "CMD true", "CMD check")],
        ),
        (
            image(Env=["PATH=/bin", "MODE=a", "OLD=1"]),
            image(Env=["PATH=/bin", "MODE=b=c", "NEW="]),
            [
                ImageDifference("changed", "variable", "MODE=a", "MODE=b=c"),
                ImageDifference("added", "variable", after="NEW="),
                ImageDifference("removed", "variable", "OLD=1"),
            ],
        ),
    ],
)
def test_each_part_is_told(old: dict[str, Any], new: dict[str, Any], expected: list[ImageDifference]) -> None:
    assert compare_images(old, new) == expected
    assert all(one.what for one in expected)


def test_secrets_are_masked_and_yet_seen_to_differ() -> None:
    found = compare_images(image(Env=["DB_PASSWORD=first"]), image(Env=["DB_PASSWORD=second", "API_TOKEN=third"]))
    assert found == [
        ImageDifference("added", "variable", after=f"API_TOKEN={MASK}"),
        ImageDifference("changed", "variable", f"DB_PASSWORD={MASK}", f"DB_PASSWORD={MASK}"),
    ]
    assert not {"first", "second", "third"} & set(pack_differences(found).replace("=", '"').split('"'))


def test_what_is_long_is_cut() -> None:
    (found,) = compare_images(image(), image(Cmd=["x" * 5000]))
    assert found.after == "x" * MAX_VALUE_SHOWN + "…"


def test_they_are_kept_as_a_text() -> None:
    found = compare_images(image(User="a"), image(User="b", ExposedPorts={"1/tcp": {}}))
    assert unpack_differences(pack_differences(found)) == found
    assert unpack_differences("") == []
