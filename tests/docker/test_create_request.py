"""A container that is created by a request of our own is the one that the docker command creates."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rockonweb.core.containers.argv import Argv
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.docker.create_request import create_request
from rockonweb.core.docker.run_options import parse_command_line
from rockonweb.core.errors import EngineError
from rockonweb.core.operations.steps import CreateContainer
from rockonweb.core.plan.plan import plan_install
from rockonweb.host import engine as host_engine
from rockonweb.host import get_host
from rockonweb.host.engine import docker_create_argv
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.samples import complete_answers, make_host_facts

OWN_TO_EACH = {"Created", "GraphDriver", "Hostname", "HostnamePath", "HostsPath", "Id", "ResolvConfPath", "SandboxID"}
ANONYMOUS = re.compile(r"[0-9a-f]{64}")


def published_lines() -> Iterator[list[Argv]]:
    """Yield the command lines of each published rock-on."""
    for path in sorted(Path(os.environ["ROCKONWEB_TEST_REGISTRY"]).glob("*.json")):
        if path.name != "root.json":
            for parsed in parse_definitions(path.read_bytes()):
                answers = complete_answers(parsed.definition)
                steps = plan_install(parsed.definition, answers, make_host_facts(answers)).steps
                yield [step.argv for step in steps if isinstance(step, CreateContainer)]


def comparable(value: Any) -> Any:
    """What Docker says of a container, but for what each has of its own; lists in any order, as the command's binds."""
    if isinstance(value, dict):
        return {key: comparable(part) for key, part in value.items() if key not in OWN_TO_EACH}
    if isinstance(value, list):
        return sorted((comparable(part) for part in value), key=str)
    return ANONYMOUS.sub("anonymous", value) if isinstance(value, str) else value


def differences(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Yield where two values differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in {**left, **right}:
            yield from differences(left.get(key, "absent"), right.get(key, "absent"), f"{path}/{key}")
    elif left != right:
        yield f"{path}: {left!r} | {right!r}"


@pytest.fixture
def compare(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Argv], list[str]]:
    """`compare(line)` creates a container both ways, the image in place of its own; the second one stays."""
    image = standin("create/same:1", volumes=("/kept",), environment={"FROM_IMAGE": "1"})
    engine.run_docker("pull", image)

    def create(line: Argv, create_request: Callable[[Argv], object]) -> Any:
        name = line[line.index("--name") + 1]
        monkeypatch.setattr(host_engine, "create_request", create_request)
        engine.run_docker("rm", "-fv", name)
        with get_host().connect_docker() as docker:
            docker.create_container(line, "operation")
        return comparable(json.loads(engine.run_docker("inspect", name))[0])

    def compare_both(line: Argv) -> list[str]:
        engine.run_docker("tag", image, line[parse_command_line(line).image])
        return [*differences(create(line, lambda _: None), create(line, create_request))]

    return compare_both


@pytest.mark.registry
def test_each_published_container_is_the_same_both_ways(
    engine: DockerDaemon, compare: Callable[[Argv], list[str]]
) -> None:
    by_request = count = 0
    found: dict[str, list[str]] = {}
    for lines in published_lines():
        for line in lines:
            count += 1
            by_request += create_request(docker_create_argv(line, "operation")) is not None
            if different := compare(line):
                found[str(line)] = different
        engine.remove_everything()
    assert not found
    assert by_request > count * 4 / 5  # the others have options that are left to the command


@pytest.mark.parametrize(
    "words",
    [
        ("-e", "A=1", "-e", "A=2", "-e", "EMPTY=", "-e", "SPACED= b ", "-e", "LINES=a\nb", "-e", "FROM_IMAGE=2"),
        ("--label", "a", "--label", "b=", "--label", "c= d=e ", "-l", "c=again", "--label=ünï=cödé"),
        ("-p", "18080:80", "-p", "18081:80/tcp", "-p", "127.0.0.1:18082:80/udp", "-p", "18083:8080"),
        ("-v", "/anonymous", "-v", "named:/named", "-v", "/tmp:/a:ro", "-v", "/tmp:/b:rw,z", "-v", "/tmp:/a:ro"),
        ("--device", "/dev/null", "--device", "/dev/zero:/dev/other"),
        ("-u", "1000:100", "--user", "7", "--restart", "always", "--restart=no", "--net", "host"),
        ("--restart=unless-stopped", "--net=host", "-p", "18080:80"),
    ],
    ids=lambda words: words[0],
)
def test_each_form_of_an_option_is_the_same_both_ways(
    compare: Callable[[Argv], list[str]], words: tuple[str, ...]
) -> None:
    line = ("docker", "run", "-d", "--name", "same", *words, "example/same:1", "serve", "-e", "X")
    assert create_request(docker_create_argv(line, "operation"))
    assert compare(line) == []


def test_what_the_settings_of_the_docker_command_add_is_added(
    engine: DockerDaemon, compare: Callable[[Argv], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://proxy.example:3128"}}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert compare(("docker", "run", "-d", "--name", "same", "example/same:1")) == []
    assert "HTTP_PROXY=http://proxy.example:3128" in engine.run_docker("inspect", "same")


def test_what_the_engine_refuses_is_told_in_the_words_of_the_command(engine: DockerDaemon, instance: Instance) -> None:
    line = ("docker", "run", "-d", "--name", "same", "-v", "/tmp:relative", "127.0.0.1:1/nobody/has:1")
    with get_host().connect_docker() as docker, pytest.raises(EngineError, match="nobody/has"):
        docker.create_container(line, "operation")
