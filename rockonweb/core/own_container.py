"""The container that Rockonweb itself may run in: what of the host can't be seen there, and what makes it visible."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rockonweb.core.text import TranslatableText, t

Subject = Literal["instance", "shares", "snapshots", "ports", "programs", "devices", "users", "groups", "certificate"]
DEVICES, USERS, GROUPS = "/dev", "/etc/passwd", "/etc/group"
CAPABILITIES = "cap_add: [SYS_ADMIN, SYS_PTRACE]"


@dataclass(frozen=True)
class OwnContainer:
    """The container that Rockonweb runs in, as its own Docker reports it.

    `mounts` are the paths of the host by the paths where they are mounted. `reads_host` is whether the file system of
    the host's processes can be read.
    """

    id: str
    name: str = ""
    mounts: Mapping[str, str] = field(default_factory=dict)
    host_network: bool = False
    host_processes: bool = False
    reads_host: bool = False
    capabilities: frozenset[str] = frozenset()  # those added to Docker's usual ones; ALL where it is privileged

    def may(self, capability: str) -> bool:
        """Whether it has a capability that Docker does not give by itself, such as SYS_ADMIN."""
        return not self.capabilities.isdisjoint({"ALL", capability})

    def has_mounted(self, path: str) -> bool:
        """Whether a path is in a mount, and so outlives the container."""
        return self._find_mount(path) is not None

    def shows(self, path: str) -> bool:
        """Whether what is at a path is what the host has at the same path."""
        mount = self._find_mount(path)
        if mount is None:
            return False
        inside = posixpath.relpath(path, mount)
        return posixpath.normpath(posixpath.join(self.mounts[mount], inside)) == posixpath.normpath(path)

    def _find_mount(self, path: str) -> str | None:
        plain = f"{posixpath.normpath(path)}/"
        covering = [mount for mount in self.mounts if plain.startswith(f"{mount.rstrip('/')}/")]
        return max(covering, key=len, default=None)


@dataclass(frozen=True)
class InstancePaths:
    """The paths that an instance uses: its folder, the root of the shares (which may be on Btrfs), and the certificate
    that apps get.
    """

    instance: str
    shares_root: str
    certificate: str
    on_btrfs: bool = False

    @property
    def has_own_certificate(self) -> bool:
        """Whether the certificate is the one that the instance makes."""
        return self.certificate.startswith(f"{self.instance}/")


@dataclass(frozen=True)
class BlindSpot:
    """What Rockonweb can't see of the host, and the line of compose.yaml that is missing. `breaks`: without it, apps or
    Rockonweb's own data are in danger.
    """

    subject: Subject
    sentence: TranslatableText
    hint: TranslatableText
    breaks: bool = False


def find_blind_spots(own: OwnContainer | None, paths: InstancePaths) -> Iterator[BlindSpot]:
    """Yield what can't be seen of the host; nothing where Rockonweb does not run in a container."""
    if own is None:
        return
    yield from _find_missing_folders(own, paths)
    if not own.host_network:
        yield BlindSpot(
            "ports",
            t(
                "Rockonweb runs in a container with its own network: it can't see which ports the host's programs use, "
                "nor check whether an app's page answers."
            ),
            _key_hint("network_mode: host"),
            breaks=True,
        )
    if not own.reads_host:
        yield BlindSpot(
            "programs",
            t(
                "Rockonweb runs in a container and can't see the host's programs: which of them uses a port, how much "
                "space Docker's disk has, and the time zone."
            ),
            _key_hint(_line_for_programs(own)),
        )


def _find_missing_folders(own: OwnContainer, paths: InstancePaths) -> Iterator[BlindSpot]:
    if not own.has_mounted(paths.instance):
        yield BlindSpot(
            "instance",
            t(
                "Rockonweb's own data is in its container alone, in %(path)s: it is lost when the container is removed "
                "or recreated.",
                path=paths.instance,
            ),
            _mount_hint(paths.instance),
            breaks=True,
        )
    if not own.shows(paths.shares_root):
        yield BlindSpot(
            "shares",
            t(
                "Rockonweb runs in a container and can't see the host's folder %(path)s, so apps can't store data "
                "there.",
                path=paths.shares_root,
            ),
            _mount_hint(paths.shares_root, ":rslave"),
            breaks=True,
        )
    elif paths.on_btrfs and not own.may("SYS_ADMIN"):
        yield BlindSpot(
            "snapshots",
            t("Rockonweb runs in a container that may not delete Btrfs snapshots: those of shares would pile up."),
            _key_hint(CAPABILITIES),
        )
    if not own.shows(DEVICES):
        yield BlindSpot(
            "devices",
            t("Rockonweb runs in a container and can't see the host's devices: it can't list or check them."),
            _mount_hint(DEVICES),
        )
    if not own.shows(USERS):
        yield BlindSpot(
            "users",
            t("Rockonweb runs in a container and can't see the host's users: it does not know their names."),
            _mount_hint(USERS, ":ro"),
        )
    if not own.shows(GROUPS):
        yield BlindSpot(
            "groups",
            t("Rockonweb runs in a container and can't see the host's groups: it does not know their names and IDs."),
            _mount_hint(GROUPS, ":ro"),
        )
    if not own.shows(paths.certificate):
        yield BlindSpot(
            "certificate",
            t(
                "Rockonweb runs in a container, and %(path)s is not the same file on the host: apps that encrypt their "
                "pages themselves can't get that certificate.",
                path=paths.certificate,
            ),
            _mount_hint(paths.instance if paths.has_own_certificate else posixpath.dirname(paths.certificate)),
        )


def _line_for_programs(own: OwnContainer) -> str:
    if not own.host_processes:
        return "pid: host"
    return "security_opt: [apparmor:unconfined, label:disable]" if own.may("SYS_PTRACE") else CAPABILITIES


def _mount_hint(path: str, mode: str = "") -> TranslatableText:
    return t(
        'Add this line below volumes in compose.yaml, then run "docker compose up -d": %(code_line)s',
        code_line=f"- {path}:{path}{mode}",
    )


def _key_hint(line: str) -> TranslatableText:
    return t('Add this line to compose.yaml, then run "docker compose up -d": %(code_line)s', code_line=line)
