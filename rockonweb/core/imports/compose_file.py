"""Turns a Compose project into an app: each service becomes a container with the options of `docker run`.

Source: the Compose Specification. Networks and volumes are called PROJECT_KEY unless the file names them, as Compose
does, so that an app which ran by Compose finds its data. A container is called PROJECT-SERVICE, without a number.
"""

from __future__ import annotations

import math
import posixpath
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rockonweb.core.docker.compose_keys import (
    BRIDGE_NOTE,
    DEFAULT_NETWORK,
    HEALTH_KEYS,
    LIST_KEYS,
    MAP_KEYS,
    MOUNT_PATHS,
    NUMBER_KEYS,
    SWITCH_KEYS,
    TEXT_KEYS,
)
from rockonweb.core.docker.run_options import FALSE_VALUES, TRUE_VALUES, is_published_port, parse_published_ports
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.compose_project import (
    TEXT_LISTS,
    ComposeProject,
    keyed_list,
    load_project,
    place_fault,
)
from rockonweb.core.imports.env_file import parse_env_file
from rockonweb.core.imports.source import (
    ReportEntry,
    SourceApp,
    SourceContainer,
    changed,
    join_project_path,
    left,
)
from rockonweb.core.imports.yaml_reader import YamlMap, scalar_text
from rockonweb.core.text import t

ONE_SHOT = "service_completed_successfully"
TOP_KEYS = frozenset(("services", "networks", "volumes", "secrets", "configs", "include", "name", "version"))
# Of a network: what Docker does by itself, or what only Compose knows.
PLAIN_NETWORK_KEYS = frozenset(("name", "external", "attachable"))
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|us|µs|ns|m|s)")
_OTHER_SERVICE = "service:"


def parse_compose(
    files: Mapping[str, str] | str,
    variables: Mapping[str, str] | None = None,
    *,
    name: str = "",
    profiles: Collection[str] = (),
) -> SourceApp:
    """Return the app of a Compose file, given as its text, or with the files beside it as texts by path.

    `variables` win over those of `.env`. `name` is that of the project, blank for that of the files. Raises BadInput
    with file, line and path of each fault.
    """
    files = {"compose.yaml": files} if isinstance(files, str) else files
    return convert_project(load_project(files, variables, name=name, profiles=profiles))


def convert_project(project: ComposeProject) -> SourceApp:
    """Return the app of a project, its containers in launch order. Raises BadInput with every fault."""
    names = container_names(project)
    services = {key: _ServiceReader(key, body, project, names) for key, body in project.services.items()}
    faults: list[str] = []
    for service in services.values():
        faults += service.convert()
    faults += _repeated_names(project, names)
    order: list[str] = []
    try:
        order = launch_order(project)
    except BadInput as error:
        faults += error.faults
    if faults:
        names_missing = ", ".join(project.missing)
        hint = t("These variables have no value: %(names)s.", names=names_missing) if names_missing else ""
        raise BadInput(t("This Compose file can't be imported."), hint, faults)
    for key in _one_shot_services(project):
        if not services[key].body.get("restart"):
            services[key].options.append(("--restart", "no"))
    report = [*project.report, *(left(key) for key in project.body if key not in TOP_KEYS and not key.startswith("x-"))]
    report += [*_network_report(project), *(entry for service in services.values() for entry in service.report)]
    return SourceApp(project.name, tuple(services[key].container() for key in order), tuple(report))


def container_names(project: ComposeProject) -> dict[str, str]:
    """Return the name of each service's container: its own, else PROJECT-SERVICE."""
    return {
        key: scalar_text(body.get("container_name")) or (key if key == project.name else f"{project.name}-{key}")
        for key, body in project.services.items()
    }


def launch_order(project: ComposeProject) -> list[str]:
    """Return the services, each after those that it depends on. Raises BadInput with every fault."""
    needs = {key: [*_dependencies(body)] for key, body in project.services.items()}
    known = {*needs, *(entry.what.removeprefix("services.") for entry in project.report)}  # those of other profiles too
    faults = [
        place_fault(project.services[key].places, place, f"services.{key}.{place}", problem).sentence
        for key, needed in needs.items()
        for other, place in needed
        if other not in known and (problem := t('there is no service "%(name)s"', name=other[:60]))
    ]
    order: list[str] = []
    while waiting := [key for key in needs if key not in order]:
        ready = next((key for key in waiting if not {other for other, _ in needs[key]} & {*waiting}), None)
        if ready is None:
            problem = t("these services need each other: %(names)s", names=", ".join(waiting))
            key, place = waiting[0], needs[waiting[0]][0][1]
            faults.append(place_fault(project.services[key].places, place, f"services.{key}.{place}", problem).sentence)
            break
        order.append(ready)
    if faults:
        raise BadInput(t("The services of this Compose file can't be put in order."), faults=faults)
    return order


def _dependencies(body: YamlMap) -> Iterator[tuple[str, str]]:
    """Yield each service that one needs first, with the key that says so."""
    depends = keyed_list(body.get("depends_on"))
    for other in depends if isinstance(depends, YamlMap) else ():
        yield other, "depends_on"
    for key in ("links", "volumes_from"):
        for item in value if isinstance(value := body.get(key), list) else ():
            other = scalar_text(item).partition(":")[0]
            if other != "container":
                yield other, key
    for key in ("network_mode", "pid", "ipc"):
        mode = scalar_text(body.get(key))
        if mode.startswith(_OTHER_SERVICE):
            yield mode.removeprefix(_OTHER_SERVICE), key


def _one_shot_services(project: ComposeProject) -> Iterator[str]:
    """Yield the services that others wait for to end."""
    for body in project.services.values():
        depends = keyed_list(body.get("depends_on"))
        for other, settings in depends.items() if isinstance(depends, YamlMap) else ():
            if isinstance(settings, YamlMap) and settings.get("condition") == ONE_SHOT and other in project.services:
                yield other


def _repeated_names(project: ComposeProject, names: Mapping[str, str]) -> Iterator[str]:
    first: dict[str, str] = {}
    for key, name in names.items():
        other = first.setdefault(name, key)
        if other != key:
            places = project.services[key].places
            problem = t('the container of "%(other)s" is called "%(name)s" too', other=other, name=name)
            yield place_fault(places, "container_name", f"services.{key}.container_name", problem).sentence


def _network_report(project: ComposeProject) -> Iterator[ReportEntry]:
    for key, body in project.networks.items():
        for setting, value in body.items():
            is_plain = setting in PLAIN_NETWORK_KEYS or (setting == "driver" and value in ("bridge", "default", None))
            if not (is_plain or setting.startswith("x-") or is_external(body)):
                message = t("Docker chooses it. If it matters, create the network under Networks before the install.")
                yield left(f"networks.{key}.{setting}", message)


def is_external(body: YamlMap) -> bool:
    """Whether a network, volume, secret or config is one that Compose does not make."""
    external = body.get("external")
    return isinstance(external, YamlMap) or scalar_text(external) in TRUE_VALUES


def real_name(project: ComposeProject, key: str, body: YamlMap) -> str:
    """Return what Docker calls a network or volume of the file."""
    external = body.get("external")
    old_name = external.get("name") if isinstance(external, YamlMap) else None
    return scalar_text(body.get("name") or old_name) or (key if is_external(body) else f"{project.name}_{key}")


# -- values -------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise BadInput(t("it must be a text"))
    return scalar_text(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadInput(t("it must be a list"))
    return value


def _map(value: Any) -> YamlMap:
    if not isinstance(value, YamlMap):
        raise BadInput(t("it must be a mapping"))
    return value


def _pairs(value: Any) -> Iterator[tuple[str, str | None]]:
    """Yield the entries of a mapping, or of a list of KEY=VALUE; None for one without a value."""
    for key, item in _map(keyed_list(value)).items():
        yield key, None if item is None else _text(item)


def _number(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise BadInput(t("it must be a whole number"))
    return text


def _switch(value: Any) -> bool:
    text = _text(value)
    if text not in TRUE_VALUES | FALSE_VALUES:
        raise BadInput(t("it must be true or false"))
    return text in TRUE_VALUES


def _words(value: Any) -> list[str]:
    """Return a command as its words; a text is split as Compose does."""
    if isinstance(value, list):
        return [_text(item) for item in value]
    try:
        return shlex.split(_text(value))
    except ValueError:
        raise BadInput(t("a quote is not closed")) from None


def _seconds(value: Any) -> str:
    text = _text(value)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise BadInput(t("it must be a duration, such as 1m30s"))
    return str(math.ceil(sum(float(number) * _SECONDS[unit] for number, unit in parts)))


def _csv(fields: Iterable[tuple[str, str]]) -> str:
    """Return fields as one line of CSV, as the CLI reads it."""
    words = [f"{key}={value}" if value else key for key, value in fields]
    return ",".join('"{}"'.format(word.replace('"', '""')) if re.search(r'[,"]', word) else word for word in words)


def _nested(body: YamlMap, path: Collection[str]) -> Any:
    value: Any = body
    for key in path:
        value = value.get(key) if isinstance(value, YamlMap) else None
    return value


@dataclass
class _ServiceReader:
    """A service while its keys are read."""

    key: str
    body: YamlMap
    project: ComposeProject
    names: Mapping[str, str]
    options: list[tuple[str, str]] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    report: list[ReportEntry] = field(default_factory=list)

    def convert(self) -> list[str]:
        """Fill `options` and `report`; return what is wrong with the service."""
        faults = []
        keys = [key for key, value in self.body.items() if value is not None and not key.startswith("x-")]
        for key in (*(key for key in keys if key not in _TOGETHER), "image", "environment", "networks"):
            try:
                _CONVERTERS.get(key, _ServiceReader._unknown)(self, self.body.get(key), key)
            except BadInput as error:
                faults += [
                    place_fault(self.body.places, key, f"services.{self.key}.{key}", fault).sentence
                    for fault in error.faults
                ]
        return faults

    def container(self) -> SourceContainer:
        """Return the container."""
        words = _words(self.body.get("entrypoint") or [])[1:] + _words(self.body.get("command") or [])
        return SourceContainer(
            self.names[self.key], _text(self.body["image"]), tuple(self.options), tuple(words), joins=tuple(self.joins)
        )

    def add(self, flag: str, *values: str) -> None:
        """Add an option once for each value."""
        self.options += [(f"--{flag}", value) for value in values]

    def leave(self, path: str, message: str = "") -> None:
        """Tell that a part of the service is left out."""
        self.report.append(left(f"services.{self.key}.{path}", message))

    def leave_others(self, path: str, value: Any, known: Collection[str]) -> None:
        """Tell that the keys of a mapping which are not known are left out."""
        for key in value if isinstance(value, YamlMap) else ():
            if key not in known and not key.startswith("x-"):
                self.leave(f"{path}.{key}")

    def alter(self, path: str, message: str) -> None:
        """Tell that a part of the service is not taken as it is written."""
        self.report.append(changed(f"services.{self.key}.{path}", message))

    def container_of(self, service: str) -> str:
        """Return the name of a service's container."""
        return self.names.get(service, service)

    # -- keys --------------------------------------------------------------------------------------------------

    def _skip(self, value: Any, key: str) -> None:
        """Read elsewhere."""

    def _left(self, value: Any, key: str) -> None:
        self.leave(key)

    def _unknown(self, value: Any, key: str) -> None:
        self.leave(key, t("Compose has no such key."))

    def _image(self, value: Any, key: str) -> None:
        if not _text(value) and not self.body.get("build"):
            raise BadInput(t("it is missing"))

    def _build(self, value: Any, key: str) -> None:
        if not self.body.get("image"):
            raise BadInput(t("it is built from source code here: there is no image to pull"))
        self.leave(key, t("Nothing is built: the image is pulled."))

    def _switch(self, value: Any, key: str) -> None:
        if _switch(value):
            self.add(_FLAGS[key], "")

    def _text(self, value: Any, key: str) -> None:
        if text := _text(value):
            self.add(_FLAGS[key], text)

    def _number(self, value: Any, key: str) -> None:
        self.add(_FLAGS[key], _number(value))

    def _list(self, value: Any, key: str) -> None:
        items = [value] if key in TEXT_LISTS and not isinstance(value, list) else _list(value)
        self.add(_FLAGS[key], *(_text(item) for item in items))

    def _pairs(self, value: Any, key: str) -> None:
        self.add(_FLAGS[key], *(name if text is None else f"{name}={text}" for name, text in _pairs(value)))

    def _cpus(self, value: Any, key: str) -> None:
        if not re.fullmatch(r"[0-9]*\.?[0-9]+", text := _text(value)):
            raise BadInput(t("it must be a number"))
        self.add("cpus", text)

    def _restart(self, value: Any, key: str) -> None:
        self.add("restart", "no" if value is False else _text(value))

    def _pull_policy(self, value: Any, key: str) -> None:
        policy = "missing" if value == "if_not_present" else _text(value)
        if policy in ("always", "missing", "never"):
            self.add("pull", policy)
        else:
            self.leave(key)

    def _stop_grace_period(self, value: Any, key: str) -> None:
        self.add("stop-timeout", _seconds(value))

    def _environment(self, value: Any, key: str) -> None:
        variables: dict[str, str | None] = {}
        entries = self.body.get("env_file") or []
        for entry in entries if isinstance(entries, list) else [entries]:
            is_raw = isinstance(entry, YamlMap) and entry.get("format") == "raw"
            variables |= self._file_variables(entry, "env_file", is_raw=is_raw)
        variables |= dict(_pairs(value)) if value else {}
        for name, text in variables.items():
            self.add("env", name if text is None else f"{name}={text}")

    def _label_file(self, value: Any, key: str) -> None:
        for entry in value if isinstance(value, list) else [value]:
            labels = self._file_variables(entry, key, is_raw=False)
            self.add("label", *(f"{name}={text or ''}" for name, text in labels.items()))

    def _file_variables(self, entry: Any, key: str, *, is_raw: bool) -> dict[str, str | None]:
        path = _text(entry.get("path") if isinstance(entry, YamlMap) else entry)
        text = self.project.files.get(posixpath.normpath(path))
        if text is not None:
            return parse_env_file(text, path, self.project.env, raw=is_raw)
        if not isinstance(entry, YamlMap) or scalar_text(entry.get("required")) not in FALSE_VALUES:
            self.leave(key, t("The file %(file)s is not here: what it sets is missing.", file=path))
        return {}

    def _depends_on(self, value: Any, key: str) -> None:
        for other, settings in _map(keyed_list(value)).items():
            condition = settings.get("condition") if isinstance(settings, YamlMap) else None
            self.leave_others(f"depends_on.{other}", settings, ("condition", "required"))
            if other not in self.project.services:
                continue
            if condition in ("service_healthy", ONE_SHOT):
                self.alter(f"depends_on.{other}.condition", t("It is started after that one, without waiting longer."))

    def _entrypoint(self, value: Any, key: str) -> None:
        self.add("entrypoint", (_words(value) or [""])[0])

    def _command(self, value: Any, key: str) -> None:
        _words(value)

    def _healthcheck(self, value: Any, key: str) -> None:
        check = _map(value)
        test = check.get("test")
        words = [_text(word) for word in test] if isinstance(test, list) else []
        if _switch(check.get("disable", False)) or words[:1] == ["NONE"]:
            return self.add("no-healthcheck", "")
        if words[:1] == ["CMD"]:
            self.add("health-cmd", shlex.join(words[1:]))
            self.alter(f"{key}.test", t("It is run by a shell of the container."))
        elif test is not None:
            if words and words[0] != "CMD-SHELL":
                raise BadInput(t('the test must begin with "CMD", "CMD-SHELL" or "NONE"'))
            self.add("health-cmd", " ".join(words[1:]) if words else _text(test))
        for flag, name in HEALTH_KEYS.items():
            if check.get(name) is not None:
                self.add(f"health-{flag}", _text(check[name]))
        if check.get("retries") is not None:
            self.add("health-retries", _number(check["retries"]))
        return self.leave_others(key, check, ("test", "disable", "retries", *HEALTH_KEYS.values()))

    def _logging(self, value: Any, key: str) -> None:
        logging = _map(value)
        if logging.get("driver"):
            self.add("log-driver", _text(logging["driver"]))
        self.add("log-opt", *(f"{name}={text or ''}" for name, text in _pairs(logging.get("options") or YamlMap())))
        self.leave_others(key, logging, ("driver", "options"))

    def _ulimits(self, value: Any, key: str) -> None:
        for name, limit in _map(value).items():
            if isinstance(limit, YamlMap):
                soft, hard = (_number(limit.get(end, limit.get("soft"))) for end in ("soft", "hard"))
                self.add("ulimit", f"{name}={soft}:{hard}")
            else:
                self.add("ulimit", f"{name}={_number(limit)}")

    def _blkio(self, value: Any, key: str) -> None:
        for name, entry in _map(value).items():
            flag = "blkio-weight" + name.removeprefix("weight") if name.startswith("weight") else name
            if isinstance(entry, list):
                items = [_map(item) for item in entry]
                values = [f"{_text(item.get('path'))}:{_text(item.get('rate', item.get('weight')))}" for item in items]
                self.add(flag.replace("_", "-"), *values)
            else:
                self.add(flag, _number(entry))

    def _devices(self, value: Any, key: str) -> None:
        for item in _list(value):
            if isinstance(item, YamlMap):
                parts = [_text(item.get(part)) for part in ("source", "target", "permissions")]
                self.add("device", ":".join(part for part in parts if part))
                self.leave_others(key, item, ("source", "target", "permissions"))
            else:
                self.add("device", _text(item))

    def _gpus(self, value: Any, key: str) -> None:
        for item in value if isinstance(value, list) else [value]:
            self._gpu(item if isinstance(item, YamlMap) else YamlMap({"count": item}), key)

    def _gpu(self, request: YamlMap, key: str) -> None:
        capabilities = [_text(item) for item in _list(request.get("capabilities") or [])]
        if capabilities and "gpu" not in capabilities:
            return self.leave(key)
        count = "all" if request.get("count") in ("all", -1) else _text(request.get("count"))
        device_ids = ",".join(_text(item) for item in _list(request.get("device_ids") or []))
        extra = ",".join(item for item in capabilities if item != "gpu")
        fields = {"driver": _text(request.get("driver")), "device": device_ids, "capabilities": extra, "count": count}
        given = [(name, text) for name, text in fields.items() if text]
        is_count = [name for name, _ in given] == ["count"]
        self.add("gpus", count if is_count else _csv(given) or "all")
        return self.leave_others(key, request, ("driver", "device_ids", "capabilities", "count"))

    def _extra_hosts(self, value: Any, key: str) -> None:
        if isinstance(value, YamlMap):
            for host, addresses in value.items():
                for address in addresses if isinstance(addresses, list) else [addresses]:
                    self.add("add-host", f"{host}:{_text(address)}")
        else:
            self.add("add-host", *(_text(item) for item in _list(value)))

    def _deploy(self, value: Any, key: str) -> None:
        deploy = _map(value)
        limits = _nested(deploy, ("resources", "limits")) or YamlMap()
        reservations = _nested(deploy, ("resources", "reservations")) or YamlMap()
        for source, names in ((limits, _LIMIT_FLAGS), (reservations, {"memory": "memory-reservation"})):
            for name, flag in names.items():
                if source.get(name) is not None:
                    self.add(flag, _text(source[name]))
        for request in _list(reservations.get("devices") or []):
            self._gpu(_map(request), f"{key}.resources.reservations.devices")
        self.leave_others(f"{key}.resources.limits", limits, _LIMIT_FLAGS)
        self.leave_others(f"{key}.resources.reservations", reservations, ("memory", "devices"))
        self.leave_others(key, deploy, ("resources", "restart_policy", "replicas"))
        if deploy.get("replicas") is not None:
            self._scale(deploy["replicas"], f"{key}.replicas")
        if policy := deploy.get("restart_policy"):
            self._restart_policy(_map(policy), f"{key}.restart_policy")

    def _restart_policy(self, policy: YamlMap, path: str) -> None:
        if self.body.get("restart") is None:
            attempts = policy.get("max_attempts")
            on_failure = "on-failure" if attempts is None else f"on-failure:{_number(attempts)}"
            name = {"none": "no", "on-failure": on_failure}.get(_text(policy.get("condition")), "always")
            self.add("restart", name)
        self.leave_others(path, policy, ("condition", "max_attempts"))

    def _scale(self, value: Any, key: str) -> None:
        if _number(value) != "1":
            self.leave(key, t("There is one container of each service."))

    def _ports(self, value: Any, key: str) -> None:
        for item in _list(value):
            port = self._long_port(item, key) if isinstance(item, YamlMap) else _text(item)
            if not is_published_port(port):
                raise BadInput(t('"%(port)s" is no port', port=port[:60]))
            if any(published.host == 0 for published in parse_published_ports(port)):
                raise BadInput(t('"%(port)s" publishes on port 0', port=port[:60]))
            self.add("publish", port)

    def _long_port(self, item: YamlMap, key: str) -> str:
        address, host, number, protocol = (
            _text(item.get(part)) for part in ("host_ip", "published", "target", "protocol")
        )
        self.leave_others(key, item, ("host_ip", "published", "target", "protocol", "mode"))
        host = number if item.get("published") == "" else host  # of a variable without a value
        address = f"[{address}]" if ":" in address else address
        ends = ":".join(part for part in (address, host) if part or address)
        return (f"{ends}:" if ends else "") + number + (f"/{protocol}" if protocol else "")

    # -- mounts -----------------------------------------------------------------------------------------------

    def _volumes(self, value: Any, key: str) -> None:
        for item in _list(value):
            if isinstance(item, YamlMap):
                self._long_volume(item, key)
            else:
                self._short_volume(_text(item))

    def _short_volume(self, text: str) -> None:
        source, colon, rest = text.partition(":")
        target, _, mode = rest.partition(":")
        if (colon and not (source and target)) or ":" in mode or not text:
            raise BadInput(t('"%(volume)s" is no volume', volume=text[:100]))
        if not colon:
            self.add("volume", text)
        elif source[0] in "./~":
            self._add_volume(_host_path(source), target, [mode])
        else:
            self._named_volume(source, target, [word for word in mode.split(",") if word])

    def _named_volume(self, key: str, target: str, mode: list[str]) -> None:
        """Add a volume of the project by the short form, where that can say all of it."""
        options = self._volume_options(key, target)
        device = options.get("volume-opt=device", "")
        is_bound = bool({"bind", "rbind"} & {*options.get("volume-opt=o", "").split(",")})
        if is_bound and device:
            self.alter(f"volumes.{key}", t("The folder behind this volume is mounted itself: %(path)s.", path=device))
            mode += ["ro"] if "ro" in options["volume-opt=o"].split(",") and "ro" not in mode else []
            self._add_volume(_host_path(device), target, mode)
        elif len(options) > len(("type", "source", "target")):
            words = [("readonly", "")] if "ro" in mode else []
            words += [("volume-nocopy", "")] if "nocopy" in mode else []
            self.add("mount", _csv([*options.items(), *words]))
        else:
            self._add_volume(options["source"], target, mode)

    def _add_volume(self, source: str, target: str, mode: list[str]) -> None:
        self.add("volume", ":".join(part for part in (source, target, ",".join(mode)) if part))

    def _volume_options(self, key: str, target: str) -> dict[str, str]:
        """Return the fields by which `--mount` mounts a volume of the project, and makes it if it is not there."""
        if key not in self.project.volumes:
            raise BadInput(t('the volume "%(name)s" is not declared under volumes', name=key[:60]))
        body = self.project.volumes[key]
        fields = {"type": "volume", "source": real_name(self.project, key, body), "target": target}
        if is_external(body):
            return fields
        driver = _text(body.get("driver"))
        fields |= {"volume-driver": driver} if driver not in ("", "local") else {}
        for name, setting in (("volume-opt", "driver_opts"), ("volume-label", "labels")):
            pairs = _pairs(body.get(setting) or YamlMap())
            fields |= {f"{name}={option}": text or "" for option, text in pairs}
        return fields

    def _long_volume(self, item: YamlMap, key: str) -> None:
        kind, source, target = (_text(item.get(part)) for part in ("type", "source", "target"))
        if not target or not kind:
            raise BadInput(t("a volume needs a type and a target"))
        if kind not in ("bind", "volume", "tmpfs"):
            return self.leave(key, t('A volume of type "%(kind)s" has no counterpart here.', kind=kind))
        for path in _leaf_paths(item):
            if path not in _MOUNT_KEYS and path not in _BIND_KEYS and not path[-1].startswith("x-"):
                self.leave(".".join((key, *path)))
        fields = {
            name: _mount_text(name, value)
            for name, path in MOUNT_PATHS.items()
            if (value := _nested(item, path)) not in (None, False)
        }
        if kind == "volume" and source:
            options = self._volume_options(source, target)
            fields = {**options, **fields, "source": options["source"]}
        elif kind == "bind":
            fields["source"] = _host_path(source)
            makes_folder, selinux = _nested(item, _CREATES), _text(_nested(item, _SELINUX))
            if fields["source"].startswith(".") or selinux or (makes_folder and _switch(makes_folder)):
                words = ("ro" if "readonly" in fields else "", selinux, fields.get("bind-propagation", ""))
                return self._add_volume(fields["source"], target, [word for word in words if word])
        return self.add("mount", _csv(fields.items()))

    def _volumes_from(self, value: Any, key: str) -> None:
        for item in _list(value):
            text = _text(item)
            name, _, mode = text.removeprefix("container:").partition(":")
            name = name if text.startswith("container:") else self.container_of(name)
            self.add("volumes-from", f"{name}:{mode}" if mode else name)

    def _files(self, value: Any, key: str) -> None:
        """Secrets and configs: those that are files are mounted."""
        declared: YamlMap = getattr(self.project, key)
        for item in _list(value):
            settings = item if isinstance(item, YamlMap) else YamlMap({"source": item})
            source = _text(settings.get("source"))
            if source not in declared:
                raise BadInput(t('"%(name)s" is not declared under %(section)s', name=source[:60], section=key))
            self.leave_others(f"{key}.{source}", settings, ("source", "target"))
            file = _text(declared[source].get("file"))
            if not file:
                self.leave(f"{key}.{source}", t("It is no file here: the container starts without it."))
                continue
            target = posixpath.join(_FILE_FOLDERS[key], _text(settings.get("target")) or source)
            path = _host_path(file)
            self.add("mount", _csv([("type", "bind"), ("source", path), ("target", target), ("readonly", "")]))

    # -- networks and other containers ------------------------------------------------------------------------

    def _namespace(self, value: Any, key: str) -> None:
        self.add(key, self._mode(_text(value)))

    def _mode(self, mode: str) -> str:
        is_service = mode.startswith(_OTHER_SERVICE)
        return f"container:{self.container_of(mode.removeprefix(_OTHER_SERVICE))}" if is_service else mode

    def _links(self, value: Any, key: str) -> None:
        for item in _list(value):
            name, _, alias = _text(item).partition(":")
            container = self.container_of(name) if key == "links" else name
            alias = alias or (name if container != name else "")
            self.add("link", f"{container}:{alias}" if alias else container)

    def _networks(self, value: Any, key: str) -> None:
        mode = self.body.get("network_mode")
        if mode is not None and value:
            raise BadInput(t("a service has either networks or a network_mode"))
        if mode is not None:
            return self.add("network", self._mode(_text(mode)))
        entries = _map(keyed_list(value or YamlMap({DEFAULT_NETWORK: None})))
        settings = {name: _map(entry) if entry is not None else YamlMap() for name, entry in entries.items()}
        names = {name: network for name in settings if (network := self._network_name(name))}
        aliases = {name: [_text(alias) for alias in settings[name].get("aliases") or []] for name in names}
        if len({*map(tuple, aliases.values())}) > 1:
            self.alter(key, t("Its names are the same on all its networks."))
        own_name = [self.key] if self.names[self.key] != self.key else []
        has_bridge = DEFAULT_NETWORK in settings and _stands_for_bridge(self.project)
        # The options of the first one can have an address in any version of Docker.
        for name in sorted(names, key=lambda name: not _endpoint_fields(settings[name])):
            if self.joins or has_bridge or any(flag == "--network" for flag, _ in self.options):
                self._join(names[name], settings[name], f"{key}.{name}")
            else:
                all_aliases = [alias for of_network in aliases.values() for alias in of_network]
                self._start_on(names[name], settings[name], [*dict.fromkeys([*all_aliases, *own_name])])
        for name, of_network in settings.items():
            self.leave_others(f"{key}.{name}", of_network, _ENDPOINT_KEYS)
        return None

    def _start_on(self, network: str, settings: YamlMap, aliases: list[str]) -> None:
        """Put the container on its first network; its names hold on those that it joins too."""
        options = [("driver-opt", text) for flag, text in _endpoint_fields(settings) if flag == "driver-opt"]
        self.add("network", _csv([("name", network), *options]) if options else network)
        self.add("network-alias", *aliases)
        for flag, text in _endpoint_fields(settings):
            if flag != "driver-opt":
                self.add(flag, text)

    def _join(self, network: str, settings: YamlMap, path: str) -> None:
        """Put the container on a further network."""
        fields = _endpoint_fields(settings)
        long_form = _csv([("name", network), *fields])
        if fields and long_form == long_form.lower():  # the CLI takes it in lower case
            self.add("network", long_form)
            return
        if fields:
            self.leave(path, t("It joins this network without an address of its own."))
        self.joins.append(network)

    def _network_name(self, key: str) -> str:
        """Return what Docker calls a network; blank for Docker's own, which also one that is alone gets."""
        body = self.project.networks.get(key)
        if body is None and key != DEFAULT_NETWORK:
            raise BadInput(t('the network "%(name)s" is not declared under networks', name=key[:60]))
        if not body and key == DEFAULT_NETWORK and _is_default_needless(self.project):
            return ""
        return real_name(self.project, key, body or YamlMap())


def _endpoint_fields(settings: YamlMap) -> list[tuple[str, str]]:
    """Return what a service has on a network besides names, as flags."""
    fields = [(flag, _text(settings[key])) for key, flag in _ADDRESS_FLAGS.items() if settings.get(key)]
    fields += [("link-local-ip", _text(address)) for address in settings.get("link_local_ips") or []]
    options = _pairs(settings.get("driver_opts") or YamlMap())
    return fields + [("driver-opt", f"{key}={text or ''}") for key, text in options]


def _stands_for_bridge(project: ComposeProject) -> bool:
    """Whether the project's own network stands for Docker's bridge, as an export says."""
    key, note = BRIDGE_NOTE
    return project.body.get(key) == note


def _is_default_needless(project: ComposeProject) -> bool:
    """Whether the project's own network connects nothing, or is Docker's."""
    users = [body for body in project.services.values() if body.get("network_mode") is None
             and DEFAULT_NETWORK in keyed_list(body.get("networks") or [DEFAULT_NETWORK])]  # fmt: skip
    return len(users) < 2 or _stands_for_bridge(project)


def _host_path(source: str) -> str:
    """Return a path of the host; a relative one is in the project's folder."""
    return source if source.startswith("/") else join_project_path(source.removeprefix("~"))


def _leaf_paths(body: YamlMap, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in body.items():
        if isinstance(value, YamlMap):
            yield from _leaf_paths(value, (*path, key))
        else:
            yield (*path, key)


def _mount_text(name: str, value: Any) -> str:
    """Return the value of a field of `--mount`; blank for one that is only there."""
    if value is True:
        return ""
    return oct(value)[2:] if name == "tmpfs-mode" and isinstance(value, int) else _text(value)


_MOUNT_KEYS = frozenset(MOUNT_PATHS.values())
_CREATES, _SELINUX = ("bind", "create_host_path"), ("bind", "selinux")
_BIND_KEYS = frozenset((_CREATES, _SELINUX))
_FILE_FOLDERS = {"secrets": "/run/secrets", "configs": "/"}
_LIMIT_FLAGS = {"cpus": "cpus", "memory": "memory", "pids": "pids-limit"}
_ADDRESS_FLAGS = {"ipv4_address": "ip", "ipv6_address": "ip6", "mac_address": "mac-address"}
_ENDPOINT_KEYS = ("aliases", "driver_opts", "link_local_ips", *_ADDRESS_FLAGS)
_FLAGS = {
    key: flag for table in (SWITCH_KEYS, TEXT_KEYS, NUMBER_KEYS, LIST_KEYS, MAP_KEYS) for flag, key in table.items()
} | {"labels": "label", "use_api_socket": "use-api-socket", "volume_driver": "volume-driver"}
_TOGETHER = ("image", "environment", "networks")  # read with other keys, and where they are missing too
_LEFT_KEYS = (
    *("attach", "credential_spec", "develop", "models", "post_start", "pre_start", "pre_stop", "provider"),
    "pull_refresh_after",
)

_CONVERTERS: dict[str, Callable[[_ServiceReader, Any, str], None]] = {
    **dict.fromkeys(("container_name", "env_file", "network_mode", "profiles"), _ServiceReader._skip),
    **dict.fromkeys(_LEFT_KEYS, _ServiceReader._left),
    **dict.fromkeys((*SWITCH_KEYS.values(), "use_api_socket"), _ServiceReader._switch),
    **dict.fromkeys((*TEXT_KEYS.values(), "volume_driver"), _ServiceReader._text),
    **dict.fromkeys(NUMBER_KEYS.values(), _ServiceReader._number),
    **dict.fromkeys(LIST_KEYS.values(), _ServiceReader._list),
    **dict.fromkeys((*MAP_KEYS.values(), "labels"), _ServiceReader._pairs),
    **dict.fromkeys(("ipc", "pid"), _ServiceReader._namespace),
    **dict.fromkeys(("links", "external_links"), _ServiceReader._links),
    **dict.fromkeys(("secrets", "configs"), _ServiceReader._files),
    "blkio_config": _ServiceReader._blkio,
    "build": _ServiceReader._build,
    "command": _ServiceReader._command,
    "cpus": _ServiceReader._cpus,
    "depends_on": _ServiceReader._depends_on,
    "deploy": _ServiceReader._deploy,
    "devices": _ServiceReader._devices,
    "entrypoint": _ServiceReader._entrypoint,
    "env_file": _ServiceReader._skip,
    "environment": _ServiceReader._environment,
    "extra_hosts": _ServiceReader._extra_hosts,
    "gpus": _ServiceReader._gpus,
    "healthcheck": _ServiceReader._healthcheck,
    "image": _ServiceReader._image,
    "label_file": _ServiceReader._label_file,
    "logging": _ServiceReader._logging,
    "networks": _ServiceReader._networks,
    "ports": _ServiceReader._ports,
    "pull_policy": _ServiceReader._pull_policy,
    "restart": _ServiceReader._restart,
    "scale": _ServiceReader._scale,
    "stop_grace_period": _ServiceReader._stop_grace_period,
    "ulimits": _ServiceReader._ulimits,
    "volumes": _ServiceReader._volumes,
    "volumes_from": _ServiceReader._volumes_from,
}
