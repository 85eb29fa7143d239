"""What a definition may do to the host beyond what any app may, in plain words: a person confirms it."""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rockonweb.core.definition import ContainerSpec, Definition
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import Text, t

SOCKETS = ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
HARMLESS_PATHS = ("/etc/localtime", "/etc/timezone")  # when they are only read
HARMLESS_DEVICES = re.compile(r"/dev/(net/tun|fuse|dri|snd|dvb|kfd|ttyUSB|ttyACM|ttyS|video|serial/)")
OF_THE_HOST = {
    "--pid": t("sees and can end every process of this host"),
    "--ipc": t("shares the memory of this host's programs"),
    "--uts": t("can change this host's name"),
    "--userns": t("has this host's own users"),
    "--cgroupns": t("sees how this host limits its programs"),
}  # where their value is `host`
_UNGUARDED = re.compile(r"^(apparmor|seccomp|systempaths)[=:]unconfined$|^label[=:]disable$|^label[=:]type:spc_t$")


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
    if spec.on_host_network:
        yield t("uses this host's own network: it reaches all that listens on it")
    for flag, value in ((flag.strip(), value.strip()) for flag, value in spec.options()):
        if flag == "--privileged" and value.lower() not in ("false", "0", "f"):
            yield t("has all rights on this host, as its administrator has")
        elif flag in OF_THE_HOST and value == "host":
            yield OF_THE_HOST[flag]
        elif flag == "--cap-add":
            yield t("has the right %(right)s over this host", right=value.upper().removeprefix("CAP_"))
        elif flag == "--security-opt" and _UNGUARDED.match(value):
            yield t("runs without a guard that holds other containers back (%(option)s)", option=value)
        elif flag in ("-v", "--volume"):
            yield from _mount(value.split(":")[0], read_only="ro" in value.split(":")[-1].split(","))
        elif flag == "--mount":
            yield from _long_mount(value)
        elif flag == "--volumes-from" and value.split(":")[0] not in names:
            yield t("has the data of the container %(other)s, which is not of this rock-on", other=value.split(":")[0])
        elif flag == "--use-api-socket" and value.lower() not in ("false", "0", "f"):
            yield t("has Docker's socket, by which it can do anything on this host")
        elif flag == "--device" and not HARMLESS_DEVICES.match(value):
            yield from _device(value.split(":")[0])
        elif flag == "--device-cgroup-rule":
            yield t("may use further devices of this host (%(rule)s)", rule=value)


def _long_mount(value: str) -> Iterator[Text]:
    """What `--mount` brings from the host; Docker reads a line of CSV, and its words in any case."""
    try:
        words = next(csv.reader([value], strict=True), [])
    except csv.Error:
        words = value.split(",")
    given = {key.strip().lower(): text.strip() for key, _, text in (word.partition("=") for word in words)}
    if given.get("type", "").lower() != "bind":
        return
    kept = [given[key].lower() for key in ("readonly", "ro") if key in given]
    yield from _mount(
        given.get("src") or given.get("source") or "", read_only=any(word in ("", "true", "1", "t") for word in kept)
    )


def _mount(path: str, *, read_only: bool) -> Iterator[Text]:
    if path.startswith("."):  # Docker's command line takes it from the folder that Rockonweb runs in
        yield t("reads and changes %(path)s of this host", path=path)
        return
    path = re.sub(r"/+", "/", posixpath.normpath(path)) if path else path
    if not path.startswith("/") or (read_only and path in HARMLESS_PATHS):
        return
    inside = path.removeprefix("/var")  # /var/run is /run
    if inside in SOCKETS or inside == "/run":
        yield t("has Docker's socket (%(path)s), by which it can do anything on this host", path=path)
    elif path == "/dev" or path.startswith("/dev/"):
        if not HARMLESS_DEVICES.match(path):
            yield from _device(path)
    elif path == "/":
        yield t("reads all files of this host") if read_only else t("reads and changes all files of this host")
    else:
        yield (
            t("reads %(path)s of this host", path=path)
            if read_only
            else t("reads and changes %(path)s of this host", path=path)
        )


def _device(path: str) -> Iterator[Text]:
    if path.rstrip("/") == "/dev":
        yield t("uses all devices of this host, its disks too")
    else:
        yield t("uses the device %(path)s of this host", path=path)
