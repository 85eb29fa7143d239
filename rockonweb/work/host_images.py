"""The images on this host: lists them with their users, and removes unused ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from rockonweb.core.docker.images import ImageUsage, classify_images, familiar_image_name
from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.host import Engine, get_host
from rockonweb.models import Container, Installation, PulledImage, RollbackPoint, State, db, transaction


@dataclass(frozen=True)
class ImageRemoval:
    """The result of removing images: the names of removed and of kept ones, and the bytes freed."""

    removed: list[str]
    remaining: list[str]
    freed: int


def list_images() -> list[ImageUsage]:
    """Return all images with their users, the largest first. Raises EngineError."""
    with get_host().connect_docker() as docker:
        return _assess_images(docker)


def remove_images(ids: Collection[str]) -> ImageRemoval:
    """Remove those of these images (ids) that nothing uses now. Raises EngineError where Docker does not answer."""
    removed, remaining, freed = [], [], 0
    with get_host().connect_docker() as docker:
        for usage in [usage for usage in _assess_images(docker) if usage.image.id in ids]:
            if usage.is_unused and _remove_image_names(docker, usage):
                removed.append(usage.image.name)
                freed += usage.image.freed_bytes
                _forget_pulled(usage.image.id)
            else:
                remaining.append(usage.image.name)
    return ImageRemoval(removed, remaining, freed)


def _remove_image_names(docker: Engine, usage: ImageUsage) -> bool:
    """Remove all names of an image, and so the image; False where Docker refuses, as a container uses it."""
    names = usage.image.tags or usage.image.digests or (usage.image.id,)
    try:
        return all(docker.remove_image(name) for name in names)
    except EngineUnreachable:
        raise
    except EngineError:
        return False


def _assess_images(docker: Engine) -> list[ImageUsage]:
    images, containers = docker.all_images(), docker.list_containers()
    query = (
        select(Container.image, Installation.name)
        .join(Container.installation)
        .where(Installation.state != State.AVAILABLE)
    )
    rockons_by_image: dict[str, set[str]] = {}
    for reference, rockon in db.session.execute(query):
        rockons_by_image.setdefault(familiar_image_name(reference), set()).add(rockon)
    points = db.session.scalars(select(RollbackPoint))
    rollback_ids = {container.image_id for point in points for container in point.kept.values()}
    pulled_ids = set(db.session.scalars(select(PulledImage.id)))
    db.session.rollback()
    return classify_images(images, containers.values(), rockons_by_image, pulled_ids, rollback_ids)


def _forget_pulled(image_id: str) -> None:
    with transaction() as session:
        if row := session.get(PulledImage, image_id):
            session.delete(row)
