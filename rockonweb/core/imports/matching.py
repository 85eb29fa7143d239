"""Compares containers that run with a definition: the answers to its questions, and what its command does otherwise."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rockonweb.core.answers.answers import Answers, share_fault
from rockonweb.core.containers.argv import Argv
from rockonweb.core.definition.definition import ContainerSpec, Definition, is_mount_point
from rockonweb.core.docker.run_options import (
    BUILT_IN_NETWORKS,
    LABEL_PREFIX,
    REPEATABLE,
    DockerOptions,
    Flag,
    MountKind,
    MountOption,
    options_from_pairs,
    parse_command_line,
    parse_published_ports,
)
from rockonweb.core.imports.conversion import ImportFacts, share_path_of
from rockonweb.core.imports.source import ReportEntry, SourceContainer, changed, left
from rockonweb.core.secret import SecretWord, is_secret, reveal_argv
from rockonweb.core.text import t


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
    variables: Mapping[str, Mapping[str, str]],
    facts: ImportFacts,
) -> Answers | None:
    """Return what runs as answers to a definition's questions; None where one has no answer. `variables` are all that
    each container has, also those of its image.
    """
    matches = [
        _ContainerMatch(container, definition.containers[container.name], variables.get(container.name, {}), facts)
        for container in containers
    ]
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
    present: Mapping[str, str]
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
            share_path = self._share_path(mount)
            if share_path and target not in defined and is_mount_point(target):
                self.storage[target] = share_path
        hosts = {(port.number, port.protocol): port.host for port in options.published_ports if not port.address}
        for number, port in self.spec.port_specs.items():
            self.ports[number] = hosts.get((number, port.published_protocols[0]))
        given = dict(value.partition("=")[::2] for value in options.flag_values("env"))
        for key in self.spec.environment:
            if key not in self.present:
                return False
            self.environment[key] = self.present[key]
        defined_keys = {value.partition("=")[0] for value in own.flag_values("env")}
        self.variables = {k: v for k, v in given.items() if k not in self.environment and k not in defined_keys}
        self.labels = [label for label in options.flag_values("label") if label not in own.flag_values("label")]
        self.networks = self._joined_networks(options, own)
        self._fill_devices(options, own)
        return True

    def _share_path(self, mount: MountOption | None) -> str:
        if mount is None or mount.kind is not MountKind.BIND or mount.read_only:
            return ""
        share_path = share_path_of(mount.source, self.facts.shares_root)
        return "" if not share_path or share_fault(share_path, None) else share_path

    def _joined_networks(self, options: DockerOptions, own: DockerOptions) -> list[str]:
        names = [name for name in options.own_networks if name not in own.networks and name not in BUILT_IN_NETWORKS]
        return names if self.spec.network is None else []

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


def running_argv(container: SourceContainer, planned: Argv, joined: Collection[str] = ()) -> Argv:
    """Return the command line of a container that runs; what is the same in the planned one is written as there, in its
    order, so that only what differs differs. `joined` are the networks that the planned one is connected to afterwards.
    """
    options, words = parse_command_line(reveal_argv(planned)), list(planned)
    pairs = (*container.options, ("--name", container.name), ("--detach", ""))
    connected = {*joined, "bridge"} if joined else ()
    present = [
        flag for flag in options_from_pairs(pairs).flags if not (flag.name == "network" and flag.value in connected)
    ]
    line: list[str] = ["docker", "run"]
    for flag in options.flags:
        same = next((one for one in present if _normalized(one) == _normalized(flag)), None)
        if same or flag not in _effective(options.flags):  # what a later one overrides says nothing
            present = [one for one in present if one is not same]
            line += words[flag.place : flag.end]
    line += [word for flag in present for word in _flag_words(flag)]
    image = str(planned[options.image]) if options.image < len(planned) else ""
    line.append(image if _full_image(image) == _full_image(container.image) else container.image)
    return (*line, *container.command)


def report_differences(
    container: SourceContainer, before_argv: Argv, planned: Argv, *, many: bool
) -> list[ReportEntry]:
    """Return what a planned command does otherwise than what runs, but for what marks it as Rockonweb's."""
    before = _effective(parse_command_line(reveal_argv(before_argv)).flags)
    after = _effective(parse_command_line(reveal_argv(planned)).flags)
    known, prefix = {_normalized(flag) for flag in before}, f"{container.name}: " if many else ""
    gone = {_normalized(flag) for flag in before} - {_normalized(flag) for flag in after}
    added = [
        changed(f"{prefix}{_shown(flag)}", t("It is added."))
        for flag in after
        if _normalized(flag) not in known and not (flag.name == "label" and flag.value.startswith(LABEL_PREFIX))
    ]
    lost = [left(f"{prefix}{_shown(flag)}", t("It is left out.")) for flag in before if _normalized(flag) in gone]
    return [*lost, *added]


def _effective(flags: Sequence[Flag]) -> list[Flag]:
    """Return the flags without those that a later one overrides."""
    last = {flag.name: flag for flag in flags}
    return [flag for flag in flags if flag.name in REPEATABLE or last[flag.name] is flag]


def _normalized(flag: Flag) -> tuple[str, object]:
    """Return what an option says, however it is written."""
    value: object = flag.value
    if flag.name == "publish":
        value = tuple(parse_published_ports(flag.value)) or flag.value
    elif flag.name == "volume":
        value = flag.value.removesuffix(":rw")
    elif flag.name == "device":
        path, _, rest = flag.value.partition(":")
        value = path if rest in ("", path, f"{path}:rwm") else flag.value
    return flag.name, value


def _flag_words(flag: Flag) -> list[str]:
    key, _, value = flag.value.partition("=")
    if flag.name == "env" and value and is_secret(key):
        return ["--env", SecretWord(f"{key}=", value)]
    if flag.spelling == f"--{flag.name}" and not flag.takes_next:
        return [f"--{flag.name}"]
    return [f"--{flag.name}", flag.value] if flag.value else [f"--{flag.name}="]


def _full_image(image: str) -> tuple[str, str]:
    """Return repository, and tag or digest."""
    name, at, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return image_repository(image), digest if at else tag or "latest"


def _shown(flag: Flag) -> str:
    value = flag.value.partition("=")[0] if flag.name in ("env", "label") else flag.value
    return f"--{flag.name}" if value == "true" else f"--{flag.name} {value}"
