"""A rock-on as Quadlet files, by which Podman and systemd run its `docker run` commands.

Source of the format: podman-systemd.unit(5). Only keys that Podman 4.7 has are used; any other option is written as
PodmanArgs=. Options that `podman run` does not have are listed in a comment. Secrets are in a file for each container.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rockonweb.core.containers.argv import Argv
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.docker import run_options
from rockonweb.core.docker.run_options import LABEL_PREFIX, TRUE_VALUES, DockerOptions, Flag, container_of
from rockonweb.core.formats.compose import COMPOSE_KEY, IGNORED_FLAGS, comment_lines, is_network_mode, preparation_note
from rockonweb.core.operations.steps import AwaitAnswer, AwaitEnd, ConnectNetwork, CreateContainer
from rockonweb.core.plan.plan import Plan
from rockonweb.core.secret import SecretWord

INSTALL_NOTE = "For Podman's Quadlet: put these files into /etc/containers/systemd, then run: systemctl daemon-reload"
FOLDER_NOTE = "Unlike Docker, Podman creates no folder of the host that a Volume= names."
# Keys of [Container] whose value is that of the flag, and those that are read as words.
KEYS = {
    "expose": "ExposeHostPort", "health-cmd": "HealthCmd", "health-interval": "HealthInterval",
    "health-retries": "HealthRetries", "health-start-period": "HealthStartPeriod", "health-timeout": "HealthTimeout",
    "hostname": "HostName", "ip": "IP", "ip6": "IP6", "log-driver": "LogDriver", "publish": "PublishPort",
    "tmpfs": "Tmpfs", "volume": "Volume", "workdir": "WorkingDir",
}  # fmt: skip
WORD_KEYS = {
    "annotation": "Annotation", "cap-add": "AddCapability", "cap-drop": "DropCapability", "device": "AddDevice",
    "env": "Environment", "label": "Label", "sysctl": "Sysctl",
}  # fmt: skip
SWITCH_KEYS = {"init": "RunInit", "read-only": "ReadOnly"}
UNSUPPORTED_FLAGS = frozenset(
    (
        *("cpu-count", "cpu-percent", "domainname", "health-start-interval", "io-maxbandwidth", "io-maxiops"),
        *("isolation", "kernel-memory", "link", "link-local-ip", "runtime", "storage-opt", "use-api-socket"),
        "volume-driver",
    )
)
NETWORK_FIELDS = {"alias": "alias", "ip": "ip", "ip6": "ip6", "mac-address": "mac"}
RESTARTS = {"": "no", "no": "no", "on-failure": "on-failure"}  # any other policy is `always`
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class QuadletExport:
    """`units` are the texts of the unit files by name; `secrets` the variables of each container that has any."""

    units: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]]

    def render_files(self, *, reveal: bool) -> dict[str, str]:
        """Return all files by name: those of the variables with the secrets, or with blanks to fill in."""
        files = dict(self.units)
        for container, variables in self.secrets.items():
            lines = [f"{name}={value if reveal else ''}" for name, value in variables.items()]
            files[_env_file(container)] = "\n".join(["# The secrets of this container.", *lines, ""])
        return files


def export_quadlet(plan: Plan, networks: Mapping[str, NetworkSpec]) -> QuadletExport:
    """Return a rock-on as Podman runs it, from the plan of its install; `networks` are those with settings, by name."""
    files = _QuadletFiles(plan, networks)
    units = {f"{name}.container": files.render_container(unit) for name, unit in files.units.items()}
    units |= {f"{name}.network": _render_network(name, networks.get(name)) for name in files.networks}
    return QuadletExport(units, {name: unit.secrets for name, unit in files.units.items() if unit.secrets})


def _env_file(container: str) -> str:
    return f"{container}.env"


@dataclass
class _ContainerUnit:
    """A .container file while the flags are read; each section has pairs of a key and its value."""

    name: str
    unit: list[tuple[str, str]] = field(default_factory=list)
    container: list[tuple[str, str]] = field(default_factory=list)
    service: list[tuple[str, str]] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    command: tuple[str, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add_argument(self, flag: str, value: str | None) -> None:
        """Add an option that has no key."""
        self.container.append(("PodmanArgs", _quote(f"--{flag}" if value is None else f"--{flag}={value}")))

    def note_unsupported(self, flag: str, value: str) -> None:
        """Tell in the file that an option is missing."""
        self.notes.append(f"Not in this file, because Podman has no such option: --{flag} {value}".rstrip())


class _QuadletFiles:
    def __init__(self, plan: Plan, networks: Mapping[str, NetworkSpec]) -> None:
        self.plan = plan
        self.units: dict[str, _ContainerUnit] = {}
        self.networks: dict[str, None] = {}
        self.notes: dict[str, None] = {INSTALL_NOTE: None, FOLDER_NOTE: None}
        self._read_steps()

    def _read_steps(self) -> None:
        previous = ""
        for step in self.plan.steps:
            match step:
                case CreateContainer(container=name, argv=argv):
                    unit = self.units[name] = self._read_container(name, argv)
                    if previous:
                        unit.unit += [("Requires", f"{previous}.service"), ("After", f"{previous}.service")]
                    previous = name
                case ConnectNetwork(network=network, container=name, endpoint=endpoint) if name in self.units:
                    self._join(self.units[name], network, [f"alias={alias}" for alias in endpoint.aliases])
                case AwaitEnd(container=name) if name == previous:
                    self.units[name].service = [("Type", "oneshot"), ("RemainAfterExit", "yes")]
                case AwaitAnswer(container=name, command=command, seconds=seconds) if name == previous:
                    test = [("HealthCmd", _escape(shlex.join(command))), ("HealthInterval", "2s")]
                    self.units[name].container += [*test, ("HealthRetries", str(seconds // 2)), ("Notify", "healthy")]
                case _ if note := preparation_note(step):
                    self.notes[note] = None

    def _read_container(self, name: str, argv: Argv) -> _ContainerUnit:
        options = run_options.parse_command_line(argv)
        image, *command = argv[options.image :]
        unit = _ContainerUnit(name, command=tuple(command))
        unit.container = [("ContainerName", name), ("Image", _escape(_qualified_image(image)))]
        effective = {flag if flag.name in run_options.REPEATABLE else flag.name: flag for flag in options.flags}
        for flag in effective.values():
            if flag.name not in IGNORED_FLAGS:
                self._read_flag(unit, flag)
        policy = options.last_value("restart").partition(":")[0]
        unit.service = [("Restart", RESTARTS.get(policy, "always"))]
        self._read_networks(unit, options)
        if unit.secrets:
            unit.container.append(("EnvironmentFile", _env_file(name)))
        return unit

    def _read_flag(self, unit: _ContainerUnit, flag: Flag) -> None:
        name, value = flag.name, flag.value
        if isinstance(value, SecretWord):
            self._add_secret(unit, value)
        elif name in ("network", "restart") or (name == "label" and value.startswith(LABEL_PREFIX)):
            return
        elif name in UNSUPPORTED_FLAGS:
            unit.note_unsupported(name, value)
        elif name in run_options.SWITCHES:
            if key := SWITCH_KEYS.get(name):
                unit.container.append((key, "true" if value in TRUE_VALUES else "false"))
            else:
                unit.add_argument(name, None if value in TRUE_VALUES else value)
        elif name == "user" and re.fullmatch(r"[\w.-]+(:[\w.-]+)?", value):
            keys = zip(("User", "Group"), value.split(":"), strict=False)
            unit.container += [(key, part) for key, part in keys]
        elif name in WORD_KEYS and value:
            unit.container.append((WORD_KEYS[name], _quote(value)))
        elif name in KEYS and _is_plain(value):
            unit.container.append((KEYS[name], _escape(value)))
        else:
            unit.add_argument(name, value)

    def _add_secret(self, unit: _ContainerUnit, word: SecretWord) -> None:
        key, _, secret = word.revealed.partition("=")
        unit.secrets[key] = secret
        if re.search(r"[\n\r]", secret):
            unit.notes.append(f"{key} has more than one line, which Podman does not read from {_env_file(unit.name)}.")

    def _read_networks(self, unit: _ContainerUnit, options: DockerOptions) -> None:
        values = [value for value in options.flag_values("network") if run_options.network_name(value)]
        mode = run_options.network_name(values[-1]) if values else ""
        if mode in ("host", "none") or container_of(mode):
            unit.networks = [mode]
            return
        for value in values:
            network = run_options.network_name(value)
            if is_network_mode(network):
                continue
            settings = [
                f"{NETWORK_FIELDS[key]}={text}"
                for key, text in run_options.network_fields(value)
                if key in NETWORK_FIELDS
            ]
            self._join(unit, network, settings)

    def _join(self, unit: _ContainerUnit, network: str, settings: Sequence[str] = ()) -> None:
        """Put a container on a network, of which there is a file."""
        if not COMPOSE_KEY.fullmatch(network) or unit.networks[:1] in (["host"], ["none"]):
            unit.note_unsupported("network", network)
            return
        self.networks[network] = None
        unit.networks.append(":".join((f"{network}.network", *([",".join(settings)] if settings else []))))

    def render_container(self, unit: _ContainerUnit) -> str:
        """Return the text of a .container file."""
        title = f"{self.plan.rockon}: {unit.name}"
        notes = [*(self.notes if unit.name == next(iter(self.units)) else ()), *unit.notes]
        container = [*unit.container, *(("Network", network) for network in unit.networks)]
        if unit.command:
            container.append(("Exec", " ".join(_quote(word) for word in unit.command)))
        sections = {
            "Unit": [("Description", _escape(" ".join(title.split()))), *unit.unit],
            "Container": container,
            "Service": unit.service,
            "Install": [("WantedBy", "multi-user.target default.target")],
        }
        return _render_unit(notes, sections)


def _render_network(name: str, spec: NetworkSpec | None) -> str:
    settings = [("NetworkName", name)]
    if spec:
        values = (("Subnet", spec.subnet), ("Gateway", spec.gateway), ("IPRange", spec.ip_range))
        settings += [(key, value) for key, value in values if value]
        settings += [("Internal", "true")] if spec.internal else []
        settings += [("IPv6", "true")] if spec.is_ipv6 else []
        settings += [("Options", f"mtu={spec.mtu}")] if spec.mtu else []
    return _render_unit((), {"Network": settings})


def _render_unit(notes: Sequence[str], sections: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    head = "".join(f"# {line}\n" for note in notes for line in comment_lines(note))
    parts = ["".join([f"[{section}]\n", *(f"{key}={value}\n" for key, value in entries)])
             for section, entries in sections.items()]  # fmt: skip
    return "\n".join([head, *parts] if head else parts)


def _qualified_image(image: str) -> str:
    """Return an image with its registry, as Podman asks for one where Docker takes Docker Hub."""
    host, slash, _ = image.partition("/")
    if not slash:
        return f"docker.io/library/{image}"
    return image if re.search(r"[.:]|^localhost$", host) else f"docker.io/{image}"


def _is_plain(value: str) -> bool:
    """Whether a value is read as it stands where none of its words has quotes."""
    return value.isprintable() and value == value.strip() != "" and value[0] not in "\"'" and value[-1] not in "\"'\\"


def _escape(value: str) -> str:
    """Return a value in which systemd finds no specifier and no variable."""
    return value.replace("%", "%%").replace("$", "$$")


def _quote(word: str) -> str:
    """Return a word of a value that is split into words."""
    if not re.fullmatch(r"[A-Za-z0-9_./:=,@+-]+", word):
        escaped = (_ESCAPES.get(letter, letter if letter.isprintable() else _hexadecimal(letter)) for letter in word)
        word = '"{}"'.format("".join(escaped))
    return _escape(word)


def _hexadecimal(letter: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in letter.encode()) if ord(letter) < 128 else letter
