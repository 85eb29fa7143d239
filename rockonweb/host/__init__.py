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

from rockonweb.config import Settings, current_settings, instance_id
from rockonweb.core.answers.answers import Answers, share_fault, split_share
from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, HostFacts, Listener
from rockonweb.core.questions.suggestions import Surroundings
from rockonweb.host import certificate, engine, environment, health_gate, sockets
from rockonweb.host.addresses import addresses as own_addresses
from rockonweb.host.addresses import reached
from rockonweb.host.clock import synchronised
from rockonweb.host.devices import Device, offered
from rockonweb.host.disks import disk_of, room
from rockonweb.host.engine import Engine
from rockonweb.host.environment import time_zone
from rockonweb.host.images import Inspected
from rockonweb.host.shares import Ground, Shares
from rockonweb.host.snapshots import Snapshots
from rockonweb.models import Installation

__all__ = ["Device", "Engine", "Ground", "Host", "Inspected", "host_of"]

T = TypeVar("T")


class Host:
    """A machine; `rockons` are the names of those whose containers may be acted on, none by default."""

    def __init__(self, settings: Settings, *rockons: str) -> None:
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

    def connect(self, *also: str) -> Engine:
        """Return a connection to the machine's Docker Engine, which closes itself at the end of a `with`; `also` are
        further rock-ons whose containers may be acted on. Raises EngineUnreachable.
        """
        return engine.connect(self.instance, *self._rockons, *also)

    def ask(self, question: Callable[[Engine | None], T]) -> tuple[T, EngineError | None]:
        """Return the answer to a question with the engine's part in it; without it, and why, where the engine is away
        or refuses.
        """
        try:
            with self.connect() as docker:
                return question(docker), None
        except EngineError as error:
            return question(None), error

    # -- what is there ------------------------------------------------------------------------------------------

    def look(
        self, answers: Answers, claims: Iterable[Listener], docker: Engine | None, named: Collection[int] | None = None
    ) -> HostFacts:
        """Return the facts for planning with these answers. Without an engine, what only it knows is None.

        `claims` are the ports of installed rock-ons. With `named`, of the programs that hold ports only those that hold
        one of these are found out, which is quicker. Raises EngineError when an engine was given and fails.
        """
        containers = docker.containers() if docker else None
        places = list(dict.fromkeys(place for _, place in answers.places if not share_fault(place)))
        folders = [place for place in places if split_share(place)[1]]
        return HostFacts(
            shares_root=str(self.shares.root),
            shares=self.shares.listing(),
            listening=self.listening(claims, containers, docker.published() if docker else (), named),
            groups=_groups(),
            missing_devices=frozenset(path for path in answers.device_paths() if not os.path.exists(path)),
            missing_folders=frozenset(one for one in folders if not (self.shares.root / one).is_dir()),
            places={place: self.shares.look(place) for place in places},
            containers=containers,
            networks=docker.networks(containers) if docker else None,
            instance=self.instance,
            certificate=certificate.facts(self._settings),
        )

    def listening(
        self,
        claims: Iterable[Listener],
        containers: Mapping[str, ContainerFacts] | None,
        published: Iterable[Listener] = (),
        named: Collection[int] | None = None,
    ) -> tuple[Listener, ...]:
        """Return what holds ports. `containers` are all that there are and `published` the ports that they publish,
        None and nothing where no engine was asked; for the others see `look`.
        """
        running = {known.rockon for known in (containers or {}).values() if known.state == "running"}
        # The socket on a port that an install has only reserved is somebody else's.
        held = [claim for claim in claims if containers is None or claim.rockon in running]
        names = {known.id: name for name, known in (containers or {}).items() if known.id}
        return sockets.listening(held, published, names, named)

    def surroundings(self, places: Collection[str], visited: str = "") -> Surroundings:
        """Return what suggestions need. `places` are the shares and folders that were chosen; `visited` is the name or
        address by which the person reached these pages: where it is this server for others too, apps are reached by it.
        """
        here = "" if environment.is_only_here(visited) else visited
        name, address = environment.host_name(), environment.address()
        return Surroundings(
            time_zone=time_zone(),
            host_name=name or address,
            address=here or address or name,
            groups=_groups(),
            owners={one: environment.owner(self.shares, one) for one in places if one and not share_fault(one)},
            usual=environment.usual_owner(self.shares),
        )

    # What any process of this machine may ask it, in words of its own modules.
    addresses = staticmethod(own_addresses)
    await_health = staticmethod(health_gate.await_health)
    clock_is_synchronised = staticmethod(synchronised)
    devices = staticmethod(offered)
    disk = staticmethod(disk_of)
    free_bytes = staticmethod(room)
    subnets = staticmethod(reached)
    time_zone = staticmethod(time_zone)

    def has_device(self, path: str) -> bool:
        """Whether there is something at a path, such as /dev/dri."""
        return os.path.exists(path)

    def memory(self) -> tuple[int, int]:
        """Return how many bytes of memory are free for use, and how many there are."""
        found = psutil.virtual_memory()
        return found.available, found.total

    # -- what is done -------------------------------------------------------------------------------------------

    def make_certificate(self) -> bool:
        """Make the machine's self-signed key and certificate, unless they are there. Returns whether they were made."""
        return certificate.ensure(self._settings)


def host_of(rockon: Installation | None = None) -> Host:
    """Return the machine that an app runs on, to act on its containers; without an app, to look only."""
    return Host(current_settings(), *([rockon.name] if rockon else []))


def _groups() -> dict[str, int]:
    return {group.gr_name: group.gr_gid for group in grp.getgrall()}
