"""compose.yaml and the Dockerfile: nothing is left out, and each line is what the product says to add without it."""

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rockonweb.core.own_container import BlindSpot, InstancePaths, find_blind_spots
from rockonweb.host.own_container import describe_container

ROOT = Path(__file__).parent.parent
SHARES = "/srv/shares"
PATHS = InstancePaths("/var/lib/rockonweb", SHARES, "/var/lib/rockonweb/tls/host.crt", on_btrfs=True)
Service = dict[str, Any]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service as the file has it, without settings. Its processes can be looked through where it says so."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "compose.yaml").read_text())
    [service] = yaml.safe_load(text)["services"].values()
    enough = service["pid"] == "host"
    monkeypatch.setattr("rockonweb.host.host_root.find_host_process", lambda: Path("/proc/1") if enough else None)
    found: Service = service
    return found


def unseen(service: Service) -> list[BlindSpot]:
    """What Rockonweb would say in a container of this service."""
    mounts = [volume.split(":") for volume in service["volumes"]]
    details = {
        "Id": "1" * 64,
        "Name": "/rockonweb",
        "Mounts": [{"Source": source, "Destination": place} for source, place, *_ in mounts],
        "HostConfig": {
            "NetworkMode": service.get("network_mode", "rockonweb_default"),
            "PidMode": service.get("pid", ""),
            "CapAdd": service.get("cap_add"),
            "Privileged": False,
        },
    }
    return [*find_blind_spots(describe_container(details), PATHS)]


def line_of(spot: BlindSpot) -> str:
    """The line that it says to add."""
    return spot.hint.rpartition('": ')[2]


def test_with_the_file_as_it_is_everything_is_seen(service: Service) -> None:
    assert unseen(service) == []


@pytest.mark.parametrize("key", ["network_mode", "pid", "cap_add"])
def test_a_key_that_was_taken_out_is_the_line_that_is_told(service: Service, key: str) -> None:
    removed = service.pop(key)
    [line] = {line_of(spot) for spot in unseen(service)}
    assert yaml.safe_load(line) == {key: removed}


def test_each_mount_but_the_sockets_is_told_where_it_is_missing(service: Service) -> None:
    every = service["volumes"]
    told = []
    for volume in every:
        service["volumes"] = [other for other in every if other != volume]
        lines = {line_of(spot) for spot in unseen(service)}
        assert lines <= {f"- {volume}"}
        told += [volume] if lines else []
    assert dict.fromkeys(told) == dict.fromkeys(volume for volume in every if "docker.sock" not in volume)


def test_the_security_options_are_told_where_the_host_is_not_seen_all_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rockonweb.host.host_root.find_host_process", lambda: None)
    [spot] = unseen(service)
    assert yaml.safe_load(line_of(spot)) == {"security_opt": service["security_opt"]}


def test_every_variable_of_the_configuration_reaches_the_container(service: Service) -> None:
    passed = {line.partition("=")[0] for line in service["environment"]}
    listed = {*re.findall(r"`((?:ROCKONWEB_|DATABASE_|REDIS_)[A-Z_]+)`", (ROOT / "docs/install.md").read_text())}
    assert listed - {"ROCKONWEB_SYSTEM_PACKAGES"} - passed == set()  # that one is of script/run
    assert passed - listed == set()


def test_what_the_image_copies_is_in_the_context_and_nothing_else_is() -> None:
    copied = set()
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= {*line.split()[1:-1]}
    ignore = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignore[0] == "*"
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert not any(fnmatch.fnmatch(".env", line.removeprefix("!")) for line in ignore if line.startswith("!"))
