"""What a definition may do to the host beyond what any app may, in plain words: a person confirms it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import MountOption, Relation
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import TranslatableText, t

HARMLESS_MOUNTS = ("/etc/localtime", "/etc/timezone")  # when they are only read
HARMLESS_DEVICES = re.compile(r"/dev/(net/tun|fuse|dri|snd|dvb|kfd|ttyUSB|ttyACM|ttyS|video|serial/)")
HOST_NAMESPACES = {  # by the flags that share with the host what other containers have for themselves
    "pid": t("sees and can end every process of this host"),
    "ipc": t("shares the memory of this host's programs"),
    "uts": t("can change this host's name"),
    "userns": t("has this host's own users"),
    "cgroupns": t("sees how this host limits its programs"),
}


@dataclass(frozen=True)
class Privilege:
    """One thing that a container may do to the host."""

    container: str
    description: TranslatableText

    @property
    def sentence(self) -> TranslatableText:
        """The container, and what it may do."""
        return t("%(name)s %(words)s.", name=self.container, words=self.description)


def find_privileges(definition: Definition) -> list[Privilege]:
    """Return what the containers may do to the host, and to other apps, each once."""
    names = set(definition.containers)
    return list(
        dict.fromkeys(
            Privilege(name, description)
            for name, spec in definition.launch_order
            for description in _container_privileges(spec, names)
        )
    )


def added_privileges(old: Definition, new: Definition) -> list[Privilege]:
    """Return what a newer definition may do and the old one may not, whatever its containers are called."""
    old_descriptions = {str(privilege.description) for privilege in find_privileges(old)}
    return [privilege for privilege in find_privileges(new) if str(privilege.description) not in old_descriptions]


def privilege_findings(definition: Definition) -> Iterator[Finding]:
    """Yield what is to be confirmed."""
    for privilege in find_privileges(definition):
        yield Finding("note", privilege.sentence, confirm=True)


def _container_privileges(spec: ContainerSpec, names: Collection[str]) -> Iterator[TranslatableText]:
    options = spec.run_options
    if spec.on_host_network:
        yield t("uses this host's own network: it reaches all that listens on it")
    if options.is_on("privileged"):
        yield t("has all rights on this host, as its administrator has")
    yield from (
        description for namespace, description in HOST_NAMESPACES.items() if options.last_value(namespace) == "host"
    )
    for capability in options.capabilities:
        yield t("has the right %(right)s over this host", right=capability)
    for option in options.missing_guards:
        yield t("runs without a guard that holds other containers back (%(option)s)", option=option)
    if options.is_on("use-api-socket"):
        yield t("has Docker's socket, by which it can do anything on this host")
    for mount in options.mounts:
        yield from _mount_privileges(mount)
    for reference in options.references:
        if reference.relation is Relation.VOLUMES and reference.container not in names:
            yield t("has the data of the container %(other)s, which is not of this rock-on", other=reference.container)
    for device in options.devices:
        yield from _device_privileges(device)
    for rule in options.flag_values("device-cgroup-rule"):
        yield t("may use further devices of this host (%(rule)s)", rule=rule)


def _mount_privileges(mount: MountOption) -> Iterator[TranslatableText]:
    path = mount.host_path
    if not path or (mount.read_only and path in HARMLESS_MOUNTS):
        return
    if mount.has_engine_socket:
        yield t("has Docker's socket (%(path)s), by which it can do anything on this host", path=path)
    elif path == "/dev" or path.startswith("/dev/"):
        yield from _device_privileges(path)
    elif path == "/":
        yield t("reads all files of this host") if mount.read_only else t("reads and changes all files of this host")
    elif mount.read_only:
        yield t("reads %(path)s of this host", path=path)
    else:
        yield t("reads and changes %(path)s of this host", path=path)


def _device_privileges(path: str) -> Iterator[TranslatableText]:
    if path == "/dev":
        yield t("uses all devices of this host, its disks too")
    elif not HARMLESS_DEVICES.match(path):
        yield t("uses the device %(path)s of this host", path=path)
