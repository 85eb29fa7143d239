"""Gathers what the deciding parts need to know of the host."""

from __future__ import annotations

import grp
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
from flask import current_app
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from rockonweb.config import Settings, instance_id
from rockonweb.core.answers import Answers, share_fault, split_share
from rockonweb.core.facts import ContainerFacts, HostFacts, Listener, Mount
from rockonweb.core.preflight.ports import EVERY_ADDRESS
from rockonweb.core.text import t
from rockonweb.host import certificate, shares, sockets
from rockonweb.host.engine import Engine
from rockonweb.models import Container, Port, RockOn, State, db
from rockonweb.rows import answers_of


def gather(
    rockon: RockOn, answers: Answers | None = None, *, engine: Engine | None, named: Collection[int] | None = None
) -> HostFacts:
    """Return the facts for planning `rockon`. Without an engine, what only it knows is None.

    With `named`, of the programs that hold ports only those that hold one of these are found out, which is quicker.
    Raises EngineError when an engine was given and fails.
    """
    settings: Settings = current_app.config["SETTINGS"]
    answers = answers or answers_of(rockon)
    known_shares = shares.listing(settings)
    claims = claimed_ports(db.session())
    containers = engine.containers() if engine else None
    return HostFacts(
        shares_root=str(settings.shares_root),
        shares=known_shares,
        listening=listening(
            _that_run(claims, containers), engine.published() if engine else (), _names(containers), named
        ),
        claimed=tuple(claim for claim in claims if claim.rockon != rockon.name),
        groups={group.gr_name: group.gr_gid for group in grp.getgrall()},
        missing_devices=frozenset(
            path
            for values in answers.devices.values()
            for value in values.values()
            if value and not os.path.exists(path := value.split(":", 1)[0])
        ),
        missing_folders=frozenset(_missing_folders(settings, answers)),
        places={place: shares.look(settings, place) for place in _places(answers)},
        containers=containers,
        networks=engine.networks(containers) if engine else None,
        kept_volumes=volumes(rockon, engine, containers),
        instance=instance_id(settings),
        certificate=certificate.facts(settings),
    )


def volumes(
    rockon: RockOn, engine: Engine | None, containers: Mapping[str, ContainerFacts] | None
) -> dict[str, tuple[Mount, ...]]:
    """Return the volumes that Docker made for the rock-on's containers: those of living ones, and of former ones."""
    found: dict[str, dict[str, Mount]] = {}
    for volume in rockon.kept_volumes:
        found.setdefault(volume.container, {})[volume.destination] = Mount(volume.volume, volume.destination)
    for container in rockon.containers:
        known = (containers or {}).get(container.name)
        if engine and known and known.rockon == rockon.name:
            for mount in engine.anonymous_volumes(container.name):
                found.setdefault(container.name, {})[mount.destination] = mount
    return {name: tuple(mounts.values()) for name, mounts in found.items()}


def claimed_ports(session: Session) -> list[Listener]:
    """Return the host ports of all installed rock-ons, running or not, and those that an update will publish."""
    holding = (State.INSTALLED, State.PENDING_INSTALL, State.PENDING_UPDATE, State.PENDING_UNINSTALL)
    rows = session.execute(
        select(Port, RockOn.name)
        .join(Port.container)
        .join(Container.rockon)
        .where(RockOn.state.in_(holding), or_(Port.host.is_not(None), Port.reserved.is_not(None)))
    )
    return [
        Listener(host, protocol, "", t("the rock-on %(name)s", name=name), name)
        for port, name in rows
        for host in {port.host, port.reserved}
        for protocol in port.protocols
        if host is not None
    ]


def _that_run(claims: Iterable[Listener], containers: Mapping[str, ContainerFacts] | None) -> list[Listener]:
    """Return the claims of rock-ons that have a running container; all of them when no engine was asked.

    The socket on a port that an install has only reserved is somebody else's.
    """
    running = {facts.rockon for facts in (containers or {}).values() if facts.state == "running"}
    return [claim for claim in claims if containers is None or claim.rockon in running]


def listening(
    claims: Iterable[Listener],
    published: Iterable[Listener],
    names: Mapping[str, str] | None = None,
    named: Collection[int] | None = None,
) -> tuple[Listener, ...]:
    """Return what holds ports of the host: what containers publish, then every other socket that listens or connects.

    A port may be held by several, each on an address of its own. `names` are the containers' by their ids, to tell
    which of those on the host's own network a process is in. A socket on a port that a running rock-on claims is
    taken to be that rock-on's: docker-proxy, or an app on the host's own network. With `named`, of other programs only
    those that hold one of these ports are found out; the others have no name.
    """
    published = list(published)
    by_container = {(listener.port, listener.protocol) for listener in published}
    owner = {(claim.port, claim.protocol): claim for claim in claims}
    found: dict[tuple[int, str, str], Listener] = {}
    everywhere: set[tuple[int, str]] = set()  # held on all addresses
    # Listeners first: the connections that they accepted have the same port. Of these, those on all addresses.
    for one in sorted(sockets.held(), key=lambda one: (not one.listens, one.address not in EVERY_ADDRESS)):
        key = (one.port, one.protocol)
        if key in by_container or key in everywhere or (*key, one.address) in found:
            continue
        claim = owner.get(key)
        found[*key, one.address] = Listener(
            *key, one.address, claim.holder if claim else "", claim.rockon if claim else ""
        )
        everywhere |= {key} if one.address in EVERY_ADDRESS else set()
    return (*published, *_with_holders(found.values(), names, named))


def _with_holders(
    found: Collection[Listener], names: Mapping[str, str] | None, named: Collection[int] | None
) -> Iterator[Listener]:
    """Yield listeners, those of programs with who they are."""
    asked = [one for one in found if not one.holder and (named is None or one.port in named)]
    pids = sockets.processes() if asked else {}
    for one in found:
        pid = pids.get((one.protocol, one.address, one.port)) if one in asked else None
        yield replace(one, holder=_holder(pid, names)) if pid is not None else one


def _names(containers: Mapping[str, ContainerFacts] | None) -> dict[str, str]:
    return {facts.id: name for name, facts in (containers or {}).items() if facts.id}


def _holder(pid: int, names: Mapping[str, str] | None) -> str:
    """Return what a process is, in words: the container that it runs in, or the program."""
    if names:
        try:
            groups = Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            groups = ""
        for found in re.findall(r"[0-9a-f]{64}", groups):
            if found in names:
                return t("the container %(name)s", name=names[found])
    return _process(pid)


def _process(pid: int) -> str:
    try:
        return t("the program %(name)s (process %(pid)s)", name=psutil.Process(pid).name(), pid=pid)
    except psutil.Error:
        return ""


def _missing_folders(settings: Settings, answers: Answers) -> Iterable[str]:
    for place in _places(answers):
        share, folder = split_share(place)
        if folder and not (settings.shares_root / share / folder).is_dir():
            yield place


def _places(answers: Answers) -> list[str]:
    """Return every share and folder that is used, each once."""
    every = [place for part in (answers.shares, answers.storage) for by in part.values() for place in by.values()]
    return list(dict.fromkeys(place for place in every if not share_fault(place)))
