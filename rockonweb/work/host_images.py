"""The images on this host: looked at with who uses each, and removed where nothing does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from rockonweb.core.docker.images import Kept, familiar, judge
from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.host import Engine, host_of
from rockonweb.models import Container, Installation, PulledImage, RollbackPoint, State, db, writing


@dataclass(frozen=True)
class Removed:
    """What became of images that were to go: their names, and the bytes that are free now."""

    gone: list[str]
    stayed: list[str]
    freed: int


def look() -> list[Kept]:
    """Return all images with who uses them, the largest first. Raises EngineError."""
    with host_of().connect() as docker:
        return _judged(docker)


def remove(ids: Collection[str]) -> Removed:
    """Remove those of these images that nothing uses now; any other stays. Raises EngineUnreachable."""
    gone, stayed, freed = [], [], 0
    with host_of().connect() as docker:
        for one in [one for one in _judged(docker) if one.image.id in ids]:
            if one.unused and _remove(docker, one):
                gone.append(one.image.name)
                freed += one.image.own
                _forget(one.image.id)
            else:
                stayed.append(one.image.name)
    return Removed(gone, stayed, freed)


def _remove(docker: Engine, one: Kept) -> bool:
    """Take all names from an image; with the last one it goes. Docker itself keeps what a container uses."""
    names = one.image.tags or one.image.digests or (one.image.id,)
    try:
        return all(docker.remove_image(name) for name in names)
    except EngineUnreachable:
        raise
    except EngineError:
        return False


def _judged(docker: Engine) -> list[Kept]:
    found, containers = docker.images(), docker.containers()
    query = (
        select(Container.image, Installation.name)
        .join(Container.installation)
        .where(Installation.state != State.AVAILABLE)
    )
    wanted: dict[str, set[str]] = {}
    for reference, rockon in db.session.execute(query):
        wanted.setdefault(familiar(reference), set()).add(rockon)
    points = db.session.scalars(select(RollbackPoint))
    rollback = {kept.image_id for point in points for kept in point.kept.values()}
    pulled = set(db.session.scalars(select(PulledImage.id)))
    db.session.rollback()
    return judge(found, containers.values(), wanted, pulled, rollback)


def _forget(image_id: str) -> None:
    with writing() as session:
        if row := session.get(PulledImage, image_id):
            session.delete(row)
