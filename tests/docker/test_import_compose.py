"""A container that comes in from a Compose file is the one that Compose itself creates."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.imports.compose_file import parse_compose
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.operations.steps import ConnectNetwork, CreateContainer
from rockonweb.core.plan.plan import plan_install
from rockonweb.host.engine import docker_create_argv
from tests.support.engine import DockerDaemon
from tests.support.samples import make_host_facts

from .test_create_request import comparable, differences

FILE = """\
services:
  app:
    image: IMAGE
    command: sh -c "echo $$HOME; sleep 5"
    entrypoint: [/bin/sh, -e]
    environment: {A: "1", B: "${UNSET:-x y}", C: "true", D: "${FROM_ENV}"}
    env_file: [extra.env]
    labels: [team=home]
    ports: ["18080:80", "127.0.0.1:18081:81/udp", "18090-18091:90-91", {target: 92, published: 18092}]
    expose: ["99"]
    volumes:
      - data:/data:ro
      - FOLDER/bound:/bound
      - {type: bind, source: FOLDER/bound, target: /long, read_only: true, bind: {propagation: rprivate}}
      - {type: volume, source: real, target: /real, volume: {nocopy: true}}
      - {type: tmpfs, target: /memory, tmpfs: {size: 1000000}}
    tmpfs: ["/t:size=1m"]
    devices: ["/dev/null:/dev/zero:r"]
    cap_add: [SYS_TIME]
    cap_drop: [MKNOD]
    dns: 10.1.1.1
    dns_search: [lan]
    dns_opt: ["ndots:1"]
    extra_hosts: ["a:10.0.0.1"]
    sysctls: {net.core.somaxconn: "100"}
    ulimits: {nproc: 100, nofile: {soft: 10, hard: 20}}
    security_opt: ["label:disable"]
    shm_size: 32m
    mem_limit: 64m
    mem_reservation: 32m
    cpus: 0.5
    cpu_shares: 100
    cpuset: "0"
    pids_limit: 50
    oom_score_adj: 100
    hostname: box
    domainname: lan
    working_dir: /tmp
    user: "1000:100"
    group_add: ["5"]
    restart: on-failure:3
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    read_only: true
    init: true
    tty: true
    stdin_open: true
    privileged: true
    pid: host
    ipc: shareable
    userns_mode: host
    logging: {driver: json-file, options: {max-size: 1m}}
    healthcheck: {test: curl x, interval: 1m, timeout: 3s, retries: 2, start_period: 4s}
    networks: {front: {ipv4_address: 10.213.7.9, aliases: [web]}}
  next:
    image: IMAGE
    networks: [back]
    restart: always
  other:
    image: IMAGE
    restart: unless-stopped
    networks: [back]
    depends_on: [next]
    healthcheck: {disable: true}
networks:
  front: {ipam: {config: [{subnet: 10.213.7.0/24}]}}
  back: {name: the-back}
volumes:
  data:
  real: {name: really}
"""
ENV = "FROM_ENV=of the file\n"
LABELS_OF_TOOLS = ("com.docker.compose", "rockonweb.")
# What is said otherwise elsewhere in the same answer (Mounts, Path, Args), or is of the client that waits.
SAID_TWICE = {"Binds", "Cmd", "Entrypoint", "Mode", "Volumes"}
SAID_TWICE |= {"AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce"}


def inspected(engine: DockerDaemon, name: str) -> Any:
    """What Docker says of a container, but for what Compose, Rockonweb and each container have of their own."""
    found = json.loads(engine.run_docker("inspect", name))[0]
    labels = found["Config"]["Labels"]
    found["Config"]["Labels"] = {key: value for key, value in labels.items() if not key.startswith(LABELS_OF_TOOLS)}
    found["Mounts"] = [mount for mount in found["Mounts"] if mount["Destination"] != "/etc/localtime"]
    del found["Name"]
    found["HostConfig"].pop("Mounts", None)
    for network in found["NetworkSettings"]["Networks"].values():
        network["Aliases"] = [alias for alias in network["Aliases"] if alias not in (found["Id"][:12], name)]
    return without_blanks(comparable(found))


def without_blanks(value: Any) -> Any:
    """A value without its blank parts, which one client sends and another does not."""
    if isinstance(value, dict):
        parts = {key: without_blanks(part) for key, part in value.items() if key not in SAID_TWICE}
        return {key: part for key, part in parts.items() if part not in (None, "", [], {}, False)}
    if isinstance(value, list):
        return [without_blanks(part) for part in value]
    return value.removeprefix("CAP_") if isinstance(value, str) else value


def test_the_containers_are_those_that_compose_creates(
    engine: DockerDaemon, standin: Callable[..., str], tmp_path: Path
) -> None:
    image = standin("compose/same:1", volumes=("/kept",), environment={"FROM_IMAGE": "1"})
    engine.run_docker("pull", image)
    (tmp_path / "bound").mkdir()
    text = FILE.replace("IMAGE", image).replace("FOLDER", str(tmp_path))
    for name, content in (("compose.yaml", text), (".env", ENV), ("extra.env", "EXTRA=e e\nA=2\n")):
        (tmp_path / name).write_text(content)
    compose = ["docker-compose", "--project-name", "demo", "--file", "compose.yaml"]
    environ = {**engine.environ, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*compose, "up", "--no-start"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    services = ("app", "next", "other")
    theirs = {service: inspected(engine, f"demo_{service}_1") for service in services}
    for service in reversed(services):
        engine.run_docker("rm", "-f", f"demo_{service}_1")

    files = {name: (tmp_path / name).read_text() for name in ("compose.yaml", ".env", "extra.env")}
    imported = convert_app(parse_compose(files, name="demo"), ImportFacts("/nowhere"))
    [parsed] = parse_definitions(imported.source)
    steps = plan_install(parsed.definition, imported.answers, make_host_facts(imported.answers)).steps
    for step in steps:
        if isinstance(step, CreateContainer):
            engine.run_docker(*docker_create_argv(step.argv, "operation")[1:])
        elif isinstance(step, ConnectNetwork):
            aliases = [f"--alias={alias}" for alias in step.endpoint.aliases]
            engine.run_docker("network", "connect", *aliases, step.network, step.container)
    ours = {service: inspected(engine, f"demo-{service}") for service in services}
    found = [line for service in services for line in differences(ours[service], theirs[service], service)]
    assert found == []
