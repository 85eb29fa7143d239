"""Two images compared."""

from typing import Any

import pytest

from rockonweb.core.docker.image_diff import LONGEST, Difference, compare, pack, unpack
from rockonweb.core.secret import MASK


def image(created: str = "2026-03-01T10:20:30.123456789Z", **config: Any) -> dict[str, Any]:
    return {"Id": "sha256:1", "Created": created, "Config": config}


def test_the_same_configuration_differs_in_nothing() -> None:
    one = image(Env=["A=1"], ExposedPorts={"80/tcp": {}}, Cmd=["serve"], User="app", Labels={"x": "y"})
    assert compare(one, one) == []
    assert compare({}, {}) == []
    assert compare(image(Cmd=None, Labels=None), image(Cmd=[], Labels={}, User="")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            image(ExposedPorts={"80/tcp": {}, "53/udp": {}}),
            image(ExposedPorts={"80/tcp": {}, "443/tcp": {}}),
            [Difference("added", "port", after="443/tcp"), Difference("removed", "port", "53/udp")],
        ),
        (image(), image(Volumes={"/data": {}}), [Difference("added", "volume", after="/data")]),
        (image(User="1000"), image(), [Difference("removed", "user", "1000")]),
        (image(), image(User="app"), [Difference("added", "user", after="app")]),
        (image(Cmd=["a", "b"]), image(Cmd=["a", "c"]), [Difference("changed", "command", "a b", "a c")]),
        (image(Entrypoint="run"), image(Entrypoint=["go"]), [Difference("changed", "entrypoint", "run", "go")]),
        (image(WorkingDir="/a"), image(WorkingDir="/b"), [Difference("changed", "folder", "/a", "/b")]),
        (
            image(Labels={"org.opencontainers.image.version": "1.2", "other": "a"}),
            image(Labels={"org.opencontainers.image.version": "1.3", "other": "b"}),
            [Difference("changed", "version", "1.2", "1.3")],
        ),
        (
            image("2026-03-01T10:20:30Z"),
            image("2026-04-02T10:20:30Z"),
            [Difference("changed", "created", "2026-03-01", "2026-04-02")],
        ),
        (
            image(Healthcheck={"Test": ["CMD", "true"]}),
            image(Healthcheck={"Test": ["CMD", "check"]}),
            [Difference("changed", "health", "CMD true", "CMD check")],
        ),
        (
            image(Env=["PATH=/bin", "MODE=a", "OLD=1"]),
            image(Env=["PATH=/bin", "MODE=b=c", "NEW="]),
            [
                Difference("changed", "variable", "MODE=a", "MODE=b=c"),
                Difference("added", "variable", after="NEW="),
                Difference("removed", "variable", "OLD=1"),
            ],
        ),
    ],
)
def test_each_part_is_told(old: dict[str, Any], new: dict[str, Any], expected: list[Difference]) -> None:
    assert compare(old, new) == expected
    assert all(one.what for one in expected)


def test_secrets_are_masked_and_yet_seen_to_differ() -> None:
    found = compare(image(Env=["DB_PASSWORD=first"]), image(Env=["DB_PASSWORD=second", "API_TOKEN=third"]))
    assert found == [
        Difference("added", "variable", after=f"API_TOKEN={MASK}"),
        Difference("changed", "variable", f"DB_PASSWORD={MASK}", f"DB_PASSWORD={MASK}"),
    ]
    assert not {"first", "second", "third"} & set(pack(found).replace("=", '"').split('"'))


def test_what_is_long_is_cut() -> None:
    (found,) = compare(image(), image(Cmd=["x" * 5000]))
    assert found.after == "x" * LONGEST + "…"


def test_they_are_kept_as_a_text() -> None:
    found = compare(image(User="a"), image(User="b", ExposedPorts={"1/tcp": {}}))
    assert unpack(pack(found)) == found
    assert unpack("") == []
