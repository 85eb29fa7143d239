"""A rock-on as a compose.yaml with its .env: its `docker run` commands as services of Docker Compose.

The document is generated from the plan of an install, so order, networks and every flag are those that really run. A
flag that Compose does not support is listed in a comment at the top. Secrets are in the .env only.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from rockonweb.core.containers.argv import Argv, without_management_labels
from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.docker import run_options
from rockonweb.core.docker.compose_keys import (
    BRIDGE_NOTE,
    DEFAULT_NETWORK,
    HEALTH_KEYS,
    LIST_KEYS,
    MAP_KEYS,
    MOUNT_PATHS,
    NETWORK_KEYS,
    NUMBER_KEYS,
    SWITCH_KEYS,
    TEXT_KEYS,
)
from rockonweb.core.docker.run_options import (
    BUILT_IN_NETWORKS,
    FALSE_VALUES,
    LABEL_PREFIX,
    TRUE_VALUES,
    MountKind,
    container_of,
)
from rockonweb.core.operations.steps import (
    AwaitAnswer,
    AwaitEnd,
    ConnectNetwork,
    CreateCertificate,
    CreateContainer,
    RunOnce,
    SetShareMode,
    Step,
)
from rockonweb.core.plan.plan import Plan
from rockonweb.core.secret import SecretWord, format_command

COMPOSE_FILE, ENV_FILE = "compose.yaml", ".env"
COMPOSE_KEY = re.compile(r"[a-zA-Z0-9._-]+")  # what Compose accepts as the name of a service, network or volume
ANONYMOUS_VOLUME = re.compile(r"[0-9a-f]{64}")  # the name of an anonymous volume
PLAIN_SCALAR = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*")  # text that needs no quotes in any YAML version

IGNORED_FLAGS = frozenset(("detach", "detach-keys", "name", "quiet", "sig-proxy"))  # have no meaning in Compose


@dataclass(frozen=True)
class ComposeExport:
    """`document` is the text of compose.yaml; `variables` are the secrets that it takes from the .env, by name."""

    document: str
    variables: Mapping[str, str]

    def render_files(self, *, reveal: bool) -> dict[str, str]:
        """Return the two files by name: with the secrets, or with blanks to fill in."""
        return {COMPOSE_FILE: self.document, ENV_FILE: self.render_env(reveal=reveal)}

    def render_env(self, *, reveal: bool) -> str:
        """Return the text of the .env: with the secrets, or with blanks to fill in."""
        if not self.variables:
            return "# This rock-on has no secrets.\n"
        header = "# The secrets of compose.yaml." if reveal else "# The secrets of compose.yaml: fill them in."
        lines = (f"{name}={quote_env_value(value) if reveal else ''}" for name, value in self.variables.items())
        return "\n".join([header, *lines, ""])


def export_compose(plan: Plan, links: Iterable[str], create_commands: Mapping[str, str] | None = None) -> ComposeExport:
    """Return a rock-on as Compose runs it, from the plan of its install and the names of its link networks.

    Compose creates the link networks; any other must exist. `create_commands` are the commands that create networks
    with special options, by name.
    """
    document = _ComposeDocument(plan, frozenset(links), create_commands or {})
    return ComposeExport(document.render_document(), document.variables)


def quote_env_value(value: str) -> str:
    """Return a value quoted for an .env, so that nothing in it is read as a variable or the end of the value."""
    if not re.search(r"['\\\r]", value):
        return f"'{value}'"
    if value.endswith("\\") and re.fullmatch(r"[\w\\./:@%+,=-]+", value):
        return value  # bare: docker-compose 1.29 reads the last backslash as an escape of the quote after it
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(character, escaped)
    return f'"{value}"'


def network_command(spec: NetworkSpec) -> str:
    """Return the command that creates such a network."""
    options = (("--subnet", spec.subnet), ("--gateway", spec.gateway), ("--ip-range", spec.ip_range))
    arguments = [argument for flag, value in options if value for argument in (flag, value)]
    arguments += [argument for pair in spec.aux_addresses for argument in ("--aux-address", "=".join(pair))]
    arguments += ["--internal"] if spec.internal else []
    arguments += ["--ipv6"] if spec.is_ipv6 else []
    arguments += [argument for key, value in spec.driver_options.items() for argument in ("--opt", f"{key}={value}")]
    return shlex.join(["docker", "network", "create", *arguments, spec.name])


def preparation_note(step: Step) -> str:
    """Return what a person has to do before the first start in place of a step; blank for any other step."""
    match step:
        case SetShareMode() | CreateCertificate():
            return f"Before the first start: {step}"
        case RunOnce(argv=argv):
            return f"Before the first start, run once: {format_command(without_management_labels(argv))}"
    return ""


def _variable_name(key: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", key)
    return f"_{name}" if name[:1].isdigit() else name


@dataclass
class _Service:
    """A container while its flags are read."""

    name: str
    body: dict[str, Any]
    networks: list[str] = field(default_factory=list)  # as the flags name them
    joined: dict[str, dict[str, Any]] = field(default_factory=dict)  # as Compose has them
    on_network: dict[str, Any] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)

    def append_unique(self, key: str, value: Any) -> None:
        """Append to a list unless it is there; Compose accepts no duplicates."""
        values = self.body.setdefault(key, [])
        if value not in values:
            values.append(value)


def _is_anonymous_volume_at(flag: run_options.Flag, targets: Collection[str]) -> bool:
    mount = run_options.parse_short_mount(flag.value.strip()) if flag.name == "volume" else None
    return mount is not None and not mount.source and posixpath.normpath(mount.target) in targets


class _ComposeDocument:
    def __init__(self, plan: Plan, links: Collection[str], create_commands: Mapping[str, str]) -> None:
        self.plan = plan
        self.links = links
        self.create_commands = create_commands
        self.variables: dict[str, str] = {}  # of the .env
        self.services: dict[str, _Service] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.comments: list[str] = []
        self.external_networks: list[str] = []  # networks that Compose does not create
        self._read_steps()

    def render_document(self) -> str:
        """Return the whole file."""
        head = [
            f"{self.plan.rockon}, as `docker run` has it, for Docker Compose.",
            "Secrets stand in the file .env beside this one.",
            *self.comments,
            *(f"This network must exist: {self._create_command(name)}" for name in self.external_networks),
        ]
        body: dict[str, Any] = {"services": {name: service.body for name, service in self.services.items()}}
        if self.networks:
            body["networks"] = self.networks
        if self.volumes:
            body["volumes"] = self.volumes
        if any(self._is_on_bridge(service) for service in self.services.values()):
            body.update([BRIDGE_NOTE])
        comments = "".join(f"# {line}\n" for comment in head for line in comment_lines(comment))
        yaml_text = yaml.dump(
            _keep_keys_raw(body),
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=10**6,
            default_flow_style=False,
        )
        return f"{comments}\n{yaml_text}"

    @staticmethod
    def _is_on_bridge(service: _Service) -> bool:
        """Whether `docker run` has a container on Docker's own network, and Compose on that of the project."""
        return "network_mode" not in service.body and DEFAULT_NETWORK in service.body.get(
            "networks", (DEFAULT_NETWORK,)
        )

    def _create_command(self, name: str) -> str:
        return self.create_commands.get(name, f"docker network create {name}")

    def _read_steps(self) -> None:
        previous = ""
        condition = "service_started"
        for step in self.plan.steps:
            match step:
                case CreateContainer(container=name, argv=argv):
                    service = self._add_service(name, argv)
                    if previous:
                        service.body["depends_on"] = {previous: {"condition": condition}}
                    previous, condition = name, "service_started"
                case ConnectNetwork(network=network, container=name, endpoint=endpoint) if name in self.services:
                    self._join_network(self.services[name], network, endpoint)
                case AwaitEnd(container=name) if name == previous:
                    condition = "service_completed_successfully"
                case AwaitAnswer(container=name, command=command) if name == previous:
                    self.services[name].body.setdefault(
                        "healthcheck", {"test": ["CMD", *command], "interval": "2s", "retries": step.seconds // 2}
                    )
                    condition = "service_healthy"
                case _ if note := preparation_note(step):
                    self._add_comment(note)
        for service in self.services.values():
            self._finish_service(service)

    def _add_comment(self, sentence: str) -> None:
        if sentence not in self.comments:
            self.comments.append(sentence)

    def _add_service(self, name: str, argv: Argv) -> _Service:
        options = run_options.parse_command_line(argv)
        arguments = argv[options.image :]
        service = self.services[name] = _Service(
            name, {"image": arguments[0] if arguments else "", "container_name": name}
        )
        filled = {posixpath.normpath(mount.target) for mount in options.mounts if mount.source}
        for flag in options.flags:
            if _is_anonymous_volume_at(flag, filled):
                continue  # Docker mounts the other one; Compose takes no second mount at a path
            try:
                FLAG_CONVERTERS[flag.name](self, service, flag.value)
            except (KeyError, ValueError):  # Compose does not support the flag, or its value
                self._note_unsupported(service, flag.name, flag.value)
        if arguments[1:]:
            service.body["command"] = list(arguments[1:])
        return service

    def _note_unsupported(self, service: _Service, flag: str, value: str) -> None:
        flag_text = f"--{flag}" if value == "true" else f"--{flag} {value}"
        self._add_comment(f"Not in this file, because Compose has no word for it: {flag_text} of {service.name}")

    # -- flags with a meaning of their own ----------------------------------------------------------------------

    def _add_environment(self, service: _Service, value: str) -> None:
        variables = service.body.setdefault("environment", {})
        if isinstance(value, SecretWord):
            key, _, secret = value.revealed.partition("=")
            variables[key] = _RawText(f"${{{self._secret_variable(service.name, key, secret)}}}")
        else:
            key, equals, text = value.partition("=")
            variables[key] = text if equals else None

    def _secret_variable(self, container: str, key: str, secret: str) -> str:
        """Return a name in the .env: the key alone where that is unique, else with its container before it."""
        plain_name = _variable_name(key)
        candidates = [plain_name, _variable_name(f"{container}_{key}")]
        if plain_name.startswith(("COMPOSE_", "DOCKER_")):  # Compose itself reads these
            del candidates[0]
        candidates += [f"{candidates[-1]}_{number}" for number in range(2, 1000)]
        name = next(candidate for candidate in candidates if self.variables.get(candidate, secret) == secret)
        self.variables[name] = secret
        return name

    def _add_label(self, service: _Service, value: str) -> None:
        key, _, text = value.partition("=")
        if not key.startswith(LABEL_PREFIX):
            service.body.setdefault("labels", {})[key] = text

    def _add_volume(self, service: _Service, value: str) -> None:
        mount = run_options.parse_short_mount(value)
        if mount.kind is MountKind.VOLUME and mount.source:
            self._declare_volume(mount.source)
        service.append_unique("volumes", value)

    def _declare_volume(self, name: str) -> None:
        if not COMPOSE_KEY.fullmatch(name):
            raise ValueError(name)
        self.volumes[name] = {"external": True} if ANONYMOUS_VOLUME.fullmatch(name) else {"name": name}

    def _add_mount(self, service: _Service, value: str) -> None:
        entry: dict[str, Any] = {"type": "volume"}
        for key, text in run_options.mount_fields(value):
            if key not in MOUNT_PATHS:
                raise ValueError(key)
            _set_nested(entry, MOUNT_PATHS[key], MOUNT_PARSERS.get(key, str)(text))
        if entry["type"] == "volume" and "source" in entry:
            self._declare_volume(entry["source"])
        service.append_unique("volumes", entry)

    def _add_volumes_from(self, service: _Service, value: str) -> None:
        value = value.removeprefix("/")
        is_service = self._is_earlier(value.partition(":")[0], service)
        service.append_unique("volumes_from", value if is_service else f"container:{value}")

    def _add_gpus(self, service: _Service, value: str) -> None:
        request: dict[str, Any] = {"capabilities": ["gpu"]}
        for item in re.findall(r'(?:[^,"]|"[^"]*")+', value.strip("'")):
            key, equals, text = item.strip('"').partition("=")
            name, parse = GPU_FIELDS[key if equals else "count"]
            request[name] = parse(text if equals else key)
        devices = {"reservations": {"devices": [request]}}
        service.body.setdefault("deploy", {})["resources"] = devices

    # -- networks -----------------------------------------------------------------------------------------------

    def _join_network(self, service: _Service, network: str, endpoint: Endpoint) -> None:
        try:
            service.joined[self._network_key(network)] = {"aliases": [*endpoint.aliases]} if endpoint.aliases else {}
        except ValueError:
            self._note_unsupported(service, "network", network)

    def _network_key(self, network: str) -> str:
        if not COMPOSE_KEY.fullmatch(network):
            raise ValueError(network)
        key = f"{network}-network" if network == DEFAULT_NETWORK else network
        if network in self.links:
            self.networks[key] = {"name": network}
        elif key not in self.networks:
            self.networks[key] = {"name": network, "external": True}
            self.external_networks.append(network)
        return key

    def _finish_service(self, service: _Service) -> None:
        """Write what depends on all flags together: networks and links."""
        names = [run_options.network_name(value) for value in service.networks]
        mode = names[-1] if names and is_network_mode(names[-1]) else ""
        mode = "bridge" if mode == "default" else mode
        if mode == "bridge" and service.joined:
            mode = ""
        attached = self._attached_networks(service, names) if names and not is_network_mode(names[-1]) else {}
        if mode:
            self._set_network_mode(service, mode)
        elif attached or service.joined or service.on_network:
            attachments = attached or {DEFAULT_NETWORK: {}}
            first_key = next(iter(attachments))
            attachments[first_key] = {**attachments[first_key], **service.on_network}
            service.body["networks"] = {
                name: settings or None for name, settings in {**attachments, **service.joined}.items()
            }
        for link in service.links if mode in ("", "bridge") else ():
            is_service = self._is_earlier(link.partition(":")[0], service)
            service.append_unique("links" if is_service else "external_links", link)

    def _set_network_mode(self, service: _Service, mode: str) -> None:
        """Set a network mode, with which a container can't be on other networks; comments list what that omits."""
        service.body["network_mode"] = self._namespace_mode(service, mode)
        for network in service.joined:
            self._add_comment(f"Not in this file: {service.name} on the network {network}, as it is on {mode}.")
        for flag, value in service.on_network.items():
            self._add_comment(f"Not in this file: {flag} {value} of {service.name}, as it is on {mode}.")
        if mode != "bridge" and service.body.pop("ports", None):
            self._add_comment(f"{service.name} publishes no ports: it is on the network of {mode}.")

    def _attached_networks(self, service: _Service, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the networks that flags name, by key, with the container's settings there."""
        attached: dict[str, dict[str, Any]] = {}
        for name, value in zip(names, service.networks, strict=True):
            try:
                if not is_network_mode(name):
                    attached.update([self._attached_network(value)])
            except ValueError:
                self._note_unsupported(service, "network", value)
        return attached

    def _attached_network(self, value: str) -> tuple[str, dict[str, Any]]:
        """Return the key of a network that a flag names, and the container's settings there."""
        settings: dict[str, Any] = {}
        for key, text in run_options.network_fields(value):
            if key == "mac-address":
                settings["mac_address"] = text
            elif key != "name":
                _set_network_option(settings, {"alias": "network-alias"}.get(key, key), text)
        return self._network_key(run_options.network_name(value)), settings

    def _namespace_mode(self, service: _Service, value: str) -> str:
        name = container_of(value)
        return f"service:{name}" if self._is_earlier(name, service) else value

    def _is_earlier(self, name: str, service: _Service) -> bool:
        """Whether a name is that of a container which is created before; Compose accepts no cycles."""
        order = list(self.services)
        return name in order and order.index(name) < order.index(service.name)


FlagConverter = Callable[[_ComposeDocument, _Service, str], None]  # writes the value of a flag into the service


def is_network_mode(network: str) -> bool:
    """Whether the value of --network is a mode, such as host or another container's network."""
    return network in BUILT_IN_NETWORKS or bool(container_of(network))


def _set_network_option(settings: dict[str, Any], flag: str, value: str) -> None:
    """Write a container's setting on a network. Raises ValueError for an unknown flag."""
    key = NETWORK_KEYS.get(flag)
    if not key:
        raise ValueError(flag)
    if key.endswith("_address"):
        settings[key] = value
    else:
        settings[key] = [*settings.get(key, ()), value]


def _set_ulimit(_: _ComposeDocument, service: _Service, value: str) -> None:
    name, _equals, limits = value.partition("=")
    soft, _colon, hard = limits.partition(":")
    service.body.setdefault("ulimits", {})[name] = {"soft": int(soft), "hard": int(hard or soft)}


def _set_nested(body: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Write a value into nested mappings, which are created where missing."""
    for key in path[:-1]:
        body = body.setdefault(key, {})
    body[path[-1]] = value


def _value_setter(parse: Callable[[str], Any], *path: str) -> FlagConverter:
    """Return a converter that writes the parsed value of a flag to a path in the service."""
    return lambda _, service, value: _set_nested(service.body, path, parse(value))


def _list_appender(key: str) -> FlagConverter:
    return lambda _, service, value: service.append_unique(key, value)


def _map_setter(*path: str) -> FlagConverter:
    """Return a converter that writes KEY=VALUE into a map."""

    def apply_flag(_: _ComposeDocument, service: _Service, value: str) -> None:
        key, _equals, text = value.partition("=")
        _set_nested(service.body, (*path, key), text)

    return apply_flag


def _device_limit_setter(key: str, limit_name: str, parse: Callable[[str], Any]) -> FlagConverter:
    """Return a converter that adds PATH:VALUE to the limits of disks."""

    def put(_: _ComposeDocument, service: _Service, value: str) -> None:
        path, limit = value.rsplit(":", 1)
        entry = {"path": path, limit_name: parse(limit)}
        service.body.setdefault("blkio_config", {}).setdefault(key, []).append(entry)

    return put


def _network_option_setter(flag: str) -> FlagConverter:
    return lambda _, service, value: _set_network_option(service.on_network, flag, value)


def _namespace_setter(key: str) -> FlagConverter:
    return lambda document, service, value: _set_nested(service.body, (key,), document._namespace_mode(service, value))


def _text_value(value: str) -> str | int:
    return -1 if value == "-1" else value


def _parse_switch(value: str) -> bool:
    if value not in {"", *TRUE_VALUES, *FALSE_VALUES}:
        raise ValueError(value)
    return value not in FALSE_VALUES


FLAG_CONVERTERS: dict[str, FlagConverter] = {
    **dict.fromkeys(IGNORED_FLAGS, lambda *_: None),
    **{flag: _value_setter(_parse_switch, key) for flag, key in SWITCH_KEYS.items()},
    **{flag: _value_setter(_text_value, key) for flag, key in TEXT_KEYS.items()},
    **{flag: _value_setter(int, key) for flag, key in NUMBER_KEYS.items()},
    **{flag: _list_appender(key) for flag, key in LIST_KEYS.items()},
    **{flag: _map_setter(key) for flag, key in MAP_KEYS.items()},
    **{f"health-{what}": _value_setter(str, "healthcheck", key) for what, key in HEALTH_KEYS.items()},
    **{flag: _network_option_setter(flag) for flag in NETWORK_KEYS},
    **{f"device-{way}-bps": _device_limit_setter(f"device_{way}_bps", "rate", str) for way in ("read", "write")},
    **{f"device-{way}-iops": _device_limit_setter(f"device_{way}_iops", "rate", int) for way in ("read", "write")},
    "blkio-weight": _value_setter(int, "blkio_config", "weight"),
    "blkio-weight-device": _device_limit_setter("weight_device", "weight", int),
    "cpus": _value_setter(float, "cpus"),
    "entrypoint": _value_setter(lambda value: [value] if value else [], "entrypoint"),
    "env": _ComposeDocument._add_environment,
    "gpus": _ComposeDocument._add_gpus,
    "health-cmd": _value_setter(lambda value: ["CMD-SHELL", value], "healthcheck", "test"),
    "health-retries": _value_setter(int, "healthcheck", "retries"),
    "ipc": _namespace_setter("ipc"),
    "label": _ComposeDocument._add_label,
    "link": lambda _, service, value: service.links.append(value.removeprefix("/")),
    "log-driver": _value_setter(str, "logging", "driver"),
    "log-opt": _map_setter("logging", "options"),
    "mount": _ComposeDocument._add_mount,
    "network": lambda _, service, value: service.networks.append(value),
    "no-healthcheck": _value_setter(lambda value: {"disable": _parse_switch(value)}, "healthcheck"),
    "pid": _namespace_setter("pid"),
    "stop-timeout": _value_setter(lambda value: f"{int(value)}s", "stop_grace_period"),
    "ulimit": _set_ulimit,
    "volume": _ComposeDocument._add_volume,
    "volumes-from": _ComposeDocument._add_volumes_from,
}
# The parts of --gpus: the key of each in Compose, and how its value is parsed.
GPU_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "device": ("device_ids", lambda value: value.split(",")),
    "capabilities": ("capabilities", lambda value: ["gpu", *(one for one in value.split(",") if one != "gpu")]),
    "count": ("count", lambda value: value if value == "all" else int(value)),
    "driver": ("driver", str),
}
# How the values of fields of --mount are parsed that are not texts.
MOUNT_PARSERS: dict[str, Callable[[str], Any]] = {
    "type": str.lower,
    "readonly": _parse_switch,
    "volume-nocopy": _parse_switch,
    "tmpfs-mode": lambda value: int(value, 8),
}


class _RawText(str):
    """Text whose `$` is not escaped, so that Compose substitutes variables."""

    __slots__ = ()


def _keep_keys_raw(value: Any) -> Any:
    """Return a part of the document with its keys not escaped: Compose substitutes no variables there."""
    if isinstance(value, dict):
        return {_RawText(key): _keep_keys_raw(item) for key, item in value.items()}
    return [_keep_keys_raw(item) for item in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes text so that every YAML version reads text, and escapes `$`."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the entries of a list below their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write repeated objects in full, without YAML aliases."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    escaped = str(text) if isinstance(text, _RawText) else str(text).replace("$", "$$")
    style = None if PLAIN_SCALAR.fullmatch(escaped) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", escaped, style=style)


for kind in (str, _RawText, SecretWord):
    _Dumper.add_representer(kind, _represent_text)


def comment_lines(comment: str) -> list[str]:
    """Return text as lines of a comment, which nothing in it can end."""
    return [
        "".join(character if character.isprintable() else "?" for character in line) for line in comment.splitlines()
    ]
