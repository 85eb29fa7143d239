"""What a definition may do to the host beyond what any app may, in plain words: a person confirms it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import Mount, Relation
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import Text, t

HARMLESS_PATHS = ("/etc/localtime", "/etc/timezone")  # when they are only read
HARMLESS_DEVICES = re.compile(r"/dev/(net/tun|fuse|dri|snd|dvb|kfd|ttyUSB|ttyACM|ttyS|video|serial/)")
OF_THE_HOST = {  # by the flags that share with the host what other containers have for themselves
    "pid": t("sees and can end every process of this host"),
    "ipc": t("shares the memory of this host's programs"),
    "uts": t("can change this host's name"),
    "userns": t("has this host's own users"),
    "cgroupns": t("sees how this host limits its programs"),
}


@dataclass(frozen=True)
class Power:
    """One thing that a container may do to the host."""

    container: str
    words: Text

    @property
    def sentence(self) -> Text:
        """The container, and what it may do."""
        return t("%(name)s %(words)s.", name=self.container, words=self.words)


def powers(definition: Definition) -> list[Power]:
    """Return what the containers may do to the host, and to other apps, each once."""
    names = set(definition.containers)
    return list(
        dict.fromkeys(
            Power(name, words) for name, spec in definition.launch_order for words in _of_container(spec, names)
        )
    )


def added(old: Definition, new: Definition) -> list[Power]:
    """Return what a newer definition may do and the old one may not, whatever its containers are called."""
    had = {str(power.words) for power in powers(old)}
    return [power for power in powers(new) if str(power.words) not in had]


def findings(definition: Definition) -> Iterator[Finding]:
    """Yield what is to be confirmed."""
    for power in powers(definition):
        yield Finding("note", power.sentence, confirm=True)


def _of_container(spec: ContainerSpec, names: Collection[str]) -> Iterator[Text]:
    options = spec.options
    if spec.on_host_network:
        yield t("uses this host's own network: it reaches all that listens on it")
    if options.has("privileged"):
        yield t("has all rights on this host, as its administrator has")
    yield from (words for namespace, words in OF_THE_HOST.items() if options.last(namespace) == "host")
    for right in options.capabilities:
        yield t("has the right %(right)s over this host", right=right)
    for option in options.missing_guards:
        yield t("runs without a guard that holds other containers back (%(option)s)", option=option)
    if options.has("use-api-socket"):
        yield t("has Docker's socket, by which it can do anything on this host")
    for mount in options.mounts:
        yield from _mount(mount)
    for one in options.references:
        if one.relation is Relation.VOLUMES and one.container not in names:
            yield t("has the data of the container %(other)s, which is not of this rock-on", other=one.container)
    for device in options.devices:
        yield from _device(device)
    for rule in options.values("device-cgroup-rule"):
        yield t("may use further devices of this host (%(rule)s)", rule=rule)


def _mount(mount: Mount) -> Iterator[Text]:
    path = mount.host_path
    if not path or (mount.read_only and path in HARMLESS_PATHS):
        return
    if mount.has_engine_socket:
        yield t("has Docker's socket (%(path)s), by which it can do anything on this host", path=path)
    elif path == "/dev" or path.startswith("/dev/"):
        yield from _device(path)
    elif path == "/":
        yield t("reads all files of this host") if mount.read_only else t("reads and changes all files of this host")
    elif mount.read_only:
        yield t("reads %(path)s of this host", path=path)
    else:
        yield t("reads and changes %(path)s of this host", path=path)


def _device(path: str) -> Iterator[Text]:
    if path == "/dev":
        yield t("uses all devices of this host, its disks too")
    elif not HARMLESS_DEVICES.match(path):
        yield t("uses the device %(path)s of this host", path=path)
