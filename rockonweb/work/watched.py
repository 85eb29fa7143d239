"""Containers of others that are only watched: shown with state, links and logs, and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select

from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.invisible import strip_terminal_codes
from rockonweb.core.secret import SecretWord, is_secret, redact_secrets
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import WatchedContainer, db, transaction


@dataclass(frozen=True)
class WatchedStatus:
    """A watched container as it is now; `state` is blank where it is gone, None where Docker does not answer."""

    name: str
    state: str | None = ""
    image: str = ""
    ports: tuple[int, ...] = ()  # of the host, TCP


def list_watched() -> list[WatchedStatus]:
    """Return the watched containers by name."""
    rows = list(db.session.scalars(select(WatchedContainer).order_by(WatchedContainer.name)))
    if not rows:
        return []
    containers, error = get_host().call_with_engine(lambda docker: docker.list_containers() if docker else {})
    return [WatchedStatus(row.name, None) if error else _describe(row, containers) for row in rows]


def watch_container(name: str) -> None:
    """Watch a container of others, by its name. Raises BadInput where there is none, Conflict for one of an app."""
    with get_host().connect_docker() as docker:
        container = docker.list_containers().get(name)
    if container is None:
        raise BadInput(t('There is no container "%(name)s".', name=name))
    if container.rockon:
        raise Conflict(t("%(name)s belongs to a rock-on already.", name=name))
    with transaction() as session:
        row = session.scalar(select(WatchedContainer).where(WatchedContainer.name == name))
        session.add(row := row or WatchedContainer(name=name))
        row.docker_id = container.id


def stop_watching(name: str) -> None:
    """Watch a container no longer; one that is not watched is no error."""
    with transaction() as session:
        session.execute(delete(WatchedContainer).where(WatchedContainer.name == name))


def read_watched_log(name: str, lines: int) -> str:
    """Return the log of a watched container, with the secrets of its variables masked. Raises BadInput where it is not
    watched or gone, EngineError.
    """
    row = db.session.scalar(select(WatchedContainer).where(WatchedContainer.name == name))
    with get_host().connect_docker() as docker:
        container = _find(row, docker.list_containers()) if row else None
        details = docker.inspect_by_id(container.id) if container else None
        if details is None:
            raise BadInput(t('There is no watched container "%(name)s".', name=name))
        text = docker.read_logs_by_id(details["Id"], lines)
    pairs = [variable.partition("=") for variable in details["Config"].get("Env") or ()]
    secrets = [SecretWord("", value) for key, _, value in pairs if value and is_secret(key)]
    return str(redact_secrets(strip_terminal_codes(text), secrets))


def _find(row: WatchedContainer, containers: Mapping[str, ContainerFacts]) -> ContainerFacts | None:
    """Return the container by its id, which stays when it is renamed, else by its name, as it may be recreated."""
    by_id = (container for container in containers.values() if container.id == row.docker_id)
    return next(by_id, None) or containers.get(row.name)


def _describe(row: WatchedContainer, containers: Mapping[str, ContainerFacts]) -> WatchedStatus:
    container = _find(row, containers)
    if container is None or container.rockon:
        return WatchedStatus(row.name)
    ports = {listener.port for listener in container.published if listener.protocol == "tcp"}
    return WatchedStatus(row.name, container.state, container.image, tuple(sorted(ports)))
