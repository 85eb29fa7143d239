"""The options of `docker run`, of Docker 20.10 to 29: which there are, how the client reads them, and what they mean.

Whoever asks what an option says asks here: of a definition's pairs (`of_pairs`) or of a whole command line (`read`).
Both come to `Options`, whose flags have one name each, however they are spelled: `-itv/a:/b`, `-v=/a:/b`,
`--volume=/a:/b`, `--net host`.

The first word that is no flag and no flag's value is the image, and what follows runs inside the container. So a
definition's option must be one flag with its value and nothing else (see `option_faults`).
"""

from __future__ import annotations

import csv
import enum
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

SHORT = {
    "a": "attach",
    "c": "cpu-shares",
    "d": "detach",
    "e": "env",
    "h": "hostname",
    "i": "interactive",
    "l": "label",
    "m": "memory",
    "p": "publish",
    "P": "publish-all",
    "q": "quiet",
    "t": "tty",
    "u": "user",
    "v": "volume",
    "w": "workdir",
}
ALIASES = {"net": "network", "net-alias": "network-alias", "dns-opt": "dns-option"}
SWITCHES = frozenset(
    (
        *("detach", "disable-content-trust", "help", "init", "interactive", "no-healthcheck", "oom-kill-disable"),
        *("privileged", "publish-all", "quiet", "read-only", "rm", "sig-proxy", "tty", "use-api-socket"),
    )
)
VALUED = frozenset(
    (
        *("add-host", "annotation", "attach", "blkio-weight", "blkio-weight-device", "cap-add", "cap-drop"),
        *("cgroup-parent", "cgroupns", "cidfile", "cpu-count", "cpu-percent", "cpu-period", "cpu-quota"),
        *("cpu-rt-period", "cpu-rt-runtime", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems", "detach-keys"),
        *("device", "device-cgroup-rule", "device-read-bps", "device-read-iops", "device-write-bps"),
        *("device-write-iops", "dns", "dns-option", "dns-search", "domainname", "entrypoint", "env", "env-file"),
        *("expose", "gpus", "group-add", "health-cmd", "health-interval", "health-retries"),
        *("health-start-interval", "health-start-period", "health-timeout", "hostname", "io-maxbandwidth"),
        *("io-maxiops", "ip", "ip6", "ipc", "isolation", "kernel-memory", "label", "label-file", "link"),
        *("link-local-ip", "log-driver", "log-opt", "mac-address", "memory", "memory-reservation", "memory-swap"),
        *("memory-swappiness", "mount", "name", "network", "network-alias", "oom-score-adj", "pid", "pids-limit"),
        *("platform", "publish", "pull", "restart", "runtime", "security-opt", "shm-size", "stop-signal"),
        *("stop-timeout", "storage-opt", "sysctl", "tmpfs", "ulimit", "user", "userns", "uts", "volume"),
        *("volume-driver", "volumes-from", "workdir"),
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
)  # each of these counts, of any other flag the last one
TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))  # what the client takes for a switch
FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_ONCE = (SWITCHES | VALUED) - REPEATABLE
OUR_LABEL = "rockonweb."
BUILT_IN_NETWORKS = ("host", "none", "bridge", "default")
NAMESPACES = ("pid", "ipc", "uts", "userns", "cgroupns")  # that may be the host's own, beside the network
ENGINE_SOCKETS = (
    *("/run/docker.sock", "/run/podman/podman.sock"),
    *("/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock"),
)  # whoever has one can ask a container engine for anything
_RUN = re.compile(r"^(?:/var)?/run(?:/user/\d+(?=/))?(?=/|$)")  # /var/run is /run; a user's engine has its own folder
_MOUNT_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_UNGUARDED = re.compile(r"(apparmor|seccomp|systempaths)[=:]unconfined|label[=:](disable|type:spc_t)")


class MountKind(enum.Enum):
    """What is mounted: a path of the host, a volume, memory, or something else that Docker knows."""

    BIND = enum.auto()
    VOLUME = enum.auto()
    TMPFS = enum.auto()
    OTHER = enum.auto()


_KINDS = {"bind": MountKind.BIND, "volume": MountKind.VOLUME, "tmpfs": MountKind.TMPFS}


@dataclass(frozen=True)
class Mount:
    """What an option mounts at the path `target` of the container.

    `source` is a path of the host or a volume's name, blank for a volume without one. A volume by which Docker's own
    driver mounts a path of the host (`volume-opt=device=/PATH`) is told as that path.
    """

    kind: MountKind
    source: str
    target: str
    read_only: bool = False

    @property
    def host_path(self) -> str:
        """The path of the host as Docker takes it, blank where it is none of the host. One that begins with a dot is
        relative to the folder that the client runs in.
        """
        if self.kind is not MountKind.BIND or not self.source:
            return ""
        return self.source if self.source.startswith(".") else posixpath.normpath(self.source)

    @property
    def has_engine_socket(self) -> bool:
        """Whether it is the socket of a container engine, or a folder that holds one."""
        inside = _RUN.sub("/run", self.host_path)
        return bool(inside) and any(f"{socket}/".startswith(f"{inside}/") for socket in ENGINE_SOCKETS)


class Relation(enum.Enum):
    """What a container has of another one."""

    VOLUMES = enum.auto()
    LINK = enum.auto()
    NETWORK = enum.auto()
    PROCESSES = enum.auto()
    MEMORY = enum.auto()


REFERRING = {"volumes-from": Relation.VOLUMES, "link": Relation.LINK}
SHARING = {"network": Relation.NETWORK, "pid": Relation.PROCESSES, "ipc": Relation.MEMORY}  # by `container:NAME`


@dataclass(frozen=True)
class Reference:
    """Another container that an option names; by `alias` a link calls it."""

    relation: Relation
    container: str
    alias: str = ""


@dataclass(frozen=True)
class Flag:
    """One flag by its long name. A switch has the value "true" unless it says otherwise.

    Of a command line, `place` is the word that it stands in, `end` the one after it and its value, and `spelling` its
    part of that word, for one letter of several.
    """

    name: str
    value: str
    spelling: str = ""
    place: int = 0
    end: int = 0

    @property
    def text(self) -> str:
        """The value without blanks around it."""
        return self.value.strip()

    @property
    def mount(self) -> Mount | None:
        """What it mounts, None for a flag that mounts nothing."""
        if not self.text:
            return None
        if self.name == "volume":
            return short_mount(self.text)
        if self.name == "mount":
            return _long_mount(self.text)
        return Mount(MountKind.TMPFS, "", self.text.partition(":")[0]) if self.name == "tmpfs" else None

    @property
    def network(self) -> str:
        """The network that it names, blank for one that names none; `container:NAME` is the network of that one."""
        return network_name(self.text) if self.name == "network" else ""

    @property
    def reference(self) -> Reference | None:
        """The other container that it refers to."""
        if relation := REFERRING.get(self.name):
            name, _, rest = self.text.removeprefix("/").partition(":")
            return Reference(relation, name, (rest or name) if relation is Relation.LINK else "") if name else None
        other = container_of(self.network or self.text) if self.name in SHARING else ""
        return Reference(SHARING[self.name], other) if other else None


@dataclass(frozen=True)
class Options:
    """What the options of a container say, in their order, without those that a later one overrides."""

    flags: tuple[Flag, ...] = ()

    def values(self, name: str) -> list[str]:
        """Return the value of each flag of this long name."""
        return [flag.text for flag in self.flags if flag.name == name]

    def last(self, name: str) -> str | None:
        """Return the value of a flag that counts once, None where it is not there."""
        return next(reversed(self.values(name)), None)

    @property
    def restart_policy(self) -> str:
        """What Docker does when the container ends."""
        return self.last("restart") or "no"

    def has(self, switch: str) -> bool:
        """Whether a switch is on. One with a value that Docker refuses counts as on."""
        value = self.last(switch)
        return value is not None and value not in FALSE

    @property
    def mounts(self) -> list[Mount]:
        """All that is mounted."""
        return [mount for flag in self.flags if (mount := flag.mount)]

    @property
    def references(self) -> list[Reference]:
        """The other containers that it needs, by what it has of them."""
        return [reference for flag in self.flags if (reference := flag.reference)]

    @property
    def networks(self) -> list[str]:
        """The networks that it names, Docker's own too; `container:NAME` is the network of another container."""
        return [flag.network for flag in self.flags if flag.name == "network"]

    @property
    def own_networks(self) -> list[str]:
        """The networks by name, each once, without Docker's own and those of other containers."""
        return [
            name
            for name in dict.fromkeys(self.networks)
            if name and name not in BUILT_IN_NETWORKS and not container_of(name)
        ]

    @property
    def has_engine_socket(self) -> bool:
        """Whether it can ask a container engine for anything."""
        return self.has("use-api-socket") or any(mount.has_engine_socket for mount in self.mounts)

    @property
    def has_all_rights(self) -> bool:
        """Whether it may do all that the host's administrator may: by a switch, or with all of the host's files.

        These hold the engine's socket, which answers also where they are only read.
        """
        return self.has("privileged") or any(mount.host_path == "/" for mount in self.mounts)

    @property
    def host_namespaces(self) -> list[str]:
        """The flags by which it has what other containers have for themselves from the host, beside the network."""
        return [flag.name for flag in self.flags if flag.name in NAMESPACES and flag.text == "host"]

    @property
    def capabilities(self) -> list[str]:
        """The rights that it gets, by the kernel's names without what these begin with."""
        return [value.upper().removeprefix("CAP_") for value in self.values("cap-add")]

    @property
    def missing_guards(self) -> list[str]:
        """The security options that take a guard away which holds other containers back."""
        return [value for value in self.values("security-opt") if _UNGUARDED.fullmatch(value)]

    @property
    def devices(self) -> list[str]:
        """The devices of the host."""
        return [posixpath.normpath(_slim(value.partition(":")[0])) for value in self.values("device") if value]


@dataclass(frozen=True)
class CommandLine:
    """What a `docker run` or `docker create` says: its flags as they stand there, and the place of the image.

    `fault` is the first word that is no flag where one must be, blank when there is none.
    """

    flags: tuple[Flag, ...]
    image: int
    fault: str

    @property
    def options(self) -> Options:
        """What the flags come to."""
        return _effective(self.flags)


@lru_cache(4096)
def of_pairs(pairs: tuple[tuple[str, str], ...]) -> Options:
    """Return what the options of a definition say, pairs of a flag and its value.

    A pair is one option: what stands beside a switch is read as its value, though none is allowed there.
    """
    return _effective(tuple(flag for word, value in pairs for flag in _flags_of_pair(word, value)))


def read(argv: Sequence[str]) -> CommandLine:
    """Return what a command line says that begins with `docker run` or `docker create`."""
    flags: list[Flag] = []
    place, fault = 2, ""
    while place < len(argv) and argv[place].startswith("-"):
        word = argv[place]
        if not word.strip("-"):
            fault = fault or word
            place += word == "--"  # the client takes what follows it as the image
            break
        end = place + 1
        for part in parts(word):
            fault = fault or ("" if part.known else word)
            end += part.wants
            value = next(iter(argv[end - 1 : end]), "") if part.wants else part.inline
            flags.append(Flag(part.name, value, part.spelling, place, end))
        place = end
    return CommandLine(tuple(flags), min(place, len(argv)), fault)


def without(argv: Sequence[str], dropped: Callable[[Flag], bool]) -> list[str]:
    """Return a command line without some of its flags and their values; all else stays as it is spelled."""
    line = read(argv)
    kept = list(argv[:2])
    for place, together in groupby(line.flags, key=lambda flag: flag.place):
        flags = list(together)
        left = [flag for flag in flags if not dropped(flag)]
        if left:
            word = argv[place] if left == flags else "-" + "".join(flag.spelling for flag in left)
            kept += [word, *argv[place + 1 : left[-1].end]]
    return [*kept, *argv[line.image :]]


class Part(NamedTuple):
    """A flag in a word: its long name, the value that is glued to it, its spelling there without the dash of several
    letters, and whether the next word is its value.
    """

    name: str
    glued: str | None
    spelling: str
    wants: bool

    @property
    def known(self) -> bool:
        """Whether `docker run` has such a flag."""
        return self.name in SWITCHES or self.name in VALUED

    @property
    def inline(self) -> str:
        """The value where the next word is none."""
        return "true" if self.glued is None else self.glued


def parts(word: str) -> Iterator[Part]:
    """Yield each flag in a word that begins with a dash.

    What is no flag is named by what stands there, with the dash that it would have.
    """
    if word.startswith("--"):
        name, has_value, inline = word[2:].partition("=")
        name = ALIASES.get(name, name)
        yield Part(name, inline if has_value else None, word, not has_value and name not in SWITCHES)
        return
    letters = word[1:]
    while letters:
        spelling = letters
        letter, letters = letters[0], letters[1:]
        name = SHORT.get(letter, f"-{letter}")
        if letters == "=":  # the client takes the sign itself as the value, or as a flag
            yield Part("-=", None, spelling, False)
            return
        if name not in SWITCHES or letters.startswith("="):
            yield Part(name, letters.removeprefix("=") if letters else None, spelling, not letters)
            return
        yield Part(name, None, letter, False)


def short_mount(value: str) -> Mount:
    """Return what a `-v` mounts: PATH:TARGET, NAME:TARGET, with a mode or without, or a new volume's TARGET."""
    source, colon, rest = value.partition(":")
    target, _, mode = rest.partition(":")
    if not colon:
        return Mount(MountKind.VOLUME, "", source)
    kind = MountKind.BIND if source.startswith(("/", ".")) else MountKind.VOLUME
    return Mount(kind, _slim(source), target, "ro" in mode.split(","))


def mount_fields(value: str) -> list[tuple[str, str]]:
    """Return what a `--mount` says, by one key each: type, source, target, readonly (blank: yes) and others."""
    return [(_MOUNT_KEYS.get(key, key), text) for key, text in _fields(value)]


def network_fields(value: str) -> list[tuple[str, str]]:
    """Return what a `--network` says: `name` and, in the long form, what the container has there, in small letters as
    the client takes it.
    """
    return _fields(value.lower()) if re.search(r"\w=\w", value, re.ASCII) else [("name", value)]


def network_name(value: str) -> str:
    """Return the network that a `--network` names, blank where the long form names none."""
    return dict(network_fields(value)).get("name", "")


def container_of(mode: str) -> str:
    """Return the container whose network, processes or memory a value means, `container:NAME`; blank for any other."""
    kind, _, name = mode.partition(":")
    return name.removeprefix("/") if kind == "container" else ""


def _effective(flags: tuple[Flag, ...]) -> Options:
    last = {flag.name: flag for flag in flags}
    return Options(tuple(flag for flag in flags if flag.name not in _ONCE or flag is last[flag.name]))


def _flags_of_pair(word: str, value: str) -> Iterator[Flag]:
    found = list(parts(word)) if word.startswith("-") else []
    for part in found:
        beside = part is found[-1] and part.glued is None and (part.wants or value.strip())
        yield Flag(part.name, value if beside else part.inline, part.spelling)


def _fields(value: str) -> list[tuple[str, str]]:
    """Return key and value of each field of a line of CSV; the client takes keys in any case."""
    try:
        words = next((row for row in csv.reader(value.splitlines(), strict=True) if row), [])
    except csv.Error:
        words = value.split(",")
    return [(key.strip().lower(), text.strip()) for key, _, text in (word.partition("=") for word in words)]


def _long_mount(value: str) -> Mount:
    """What `--mount` mounts. A volume whose source is a path is none of the host's: Docker refuses such a name."""
    fields = mount_fields(value)
    given = dict(fields)
    kind = _KINDS.get(given.get("type", "volume").lower(), MountKind.OTHER)
    source, read_only = given.get("source", ""), given.get("readonly", "false") in {"", *TRUE}
    options = dict(text.partition("=")[::2] for key, text in fields if key == "volume-opt")
    device = options.get("device", "")
    if kind is MountKind.VOLUME and device.startswith("/") and given.get("volume-driver", "local") == "local":
        kind, source, read_only = MountKind.BIND, device, read_only or "ro" in options.get("o", "").split(",")
    return Mount(kind, _slim(source), given.get("target", ""), read_only)


def _slim(path: str) -> str:
    """Return a path with each slash once, which `normpath` does not see to at its beginning."""
    return re.sub("/+", "/", path)
