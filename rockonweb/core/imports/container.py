"""Describes containers in terms of `docker run`: what `docker inspect` says, less what comes from the image."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rockonweb.core.docker.run_options import (
    BUILT_IN_NETWORKS,
    LABEL_PREFIX,
    NAMESPACE_RELATIONS,
    container_of,
    options_from_pairs,
)
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.facts import UNSTEADY_STATES
from rockonweb.core.imports.source import ReportEntry, SourceApp, SourceContainer, changed, left
from rockonweb.core.text import t

COMPOSE_PREFIX = "com.docker.compose."
PROJECT_LABEL, DEPENDS_LABEL = f"{COMPOSE_PREFIX}project", f"{COMPOSE_PREFIX}depends_on"
SERVICE_LABEL, ONE_OFF_LABEL = f"{COMPOSE_PREFIX}service", f"{COMPOSE_PREFIX}oneoff"
SWARM_LABEL = "com.docker.swarm.task.id"
SHORT_ID_LENGTH = 12
USUAL_SHM_SIZE = 64 * 2**20

Options = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class EngineDefaults:
    """What the engine gives a container that asks for nothing else; blank: not known."""

    log_driver: str = "json-file"
    runtime: str = "runc"
    cgroup_namespace: str = "private"
    host_name: str = ""  # what a container on the host's network is called


@dataclass(frozen=True)
class InspectedContainer:
    """Docker's answers to inspecting a container and its image; the latter is empty where the image is gone."""

    details: Mapping[str, Any]
    image: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.details["Id"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.details["Name"]).lstrip("/")

    @property
    def config(self) -> Mapping[str, Any]:
        """What runs in it."""
        return self.details.get("Config") or {}

    @property
    def host_config(self) -> Mapping[str, Any]:
        """What it has of the host."""
        return self.details.get("HostConfig") or {}

    @property
    def image_config(self) -> Mapping[str, Any]:
        """What its image sets."""
        return self.image.get("Config") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """All labels."""
        return self.config.get("Labels") or {}

    @property
    def state(self) -> str:
        """Such as `running`."""
        return str((self.details.get("State") or {}).get("Status") or "")

    @property
    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """How it is on each network, by name."""
        return (self.details.get("NetworkSettings") or {}).get("Networks") or {}

    @property
    def is_unmanaged(self) -> bool:
        """Whether no Rockonweb created it."""
        return not self.labels.get(f"{LABEL_PREFIX}rockon")

    @property
    def group(self) -> tuple[str, str]:
        """What it belongs to: ("project", a compose project) or ("network", a user's network); blanks without one."""
        if project := self.labels.get(PROJECT_LABEL):
            return "project", project
        own = [name for name in self.endpoints if name not in BUILT_IN_NETWORKS and name != "none"]
        return ("network", own[0]) if own else ("", "")


def group_containers(containers: Iterable[InspectedContainer]) -> list[list[InspectedContainer]]:
    """Return containers by app, each in launch order: those of one compose project or on one user network together, and
    those that can't run without each other.
    """
    ordered = sorted(containers, key=lambda one: one.name)
    groups: list[list[InspectedContainer]] = []
    for container in ordered:
        related = [group for group in groups if any(_belong_together(container, other) for other in group)]
        groups = [group for group in groups if group not in related]
        groups.append([*(one for group in related for one in group), container])
    return sorted((launch_order(group) for group in groups), key=lambda group: min(one.name for one in group))


def _belong_together(one: InspectedContainer, other: InspectedContainer) -> bool:
    same_group = bool(one.group[0]) and one.group == other.group
    return same_group or bool(find_dependents([one], [other]) or find_dependents([other], [one]))


def find_dependents(
    containers: Collection[InspectedContainer], everything: Iterable[InspectedContainer]
) -> list[InspectedContainer]:
    """Return the others that can't start without one of these containers: its links, its network, its processes."""
    names = {name for one in containers for name in (one.name, one.id)}
    return [one for one in everything if one.id not in names and names & _borrowed_names(one)]


def launch_order(containers: Sequence[InspectedContainer]) -> list[InspectedContainer]:
    """Return containers with those first that others need, else in the order in which they were created."""
    pending = sorted(containers, key=lambda one: (str(one.details.get("Created")), one.name))
    ordered: list[InspectedContainer] = []
    while pending:
        ready = next((one for one in pending if not _needs_any(one, pending)), pending[0])
        ordered.append(ready)
        pending.remove(ready)
    return ordered


def _needs_any(container: InspectedContainer, others: Iterable[InspectedContainer]) -> bool:
    services = {item.partition(":")[0] for item in (container.labels.get(DEPENDS_LABEL) or "").split(",")} - {""}
    needed = _borrowed_names(container)
    needed |= {str(source).partition(":")[0] for source in container.host_config.get("VolumesFrom") or ()}
    return any(
        other.labels.get(SERVICE_LABEL) in services or other.name in needed or other.id in needed
        for other in others
        if other is not container
    )


def _borrowed_names(container: InspectedContainer) -> set[str]:
    """Return the names or ids of the containers that one needs as long as it runs."""
    modes = [container_of(str(container.host_config.get(key) or "")) for key in ("NetworkMode", "PidMode", "IpcMode")]
    return {*filter(None, modes), *(link.partition(":")[0] for link in _links(container))}


def refuse_unadoptable(container: InspectedContainer, own_ids: Collection[str] = ()) -> None:
    """Raise Conflict where a container can't be adopted. `own_ids` are those of Rockonweb's own containers."""
    name, labels = container.name, container.labels
    if container.id in own_ids:
        raise Conflict(t("%(name)s is Rockonweb itself, or what it needs to run.", name=name))
    if not container.is_unmanaged:
        raise Conflict(t("%(name)s belongs to a rock-on already.", name=name))
    if labels.get(SWARM_LABEL):
        raise Conflict(
            t("%(name)s is a task of a swarm, which would create it again.", name=name),
            t("Remove the service first: docker service rm"),
        )
    if container.host_config.get("AutoRemove"):
        raise Conflict(
            t(
                "%(name)s was started with --rm: it would vanish when it is stopped, and could not be restored.",
                name=name,
            ),
            t("Start it without --rm first."),
        )
    if container.state in UNSTEADY_STATES:
        raise Conflict(
            t("%(name)s is %(state)s just now.", name=name, state=container.state),
            t("Let it run, or stop it, and try again."),
        )


def describe_app(
    name: str,
    containers: Sequence[InspectedContainer],
    names_by_id: Mapping[str, str],
    defaults: EngineDefaults = EngineDefaults(),
) -> SourceApp:
    """Return containers as an app called `name` (blank: their project, or the first of them). `names_by_id` are those
    of all containers.

    Raises BadInput where one can't be described.
    """
    ordered = launch_order(containers)
    describers = [_Describer(one, names_by_id, defaults, many=len(ordered) > 1) for one in ordered]
    described = tuple(describer.describe() for describer in describers)
    _, group = ordered[0].group
    name = name or (group if len(ordered) > 1 else "") or ordered[-1].name
    report = tuple(entry for describer in describers for entry in describer.report)
    return SourceApp(name, described, report, description=t("Adopted from containers of this host."))


@dataclass
class _Describer:
    """Describes one container."""

    container: InspectedContainer
    names_by_id: Mapping[str, str]
    defaults: EngineDefaults
    many: bool
    report: list[ReportEntry] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)

    def describe(self) -> SourceContainer:
        """Return the container, and fill the report."""
        entry_options, command = self._entry()
        options = [
            *self._mounts(), *self._published(), *self._environment(), *self._networks(), *entry_options,
            *self._process(), *self._health(), *self._labels(), *self._limits(), *self._devices(),
            *self._isolation(), *self._name_resolution(), *self._log(),
        ]  # fmt: skip
        return SourceContainer(
            self.container.name,
            self._image(),
            tuple(options),
            command,
            joins=tuple(self.joins),
            id=self.container.id,
            variables=dict(text.partition("=")[::2] for text in self.container.config.get("Env") or ()),
        )

    def _note(self, outcome: Callable[[str, str], ReportEntry], what: str, message: str) -> None:
        self.report.append(outcome(f"{self.container.name}: {what}" if self.many else what, message))

    def _image(self) -> str:
        image = str(self.container.config.get("Image") or "")
        names = [*(self.container.image.get("RepoTags") or ()), *(self.container.image.get("RepoDigests") or ())]
        if not re.match(r"(sha256:)?[0-9a-f]{12,64}$", image):
            return image
        if not names:
            raise BadInput(
                t("The image of %(name)s has no name.", name=self.container.name),
                t("Give it one, for example: docker tag %(image)s local/%(name)s:1",
                  image=image.removeprefix("sha256:")[:SHORT_ID_LENGTH], name=self.container.name),
            )  # fmt: skip
        self._note(changed, image, t("The image is called %(image)s.", image=names[0]))
        return str(names[0])

    # -- storage ------------------------------------------------------------------------------------------------

    def _mounts(self) -> Options:
        host = self.container.host_config
        present = {mount.get("Destination"): mount for mount in self.container.details.get("Mounts") or ()}
        named = set()
        for bind in host.get("Binds") or ():
            named.add(bind.split(":")[1] if ":" in bind else bind)
            yield "--volume", bind
        for mount in host.get("Mounts") or ():
            named.add(mount.get("Target"))
            yield "--mount", _csv_line(self._mount_fields(mount, present.get(mount.get("Target")) or {}))
        for target, mode in (host.get("Tmpfs") or {}).items():
            named.add(target)
            yield "--tmpfs", f"{target}:{mode}" if mode else target
        for source in host.get("VolumesFrom") or ():
            name, _, mode = source.partition(":")
            yield "--volumes-from", ":".join(filter(None, (self._container(name), mode)))
        for target, mount in present.items():
            if mount.get("Type") == "volume" and target not in named:
                name = str(mount.get("Name"))
                self._note(
                    changed,
                    f"--volume {target}",
                    t("Its volume has no name: it stays attached as %(name)s.", name=name),
                )
                yield "--volume", f"{name}:{target}"

    def _mount_fields(self, mount: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[str]:
        source = mount.get("Source") or (present.get("Name") if mount.get("Type") == "volume" else "")
        bind, volume, memory = (mount.get(f"{kind}Options") or {} for kind in ("Bind", "Volume", "Tmpfs"))
        yield f"type={mount.get('Type') or 'volume'}"
        yield from (f"source={source}",) if source else ()
        yield f"target={mount.get('Target')}"
        yield from ("readonly",) if mount.get("ReadOnly") else ()
        yield from (
            (f"consistency={mount['Consistency']}",) if mount.get("Consistency") not in (None, "", "default") else ()
        )
        yield from (f"bind-propagation={bind['Propagation']}",) if bind.get("Propagation") else ()
        yield from ("bind-recursive=disabled",) if bind.get("NonRecursive") else ()
        yield from ("volume-nocopy",) if volume.get("NoCopy") else ()
        yield from (f"volume-subpath={volume['Subpath']}",) if volume.get("Subpath") else ()
        driver = volume.get("DriverConfig") or {}
        yield from (f"volume-driver={driver['Name']}",) if driver.get("Name") else ()
        yield from (f"volume-opt={key}={value}" for key, value in (driver.get("Options") or {}).items())
        yield from (f"volume-label={key}={value}" for key, value in (volume.get("Labels") or {}).items())
        yield from (f"tmpfs-size={memory['SizeBytes']}",) if memory.get("SizeBytes") else ()
        yield from (f"tmpfs-mode={memory['Mode']:o}",) if memory.get("Mode") else ()

    # -- networks -----------------------------------------------------------------------------------------------

    def _published(self) -> Options:
        host = self.container.host_config
        bindings = host.get("PortBindings") or {}
        for port, addresses in bindings.items():
            number = port.removesuffix("/tcp")
            for binding in addresses or [dict[str, str]()]:
                address, host_port = binding.get("HostIp") or "", binding.get("HostPort") or ""
                address = f"[{address}]" if ":" in address else address
                yield (
                    "--publish",
                    f"{address}:{host_port}:{number}" if address else ":".join(filter(None, (host_port, number))),
                )
        if host.get("PublishAllPorts"):
            yield "--publish-all", ""
        for port in self.container.config.get("ExposedPorts") or {}:
            if port not in bindings and port not in (self.container.image_config.get("ExposedPorts") or {}):
                yield "--expose", port.removesuffix("/tcp")

    def _networks(self) -> Options:
        mode = str(self.container.host_config.get("NetworkMode") or "default")
        has_own = mode not in ("host", "none") and not container_of(mode)
        endpoints = dict(self.container.endpoints) if has_own else {}
        first = endpoints.pop(self._network_name(mode), {}) or {}
        further = {name: self._endpoint(endpoint) for name, endpoint in endpoints.items()}
        self.joins = [name for name, details in further.items() if not details]
        if mode not in ("default", "bridge") or any(further.values()):
            yield "--network", self._namespace(mode) if container_of(mode) else self._network_name(mode)
        details = self._endpoint(first)
        yield from (("--network-alias", alias) for alias in details.pop("alias", ()))
        yield from ((f"--{key}", value) for key, values in details.items() for value in values if key != "driver-opt")
        for option in details.get("driver-opt", ()):
            self._note(left, f"--network {self._network_name(mode)}: driver-opt {option}", "")
        if mac := self._chosen_mac(first):
            yield "--mac-address", mac
        yield from (("--link", link) for link in _links(self.container))
        for name, details in further.items():
            fields = [f"{key}={value}" for key, values in details.items() for value in values]
            if fields and name != name.lower():
                message = t("Its aliases and addresses there can't be said, as its name has capital letters.")
                self._note(left, f"--network {name}", message)
                self.joins.append(name)
            elif fields:
                yield "--network", _csv_line([f"name={name}", *fields])

    def _network_name(self, mode: str) -> str:
        """Return the name of the network that a container is made on; Docker may have its id instead."""
        for name, endpoint in self.container.endpoints.items():
            if mode and mode == (endpoint or {}).get("NetworkID"):
                return name
        return "bridge" if mode == "default" else mode

    def _endpoint(self, endpoint: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the options of an endpoint by key, without what Docker gives by itself."""
        fixed = endpoint.get("IPAMConfig") or {}
        given = {self.container.name, self.container.id[:SHORT_ID_LENGTH], self.container.config.get("Hostname")}
        options = {
            "alias": [alias for alias in dict.fromkeys(endpoint.get("Aliases") or ()) if alias not in given],
            "ip": [fixed.get("IPv4Address") or ""],
            "ip6": [fixed.get("IPv6Address") or ""],
            "link-local-ip": [*(fixed.get("LinkLocalIPs") or ())],
            "driver-opt": [f"{key}={value}" for key, value in (endpoint.get("DriverOpts") or {}).items()],
        }
        kept = {key: [value for value in values if value] for key, values in options.items()}
        return {key: values for key, values in kept.items() if values}

    def _chosen_mac(self, endpoint: Mapping[str, Any]) -> str:
        """Return the MAC address that somebody chose; the ones that Docker makes are marked as made on the host."""
        present = str(endpoint.get("MacAddress") or "")
        is_made = not present or bool(int(present[:2], 16) & 2)
        return str(self.container.config.get("MacAddress") or ("" if is_made else present))

    def _container(self, name_or_id: str) -> str:
        name = name_or_id.lstrip("/")
        return self.names_by_id.get(name, name)

    def _namespace(self, mode: str) -> str:
        """Return a mode such as `container:ID` with the other container's name."""
        return f"container:{self._container(other)}" if (other := container_of(mode)) else mode

    # -- the process --------------------------------------------------------------------------------------------

    def _entry(self) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """Return the option for the entry point, and the command."""
        config, image = self.container.config, self.container.image_config
        entry, command = [*(config.get("Entrypoint") or ())], [*(config.get("Cmd") or ())]
        same_entry = entry == [*(image.get("Entrypoint") or ())]
        if same_entry and command == [*(image.get("Cmd") or ())]:
            return [], ()
        if same_entry and command:
            return [], tuple(command)
        if len(entry) > 1:
            self._note(changed, "--entrypoint", t("Its words but the first are put before the command: the same runs."))
        return [("--entrypoint", entry[0] if entry else "")], (*entry[1:], *command)

    def _environment(self) -> Options:
        of_image = {*(self.container.image_config.get("Env") or ())}
        for variable in self.container.config.get("Env") or ():
            if variable not in of_image:
                yield "--env", variable

    def _process(self) -> Options:
        config, image, host = self.container.config, self.container.image_config, self.container.host_config
        for flag, key in (("user", "User"), ("workdir", "WorkingDir"), ("stop-signal", "StopSignal")):
            if (config.get(key) or "") != (image.get(key) or "") and config.get(key):
                yield f"--{flag}", str(config[key])
        if config.get("StopTimeout") is not None:
            yield "--stop-timeout", str(config["StopTimeout"])
        shares_names = container_of(str(host.get("NetworkMode"))) or host.get("UTSMode")
        usual = self.defaults.host_name if host.get("NetworkMode") == "host" else self.container.id[:SHORT_ID_LENGTH]
        hostname = config.get("Hostname") or ""
        if hostname and usual and not shares_names and hostname != usual:
            yield "--hostname", hostname
        if config.get("Domainname"):
            yield "--domainname", config["Domainname"]
        yield from (("--tty", ""),) if config.get("Tty") else ()
        yield from (("--interactive", ""),) if config.get("OpenStdin") else ()
        policy = host.get("RestartPolicy") or {}
        retries = policy.get("MaximumRetryCount") or 0
        yield "--restart", f"{policy.get('Name') or 'no'}{f':{retries}' if retries else ''}"
        if host.get("Init") is not None and host["Init"]:
            yield "--init", ""

    def _health(self) -> Options:
        check, image = (
            self.container.config.get("Healthcheck") or {},
            self.container.image_config.get("Healthcheck") or {},
        )
        test = check.get("Test") or []
        if test and test != (image.get("Test") or []):
            if test == ["NONE"]:
                yield "--no-healthcheck", ""
                return
            if test[0] == "CMD":
                self._note(changed, "--health-cmd", t("Its command runs in a shell."))
            yield "--health-cmd", test[1] if test[0] == "CMD-SHELL" else shlex.join(test[1:])
        for flag, key in (("interval", "Interval"), ("timeout", "Timeout"), ("start-period", "StartPeriod"),
                          ("start-interval", "StartInterval")):  # fmt: skip
            if check.get(key) and check[key] != image.get(key):
                yield f"--health-{flag}", _duration(check[key])
        if check.get("Retries") and check["Retries"] != image.get("Retries"):
            yield "--health-retries", str(check["Retries"])

    def _labels(self) -> Options:
        of_image = self.container.image_config.get("Labels") or {}
        if any(key.startswith(COMPOSE_PREFIX) for key in self.container.labels):
            self._note(
                left,
                f"--label {COMPOSE_PREFIX}…",
                t(
                    "Compose's own labels: its project no longer knows the container. Don't run docker compose there "
                    "any more; nothing in its folder is changed."
                ),
            )
        for key, value in self.container.labels.items():
            if of_image.get(key) != value and not key.startswith(COMPOSE_PREFIX):
                yield "--label", f"{key}={value}" if value else key

    # -- limits and devices -------------------------------------------------------------------------------------

    def _limits(self) -> Options:
        host = self.container.host_config
        memory, swap = host.get("Memory") or 0, host.get("MemorySwap") or 0
        sizes = {
            "memory": memory,
            "memory-swap": 0 if swap == 2 * memory else swap,
            "memory-reservation": host.get("MemoryReservation") or 0,
            "kernel-memory": host.get("KernelMemory") or 0,
            "shm-size": 0 if host.get("ShmSize") == USUAL_SHM_SIZE else host.get("ShmSize") or 0,
        }
        if str(host.get("IpcMode") or "").startswith(("host", "container:", "none")):
            del sizes["shm-size"]
        yield from ((f"--{flag}", _size(size)) for flag, size in sizes.items() if size)
        if host.get("NanoCpus"):
            yield "--cpus", f"{host['NanoCpus'] / 1e9:.9f}".rstrip("0").rstrip(".")
        for flag, key in _NUMBERS.items():
            if host.get(key) not in (None, 0, "", -1):
                yield f"--{flag}", str(host[key])
        if host.get("MemorySwappiness") is not None and host["MemorySwappiness"] >= 0:
            yield "--memory-swappiness", str(host["MemorySwappiness"])
        if host.get("OomKillDisable"):
            yield "--oom-kill-disable", ""
        for limit in host.get("Ulimits") or ():
            yield "--ulimit", f"{limit['Name']}={limit['Soft']}:{limit['Hard']}"
        for item in host.get("BlkioWeightDevice") or ():
            yield "--blkio-weight-device", f"{item['Path']}:{item['Weight']}"
        for flag, key in _RATES.items():
            yield from ((f"--{flag}", f"{item['Path']}:{item['Rate']}") for item in host.get(key) or ())

    def _devices(self) -> Options:
        host = self.container.host_config
        for device in host.get("Devices") or ():
            path, target = device["PathOnHost"], device.get("PathInContainer") or device["PathOnHost"]
            rights = device.get("CgroupPermissions") or "rwm"
            yield "--device", ":".join([path, *([target] if (path, rights) != (target, "rwm") else []),
                                        *([rights] if rights != "rwm" else [])])  # fmt: skip
        yield from (("--device-cgroup-rule", rule) for rule in host.get("DeviceCgroupRules") or ())
        for request in host.get("DeviceRequests") or ():
            if request.get("Driver") == "cdi":
                yield from (("--device", name) for name in request.get("DeviceIDs") or ())
            else:
                yield "--gpus", self._gpus(request)

    def _gpus(self, request: Mapping[str, Any]) -> str:
        ids, count = request.get("DeviceIDs") or (), request.get("Count") or 0
        fields = [f"device={','.join(ids)}"] if ids else [f"count={'all' if count == -1 else count}"]
        capabilities = [word for words in request.get("Capabilities") or () for word in words if word != "gpu"]
        fields += [f"driver={request['Driver']}"] if request.get("Driver") else []
        fields += [f"capabilities={','.join(capabilities)}"] if capabilities else []
        fields += [f"options={key}={value}" for key, value in (request.get("Options") or {}).items()]
        return fields[0].removeprefix("count=") if len(fields) == 1 else _csv_line(fields)

    # -- isolation ----------------------------------------------------------------------------------------------

    def _isolation(self) -> Options:
        host = self.container.host_config
        is_privileged = bool(host.get("Privileged"))
        yield from (("--privileged", ""),) if is_privileged else ()
        yield from (("--read-only", ""),) if host.get("ReadonlyRootfs") else ()
        for flag, key in (("cap-add", "CapAdd"), ("cap-drop", "CapDrop")):
            yield from ((f"--{flag}", name.removeprefix("CAP_")) for name in host.get(key) or ())
        for option in host.get("SecurityOpt") or ():
            if not (option == "label=disable" and (is_privileged or _shares_processes(host))):
                yield from self._security_option(option)
        if host.get("MaskedPaths") == [] and host.get("ReadonlyPaths") == [] and not is_privileged:
            yield "--security-opt", "systempaths=unconfined"
        yield from (("--group-add", group) for group in host.get("GroupAdd") or ())
        yield from (("--sysctl", f"{key}={value}") for key, value in (host.get("Sysctls") or {}).items())
        yield from (("--annotation", f"{key}={value}") for key, value in (host.get("Annotations") or {}).items())
        yield from (("--storage-opt", f"{key}={value}") for key, value in (host.get("StorageOpt") or {}).items())
        for flag, key, usual in (
            ("pid", "PidMode", ("",)),
            ("ipc", "IpcMode", ("", "private")),
            ("uts", "UTSMode", ("",)),
            ("userns", "UsernsMode", ("",)),
            ("cgroupns", "CgroupnsMode", ("", self.defaults.cgroup_namespace)),
            ("runtime", "Runtime", ("", self.defaults.runtime)),
            ("cgroup-parent", "CgroupParent", ("",)),
            ("volume-driver", "VolumeDriver", ("",)),
            ("isolation", "Isolation", ("", "default")),
        ):
            value = str(host.get(key) or "")
            if value not in usual:
                yield f"--{flag}", self._namespace(value)

    def _security_option(self, option: str) -> Options:
        """Yield a security option; the profile's text that Docker has in place of a file can't be said."""
        if option.startswith("seccomp={"):
            self._note(
                left, "--security-opt seccomp", t("Its profile is known by its text alone: the usual one applies.")
            )
        else:
            yield "--security-opt", option

    def _name_resolution(self) -> Options:
        host = self.container.host_config
        for flag, key in (("dns", "Dns"), ("dns-option", "DnsOptions"), ("dns-search", "DnsSearch"),
                          ("add-host", "ExtraHosts")):  # fmt: skip
            yield from ((f"--{flag}", value) for value in host.get(key) or ())

    def _log(self) -> Options:
        log = self.container.host_config.get("LogConfig") or {}
        if log.get("Type") not in (None, "", self.defaults.log_driver):
            yield "--log-driver", log["Type"]
        yield from (("--log-opt", f"{key}={value}") for key, value in (log.get("Config") or {}).items())


_NUMBERS = {
    "cpu-shares": "CpuShares", "cpu-period": "CpuPeriod", "cpu-quota": "CpuQuota", "cpuset-cpus": "CpusetCpus",
    "cpuset-mems": "CpusetMems", "cpu-rt-period": "CpuRealtimePeriod", "cpu-rt-runtime": "CpuRealtimeRuntime",
    "cpu-count": "CpuCount", "cpu-percent": "CpuPercent", "pids-limit": "PidsLimit", "blkio-weight": "BlkioWeight",
    "oom-score-adj": "OomScoreAdj",
}  # fmt: skip
_RATES = {
    "device-read-bps": "BlkioDeviceReadBps", "device-write-bps": "BlkioDeviceWriteBps",
    "device-read-iops": "BlkioDeviceReadIOps", "device-write-iops": "BlkioDeviceWriteIOps",
}  # fmt: skip


def _links(container: InspectedContainer) -> list[str]:
    """Return the links as CONTAINER:ALIAS: those of the usual network, and those on networks of users."""
    of_bridge = [
        f"{source.lstrip('/')}:{alias.rpartition('/')[2]}"
        for source, _, alias in (link.partition(":") for link in container.host_config.get("Links") or ())
    ]
    on_networks = [link for endpoint in container.endpoints.values() for link in (endpoint or {}).get("Links") or ()]
    return list(dict.fromkeys([*of_bridge, *on_networks]))


def _shares_processes(host: Mapping[str, Any]) -> bool:
    """Whether a container shares processes or memory, for which Docker disables SELinux labels by itself."""
    modes = options_from_pairs((("--pid", str(host.get("PidMode") or "")), ("--ipc", str(host.get("IpcMode") or ""))))
    return any(value == "host" for relation in NAMESPACE_RELATIONS for value in modes.flag_values(relation.value))


def _csv_line(fields: Iterable[str]) -> str:
    return ",".join(
        f'"{field.replace(chr(34), chr(34) * 2)}"' if re.search('[,"\\s]', field) else field for field in fields
    )


def _size(size: int) -> str:
    """Return bytes as an option has them: 512m; -1 is without a limit."""
    for unit, factor in (("g", 2**30), ("m", 2**20), ("k", 2**10)):
        if size > 0 and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def _duration(nanoseconds: int) -> str:
    for unit, factor in (("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds % factor == 0:
            return f"{nanoseconds // factor}{unit}"
    return f"{nanoseconds}ns"


@dataclass(frozen=True)
class OwnParts:
    """What Rockonweb itself needs to run: its own container (blank: none), and where its queue and database are:
    paths of sockets, and pairs of a host name and a port. `host_addresses` are those of this machine.
    """

    container_id: str = ""
    sockets: tuple[str, ...] = ()
    servers: tuple[tuple[str, int], ...] = ()
    host_addresses: Collection[str] = ()

    def find_ids(self, containers: Iterable[InspectedContainer]) -> set[str]:
        """Return the ids of those of all containers that Rockonweb needs."""
        containers = list(containers)
        own = next((one for one in containers if self.container_id and one.id == self.container_id), None)
        project = own.labels.get(PROJECT_LABEL) if own else None
        return {
            one.id
            for one in containers
            if one is own or (project and one.labels.get(PROJECT_LABEL) == project) or self._is_server(one)
        }

    def _is_server(self, container: InspectedContainer) -> bool:
        sources = [str(mount.get("Source") or "") for mount in container.details.get("Mounts") or ()]
        if any(path.startswith(f"{source}/") for path in self.sockets for source in sources if source):
            return True
        networks = container.endpoints.values()
        names = {container.name, *(alias for endpoint in networks for alias in (endpoint or {}).get("Aliases") or ())}
        names |= {str((endpoint or {}).get("IPAddress")) for endpoint in networks}
        bindings = [
            binding
            for of_port in (container.host_config.get("PortBindings") or {}).values()
            for binding in of_port or ()
        ]
        published = {str(binding.get("HostPort")) for binding in bindings}
        is_on_host = container.host_config.get("NetworkMode") == "host"
        exposed = {port.partition("/")[0] for port in container.config.get("ExposedPorts") or {}}
        return any(
            host in names or (host in self.host_addresses and str(port) in (exposed if is_on_host else published))
            for host, port in self.servers
        )
