"""Facts about the host that the core decides by. Collected by `rockonweb.host` and passed in, never queried here."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from rockonweb.core.command_size import USUAL_COMMAND_LIMIT
from rockonweb.core.databases import DatabaseServer, StoredData
from rockonweb.core.own_container import BlindSpot, Subject

UUID_PREFIX = "UUID="


@dataclass(frozen=True)
class ShareFacts:
    """A folder for apps' data: its path on the host, its owner, and whether `snapshots` of it can be taken.
    `nested` are the subvolumes inside it, which no snapshot covers; listed only where one is to be taken.
    """

    path: str
    uid: int = 0
    gid: int = 0
    snapshots: bool = False
    nested: tuple[str, ...] = ()


class ShareAbsence(enum.StrEnum):
    """Why the folder that apps have used as a share is not at its path."""

    MISSING = "missing"
    LINK = "link"
    OTHER = "other"  # another folder, such as the empty one below a mount point


@dataclass(frozen=True)
class ShareIdentity:
    """What tells the folder of a share from any other at its path.

    `mark` is the text that Rockonweb attached to it: blank where it has none, None where that can't be read. `device`
    is the file system's UUID, with UUID_PREFIX, else its type and source; `mount_point` where that is mounted.
    """

    mark: str | None
    device: str
    mount_point: str

    def is_same(self, present: ShareIdentity) -> bool:
        """Whether what is at the path at present is this one.

        Where marks can be compared, a disk may have another name or mount point than before. A copy of the folder with
        its mark, on another file system, is another one: it may be what was left below a mount point.
        """
        if not self.mark or present.mark is None:
            return (self.device, self.mount_point) == (present.device, present.mount_point)
        comparable = self.device.startswith(UUID_PREFIX) and present.device.startswith(UUID_PREFIX)
        return self.mark == present.mark and (self.device == present.device or not comparable)


@dataclass(frozen=True)
class SharePathFacts:
    """A share, or a folder of one, that an answer names. `free` are the free bytes of its disk.

    Where it does not exist yet, only `free` is known: of the disk where it would be created. Where something else is in
    its place, it is not `empty` either.
    """

    exists: bool = False
    uid: int = 0
    gid: int = 0
    mode: int = 0o755
    empty: bool = True
    free: int | None = None


@dataclass(frozen=True)
class ImageFacts:
    """An image in its registry. `missing` is why it does not exist there, `unknown` why that could not be checked.

    `platforms` are written as `linux/arm64/v8`; `size` are the bytes to download, None where the registry does not say.
    `here` is whether Docker has an image of this name, `databases` the version of each database server that it has.
    """

    platforms: tuple[str, ...] = ()
    size: int | None = None
    missing: str = ""
    unknown: str = ""
    here: bool = False
    databases: Mapping[DatabaseServer, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PortListener:
    """A host port in use. `holder` is the name of its user for display, blank where unknown."""

    port: int
    protocol: str
    address: str = ""
    holder: str = ""
    rockon: str = ""  # whose container it is; blank for an unmanaged one


@dataclass(frozen=True)
class VolumeMount:
    """A named or anonymous volume of a container."""

    volume: str
    destination: str


@dataclass(frozen=True)
class UnsavedFolder:
    """A folder in a container with files that are in no share and in no volume, so that they go with the container.

    `size` are their bytes, None where that is not known. `mixed`: the image has files of its own there, or something is
    mounted inside it, so that no share can take its place.
    """

    container: str
    folder: str
    files: int
    size: int | None = None
    mixed: bool = False

    @property
    def key(self) -> str:
        """What requests call it: CONTAINER:FOLDER."""
        return f"{self.container}:{self.folder}"


@dataclass(frozen=True)
class LayerFacts:
    """The folders with data in a container's own layer. `unknown` is why Docker can't tell all; blank where it did."""

    folders: tuple[UnsavedFolder, ...] = ()
    unknown: str = ""


MIN_ID_PREFIX = 12  # characters from which on a name may be the beginning of an id
UP_STATES = ("running", "restarting", "paused")  # states of a container that is up, or that Docker tries to bring up
UNSTEADY_STATES = ("paused", "restarting", "removing", "dead")  # in which nobody adopts a container


@dataclass(frozen=True)
class ContainerFacts:
    """A container as Docker reports it. `rockon` is blank for an unmanaged one."""

    name: str
    id: str = ""
    image: str = ""
    image_id: str = ""
    state: str = ""  # created, running, paused, restarting, removing, exited, dead
    exit_code: int = 0
    error: str = ""
    rockon: str = ""
    operation: str = ""  # the random id of the operation that created it
    restart_policy: str = ""
    restarts: int = 0  # automatic ones since the last explicit start
    started: str = ""  # the time of the last start, as Docker writes it
    up_seconds: float | None = None  # since then, by Docker's clock; None where it does not run
    out_of_memory: bool = False  # the kernel killed a process of it when its memory was used up
    signal: int = 0  # the last one that was sent through Docker since the last start and usually ends a process
    health: str = ""  # starting, healthy, unhealthy; blank for one without a health check of its own
    networks: tuple[str, ...] = ()
    network_ids: Mapping[str, str] = field(default_factory=dict)  # by name; of a network that is gone, the former id
    network_mode: str = ""  # `container:ID` for one that uses the network of another container
    bind_mounts: tuple[str, ...] = ()  # paths of the host
    published: tuple[PortListener, ...] = ()  # the host's ports that it publishes while it runs; known of listed ones
    created: int = 0  # Unix seconds; 0 where not known
    docker_name: str = ""  # the name that somebody gave it since it was created; blank: `name`

    @property
    def ever_ran(self) -> bool:
        """Whether it was started at least once; Docker reports the year 1 for one that was not."""
        return bool(self.started) and not self.started.startswith("0001")


@dataclass(frozen=True)
class ContainerEvent:
    """What happened to a container, as Docker tells it; `signal` is one that was sent to it through Docker, 0 none."""

    rockon: str
    container: str
    action: str  # start, die, kill, oom, `health_status: unhealthy`, …
    signal: int = 0


def find_container(name_or_id: str, containers: Mapping[str, ContainerFacts]) -> ContainerFacts | None:
    """Return the container that Docker would resolve: by its name, else by the beginning of its id."""
    by_id = (
        container
        for container in containers.values()
        if len(name_or_id) >= MIN_ID_PREFIX and container.id.startswith(name_or_id)
    )
    return containers.get(name_or_id) or next(by_id, None)


@dataclass(frozen=True)
class NetworkFacts:
    """A Docker network: its name, its containers (by name, running or not), and whether it is managed (`ours`)."""

    name: str
    containers: tuple[str, ...] = ()
    ours: bool = False
    driver: str = ""
    subnets: tuple[str, ...] = ()
    internal: bool = False
    id: str = ""
    operation: str = ""  # the random id of the operation that created it


@dataclass(frozen=True)
class CertificateFacts:
    """The paths of the host's key and certificate. A self-signed pair is created when it is first needed.

    `missing` is the path of a file that the configuration names but that does not exist.
    """

    key: str = "/etc/ssl/private/rockonweb.key"
    certificate: str = "/etc/ssl/certs/rockonweb.crt"
    self_signed: bool = True
    missing: str = ""


@dataclass(frozen=True)
class FolderOwner:
    """The owner of a share or a folder, or the future one where it is `new`."""

    uid: int
    gid: int
    new: bool = False


@dataclass(frozen=True)
class HostFacts:
    """The host at one moment.

    `containers` and `networks` are None where Docker was not queried or did not answer. `claimed` are the host ports of
    other installed rock-ons, running or not. `groups` maps names to gids. `missing_devices` and `missing_folders` are
    those of the answers that do not exist, `databases` the data of database servers by
    share path, `new_images` the versions of such servers in the image of each container that gets another one than it
    had. `absent_images` those that Docker does not have, `pinned` the ids of images
    that containers keep though their names mean newer ones now. `places` are the answers' shares and folders by path,
    `new_owners` uid and gid of shares to be created. `images` are those whose registry was queried, `image_room` the
    free bytes of Docker's disk, and `machine` this host's architecture as images name it. `command_limit` are the bytes
    that all words of one command may have. `blind_spots` are by subject what can't be seen from Rockonweb's own
    container.
    """

    shares_root: str = "/mnt2"
    shares: Mapping[str, ShareFacts] = field(default_factory=dict)
    listening: tuple[PortListener, ...] = ()
    claimed: tuple[PortListener, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)
    missing_devices: frozenset[str] = frozenset()
    missing_paths: frozenset[str] = frozenset()  # of the definition's required_paths
    missing_folders: frozenset[str] = frozenset()
    absent_shares: Mapping[str, ShareAbsence] = field(default_factory=dict)  # of those that installed apps use
    places: Mapping[str, SharePathFacts] = field(default_factory=dict)
    databases: Mapping[str, tuple[StoredData, ...]] = field(default_factory=dict)
    new_images: Mapping[str, Mapping[DatabaseServer, str]] = field(default_factory=dict)
    new_owners: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    images: Mapping[str, ImageFacts] = field(default_factory=dict)
    image_room: int | None = None
    machine: str = "amd64"
    absent_images: frozenset[str] = frozenset()
    pinned: Mapping[str, str] = field(default_factory=dict)
    containers: Mapping[str, ContainerFacts] | None = None
    networks: Mapping[str, NetworkFacts] | None = None
    stored_networks: frozenset[str] = frozenset()  # that users created: they are recreated as they were
    kept_volumes: Mapping[str, tuple[VolumeMount, ...]] = field(default_factory=dict)
    instance: str = ""
    command_limit: int = USUAL_COMMAND_LIMIT
    certificate: CertificateFacts = CertificateFacts()
    share_users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # other rock-ons, by share
    blind_spots: Mapping[Subject, BlindSpot] = field(default_factory=dict)
