"""What the deciding parts need to know of the host. Gathered elsewhere, passed in, never looked up here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ShareFacts:
    """A folder for apps' data: its path on the host, its owner's uid and gid, and whether a snapshot of it can be
    taken. `nested` are the subvolumes inside it, which no snapshot covers; they are looked up where one is to be taken.
    """

    path: str
    uid: int = 0
    gid: int = 0
    snapshots: bool = False
    nested: tuple[str, ...] = ()


@dataclass(frozen=True)
class SharePathFacts:
    """A share, or a folder of one, that an answer names. `free` are the bytes of its disk.

    One that does not `exist` yet has only the free bytes, of the disk where it would be made.
    """

    exists: bool = False
    uid: int = 0
    gid: int = 0
    mode: int = 0o755
    empty: bool = True
    free: int | None = None


@dataclass(frozen=True)
class ImageFacts:
    """An image as its registry has it. `missing` and `unknown` are why there is none, and why that can't be told.

    `platforms` are written as `linux/arm64/v8`; `size` are the bytes that are fetched, None where the registry does
    not say. `here` is an image of this name that Docker has.
    """

    platforms: tuple[str, ...] = ()
    size: int | None = None
    missing: str = ""
    unknown: str = ""
    here: bool = False


@dataclass(frozen=True)
class PortListener:
    """A port that something on the host holds. `holder` is for people; blank where it can't be told."""

    port: int
    protocol: str
    address: str = ""
    holder: str = ""
    rockon: str = ""  # whose container it is, where it is one of ours


@dataclass(frozen=True)
class VolumeMount:
    """A named or anonymous volume of a container."""

    volume: str
    destination: str


UP_STATES = ("running", "restarting", "paused")  # states of a container that is up, or that Docker tries to bring up


@dataclass(frozen=True)
class ContainerFacts:
    """A container as the engine tells of it. `rockon` is blank for one that is not ours."""

    name: str
    id: str = ""
    image: str = ""
    image_id: str = ""
    state: str = ""  # created, running, paused, restarting, removing, exited, dead
    exit_code: int = 0
    error: str = ""
    rockon: str = ""
    restart_policy: str = ""
    restarts: int = 0  # since it was started by hand
    started: str = ""  # when it was started last, as the engine writes it
    health: str = ""  # starting, healthy, unhealthy; blank for one without a health check of its own
    networks: tuple[str, ...] = ()

    @property
    def ever_ran(self) -> bool:
        """Whether it was started at least once; the engine writes the year 1 for one that was not."""
        return bool(self.started) and not self.started.startswith("0001")


@dataclass(frozen=True)
class NetworkFacts:
    """A Docker network: its name, who is on it (container names, running or not), and whether we made it."""

    name: str
    containers: tuple[str, ...] = ()
    ours: bool = False
    driver: str = ""
    subnets: tuple[str, ...] = ()
    internal: bool = False


@dataclass(frozen=True)
class CertificateFacts:
    """The paths of the host's key and certificate. A self-signed pair is made when it is first needed.

    `missing` is the path of a file that the configuration names and that is not there.
    """

    key: str = "/etc/ssl/private/rockonweb.key"
    certificate: str = "/etc/ssl/certs/rockonweb.crt"
    self_signed: bool = True
    missing: str = ""


@dataclass(frozen=True)
class HostFacts:
    """The host at one moment.

    `containers` and `networks` are None when no engine was asked or none answered. `claimed` are the ports of other
    installed rock-ons, running or not. `groups` maps names to gids. `missing_devices` are paths that were asked about
    and are not there, `absent_images` those that Docker does not have, `pinned` the ids of images that containers keep
    though their names mean newer ones by now. `places` are those that were asked about, by SHARE or SHARE/FOLDER, and
    `new_owners` user and group of the shares that are made. `images` are those that registries were asked about,
    `image_room` the free bytes where Docker keeps them, and `machine` this host's architecture as images name it.
    """

    shares_root: str = "/mnt2"
    shares: Mapping[str, ShareFacts] = field(default_factory=dict)
    listening: tuple[PortListener, ...] = ()
    claimed: tuple[PortListener, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)
    missing_devices: frozenset[str] = frozenset()
    missing_folders: frozenset[str] = frozenset()
    places: Mapping[str, SharePathFacts] = field(default_factory=dict)
    new_owners: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    images: Mapping[str, ImageFacts] = field(default_factory=dict)
    image_room: int | None = None
    machine: str = "amd64"
    absent_images: frozenset[str] = frozenset()
    pinned: Mapping[str, str] = field(default_factory=dict)
    containers: Mapping[str, ContainerFacts] | None = None
    networks: Mapping[str, NetworkFacts] | None = None
    kept_volumes: Mapping[str, tuple[VolumeMount, ...]] = field(default_factory=dict)
    instance: str = ""
    certificate: CertificateFacts = CertificateFacts()
    share_users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # other rock-ons, by share
