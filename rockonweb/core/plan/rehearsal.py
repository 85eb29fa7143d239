"""Rehearsals: an app's containers, started with a copy of its data in a closed room.

There they have other names, reach one another under their usual ones, and reach nothing else: no port, device, socket,
capability or folder of the host, and no other network. What of a command line is not known to be harmless is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import OPERATION_LABEL, Argv, host_port, share_facts
from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import (
    BUILT_IN_NETWORKS,
    LABEL_PREFIX,
    DockerOptions,
    Flag,
    MountKind,
    MountOption,
    Relation,
    container_of,
    network_fields,
    network_name,
    parse_command_line,
    parse_reference,
    remove_flags,
)
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.steps import (
    AwaitAnswer,
    AwaitEnd,
    AwaitRehearsal,
    CloneMethod,
    CloneShare,
    CloseRoom,
    CompareCopy,
    CreateContainer,
    OpenRoom,
    RunOnce,
    StartContainer,
    Step,
    UiPage,
)
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.privileges import HARMLESS_MOUNTS
from rockonweb.core.text import TranslatableText, t

ROOM_ID_LENGTH = 12  # characters of the operation's random id that names have: enough to collide with nothing
NOWHERE = "192.0.2.1"  # an address that no machine has (RFC 5737): names outside the room are asked for there
ALLOWED_CAPABILITIES = frozenset(
    (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),  # so far those of every container
        *("IPC_LOCK", "SYS_NICE", "SYS_PTRACE"),
    )
)
_KEPT_FLAGS = frozenset(
    (
        *("add-host", "cap-drop", "cpu-count", "cpu-percent", "cpu-period", "cpu-quota", "cpu-shares", "cpus"),
        *("cpuset-cpus", "cpuset-mems", "detach", "domainname", "entrypoint", "env", "env-file", "expose", "group-add"),
        *("health-cmd", "health-interval", "health-retries", "health-start-interval", "health-start-period"),
        *("health-timeout", "hostname", "init", "interactive", "memory", "memory-reservation", "memory-swap"),
        *("memory-swappiness", "network-alias", "no-healthcheck", "pids-limit", "platform", "read-only", "rm"),
        *("shm-size", "stop-signal", "stop-timeout", "sysctl", "tmpfs", "tty", "ulimit", "user", "workdir"),
    )
)
# Their meaning is replaced, or nothing that a person would miss.
_QUIET_FLAGS = frozenset(
    (
        *("annotation", "attach", "cidfile", "detach-keys", "disable-content-trust", "dns", "dns-option", "dns-search"),
        *("ip", "ip6", "label", "label-file", "link", "link-local-ip", "log-driver", "log-opt", "mac-address"),
        *("mount", "name", "network", "publish", "publish-all", "pull", "quiet", "restart", "sig-proxy", "volume"),
        *("volumes-from", "device"),  # devices are told by their paths
    )
)
_NAMESPACES = {"pid": Relation.PROCESSES, "ipc": Relation.MEMORY}


@dataclass(frozen=True)
class ClosedRoom:
    """Where an app is rehearsed: for the operation of the random id `uid`, under an instance label of its own.

    `folders` are the folders with a copy, by share path; `volumes` those of named volumes, by name.
    """

    uid: str
    instance: str
    folders: Mapping[str, str]
    volumes: Mapping[str, str] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """The name of its network."""
        return f"rehearsal-{self.uid[:ROOM_ID_LENGTH]}"

    def rename(self, name: str) -> str:
        """Return the name in the room of a container or volume."""
        return f"{self.network}-{name}"


def plan_rehearsal(
    definition: Definition,
    answers: Answers,
    facts: HostFacts,
    room: ClosedRoom,
    copies: Sequence[CloneShare | CompareCopy],
) -> tuple[list[Step], list[Finding]]:
    """Return the steps of a rehearsal, and a finding for each thing that is left out; `copies` are the steps that make
    the folders of the room, or look at them.
    """
    launch = [*handlers.find_handler(definition).launch(definition, answers, replace(facts, instance=room.instance))]
    copied_paths = {share_facts(share_path, facts).path: folder for share_path, folder in room.folders.items()}
    closer = _RoomCloser(room, frozenset(definition.containers), copied_paths)
    app_steps = [closed for step in launch if (closed := closer.close_step(step))]
    ending = {step.container for step in app_steps if isinstance(step, AwaitEnd)}
    started = [step.container for step in app_steps if isinstance(step, StartContainer)]
    page_by_container = {}
    if definition.ui_port and host_port(definition, *definition.ui_port, answers) is not None:
        container, port = definition.ui_port
        page_by_container = {room.rename(container): UiPage(port, definition.ui.https)}
    steps: list[Step] = [
        OpenRoom(
            network=room.network, volumes=tuple(closer.new_volumes), why=t("from it, only the copy itself is reached")
        ),
        *copies,
        *app_steps,
        AwaitRehearsal(
            network=room.network,
            pages=tuple((name, page_by_container.get(name)) for name in started if name not in ending),
            containers=tuple(dict.fromkeys(started)),
            why=t("this is what is to be proved"),
        ),
        CloseRoom(network=room.network, why=t("nothing of a rehearsal stays")),
    ]
    return steps, [Finding("warn", sentence) for sentence in dict.fromkeys(closer.left_out)]


def clone_steps(folders: Mapping[str, str], methods: Mapping[str, CloneMethod]) -> list[CloneShare]:
    """Return the steps that copy shares, and folders of shares, to these folders, all by share path."""
    why = t("the app gets a copy of its data, and never the data itself")
    return [CloneShare(share=path, folder=folder, method=methods[path], why=why) for path, folder in folders.items()]


def comparison_steps(folders: Mapping[str, str], taken: float) -> list[CompareCopy]:
    """Return the steps that compare the copies in `folders`, by share path, with the shares."""
    why = t("counts, sizes and a sample of the files")
    return [CompareCopy(share=path, folder=folder, taken=taken, why=why) for path, folder in folders.items()]


def outermost_paths(share_paths: Iterable[str]) -> list[str]:
    """Return each share path once, without those of folders inside another one."""
    paths = [*dict.fromkeys(share_paths)]
    return [path for path in paths if not any(path.startswith(f"{other}/") for other in paths)]


def rehearsal_obstacles(definition: Definition) -> Iterator[TranslatableText]:
    """Yield why an app can't be rehearsed, whatever its data: a sentence for each thing that no closed room has."""
    for name, spec in definition.launch_order:
        yield from (t("%(name)s %(why)s.", name=name, why=why) for why in _container_obstacles(definition, spec))


def _container_obstacles(definition: Definition, spec: ContainerSpec) -> Iterator[TranslatableText]:
    options = spec.run_options
    if spec.on_host_network:
        yield t("uses this host's network")
    if options.has_all_rights:
        yield t("needs full rights on this host")
    if options.has_engine_socket:
        yield t("needs the Docker socket")
    if options.last_value("pid") == "host":
        yield t("needs the processes of this host")
    for capability in options.capabilities:
        if capability not in ALLOWED_CAPABILITIES:
            yield t("needs the capability %(right)s", right=capability)
    for path in [*options.devices, *(mount.host_path for mount in options.mounts if mount.host_path == "/dev")]:
        yield t("needs the device %(path)s", path=path)
    if options.flag_values("gpus") or options.flag_values("runtime"):
        yield t("needs a graphics processor")
    for reference in options.references:
        if reference.container not in definition.containers:
            yield t("needs the container %(other)s, which belongs to something else", other=reference.container)


@dataclass
class _RoomCloser:
    """Turns the steps of an app's launch into those in the room; `paths` are the folders by path of the host."""

    room: ClosedRoom
    own: frozenset[str]
    paths: Mapping[str, str]
    left_out: list[TranslatableText] = field(default_factory=list)
    new_volumes: dict[str, None] = field(default_factory=dict)  # as a set that keeps its order

    def close_step(self, step: Step) -> Step | None:
        """Return a step as it is done in the room; None for one that is not done there."""
        if isinstance(step, CreateContainer | RunOnce):
            argv = self._close_argv(step.container, step.argv)
            return replace(step, container=self.room.rename(step.container), argv=argv)
        if isinstance(step, StartContainer | AwaitEnd | AwaitAnswer):
            return replace(step, container=self.room.rename(step.container))
        return None

    def _close_argv(self, container: str, argv: Argv) -> Argv:
        options = parse_command_line(argv)
        remaining = remove_flags(argv, lambda flag: not _is_kept(flag, options))
        image = parse_command_line(remaining).image
        for flag in options.flags:
            shared = flag.name in _NAMESPACES and container_of(flag.value) in self.own
            if not (_is_kept(flag, options) or flag.name in _QUIET_FLAGS or shared):
                self._leave_out(container, self._describe_flag(flag))
        added = [
            *(("--name", self.room.rename(options.last_value("name"))) if options.last_value("name") else ()),
            *self._mounts(container, options),
            *self._relations(options),
            *self._network(container, options),
            *("--label", f"{OPERATION_LABEL}={self.room.uid}"),
        ]
        return (*remaining[:2], *added, *remaining[2:image], *remaining[image:])

    def _describe_flag(self, flag: Flag) -> TranslatableText:
        return t("the option %(option)s", option=f"--{flag.name} {flag.value}".strip())

    def _leave_out(self, container: str, what: TranslatableText) -> None:
        self.left_out.append(t("Left out of %(name)s: %(what)s.", name=container, what=what))

    def _mounts(self, container: str, options: DockerOptions) -> Iterator[str]:
        for device in options.devices:
            self._leave_out(container, t("the device %(path)s", path=device))
        for mount in options.mounts:
            mode = ":ro" if mount.read_only else ""
            if mount.kind is MountKind.BIND:
                if source := self._find_copy(mount):
                    yield from ("-v", f"{source}:{mount.target}{mode}")
                elif mount.host_path not in HARMLESS_MOUNTS:
                    self._leave_out(container, t("the folder or file %(path)s of this host", path=mount.source))
            elif mount.kind is MountKind.VOLUME:
                yield from ("-v", f"{self._volume(container, mount)}{mode}")
            elif mount.kind is MountKind.TMPFS and mount.flag == "mount":
                yield from ("--tmpfs", mount.target)
            elif mount.kind is MountKind.OTHER:
                self._leave_out(container, t("what is mounted at %(path)s", path=mount.target))

    def _find_copy(self, mount: MountOption) -> str:
        """Return the path in a copy of what is mounted from the host; blank where no copy has it."""
        inside = [path for path in self.paths if f"{mount.host_path}/".startswith(f"{path}/")]
        if not inside or ".." in mount.host_path.split("/"):
            return ""
        nearest = max(inside, key=len)
        return self.paths[nearest] + mount.host_path.removeprefix(nearest)

    def _volume(self, container: str, mount: MountOption) -> str:
        """Return source and target of a volume: its copy, or a new one."""
        if folder := self.room.volumes.get(mount.source):
            return f"{folder}:{mount.target}"
        if mount.source:
            self._leave_out(container, t("the content of the volume at %(path)s, which is empty", path=mount.target))
            self.new_volumes[self.room.rename(mount.source)] = None
        return f"{self.room.rename(mount.source)}:{mount.target}" if mount.source else mount.target

    def _relations(self, options: DockerOptions) -> Iterator[str]:
        """What it uses of the app's other containers, under their names in the room."""
        for value in options.flag_values("volumes-from"):
            reference = parse_reference(Relation.VOLUMES, value)
            if reference and reference.container in self.own:
                mode = value.removeprefix("/").removeprefix(reference.container)
                yield from ("--volumes-from", f"{self.room.rename(reference.container)}{mode}")
        for reference in options.references:
            if reference.relation is Relation.LINK and reference.container in self.own:
                yield from ("--link", f"{self.room.rename(reference.container)}:{reference.alias}")
        for flag, relation in _NAMESPACES.items():
            reference = parse_reference(relation, options.last_value(flag))
            if reference and reference.container in self.own:
                yield from (f"--{flag}", f"container:{self.room.rename(reference.container)}")

    def _network(self, container: str, options: DockerOptions) -> Iterator[str]:
        values = options.flag_values("network")
        lender = next((name for value in values if (name := container_of(network_name(value)))), "")
        if lender in self.own:
            yield from ("--network", f"container:{self.room.rename(lender)}")
            return
        if values and network_name(values[-1]) == "none":
            yield from ("--network", "none")
            return
        aliases = [text for value in values for key, text in network_fields(value) if key == "alias"]
        yield from ("--network", self.room.network, "--dns", NOWHERE)
        for alias in dict.fromkeys((container, *aliases)):
            yield from ("--network-alias", alias)
        for name in dict.fromkeys(network_name(value) for value in values):
            if name and (name == "host" or name not in BUILT_IN_NETWORKS):
                self._leave_out(container, t("the network %(network)s", network=name))


def _is_kept(flag: Flag, options: DockerOptions) -> bool:
    if flag.name == "cap-add":
        return flag.value.strip().upper().removeprefix("CAP_") in ALLOWED_CAPABILITIES
    if flag.name == "security-opt":
        return flag.value.strip() not in options.missing_guards
    if flag.name == "label":
        return flag.value.startswith(LABEL_PREFIX)  # others may speak to a proxy, or to what updates containers
    if flag.name == "network-alias":
        return not any(container_of(network_name(value)) for value in options.flag_values("network"))
    return flag.name in _KEPT_FLAGS
