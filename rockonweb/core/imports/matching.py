"""Compares containers that run with a definition: the answers to its questions, and what its command does otherwise."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rockonweb.core.answers.answers import Answers, share_fault
from rockonweb.core.containers.argv import Argv, docker_run_argv
from rockonweb.core.definition.definition import ContainerSpec, Definition, is_mount_point
from rockonweb.core.docker.run_options import (
    SWITCHES,
    DockerOptions,
    MountKind,
    MountOption,
    options_from_pairs,
    parse_command_line,
)
from rockonweb.core.facts import HostFacts
from rockonweb.core.imports.comparison import comparable_argv, source_argv
from rockonweb.core.imports.conversion import ImportFacts, share_path_of
from rockonweb.core.imports.source import ReportEntry, SourceContainer, changed, left
from rockonweb.core.plan.plan import network_members
from rockonweb.core.secret import reveal_argv
from rockonweb.core.text import t

ANONYMOUS_VOLUME = re.compile(r"[0-9a-f]{64}")  # how Docker names a volume without a name


def image_repository(image: str) -> str:
    """Return an image without its tag and digest, and without what Docker itself assumes."""
    name = image.partition("@")[0]
    repository = name[: name.rindex(":")] if ":" in name.rpartition("/")[2] else name
    return re.sub(r"^(docker\.io/)?(library/)?", "", repository)


def has_same_containers(definition: Definition, containers: Sequence[SourceContainer]) -> bool:
    """Whether a definition has containers of these names and images."""
    return {name: image_repository(spec.image) for name, spec in definition.containers.items()} == {
        container.name: image_repository(container.image) for container in containers
    }


def match_answers(
    definition: Definition,
    containers: Sequence[SourceContainer],
    facts: ImportFacts,
) -> Answers | None:
    """Return what runs as answers to a definition's questions; None where one has no answer."""
    matches = [_ContainerMatch(container, definition.containers[container.name], facts) for container in containers]
    if definition.custom_config or not all(match.fill() for match in matches):
        return None
    parts = ("shares", "ports", "devices", "environment", "storage", "labels", "networks", "variables")
    return Answers(
        **{part: {m.container.name: getattr(m, part) for m in matches if getattr(m, part)} for part in parts}
    )


@dataclass
class _ContainerMatch:
    container: SourceContainer
    spec: ContainerSpec
    facts: ImportFacts
    shares: dict[str, str] = field(default_factory=dict)
    ports: dict[int, int | None] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    storage: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def fill(self) -> bool:
        """Fill the answers; return False where a question has none."""
        options, own = options_from_pairs(self.container.options), self.spec.run_options
        mounts = {posixpath.normpath(mount.target): mount for mount in options.mounts}
        for target in self.spec.volumes:
            share_path = self._share_path(mounts.pop(posixpath.normpath(target), None))
            if not share_path:
                return False
            self.shares[target] = share_path
        defined = {posixpath.normpath(mount.target) for mount in own.mounts}
        for target, mount in mounts.items():
            if target in defined:
                continue
            if mount.kind is MountKind.VOLUME and not ANONYMOUS_VOLUME.fullmatch(mount.source):
                return False  # nobody would mount it again when the container is recreated
            if (share_path := self._share_path(mount)) and is_mount_point(target):
                self.storage[target] = share_path
        hosts = {(port.number, port.protocol): port.host for port in options.published_ports if not port.address}
        for number, port in self.spec.port_specs.items():
            self.ports[number] = hosts.get((number, port.published_protocols[0]))
        given = dict(value.partition("=")[::2] for value in options.flag_values("env"))
        for key in self.spec.environment:
            if key not in self.container.variables:
                return False
            self.environment[key] = self.container.variables[key]
        defined_keys = {value.partition("=")[0] for value in own.flag_values("env")}
        self.variables = {k: v for k, v in given.items() if k not in self.environment and k not in defined_keys}
        self.labels = [label for label in options.flag_values("label") if label not in own.flag_values("label")]
        named = [name for name in options.own_networks if name not in own.networks]
        self.networks = [*named, *self.container.joins] if self.spec.network is None else []
        self._fill_devices(options, own)
        return True

    def _share_path(self, mount: MountOption | None) -> str:
        if mount is None or mount.kind is not MountKind.BIND or mount.read_only:
            return ""
        share_path = share_path_of(mount.source, self.facts.shares_root)
        return "" if not share_path or share_fault(share_path, None) else share_path

    def _fill_devices(self, options: DockerOptions, own: DockerOptions) -> None:
        """Answer questions for devices in their order, first those that are called like one."""
        present = [device for device in options.flag_values("device") if device not in own.flag_values("device")]
        questions = [key for key, _ in self.spec.ordered_questions("devices")]
        for key in sorted(questions, key=lambda key: key not in present):
            if present:
                device = key if key in present else present[0]
                present.remove(device)
                self.devices[key] = device


# -- what runs beside what will run -----------------------------------------------------------------------------------


def report_differences(
    definition: Definition, answers: Answers, containers: Sequence[SourceContainer], facts: HostFacts
) -> list[ReportEntry]:
    """Return what a definition with these answers does otherwise than the containers that run."""
    networks = network_members(definition, answers)
    report: list[ReportEntry] = []
    for container in containers:
        joined = {name for name, members in networks.items() if container.name in members}
        before = _comparable_flags(source_argv(container))
        after = _comparable_flags(docker_run_argv(definition, container.name, answers, facts))
        before = [pair for pair in before if pair[0] != "network" or pair[1] not in {*joined, "bridge"} or not joined]
        before += [("network", name) for name in container.joins if name not in joined]
        prefix = f"{container.name}: " if len(containers) > 1 else ""
        before = [pair for pair in before if not ANONYMOUS_VOLUME.match(pair[1])]  # they stay attached
        of_image = {("env", f"{key}={value}") for key, value in container.variables.items()}
        after = [pair for pair in after if pair not in of_image or pair in before]
        report += [left(prefix + _shown(*pair), t("It is left out.")) for pair in before if pair not in after]
        report += [changed(prefix + _shown(*pair), t("It is added.")) for pair in after if pair not in before]
    return report


def _comparable_flags(argv: Argv) -> list[tuple[str, str]]:
    flags = parse_command_line(reveal_argv(comparable_argv(argv))).flags
    return [(flag.name, flag.value) for flag in flags if flag.name != "name"]


def _shown(name: str, value: str) -> str:
    shown = value.partition("=")[0] if name in ("env", "label") else value
    return f"--{name}" if name in SWITCHES else f"--{name} {shown}"
