"""One door to the machine that apps run on: all that is asked of it and done on it goes through a `Host`.

Nobody outside imports what lies behind. What goes through the door is plain data with types, so that it can be served
from elsewhere; there is one kind of host today, this machine.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import TypeVar

import psutil

from rockonweb.config import Config, current_config, instance_id
from rockonweb.core.answers.answers import Answers, share_fault, split_share_path
from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, HostFacts, PortListener
from rockonweb.core.questions.suggestions import SuggestionContext
from rockonweb.host import certificate, engine, environment, health_gate, sockets
from rockonweb.host.addresses import local_addresses as own_addresses
from rockonweb.host.addresses import reachable_subnets
from rockonweb.host.clock import is_synchronised
from rockonweb.host.devices import HostDevice, list_devices
from rockonweb.host.disks import disk_of, free_space
from rockonweb.host.engine import Engine
from rockonweb.host.environment import time_zone
from rockonweb.host.images import InspectedImage
from rockonweb.host.shares import ShareConstraints, Shares
from rockonweb.host.snapshots import Snapshots
from rockonweb.models import Installation

__all__ = ["Engine", "Host", "HostDevice", "InspectedImage", "ShareConstraints", "get_host"]

T = TypeVar("T")


class Host:
    """A machine; `rockons` are the names of those whose containers may be acted on, none by default."""

    def __init__(self, settings: Config, *rockons: str) -> None:
        self._settings = settings
        self._rockons = rockons
        self.shares = Shares(settings.shares_root)

    @cached_property
    def instance(self) -> str:
        """The name by which our containers are told from another Rockonweb's."""
        return instance_id(self._settings)

    @cached_property
    def snapshots(self) -> Snapshots:
        """The snapshots of shares."""
        return Snapshots(self.shares, self.instance)

    # -- Docker -------------------------------------------------------------------------------------------------

    def connect_docker(self, *extra_rockons: str) -> Engine:
        """Return a connection to the machine's Docker Engine, which closes itself at the end of a `with`;
        `extra_rockons` are further rock-ons whose containers may be acted on. Raises EngineUnreachable.
        """
        return engine.connect_engine(self.instance, *self._rockons, *extra_rockons)

    def call_with_engine(self, query: Callable[[Engine | None], T]) -> tuple[T, EngineError | None]:
        """Return the answer to a question with the engine's part in it; without it, and why, where the engine is away
        or refuses.
        """
        try:
            with self.connect_docker() as docker:
                return query(docker), None
        except EngineError as error:
            return query(None), error

    # -- what is there ------------------------------------------------------------------------------------------

    def collect_facts(
        self,
        answers: Answers,
        claims: Iterable[PortListener],
        docker: Engine | None,
        named_ports: Collection[int] | None = None,
    ) -> HostFacts:
        """Return the facts for planning with these answers. Without an engine, what only it knows is None.

        `claims` are the ports of installed rock-ons. With `named_ports`, of the programs that hold ports only those
        that hold one of these are found out, which is quicker. Raises EngineError when an engine was given and fails.
        """
        containers = docker.list_containers() if docker else None
        share_paths = list(
            dict.fromkeys(share_path for _, share_path in answers.share_mounts if not share_fault(share_path))
        )
        folders = [share_path for share_path in share_paths if split_share_path(share_path)[1]]
        return HostFacts(
            shares_root=str(self.shares.root),
            shares=self.shares.shares_by_name(),
            listening=self.collect_listeners(
                claims, containers, docker.list_published_ports() if docker else (), named_ports
            ),
            groups=_group_ids(),
            missing_devices=frozenset(path for path in answers.device_paths() if not os.path.exists(path)),
            missing_folders=frozenset(folder for folder in folders if not (self.shares.root / folder).is_dir()),
            places={share_path: self.shares.inspect_path(share_path) for share_path in share_paths},
            containers=containers,
            networks=docker.list_networks(containers) if docker else None,
            instance=self.instance,
            certificate=certificate.locate_certificate(self._settings),
        )

    def collect_listeners(
        self,
        claims: Iterable[PortListener],
        containers: Mapping[str, ContainerFacts] | None,
        published: Iterable[PortListener] = (),
        named_ports: Collection[int] | None = None,
    ) -> tuple[PortListener, ...]:
        """Return what holds ports. `containers` are all that there are and `published` the ports that they publish,
        None and nothing where no engine was asked; for the others see `collect_facts`.
        """
        running = {container.rockon for container in (containers or {}).values() if container.state == "running"}
        # The socket on a port that an install has only reserved is somebody else's.
        active_claims = [claim for claim in claims if containers is None or claim.rockon in running]
        names_by_id = {container.id: name for name, container in (containers or {}).items() if container.id}
        return sockets.find_listeners(active_claims, published, names_by_id, named_ports)

    def collect_surroundings(self, share_paths: Collection[str], visited: str = "") -> SuggestionContext:
        """Return what suggestions need. `share_paths` are the shares and folders that were chosen; `visited` is the
        name or address by which the person reached these pages: where it is this server for others too, apps are
        reached by it.
        """
        visited_host = "" if environment.is_loopback_name(visited) else visited
        name, address = environment.host_name(), environment.outgoing_address()
        return SuggestionContext(
            time_zone=time_zone(),
            host_name=name or address,
            address=visited_host or address or name,
            groups=_group_ids(),
            owners={
                share_path: environment.path_owner(self.shares, share_path)
                for share_path in share_paths
                if share_path and not share_fault(share_path)
            },
            default_owner=environment.usual_owner(self.shares),
        )

    # What any process of this machine may ask it, in words of its own modules.
    addresses = staticmethod(own_addresses)
    await_health = staticmethod(health_gate.await_health)
    clock_is_synchronised = staticmethod(is_synchronised)
    devices = staticmethod(list_devices)
    disk = staticmethod(disk_of)
    free_bytes = staticmethod(free_space)
    subnets = staticmethod(reachable_subnets)
    time_zone = staticmethod(time_zone)

    def has_device(self, path: str) -> bool:
        """Whether there is something at a path, such as /dev/dri."""
        return os.path.exists(path)

    def read_memory(self) -> tuple[int, int]:
        """Return how many bytes of memory are free for use, and how many there are."""
        memory = psutil.virtual_memory()
        return memory.available, memory.total

    # -- what is done -------------------------------------------------------------------------------------------

    def make_certificate(self) -> bool:
        """Make the machine's self-signed key and certificate, unless they are there. Returns whether they were made."""
        return certificate.ensure_certificate(self._settings)


def get_host(installation: Installation | None = None) -> Host:
    """Return the machine that an app runs on, to act on its containers; without an app, to look only."""
    return Host(current_config(), *([installation.name] if installation else []))


def _group_ids() -> dict[str, int]:
    return {group.gr_name: group.gr_gid for group in grp.getgrall()}
