"""Containers of this host that Rockonweb did not create: lists and describes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import select

from rockonweb.config import Config, current_config
from rockonweb.core.docker.run_options import options_from_pairs
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.imports.container import (
    EngineDefaults,
    InspectedContainer,
    OwnParts,
    describe_app,
    find_dependents,
    group_containers,
    refuse_unadoptable,
)
from rockonweb.core.imports.source import SourceApp, SourcePage
from rockonweb.core.operations.steps import UiPage
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import OldContainer, db

SERVER_PORTS = {"redis": 6379, "rediss": 6379, "postgresql": 5432}  # where an address has none


def describe_containers(names: Collection[str], app_name: str = "") -> SourceApp:
    """Return containers of this host (by name or id) as an app called `app_name` (blank: chosen by what they are).

    Raises BadInput where one does not exist or can't be described, Conflict where one must not be adopted, EngineError.
    """
    with get_host().connect_docker() as docker:
        inspected = docker.inspect_containers()
        containers = [*{(one := _find(name, inspected)).id: one for name in names}.values()]
        own_ids = _own_parts(current_config()).find_ids(inspected)
        for container in containers:
            refuse_unadoptable(container, own_ids)
        if dependents := find_dependents(containers, inspected):
            raise Conflict(
                t("%(names)s can't run without it.", names=", ".join(one.name for one in dependents)),
                t("Adopt them together: %(names)s", names=" ".join(one.name for one in [*containers, *dependents])),
            )
        settings = docker.daemon_settings()
    defaults = EngineDefaults(
        settings.log_driver or EngineDefaults.log_driver,
        settings.runtime or EngineDefaults.runtime,
        "host" if settings.cgroup_version == "1" else "private",
        settings.host_name,
    )
    app = describe_app(app_name, containers, {one.id: one.name for one in inspected}, defaults)
    return replace(app, page=_find_page(app))


def list_unmanaged() -> list[list[InspectedContainer]]:
    """Return the containers of others by app, without those whose place an app has taken. Raises EngineError."""
    with get_host().connect_docker() as docker:
        inspected = docker.inspect_containers()
    hidden = _own_parts(current_config()).find_ids(inspected)
    hidden |= {*db.session.scalars(select(OldContainer.docker_id).where(OldContainer.kept_name != ""))}
    return group_containers(one for one in inspected if one.is_unmanaged and one.id not in hidden)


def describe_unmanaged() -> list[dict[str, Any]]:
    """Return the containers of others by app as JSON objects. Raises EngineError."""
    return [
        {
            "containers": [
                {"name": one.name, "id": one.id, "image": one.config.get("Image"), "state": one.state} for one in group
            ]
        }
        for group in list_unmanaged()
    ]


def _find(name: str, containers: Iterable[InspectedContainer]) -> InspectedContainer:
    found = [one for one in containers if name in (one.name, one.id)]
    if not found:
        raise BadInput(t('There is no container "%(name)s".', name=name))
    return found[0]


def _own_parts(settings: Config) -> OwnParts:
    own = get_host().own_container
    sockets, servers = [], []
    for address in (settings.redis_url, settings.database_url):
        url = urlsplit(address)
        scheme = url.scheme.partition("+")[0]
        folder = parse_qs(url.query).get("host", [""])[0]  # of PostgreSQL's socket
        if scheme == "unix" or folder.startswith("/"):
            sockets.append(url.path if scheme == "unix" else f"{folder}/socket")
        elif scheme in SERVER_PORTS:
            host = unquote(url.hostname or "localhost")
            servers.append((host, url.port or SERVER_PORTS[scheme]))
    addresses = {"localhost", "127.0.0.1", "::1", *get_host().addresses()}
    return OwnParts(own.id if own else "", tuple(sockets), tuple(servers), addresses)


def _find_page(app: SourceApp) -> SourcePage | None:
    """Return the published port on which the app's own page answers now; None where none does."""
    candidates = [
        (container.name, port)
        for container in app.containers
        for port in options_from_pairs(container.options).published_ports
        if port.protocol == "tcp" and not port.address
    ]
    answers = get_host().ask_pages({n: UiPage(port.host) for n, (_, port) in enumerate(candidates)})
    answering = [candidate for n, candidate in enumerate(candidates) if answers.get(n)]
    return SourcePage(answering[0][0], answering[0][1].number) if answering else None
