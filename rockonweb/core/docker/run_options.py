"""The options of `docker run`, of Docker 20.10 to 29: which exist, how the CLI parses them, and what they mean.

The only parser of options: of a definition's pairs (`options_from_pairs`) and of a whole command line
(`parse_command_line`). A flag has one name, however it is spelled: `-itv/a:/b`, `-v=/a:/b`, `--volume=/a:/b`, `--volume
/a:/b`.

The first word that is no flag and no flag's value is the image, and what follows runs inside the container. So a
definition's option must be one flag with its value and nothing else (see `option_faults`).
"""

from __future__ import annotations

import csv
import enum
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import ip_address
from itertools import groupby

from rockonweb.core.text import t

SHORT_FLAGS = {
    "a": "attach", "c": "cpu-shares", "d": "detach", "e": "env", "h": "hostname", "i": "interactive", "l": "label",
    "m": "memory", "p": "publish", "P": "publish-all", "q": "quiet", "t": "tty", "u": "user", "v": "volume",
    "w": "workdir",
}  # fmt: skip
FLAG_ALIASES = {"net": "network", "net-alias": "network-alias", "dns-opt": "dns-option"}
SWITCHES = frozenset(
    (
        *("detach", "disable-content-trust", "help", "init", "interactive", "no-healthcheck", "oom-kill-disable"),
        *("privileged", "publish-all", "quiet", "read-only", "rm", "sig-proxy", "tty", "use-api-socket"),
    )
)
REPEATABLE = frozenset(
    (
        *("add-host", "annotation", "attach", "blkio-weight-device", "cap-add", "cap-drop", "device"),
        *("device-cgroup-rule", "device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops"),
        *("dns", "dns-option", "dns-search", "env", "env-file", "expose", "gpus", "group-add", "label", "label-file"),
        *("link", "link-local-ip", "log-opt", "mount", "network", "network-alias", "publish", "security-opt"),
        *("storage-opt", "sysctl", "tmpfs", "ulimit", "volume", "volumes-from"),
    )
)  # each of them counts; of any other flag only the last one
VALUED = REPEATABLE | frozenset(
    (
        *("blkio-weight", "cgroup-parent", "cgroupns", "cidfile", "cpu-count", "cpu-percent", "cpu-period"),
        *("cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems"),
        *("detach-keys", "domainname", "entrypoint", "health-cmd", "health-interval", "health-retries"),
        *("health-start-interval", "health-start-period", "health-timeout", "hostname", "io-maxbandwidth"),
        *("io-maxiops", "ip", "ip6", "ipc", "isolation", "kernel-memory", "log-driver", "mac-address", "memory"),
        *("memory-reservation", "memory-swap", "memory-swappiness", "name", "oom-score-adj", "pid", "pids-limit"),
        *("platform", "pull", "restart", "runtime", "shm-size", "stop-signal", "stop-timeout", "user", "userns"),
        *("uts", "volume-driver", "workdir"),
    )
)
TRUE_VALUES = frozenset(("1", "t", "T", "TRUE", "true", "True"))  # what the CLI accepts as true
FALSE_VALUES = frozenset(("0", "f", "F", "FALSE", "false", "False"))
LABEL_PREFIX = "rockonweb."
PORT_PROTOCOLS = ("tcp", "udp", "sctp")
BUILT_IN_NETWORKS = ("host", "none", "bridge", "default")
ENGINE_SOCKETS = (
    *("/run/docker.sock", "/run/podman/podman.sock"),
    *("/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock"),
)  # access to one means full control of a container engine
_RUN_FOLDER = re.compile(
    r"^(?:/var)?/run(?:/user/\d+(?=/))?(?=/|$)"
)  # /var/run is /run; a user's engine has its own folder
_MOUNT_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_UNGUARDED = re.compile(r"(apparmor|seccomp|systempaths)[=:]unconfined|label[=:](disable|type:spc_t)")


class MountKind(enum.Enum):
    """What is mounted: a path of the host, a volume, memory, or something else that Docker knows."""

    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"
    OTHER = ""


@dataclass(frozen=True)
class MountOption:
    """What an option mounts at the path `target` of the container.

    `source` is a path of the host or a volume's name, blank for a volume without one. A volume by which Docker's own
    driver mounts a path of the host (`volume-opt=device=/PATH`) is reported as that path. `flag` is what says it.
    """

    kind: MountKind
    source: str
    target: str
    read_only: bool = False
    flag: str = field(default="volume", compare=False)

    @property
    def host_path(self) -> str:
        """The normalised path of the host, blank where it is none; `./PATH` is relative to the CLI's directory."""
        if self.kind is not MountKind.BIND or not self.source:
            return ""
        return self.source if self.source.startswith(".") else posixpath.normpath(self.source)

    @property
    def has_engine_socket(self) -> bool:
        """Whether it is the socket of a container engine, or a folder that contains one."""
        path = _RUN_FOLDER.sub("/run", self.host_path)
        return bool(path) and any(f"{socket}/".startswith(f"{path}/") for socket in ENGINE_SOCKETS)


@dataclass(frozen=True)
class PublishedPort:
    """A port of the container that an option publishes on a port of the host; `address` is blank for all addresses."""

    number: int
    host: int
    protocol: str
    address: str = ""


class Relation(enum.Enum):
    """What a container uses of another one; the values are the flags."""

    VOLUMES = "volumes-from"
    LINK = "link"
    NETWORK = "network"
    PROCESSES = "pid"
    MEMORY = "ipc"


RELATION_VERBS = {
    Relation.VOLUMES: t("uses the volumes of"),
    Relation.LINK: t("links to"),
    Relation.NETWORK: t("uses the network of"),
    Relation.PROCESSES: t("shares the processes of"),
    Relation.MEMORY: t("shares the memory of"),
}
# Docker joins the namespace of the other one's process, so these end with it.
NAMESPACE_RELATIONS = (Relation.NETWORK, Relation.PROCESSES, Relation.MEMORY)


@dataclass(frozen=True)
class ContainerReference:
    """Another container that an option names; `alias` is its name in a link."""

    relation: Relation
    container: str
    alias: str = ""


@dataclass(frozen=True)
class Flag:
    """One flag by its long name. A switch has the value "true" unless it says otherwise.

    `spelling` is its part of a combined word of short flags, and `takes_next` whether the next word is its value. In a
    command line, `place` is the index of its word, `end` the one after it and its value.
    """

    name: str
    value: str
    spelling: str
    takes_next: bool = False
    place: int = 0
    end: int = 0

    @property
    def is_known(self) -> bool:
        """Whether `docker run` has such a flag."""
        return self.name in SWITCHES or self.name in VALUED


@dataclass(frozen=True)
class DockerOptions:
    """The parsed options of a container; `flags` are all of them, in their order.

    In a command line, `image` is the index of the image (its length when there is none), and `fault` the first word
    that is no known flag where one must be.
    """

    flags: tuple[Flag, ...]
    image: int = 0
    fault: str = ""

    def flag_values(self, name: str) -> list[str]:
        """Return the effective values of the flags of this long name, without blank ones."""
        values = [flag.value.strip() for flag in self.flags if flag.name == name]
        return [value for value in (values if name in REPEATABLE else values[-1:]) if value]

    def last_value(self, name: str) -> str:
        """Return the effective value of a flag that counts once, blank where it has none."""
        return next(reversed(self.flag_values(name)), "")

    def is_on(self, switch: str) -> bool:
        """Whether a switch is on; a value that Docker refuses counts as on."""
        return any(value not in FALSE_VALUES for value in self.flag_values(switch))

    @property
    def mounts(self) -> list[MountOption]:
        """All mounts, in the order of the flags."""
        return [_MOUNT_PARSERS[flag.name](flag.value.strip()) for flag in self.flags if flag.name in _MOUNT_PARSERS]

    @property
    def required_paths(self) -> list[str]:
        """The paths of the host that must exist: devices, and what a `--mount` mounts; Docker creates those of `-v`."""
        sources = [mount.host_path for mount in self.mounts if mount.flag == "mount"]
        return [path for path in (*self.devices, *sources) if path.startswith("/")]

    @property
    def published_ports(self) -> list[PublishedPort]:
        """The ports that it publishes on ports of the host which it names; of others Docker picks free ones."""
        return [port for value in self.flag_values("publish") for port in parse_published_ports(value) if port.host]

    @property
    def references(self) -> list[ContainerReference]:
        """The other containers that it refers to, by relation."""
        return [
            parsed
            for relation in Relation
            for value in self.flag_values(relation.value)
            if (parsed := parse_reference(relation, value))
        ]

    @property
    def networks(self) -> list[str]:
        """The networks that it names, Docker's own too; `container:NAME` is the network of another container."""
        return [network_name(value) for value in self.flag_values("network")]

    @property
    def fixed_address(self) -> str:
        """The IP address that it is to have, blank where Docker chooses one."""
        by_network = [text for value in self.flag_values("network") for key, text in network_fields(value)
                      if key in ("ip", "ip6")]  # fmt: skip
        return next((text for text in (self.last_value("ip"), self.last_value("ip6"), *by_network) if text), "")

    @property
    def own_networks(self) -> list[str]:
        """The networks by name, each once, without Docker's own and those of other containers."""
        names = [name for name in dict.fromkeys(self.networks) if name and name not in BUILT_IN_NETWORKS]
        return [name for name in names if not container_of(name)]

    @property
    def has_engine_socket(self) -> bool:
        """Whether it has full control of a container engine."""
        return self.is_on("use-api-socket") or any(mount.has_engine_socket for mount in self.mounts)

    @property
    def has_all_rights(self) -> bool:
        """Whether it has root's rights on the host: by --privileged, or by a mount of /, whose engine socket answers
        even where the mount is read-only.
        """
        return self.is_on("privileged") or any(mount.host_path == "/" for mount in self.mounts)

    @property
    def capabilities(self) -> list[str]:
        """The added capabilities, without the prefix CAP_."""
        return [value.upper().removeprefix("CAP_") for value in self.flag_values("cap-add")]

    @property
    def missing_guards(self) -> list[str]:
        """The security options that turn off a protection which other containers have."""
        return [value for value in self.flag_values("security-opt") if _UNGUARDED.fullmatch(value)]

    @property
    def devices(self) -> list[str]:
        """The paths of the host's devices."""
        return [posixpath.normpath(_collapse_slashes(value.partition(":")[0])) for value in self.flag_values("device")]


@lru_cache(4096)
def options_from_pairs(pairs: tuple[tuple[str, str], ...]) -> DockerOptions:
    """Return the options of a definition, pairs of a flag and its value.

    A pair is one option: a value next to a switch is read as the switch's, though `option_fault` rejects it.
    """
    options = (pair for pair in pairs if pair[0].startswith("-") and pair[0] != "-")
    return DockerOptions(tuple(flag for word, value in options for flag in _flags_from_pair(word, value)))


def parse_command_line(argv: Sequence[str]) -> DockerOptions:
    """Return the options of a command line that begins with `docker run` or `docker create`."""
    flags: list[Flag] = []
    position, fault = 2, ""
    while position < len(argv) and argv[position].startswith("-"):
        word = argv[position]
        if not word.strip("-"):
            fault = fault or word
            position += word == "--"  # the CLI takes what follows it as the image
            break
        end = position + 1
        for flag in split_flags(word):
            fault = fault or ("" if flag.is_known else word)
            end += flag.takes_next
            value = argv[end - 1] if flag.takes_next and end <= len(argv) else flag.value
            flags.append(replace(flag, value=value, place=position, end=end))
        position = end
    return DockerOptions(tuple(flags), min(position, len(argv)), fault)


def remove_flags(argv: Sequence[str], is_dropped: Callable[[Flag], bool]) -> list[str]:
    """Return a command line without some of its flags and their values; all else keeps its spelling."""
    options = parse_command_line(argv)
    remaining = list(argv[:2])
    for position, group in groupby(options.flags, key=lambda flag: flag.place):
        flags = list(group)
        kept_flags = [flag for flag in flags if not is_dropped(flag)]
        if kept_flags:
            word = argv[position] if kept_flags == flags else "-" + "".join(flag.spelling for flag in kept_flags)
            remaining += [word, *argv[position + 1 : kept_flags[-1].end]]
    return [*remaining, *argv[options.image :]]


def split_flags(word: str) -> Iterator[Flag]:
    """Yield each flag in a word that begins with a dash, without the value that the next word may be.

    An unknown short flag is named by its letter with a dash.
    """
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        name = FLAG_ALIASES.get(name, name)
        yield Flag(name, value if equals or name not in SWITCHES else "true", word, not equals and name not in SWITCHES)
        return
    letters = word[1:]
    while letters:
        name, rest = SHORT_FLAGS.get(letters[0], f"-{letters[0]}"), letters[1:]
        if rest == "=":  # the CLI takes the = itself as the value, or as a flag
            yield Flag("-=", "", letters)
            return
        if name not in SWITCHES or rest.startswith("="):
            yield Flag(name, rest.removeprefix("="), letters, not rest)
            return
        yield Flag(name, "true", letters[0])
        letters = rest


def parse_short_mount(value: str) -> MountOption:
    """Return what a `-v` mounts: PATH:TARGET, NAME:TARGET, with a mode or without, or a new volume's TARGET."""
    source, colon, rest = value.partition(":")
    target, _, mode = rest.partition(":")
    if not colon:
        return MountOption(MountKind.VOLUME, "", source)
    kind = MountKind.BIND if source.startswith(("/", ".")) else MountKind.VOLUME
    return MountOption(kind, _collapse_slashes(source), target, "ro" in mode.split(","))


def parse_published_ports(value: str) -> list[PublishedPort]:
    """Return what a `-p` publishes: [ADDRESS:]HOST:NUMBER[/PROTOCOL], or the long form published=…,target=….

    HOST and NUMBER may be ranges of equal length. None where Docker picks the host's port: NUMBER alone,
    ADDRESS::NUMBER, or one NUMBER for a range of the host. It also does for a HOST of 0.
    """
    address, host, number, protocol = _split_published_port(value)
    numbers, hosts = _port_range(number), _port_range(host)
    if len(numbers) != len(hosts):
        return []
    address = "" if address in ("0.0.0.0", "::") else address  # noqa: S104 - read, not bound
    return [PublishedPort(port, host_port, protocol, address) for port, host_port in zip(numbers, hosts, strict=True)]


def is_published_port(value: str) -> bool:
    """Whether the CLI can read what a `-p` publishes."""
    address, host, number, protocol = _split_published_port(value)
    numbers, hosts = _port_range(number), _port_range(host)
    return (
        (not address or is_ip_address(address))
        and protocol in PORT_PROTOCOLS
        and bool(numbers)
        and (not host or len(hosts) == len(numbers) or (bool(hosts) and len(numbers) == 1))
    )


def is_ip_address(text: str) -> bool:
    """Whether a text is an IP address as Docker reads one."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _split_published_port(value: str) -> tuple[str, str, str, str]:
    """Return address, port of the host, port of the container and protocol of a `-p`; what it leaves out is blank."""
    if "=" in value:
        fields = dict(_csv_fields(value))
        protocol = fields.get("protocol", "")
        return "", fields.get("published", ""), fields.get("target", ""), protocol.lower() or "tcp"
    rest, _, protocol = value.partition("/")
    rest, _, number = rest.rpartition(":")
    address, _, host = rest.rpartition(":")
    return address.removeprefix("[").removesuffix("]"), host, number, protocol.lower() or "tcp"


def _port_range(text: str) -> range:
    first, _, last = text.partition("-")
    numbers = [int(word) for word in (first, last or first) if word.isascii() and word.isdigit()]
    return range(numbers[0], numbers[1] + 1) if len(numbers) == 2 and numbers[1] < 65536 else range(0)


def mount_fields(value: str) -> list[tuple[str, str]]:
    """Return the fields of a `--mount` by their main names: type, source, target, readonly (blank: yes) and others."""
    return [(_MOUNT_KEYS.get(key, key), text) for key, text in _csv_fields(value)]


def network_fields(value: str) -> list[tuple[str, str]]:
    """Return the fields of a `--network`: its `name`, and those of the long form, which the CLI reads in lower case."""
    return _csv_fields(value.lower()) if re.search(r"\w=\w", value, re.ASCII) else [("name", value)]


def network_name(value: str) -> str:
    """Return the network that a `--network` names, blank where the long form names none."""
    return dict(network_fields(value)).get("name", "")


def container_of(mode: str) -> str:
    """Return the container whose network, processes or memory a value names, `container:NAME`; blank for any other."""
    kind, _, name = mode.partition(":")
    return name.removeprefix("/") if kind == "container" else ""


def parse_reference(relation: Relation, value: str) -> ContainerReference | None:
    """Return the container to which the value of a flag refers, None where it names none."""
    if relation in (Relation.VOLUMES, Relation.LINK):
        name, _, alias = value.removeprefix("/").partition(":")
        return (
            ContainerReference(relation, name, (alias or name) if relation is Relation.LINK else "") if name else None
        )
    container = container_of(network_name(value) if relation is Relation.NETWORK else value)
    return ContainerReference(relation, container) if container else None


def _flags_from_pair(word: str, value: str) -> Iterator[Flag]:
    *before, last = split_flags(word)
    takes_value = last.takes_next or (last.name in SWITCHES and "=" not in last.spelling and value.strip())
    yield from (*before, replace(last, value=value) if takes_value else last)


def _csv_fields(value: str) -> list[tuple[str, str]]:
    """Return key (in lower case) and value of each field of a line of CSV, as the CLI reads it."""
    try:
        fields = next((row for row in csv.reader(value.splitlines(), strict=True) if row), [])
    except csv.Error:
        fields = value.split(",")
    return [(key.strip().lower(), text.strip()) for key, _, text in (field.partition("=") for field in fields)]


def _parse_long_mount(value: str) -> MountOption:
    """Return what a `--mount` mounts. A volume whose source is a path is no host path: Docker refuses such a name."""
    fields = mount_fields(value)
    values = dict(fields)
    kind = next(
        (candidate for candidate in MountKind if candidate.value == values.get("type", "volume").lower()),
        MountKind.OTHER,
    )
    source, read_only = values.get("source", ""), values.get("readonly", "false") in {"", *TRUE_VALUES}
    options = dict(text.partition("=")[::2] for key, text in fields if key == "volume-opt")
    device = options.get("device", "")
    if kind is MountKind.VOLUME and device.startswith("/") and values.get("volume-driver", "local") == "local":
        kind, source, read_only = MountKind.BIND, device, read_only or "ro" in options.get("o", "").split(",")
    return MountOption(kind, _collapse_slashes(source), values.get("target", ""), read_only, "mount")


def _collapse_slashes(path: str) -> str:
    """Return a path without repeated slashes, of which `normpath` keeps two at its beginning."""
    return re.sub("/+", "/", path)


_MOUNT_PARSERS: dict[str, Callable[[str], MountOption]] = {
    "volume": parse_short_mount,
    "mount": _parse_long_mount,
    "tmpfs": lambda value: MountOption(MountKind.TMPFS, "", value.partition(":")[0], flag="tmpfs"),
}
