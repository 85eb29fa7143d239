"""Findings on options that Docker would refuse for what else the container has: mounts, and the modes of its network.

The rules are those of moby's `daemon/pkg/opts`, `runconfig/hostconfig_unix.go` and `volume/mounts/linux_parser.go`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import wanted_ports
from rockonweb.core.definition.corrections import mount_path
from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import MountKind, MountOption, container_of
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import t

LOCAL_TIME = MountOption(MountKind.BIND, "/etc/localtime", "/etc/localtime", read_only=True)  # every container has it
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
# By flag, what a container that uses another one's network can't have, as people call it.
_FOREIGN_NETWORK_CONFLICTS = {
    "add-host": t("names of other hosts"),
    "dns": t("DNS servers"),
    "expose": t("exposed ports"),
    "hostname": t("a host name"),
    "link": t("links"),
    "mac-address": t("a MAC address"),
    "publish": t("published ports"),
    "publish-all": t("published ports"),
}
_HOST_NETWORK_CONFLICTS = {key: _FOREIGN_NETWORK_CONFLICTS[key] for key in ("link", "mac-address")}


def check_options(definition: Definition, answers: Answers) -> Iterator[Finding]:
    """Yield what Docker would refuse about each container's mounts and network options."""
    for name, spec in definition.launch_order:
        yield from _check_mount_sources(name, spec)
        yield from _check_mount_targets(name, spec, answers)
        yield from _check_network_mode(definition, name, spec, answers)
        yield from _check_fixed_address(name, spec)


def _check_mount_sources(name: str, spec: ContainerSpec) -> Iterator[Finding]:
    values = [*spec.run_options.flag_values("mount"), *spec.run_options.flag_values("volume-driver")]
    has_driver = any("volume-driver" in value or "=" not in value for value in values)  # others take other names
    for mount in spec.run_options.mounts:
        place = {"name": name, "source": mount.source, "target": mount.target}
        if mount.kind is MountKind.BIND and mount.source.startswith("."):
            yield Finding(
                "warn",
                t('%(name)s mounts "%(source)s" at %(target)s, which is not an absolute path.', **place),
                t("Docker takes it from the folder in which Rockonweb runs. Contact the definition's maintainer."),
            )
        elif mount.kind is MountKind.BIND and not mount.source.startswith("/"):
            yield _refusal(t('%(name)s mounts "%(source)s" at %(target)s, which is not an absolute path.', **place))
        elif (
            mount.kind is MountKind.VOLUME and mount.source and not (has_driver or VOLUME_NAME.fullmatch(mount.source))
        ):
            yield _refusal(
                t('%(name)s mounts "%(source)s" at %(target)s, which is neither a path nor a volume.', **place)
            )


def _check_mount_targets(name: str, spec: ContainerSpec, answers: Answers) -> Iterator[Finding]:
    """Docker refuses two mounts at one path, also where these differ by a slash; one without a source gives way."""
    answered = [*answers.shares.get(name, {}), *answers.storage.get(name, {})]
    # Docker counts the same option once, and of memory at one path the last.
    options = dict.fromkeys([LOCAL_TIME, *spec.run_options.mounts])
    memory = dict.fromkeys(mount.target for mount in options if mount.kind is MountKind.TMPFS)
    by_options = [mount for mount in options if not _gives_way(mount) and mount.kind is not MountKind.TMPFS]
    targets = [
        posixpath.normpath(mount_path(path))
        for path in (*answered, *(mount.target for mount in by_options), *memory)
        if path
    ]
    for target in sorted({target for target in targets if targets.count(target) > 1}):
        yield _refusal(t("%(name)s mounts more than one thing at %(path)s.", name=name, path=target))


def _gives_way(mount: MountOption) -> bool:
    return mount.kind is MountKind.VOLUME and not mount.source


def _check_network_mode(definition: Definition, name: str, spec: ContainerSpec, answers: Answers) -> Iterator[Finding]:
    network = spec.network or ""
    if container := container_of(network):
        kinds = {what for flag, what in _FOREIGN_NETWORK_CONFLICTS.items() if spec.run_options.flag_values(flag)}
        if any(port.container == name for port in wanted_ports(definition, answers)):
            kinds.add(_FOREIGN_NETWORK_CONFLICTS["publish"])
        mode = t("it uses the network of the container %(container)s", container=container)
    elif spec.on_host_network:
        kinds = {what for flag, what in _HOST_NETWORK_CONFLICTS.items() if spec.run_options.flag_values(flag)}
        mode = t("it uses the host network")
    else:
        return
    for what in sorted(kinds, key=str):
        yield Finding(
            "block",
            t("%(name)s can't have %(what)s: %(mode)s.", name=name, what=what, mode=mode),
            t("Leave its ports blank, or contact the definition's maintainer.")
            if what is _FOREIGN_NETWORK_CONFLICTS["publish"]
            else t("Contact the definition's maintainer."),
        )


def _check_fixed_address(name: str, spec: ContainerSpec) -> Iterator[Finding]:
    """An address of its own needs a network that is named; `containers` says whether that exists."""
    address = spec.run_options.fixed_address
    if address and not (spec.run_options.own_networks or container_of(spec.network or "") or spec.on_host_network):
        yield _refusal(
            t("%(name)s is to have the address %(address)s, but names no network for it.", name=name, address=address)
        )


def _refusal(sentence: str) -> Finding:
    return Finding("block", sentence, t("Docker refuses this. Contact the definition's maintainer."))
