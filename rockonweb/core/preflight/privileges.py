"""The privileges on the host that a definition has beyond those of any app, for the user to confirm."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import MountOption, Relation
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import TranslatableText, t

HARMLESS_MOUNTS = ("/etc/localtime", "/etc/timezone")  # when mounted read-only
HARMLESS_DEVICES = re.compile(r"/dev/(net/tun|fuse|dri|snd|dvb|kfd|ttyUSB|ttyACM|ttyS|video|serial/)")
HOST_NAMESPACES = {  # by the flags that share a namespace with the host
    "pid": t("can see and end every process on this host"),
    "ipc": t("shares memory with this host's programs"),
    "uts": t("can change this host's name"),
    "userns": t("uses this host's own user IDs"),
    "cgroupns": t("can see how this host limits its programs"),
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
    """Yield a finding to be confirmed for each privilege."""
    for privilege in find_privileges(definition):
        yield Finding("note", privilege.sentence, confirm=True)


def _container_privileges(spec: ContainerSpec, names: Collection[str]) -> Iterator[TranslatableText]:
    options = spec.run_options
    if spec.on_host_network:
        yield t("uses this host's network and can reach everything that listens on it")
    if options.is_on("privileged"):
        yield t("has full rights on this host, like an administrator")
    yield from (
        description for namespace, description in HOST_NAMESPACES.items() if options.last_value(namespace) == "host"
    )
    for capability in options.capabilities:
        yield t("has the capability %(right)s on this host", right=capability)
    for option in options.missing_guards:
        yield t("runs without a restriction that applies to other containers (%(option)s)", option=option)
    if options.is_on("use-api-socket"):
        yield t("has access to the Docker socket and can do anything on this host through it")
    for mount in options.mounts:
        yield from _mount_privileges(mount)
    for reference in options.references:
        if reference.relation is Relation.VOLUMES and reference.container not in names:
            yield t(
                "has access to the data of the container %(other)s, which is not part of this rock-on",
                other=reference.container,
            )
    for device in options.devices:
        yield from _device_privileges(device)
    for rule in options.flag_values("device-cgroup-rule"):
        yield t("can use other devices of this host (%(rule)s)", rule=rule)


def _mount_privileges(mount: MountOption) -> Iterator[TranslatableText]:
    path = mount.host_path
    if not path or (mount.read_only and path in HARMLESS_MOUNTS):
        return
    if mount.has_engine_socket:
        yield t("has access to the Docker socket (%(path)s) and can do anything on this host through it", path=path)
    elif path == "/dev" or path.startswith("/dev/"):
        yield from _device_privileges(path)
    elif path == "/":
        yield (
            t("can read all files on this host") if mount.read_only else t("can read and change all files on this host")
        )
    elif mount.read_only:
        yield t("can read %(path)s on this host", path=path)
    else:
        yield t("can read and change %(path)s on this host", path=path)


def _device_privileges(path: str) -> Iterator[TranslatableText]:
    if path == "/dev":
        yield t("can use all devices of this host, including its disks")
    elif not HARMLESS_DEVICES.match(path):
        yield t("can use the device %(path)s of this host", path=path)
