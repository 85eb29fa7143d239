"""The interface to the machine that apps run on: everything is read from it and done on it through a `Host`.

No other package imports the modules behind it. Arguments and results are plain typed data, so that another kind of host
(a remote one) could be added; today there is one, this machine.
"""

from __future__ import annotations

import grp
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from rockonweb.config import Config, current_config, instance_id
from rockonweb.core import databases
from rockonweb.core.answers.answers import Answers, share_fault, split_share_path
from rockonweb.core.data_backup.repository import RepositoryAccess
from rockonweb.core.databases import StoredData
from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, HostFacts, PortListener
from rockonweb.core.operations.steps import UiPage
from rockonweb.core.own_container import BlindSpot, InstancePaths, OwnContainer, Subject, find_blind_spots
from rockonweb.core.status.health import HealthLimits
from rockonweb.host import certificate, environment, sockets
from rockonweb.host.addresses import local_addresses as own_addresses
from rockonweb.host.addresses import reachable_subnets
from rockonweb.host.clock import is_synchronised
from rockonweb.host.clones import ShareClones
from rockonweb.host.data_folders import DataFolders
from rockonweb.host.devices import HostDevice, list_devices
from rockonweb.host.disks import disk_of, find_mount, free_space, future_disk, list_mounts
from rockonweb.host.docker_socket import refuse_absent_engine
from rockonweb.host.environment import time_zone
from rockonweb.host.folder_measures import measure_folders
from rockonweb.host.host_root import resolve_on_host
from rockonweb.host.own_container import find_own_container
from rockonweb.host.patience import brief_reads
from rockonweb.host.restic import ResticRepository, restic_version
from rockonweb.host.share_constraints import ShareConstraints
from rockonweb.host.share_files import ShareFiles
from rockonweb.host.shares import SHARED_MODE, Shares, owner_names
from rockonweb.host.snapshots import Snapshots
from rockonweb.host.waiting import Waiter
from rockonweb.models import Installation

if TYPE_CHECKING:
    from rockonweb.core.questions.suggestions import SuggestionContext
    from rockonweb.host.engine import Engine
    from rockonweb.host.health_gate import HealthProgress
    from rockonweb.host.images import InspectedImage

__all__ = [
    "SHARED_MODE",
    "Engine",
    "Host",
    "HostDevice",
    "InspectedImage",
    "ResticRepository",
    "ShareConstraints",
    "Shares",
    "Waiter",
    "brief_reads",
    "get_host",
]

T = TypeVar("T")
MAX_PAGES_AT_ONCE = 8  # that are asked


def __getattr__(name: str) -> Any:
    """Import what speaks to Docker when it is asked for: the SDK takes long, and some commands do without."""
    if name not in ("Engine", "InspectedImage"):
        raise AttributeError(name)
    from rockonweb.host import engine, images

    return {"Engine": engine.Engine, "InspectedImage": images.InspectedImage}[name]


OWN_SECONDS = 3  # for Docker's answer about Rockonweb's own container, for which a page may wait once


class Host:
    """A machine. Only containers of the rock-ons named `rockons` may be changed; without names it is read-only."""

    def __init__(self, settings: Config, *rockons: str) -> None:
        self._settings = settings
        self._rockons = rockons
        self.shares = Shares(settings.shares_root, lambda: self.blind_spots.get("shares"))
        self.files = ShareFiles(self.shares)

    @cached_property
    def instance(self) -> str:
        """The value of the Docker label that marks containers and networks as this instance's."""
        return instance_id(self._settings)

    @cached_property
    def snapshots(self) -> Snapshots:
        """The Btrfs snapshots of shares."""
        return Snapshots(self.shares, self.instance)

    @cached_property
    def clones(self) -> ShareClones:
        """The copies of shares in which apps are rehearsed."""
        return ShareClones(self.shares, self.instance)

    @cached_property
    def data_folders(self) -> DataFolders:
        """The folders of backups and restores of data."""
        return DataFolders(self.shares, self.snapshots, self.instance)

    def open_repository(self, access: RepositoryAccess, waiter: Waiter | None = None) -> ResticRepository:
        """Return a data repository; `waiter` is asked while restic works."""
        return ResticRepository(access, self._settings.instance / "restic-cache", waiter)

    # -- the container that this process runs in ---------------------------------------------------------------

    @property
    def own_container(self) -> OwnContainer | None:
        """The container that Rockonweb itself runs in; None outside of one, and while Docker does not answer."""
        return find_own_container(partial(self.connect_docker, seconds=OWN_SECONDS))

    @property
    def blind_spots(self) -> dict[Subject, BlindSpot]:
        """What of the host can't be seen from Rockonweb's own container, by subject."""
        own = self.own_container
        if own is None:
            return {}
        mount = find_mount(self._settings.shares_root, list_mounts())
        paths = InstancePaths(
            str(self._settings.instance),
            str(self._settings.shares_root),
            certificate.locate_certificate(self._settings).certificate,
            on_btrfs=mount is not None and mount.kind == "btrfs",
        )
        return {spot.subject: spot for spot in find_blind_spots(own, paths)}

    # -- Docker -------------------------------------------------------------------------------------------------

    def connect_docker(self, *extra_rockons: str, seconds: float | None = None) -> Engine:
        """Return a connection to the machine's Docker Engine, a context manager that closes it; `extra_rockons` are
        names of further rock-ons whose containers may be changed. `seconds` limit each answer; by default pages wait
        briefly, and jobs long. Raises EngineUnreachable.
        """
        if "rockonweb.host.engine" not in sys.modules:
            refuse_absent_engine()
        from rockonweb.host import engine

        limit = {} if seconds is None else {"seconds": seconds}
        return engine.connect_engine(self.instance, *self._rockons, *extra_rockons, **limit)

    def call_with_engine(self, query: Callable[[Engine | None], T]) -> tuple[T, EngineError | None]:
        """Return `query(engine)` and None; where Docker is unreachable or fails, `query(None)` and the error."""
        try:
            with self.connect_docker() as docker:
                return query(docker), None
        except EngineError as error:
            return query(None), error

    # -- reading ------------------------------------------------------------------------------------------------

    def collect_facts(
        self,
        answers: Answers,
        claims: Iterable[PortListener],
        docker: Engine | None,
        named_ports: Collection[int] | None = None,
    ) -> HostFacts:
        """Return the facts for planning with these answers. Without an engine, what only Docker knows is None.

        `claims` are the host ports of installed rock-ons. With `named_ports`, only the programs that use one of these
        ports are identified, which is faster. Raises EngineError where a given engine fails.
        """
        containers = docker.list_containers() if docker else None
        share_paths = list(
            dict.fromkeys(share_path for _, share_path in answers.share_mounts if not share_fault(share_path, None))
        )
        folders = [share_path for share_path in share_paths if split_share_path(share_path)[1]]
        return HostFacts(
            shares_root=str(self.shares.root),
            shares=self.shares.shares_by_name(),
            listening=self.collect_listeners(claims, containers, named_ports),
            groups=self._group_ids(),
            missing_devices=self.find_missing_paths(answers.device_paths()),
            missing_folders=frozenset(folder for folder in folders if not (self.shares.root / folder).is_dir()),
            places={share_path: self.shares.inspect_path(share_path) for share_path in share_paths},
            databases=self.find_databases(share_paths),
            containers=containers,
            networks=docker.list_networks(containers) if docker else None,
            instance=self.instance,
            command_limit=environment.command_limit(),
            certificate=certificate.locate_certificate(self._settings),
            blind_spots=self.blind_spots,
        )

    def find_databases(self, share_paths: Iterable[str]) -> dict[str, tuple[StoredData, ...]]:
        """Return the data of database servers in shares and folders, by share path."""
        return {
            share_path: databases.recognise_data(self.shares.read_beginnings(share_path, databases.data_files()))
            for share_path in share_paths
        }

    def find_missing_paths(self, paths: Iterable[str]) -> frozenset[str]:
        """Return those of these paths that do not exist on the host; of one that can't be seen nobody knows."""
        own = self.own_container
        return frozenset(path for path in paths if _is_missing(path, own))

    def collect_listeners(
        self,
        claims: Iterable[PortListener],
        containers: Mapping[str, ContainerFacts] | None,
        named_ports: Collection[int] | None = None,
    ) -> tuple[PortListener, ...]:
        """Return what uses host ports. `containers` are all of the host's, by name (None without Docker); for `claims`
        and `named_ports` see `collect_facts`.
        """
        published = [listener for container in (containers or {}).values() for listener in container.published]
        running = {container.rockon for container in (containers or {}).values() if container.state == "running"}
        own = self.own_container
        if own and not own.host_network:
            return tuple(published)  # the sockets here are those of the container
        # A rock-on that does not run has only reserved its port: a socket there belongs to another program.
        active_claims = [claim for claim in claims if containers is None or claim.rockon in running]
        names_by_id = {container.id: name for name, container in (containers or {}).items() if container.id}
        return sockets.find_listeners(active_claims, published, names_by_id, named_ports)

    def collect_surroundings(self, share_paths: Collection[str], visited: str = "") -> SuggestionContext:
        """Return what suggested answers are computed from, for these shares and folders (SHARE or SHARE/FOLDER).

        `visited` is the host name or address of the request: apps are reached by it too, unless it is a loopback one.
        """
        from rockonweb.core.questions.suggestions import SuggestionContext

        visited_host = "" if environment.is_loopback_name(visited) else visited
        name, address = environment.host_name(), environment.outgoing_address()
        return SuggestionContext(
            time_zone=time_zone(),
            host_name=name or address,
            address=visited_host or address or name,
            groups=self._group_ids(),
            owners={
                share_path: environment.path_owner(self.shares, share_path)
                for share_path in share_paths
                if share_path and not share_fault(share_path, None)
            },
            default_owner=environment.usual_owner(self.shares),
        )

    # Functions that need no state of a Host. Attributes, so that tests can replace them.
    addresses = staticmethod(own_addresses)
    clock_is_synchronised = staticmethod(is_synchronised)
    devices = staticmethod(list_devices)
    disk = staticmethod(disk_of)
    free_bytes = staticmethod(free_space)
    measure_folders = staticmethod(measure_folders)
    future_disk = staticmethod(future_disk)
    owner_names = staticmethod(owner_names)
    restic_version = staticmethod(restic_version)
    subnets = staticmethod(reachable_subnets)
    time_zone = staticmethod(time_zone)

    def await_health(
        self, docker: Engine, pages: dict[str, UiPage | None], limits: HealthLimits, network: str = ""
    ) -> Iterator[HealthProgress]:
        """Wait until containers are healthy, as `health_gate.await_health` does; pages that can't be reached from
        Rockonweb's own container are not asked.
        """
        from rockonweb.host import health_gate

        if "ports" in self.blind_spots:
            pages = dict.fromkeys(pages)
        return health_gate.await_health(docker, pages, limits, network)

    def ask_pages(self, pages: Mapping[int, UiPage]) -> dict[int, bool]:
        """Return which of these pages answer, by their keys; nothing where they can't be reached from Rockonweb's own
        container.
        """
        if "ports" in self.blind_spots or not pages:
            return {}
        from rockonweb.host import health_gate

        with ThreadPoolExecutor(max_workers=MAX_PAGES_AT_ONCE) as pool:
            return dict(zip(pages, pool.map(health_gate.answers_http, pages.values()), strict=True))

    def read_memory(self) -> tuple[int, int]:
        """Return the available and the total memory in bytes."""
        import psutil  # here and behind: few commands need it

        memory = psutil.virtual_memory()
        return memory.available, memory.total

    def _group_ids(self) -> dict[str, int]:
        if "groups" in self.blind_spots:
            return {}  # those here are the image's
        return {group.gr_name: group.gr_gid for group in grp.getgrall()}

    # -- changing -----------------------------------------------------------------------------------------------

    @property
    def certified_names(self) -> tuple[str, ...]:
        """The DNS names of the certificate that the pages are served with, in lower case."""
        path = self._settings.tls_certificate
        return certificate.read_dns_names(path) if path else ()

    def make_certificate(self) -> bool:
        """Create the instance's self-signed key and certificate if missing. Returns whether they were created."""
        return certificate.ensure_certificate(self._settings)


def get_host(installation: Installation | None = None) -> Host:
    """Return the host that a rock-on runs on, allowed to change its containers; without a rock-on, read-only."""
    return Host(current_config(), *([installation.name] if installation else []))


def _is_missing(path: str, own: OwnContainer | None) -> bool:
    if own is None or own.shows(path):
        return not os.path.exists(path)
    return own.reads_host and not os.path.lexists(resolve_on_host(path))
