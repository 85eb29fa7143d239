"""A rock-on as a compose.yaml with its .env: what `docker run` was told, in the words of Docker Compose.

The document is made from the plan of an install, so order, networks and every flag are those that really run. A flag
that Compose has no word for is told in a comment at the top. Secrets stand in the .env only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from rockonweb.core.containers.argv import Argv, own_words
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.docker import run_options
from rockonweb.core.docker.run_options import BUILT_IN_NETWORKS, FALSE, OUR_LABEL, TRUE, MountKind, container_of
from rockonweb.core.operations.steps import AwaitAnswer, AwaitEnd, Create, Join, MakeCertificate, RunOnce, SetMode
from rockonweb.core.plan.plan import Plan
from rockonweb.core.secret import SecretWord, render

KEY = re.compile(r"[a-zA-Z0-9._-]+")  # what Compose takes for the name of a service, network or volume
KEPT = re.compile(r"[0-9a-f]{64}")  # a volume that Docker made
PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*")  # text that is text in every YAML, also without quotes

SWITCHES = {"init": "init", "interactive": "stdin_open", "oom-kill-disable": "oom_kill_disable"}
SWITCHES |= {"privileged": "privileged", "read-only": "read_only", "tty": "tty"}
NEEDLESS = frozenset(("detach", "detach-keys", "name", "quiet", "sig-proxy"))  # mean nothing to Compose


def _underscored(*flags: str) -> dict[str, str]:
    """Return flags with their names in Compose, where those are the same but for the dashes."""
    return {flag: flag.replace("-", "_") for flag in flags}


TEXTS = {"cgroupns": "cgroup", "cpuset-cpus": "cpuset", "memory": "mem_limit", "memory-reservation": "mem_reservation"}
TEXTS |= {"memory-swap": "memswap_limit", "pull": "pull_policy", "userns": "userns_mode", "workdir": "working_dir"}
TEXTS |= _underscored("cgroup-parent", "domainname", "hostname", "isolation", "mac-address", "platform", "restart")
TEXTS |= _underscored("runtime", "shm-size", "stop-signal", "user", "uts")
NUMBERS = _underscored("cpu-count", "cpu-percent", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime")
NUMBERS |= _underscored("cpu-shares", "oom-score-adj", "pids-limit") | {"memory-swappiness": "mem_swappiness"}
LISTS = {"add-host": "extra_hosts", "device": "devices", "device-cgroup-rule": "device_cgroup_rules"}
LISTS |= {"dns-option": "dns_opt", "publish": "ports"}
LISTS |= _underscored("cap-add", "cap-drop", "dns", "dns-search", "env-file", "expose", "group-add", "security-opt")
LISTS |= _underscored("tmpfs")
MAPS = {"annotation": "annotations", "storage-opt": "storage_opt", "sysctl": "sysctls"}
HEALTH = _underscored("interval", "start-interval", "start-period", "timeout")
ON_A_NETWORK = {"ip": "ipv4_address", "ip6": "ipv6_address", "network-alias": "aliases"}
ON_A_NETWORK |= {"link-local-ip": "link_local_ips", "driver-opt": ""}


@dataclass(frozen=True)
class Export:
    """`document` is the text of compose.yaml; `variables` are the secrets that it takes from the .env, by name."""

    document: str
    variables: Mapping[str, str]

    def env(self, *, reveal: bool) -> str:
        """Return the text of the .env: with the secrets, or with blanks to fill in."""
        if not self.variables:
            return "# This rock-on has no secrets.\n"
        head = "# The secrets of compose.yaml." if reveal else "# The secrets of compose.yaml: fill them in."
        lines = (f"{name}={quoted(value) if reveal else ''}" for name, value in self.variables.items())
        return "\n".join([head, *lines, ""])


def export(plan: Plan, links: Iterable[str], how_to_make: Mapping[str, str] | None = None) -> Export:
    """Return a rock-on as Compose runs it, from the plan of its install and the names of its link networks.

    Compose makes the link networks; any other must exist. `how_to_make` has the command for those that want a special
    one.
    """
    made = _Document(plan, frozenset(links), how_to_make or {})
    return Export(made.text(), made.variables)


def quoted(value: str) -> str:
    """Return a value as it stands in an .env, where nothing in it is taken for a variable or the end of the line."""
    if not re.search(r"['\\\n\r]", value):
        return f"'{value}'"
    if value.endswith("\\") and re.fullmatch(r"[\w\\./:@%+,=-]+", value):
        return value  # bare: docker-compose 1.29 takes the last backslash as an escape of the quote behind it
    for sign, written in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(sign, written)
    return f'"{value}"'


def network_command(spec: NetworkSpec) -> str:
    """Return the command that makes a network like this one."""
    named = (("--subnet", spec.subnet), ("--gateway", spec.gateway), ("--ip-range", spec.ip_range))
    words = [word for flag, value in named if value for word in (flag, value)]
    words += [word for pair in spec.aux_addresses for word in ("--aux-address", "=".join(pair))]
    words += ["--internal"] if spec.internal else []
    words += ["--ipv6"] if spec.ipv6 else []
    words += [word for key, value in spec.driver_options.items() for word in ("--opt", f"{key}={value}")]
    return shlex.join(["docker", "network", "create", *words, spec.name])


def _name(key: str) -> str:
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

    def add(self, key: str, value: Any) -> None:
        """Append to a list; Compose takes nothing twice."""
        values = self.body.setdefault(key, [])
        if value not in values:
            values.append(value)


class _Document:
    def __init__(self, plan: Plan, links: Collection[str], how_to_make: Mapping[str, str]) -> None:
        self.plan = plan
        self.links = links
        self.how_to_make = how_to_make
        self.variables: dict[str, str] = {}  # of the .env
        self.services: dict[str, _Service] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.told: list[str] = []
        self.foreign: list[str] = []  # networks that Compose does not make
        self._read()

    def text(self) -> str:
        """Return the whole file."""
        head = [
            f"{self.plan.rockon}, as `docker run` has it, for Docker Compose.",
            "Secrets stand in the file .env beside this one.",
            *self.told,
            *(f"This network must exist: {self._command(name)}" for name in self.foreign),
        ]
        body: dict[str, Any] = {"services": {name: one.body for name, one in self.services.items()}}
        if self.networks:
            body["networks"] = self.networks
        if self.volumes:
            body["volumes"] = self.volumes
        comments = "".join(f"# {line}\n" for words in head for line in _comment(words))
        written = yaml.dump(
            _keys_kept(body), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=False
        )
        return f"{comments}\n{written}"

    def _command(self, name: str) -> str:
        return self.how_to_make.get(name, f"docker network create {name}")

    def _read(self) -> None:
        previous = ""
        condition = "service_started"
        for step in self.plan.steps:
            match step:
                case Create(container=name, argv=argv):
                    service = self._service(name, argv)
                    if previous:
                        service.body["depends_on"] = {previous: {"condition": condition}}
                    previous, condition = name, "service_started"
                case Join(network=network, container=name) if name in self.services:
                    self.services[name].joined.setdefault(self._network_key(network), {})
                case AwaitEnd(container=name) if name == previous:
                    condition = "service_completed_successfully"
                case AwaitAnswer(container=name, command=command) if name == previous:
                    self.services[name].body.setdefault(
                        "healthcheck", {"test": ["CMD", *command], "interval": "2s", "retries": step.seconds // 2}
                    )
                    condition = "service_healthy"
                case SetMode() | MakeCertificate():
                    self._tell(f"Before the first start: {step}")
                case RunOnce(argv=argv):
                    self._tell(f"Before the first start, run once: {render(own_words(argv))}")
        for service in self.services.values():
            self._finish(service)

    def _tell(self, sentence: str) -> None:
        if sentence not in self.told:
            self.told.append(sentence)

    def _service(self, name: str, argv: Argv) -> _Service:
        line = run_options.read(argv)
        rest = argv[line.image :]
        service = self.services[name] = _Service(name, {"image": rest[0] if rest else "", "container_name": name})
        for flag in line.flags:
            try:
                FLAGS[flag.name](self, service, flag.value)
            except (KeyError, ValueError):  # Compose has no word for the flag, or for its value
                self._untold(service, flag.name, flag.value)
        if rest[1:]:
            service.body["command"] = list(rest[1:])
        return service

    def _untold(self, service: _Service, flag: str, value: str) -> None:
        shown = f"--{flag}" if value == "true" else f"--{flag} {value}"
        self._tell(f"Not in this file, because Compose has no word for it: {shown} of {service.name}")

    # -- flags with a meaning of their own ----------------------------------------------------------------------

    def _environment(self, service: _Service, value: str) -> None:
        variables = service.body.setdefault("environment", {})
        if isinstance(value, SecretWord):
            key, _, secret = value.revealed.partition("=")
            variables[key] = _Raw(f"${{{self._variable(service.name, key, secret)}}}")
        else:
            key, given, text = value.partition("=")
            variables[key] = text if given else None

    def _variable(self, container: str, key: str, secret: str) -> str:
        """Return a name in the .env: the key alone where that is enough, else with its container before it."""
        plain = _name(key)
        candidates = [plain, _name(f"{container}_{key}")]
        if plain.startswith(("COMPOSE_", "DOCKER_")):  # Compose itself reads these
            del candidates[0]
        candidates += [f"{candidates[-1]}_{number}" for number in range(2, 1000)]
        name = next(one for one in candidates if self.variables.get(one, secret) == secret)
        self.variables[name] = secret
        return name

    def _label(self, service: _Service, value: str) -> None:
        key, _, text = value.partition("=")
        if not key.startswith(OUR_LABEL):
            service.body.setdefault("labels", {})[key] = text

    def _volume(self, service: _Service, value: str) -> None:
        mount = run_options.short_mount(value)
        if mount.kind is MountKind.VOLUME and mount.source:
            self._named(mount.source)
        service.add("volumes", value)

    def _named(self, name: str) -> None:
        if not KEY.fullmatch(name):
            raise ValueError(name)
        self.volumes[name] = {"external": True} if KEPT.fullmatch(name) else {"name": name}

    def _mount(self, service: _Service, value: str) -> None:
        entry: dict[str, Any] = {"type": "volume"}
        for key, text in run_options.mount_fields(value):
            place = MOUNTS.get(key)
            if place is None:
                raise ValueError(key)
            *path, read = place
            _put(entry, path, read(text))
        if entry["type"] == "volume" and "source" in entry:
            self._named(entry["source"])
        service.add("volumes", entry)

    def _borrow(self, service: _Service, value: str) -> None:
        value = value.removeprefix("/")
        ours = self._earlier(value.partition(":")[0], service)
        service.add("volumes_from", value if ours else f"container:{value}")

    def _gpus(self, service: _Service, value: str) -> None:
        wanted: dict[str, Any] = {"capabilities": ["gpu"]}
        for part in re.findall(r'(?:[^,"]|"[^"]*")+', value.strip("'")):
            key, given, text = part.strip('"').partition("=")
            name, read = GPUS[key if given else "count"]
            wanted[name] = read(text if given else key)
        devices = {"reservations": {"devices": [wanted]}}
        service.body.setdefault("deploy", {})["resources"] = devices

    # -- networks -----------------------------------------------------------------------------------------------

    def _network_key(self, network: str) -> str:
        if not KEY.fullmatch(network):
            raise ValueError(network)
        key = f"{network}-network" if network == "default" else network
        if network in self.links:
            self.networks[key] = {"name": network}
        elif key not in self.networks:
            self.networks[key] = {"name": network, "external": True}
            self.foreign.append(network)
        return key

    def _finish(self, service: _Service) -> None:
        """Write what depends on all flags together: networks and links."""
        names = [run_options.network_name(value) for value in service.networks]
        mode = names[-1] if names and _is_mode(names[-1]) else ""
        mode = "bridge" if mode == "default" else mode
        if mode == "bridge" and service.joined:
            mode = ""
        own = self._own_networks(service, names) if names and not _is_mode(names[-1]) else {}
        if mode:
            self._keep_to(service, mode)
        elif own or service.joined or service.on_network:
            first = own or {"default": {}}
            one = next(iter(first))
            first[one] = {**first[one], **service.on_network}
            service.body["networks"] = {name: given or None for name, given in {**first, **service.joined}.items()}
        for link in service.links if mode in ("", "bridge") else ():
            ours = self._earlier(link.partition(":")[0], service)
            service.add("links" if ours else "external_links", link)

    def _keep_to(self, service: _Service, mode: str) -> None:
        """Put a container where it can be on no network of its own, and tell what it loses by that."""
        service.body["network_mode"] = self._mode(service, mode)
        for network in service.joined:
            self._tell(f"Not in this file: {service.name} on the network {network}, as it is on {mode}.")
        for flag, value in service.on_network.items():
            self._tell(f"Not in this file: {flag} {value} of {service.name}, as it is on {mode}.")
        if mode != "bridge" and service.body.pop("ports", None):
            self._tell(f"{service.name} publishes no ports: it is on the network of {mode}.")

    def _own_networks(self, service: _Service, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the networks that flags name, by key, and what they say of the container's place there."""
        own: dict[str, dict[str, Any]] = {}
        for name, value in zip(names, service.networks, strict=True):
            try:
                if not _is_mode(name):
                    own.update([self._own_network(value)])
            except ValueError:
                self._untold(service, "network", value)
        return own

    def _own_network(self, value: str) -> tuple[str, dict[str, Any]]:
        """Return the key of a network that a flag names, and what it says of the container's place there."""
        placed: dict[str, Any] = {}
        for key, text in run_options.network_fields(value):
            if key == "mac-address":
                placed["mac_address"] = text
            elif key != "name":
                _place(placed, {"alias": "network-alias"}.get(key, key), text)
        return self._network_key(run_options.network_name(value)), placed

    def _mode(self, service: _Service, value: str) -> str:
        name = container_of(value)
        return f"service:{name}" if self._earlier(name, service) else value

    def _earlier(self, name: str, service: _Service) -> bool:
        """Whether a name is that of a container which is made before; Compose takes no circles."""
        order = list(self.services)
        return name in order and order.index(name) < order.index(service.name)


Special = Callable[[_Document, _Service, str], None]  # puts the value of a flag into the service


def _is_mode(network: str) -> bool:
    """Whether the value of --network is no network of its own."""
    return network in BUILT_IN_NETWORKS or bool(container_of(network))


def _place(placed: dict[str, Any], flag: str, value: str) -> None:
    """Write a container's place on a network. Raises ValueError."""
    key = ON_A_NETWORK.get(flag)
    if not key:
        raise ValueError(flag)
    if key.endswith("_address"):
        placed[key] = value
    else:
        placed[key] = [*placed.get(key, ()), value]


def _ulimit(_: _Document, service: _Service, value: str) -> None:
    name, _equals, limits = value.partition("=")
    soft, _colon, hard = limits.partition(":")
    service.body.setdefault("ulimits", {})[name] = {"soft": int(soft), "hard": int(hard or soft)}


def _put(body: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Write a value into an inner part of the document."""
    for key in path[:-1]:
        body = body.setdefault(key, {})
    body[path[-1]] = value


def _at(read: Callable[[str], Any], *path: str) -> Special:
    """Return what puts the value of a flag, as `read` has it, to its place in the service."""
    return lambda _, service, value: _put(service.body, path, read(value))


def _listed(key: str) -> Special:
    return lambda _, service, value: service.add(key, value)


def _mapped(*path: str) -> Special:
    """Return what puts KEY=VALUE into a map."""

    def put(_: _Document, service: _Service, value: str) -> None:
        key, _equals, text = value.partition("=")
        _put(service.body, (*path, key), text)

    return put


def _per_device(key: str, what: str, read: Callable[[str], Any]) -> Special:
    """Return what puts PATH:VALUE among the limits of disks."""

    def put(_: _Document, service: _Service, value: str) -> None:
        path, limit = value.rsplit(":", 1)
        entry = {"path": path, what: read(limit)}
        service.body.setdefault("blkio_config", {}).setdefault(key, []).append(entry)

    return put


def _placed(flag: str) -> Special:
    return lambda _, service, value: _place(service.on_network, flag, value)


def _shared(key: str) -> Special:
    return lambda document, service, value: _put(service.body, (key,), document._mode(service, value))


def _text(value: str) -> str | int:
    return -1 if value == "-1" else value


def _truth(value: str) -> bool:
    if value not in {"", *TRUE, *FALSE}:
        raise ValueError(value)
    return value not in FALSE


FLAGS: dict[str, Special] = {
    **dict.fromkeys(NEEDLESS, lambda *_: None),
    **{flag: _at(_truth, key) for flag, key in SWITCHES.items()},
    **{flag: _at(_text, key) for flag, key in TEXTS.items()},
    **{flag: _at(int, key) for flag, key in NUMBERS.items()},
    **{flag: _listed(key) for flag, key in LISTS.items()},
    **{flag: _mapped(key) for flag, key in MAPS.items()},
    **{f"health-{what}": _at(str, "healthcheck", key) for what, key in HEALTH.items()},
    **{flag: _placed(flag) for flag in ON_A_NETWORK},
    **{f"device-{way}-bps": _per_device(f"device_{way}_bps", "rate", str) for way in ("read", "write")},
    **{f"device-{way}-iops": _per_device(f"device_{way}_iops", "rate", int) for way in ("read", "write")},
    "blkio-weight": _at(int, "blkio_config", "weight"),
    "blkio-weight-device": _per_device("weight_device", "weight", int),
    "cpus": _at(float, "cpus"),
    "entrypoint": _at(lambda value: [value] if value else [], "entrypoint"),
    "env": _Document._environment,
    "gpus": _Document._gpus,
    "health-cmd": _at(lambda value: ["CMD-SHELL", value], "healthcheck", "test"),
    "health-retries": _at(int, "healthcheck", "retries"),
    "ipc": _shared("ipc"),
    "label": _Document._label,
    "link": lambda _, service, value: service.links.append(value.removeprefix("/")),
    "log-driver": _at(str, "logging", "driver"),
    "log-opt": _mapped("logging", "options"),
    "mount": _Document._mount,
    "network": lambda _, service, value: service.networks.append(value),
    "no-healthcheck": _at(lambda value: {"disable": _truth(value)}, "healthcheck"),
    "pid": _shared("pid"),
    "stop-timeout": _at(lambda value: f"{int(value)}s", "stop_grace_period"),
    "ulimit": _ulimit,
    "volume": _Document._volume,
    "volumes-from": _Document._borrow,
}
# The parts of --gpus: what Compose calls each, and how its value is read.
GPUS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "device": ("device_ids", lambda value: value.split(",")),
    "capabilities": ("capabilities", lambda value: ["gpu", *(one for one in value.split(",") if one != "gpu")]),
    "count": ("count", lambda value: value if value == "all" else int(value)),
    "driver": ("driver", str),
}
# The parts of --mount: where Compose has each, and how its value is read.
MOUNTS: dict[str, tuple[Any, ...]] = {
    "type": ("type", str.lower),
    "source": ("source", str),
    "target": ("target", str),
    "readonly": ("read_only", _truth),
    "consistency": ("consistency", str),
    "bind-propagation": ("bind", "propagation", str),
    "volume-nocopy": ("volume", "nocopy", _truth),
    "volume-subpath": ("volume", "subpath", str),
    "tmpfs-size": ("tmpfs", "size", str),
    "tmpfs-mode": ("tmpfs", "mode", lambda value: int(value, 8)),
}


class _Raw(str):
    """Text in which a `$` is meant as Compose takes it."""

    __slots__ = ()


def _keys_kept(value: Any) -> Any:
    """Return a part of the document with its keys as they are: Compose puts no variables there."""
    if isinstance(value, dict):
        return {_Raw(key): _keys_kept(one) for key, one in value.items()}
    return [_keys_kept(one) for one in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    """YAML in which text stays text, whoever reads it, and a `$` is no variable."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the entries of a list below their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write what is the same twice."""
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    shown = str(text) if isinstance(text, _Raw) else str(text).replace("$", "$$")
    style = None if PLAIN.fullmatch(shown) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", shown, style=style)


for kind in (str, _Raw, SecretWord):
    _Dumper.add_representer(kind, _write_text)


def _comment(words: str) -> list[str]:
    """Return words as lines of a comment: nothing in them can end it."""
    return ["".join(sign if sign.isprintable() else "?" for sign in line) for line in words.splitlines()]
