"""Findings on options that Docker would refuse for what else the container has: mounts, and the modes of its network.

The rules are those of moby's `daemon/pkg/opts`, `runconfig/hostconfig_unix.go` and `volume/mounts/linux_parser.go`.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import wanted_ports
from rockonweb.core.definition.corrections import mount_path
from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import MountKind, container_of, is_published_port, parse_short_mount
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import t

LOCAL_TIME = "/etc/localtime:/etc/localtime:ro"  # every container has it
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
# The words of a mount's mode, of which Docker takes one of each line.
_MODE_WORDS = (
    ("ro", "rw"),
    ("z", "Z"),
    ("private", "rprivate", "shared", "rshared", "slave", "rslave"),
    ("nocopy",),
    ("consistent", "cached", "delegated"),
)
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
# What names the host, whose own name a container that shares it can't change.
_HOST_NAME_FLAGS = ("hostname", "domainname")


def check_options(definition: Definition, answers: Answers) -> Iterator[Finding]:
    """Yield what Docker would refuse about each container's mounts and network options."""
    for name, spec in definition.launch_order:
        yield from _check_mount_sources(name, spec)
        yield from _check_mount_modes(name, spec)
        yield from _check_mount_targets(name, spec, answers)
        yield from _check_network_mode(definition, name, spec, answers)
        yield from _check_named_networks(name, spec)
        yield from _check_host_name(name, spec)
        yield from _check_published_values(name, spec)


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


def _check_mount_modes(name: str, spec: ContainerSpec) -> Iterator[Finding]:
    for value in spec.run_options.flag_values("volume"):
        mount, mode = parse_short_mount(value), value.partition(":")[2].partition(":")[2]
        words = mode.split(",") if mode else []
        counts = [sum(word in alternatives for word in words) for alternatives in _MODE_WORDS]
        copies = mount.kind is MountKind.BIND and "nocopy" in words
        if sum(counts) != len(words) or max(counts) > 1 or copies:
            yield _refusal(
                t('%(name)s mounts something at %(path)s in a mode that Docker does not have: "%(mode)s".',
                  name=name, path=mount.target, mode=mode)
            )  # fmt: skip


def _check_mount_targets(name: str, spec: ContainerSpec, answers: Answers) -> Iterator[Finding]:
    """Docker refuses two mounts at one path, also where these differ by a slash.

    It counts the same `-v` once, and one without a source gives way; so does memory, but not to a `-v`.
    """
    options = spec.run_options
    volumes = [parse_short_mount(value) for value in dict.fromkeys([LOCAL_TIME, *options.flag_values("volume")])]
    others = [mount for mount in options.mounts if mount.flag == "mount"]
    for mount in (*volumes, *others):
        if not mount.target.startswith("/") or not posixpath.normpath(mount.target).strip("/"):
            yield _refusal(
                t('%(name)s mounts something at "%(path)s", which is not a path inside the container.',
                  name=name, path=mount.target)
            )  # fmt: skip
    answered = [*answers.shares.get(name, {}), *answers.storage.get(name, {})]
    bound = [_normalize(path) for path in (*answered, *(mount.target for mount in volumes if mount.source))]
    memory = {_normalize(mount.target) for mount in options.mounts if mount.flag == "tmpfs"}
    targets = Counter([*bound, *(_normalize(mount.target) for mount in others), *memory.intersection(bound)])
    for target in sorted(target for target, count in targets.items() if count > 1):
        yield _refusal(t("%(name)s mounts more than one thing at %(path)s.", name=name, path=target))


def _normalize(path: str) -> str:
    """Return a path of a container as Docker compares it."""
    return posixpath.normpath(mount_path(path))


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


def _check_named_networks(name: str, spec: ContainerSpec) -> Iterator[Finding]:
    """An address or alias needs a network with a name, as has each of several; `containers` says whether it exists."""
    options = spec.run_options
    named, joined = options.own_networks, container_of(spec.network or "")
    if "" in options.networks or "container:" in options.networks:
        yield _refusal(t("%(name)s is to be on a network without a name.", name=name))
    if len(options.networks) > len(set(options.networks)) or (named and len(options.networks) > len(named)):
        networks = ", ".join(options.networks)
        yield _refusal(t("%(name)s can't be on these networks at once: %(networks)s.", name=name, networks=networks))
    if options.fixed_address and not (named or joined):
        yield _refusal(
            t("%(name)s is to have the address %(address)s, but names no network for it.",
              name=name, address=options.fixed_address)
        )  # fmt: skip
    if options.flag_values("network-alias") and not named:
        yield _refusal(t("%(name)s is to have another name on its network, but names no network for it.", name=name))


def _check_host_name(name: str, spec: ContainerSpec) -> Iterator[Finding]:
    options = spec.run_options
    if options.last_value("uts") == "host" and any(options.last_value(flag) for flag in _HOST_NAME_FLAGS):
        yield _refusal(t("%(name)s can't have a host name: it shares that of this host.", name=name))


def _check_published_values(name: str, spec: ContainerSpec) -> Iterator[Finding]:
    for value in spec.run_options.flag_values("publish"):
        if not is_published_port(value):
            yield _refusal(t('%(name)s publishes "%(value)s", which are no ports.', name=name, value=value))


def _refusal(sentence: str) -> Finding:
    return Finding("block", sentence, t("Docker refuses this. Contact the definition's maintainer."))
