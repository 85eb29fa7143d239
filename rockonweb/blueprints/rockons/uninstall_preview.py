"""What remains on this host after an uninstall: shares, volumes created by Docker, and images."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from rockonweb.core.facts import VolumeMount
from rockonweb.core.plan import plan
from rockonweb.host import get_host
from rockonweb.models import Container, Installation, State, db, repository
from rockonweb.work.collect_facts import collect_volumes


@dataclass(frozen=True)
class UninstallPreview:
    """What remains. `volumes` are by container name; other rock-ons use `shared_images`, but not `own_images`."""

    shares: list[str]
    volumes: dict[str, tuple[VolumeMount, ...]]
    own_images: list[str]
    shared_images: list[str]


def preview_uninstall(installation: Installation) -> UninstallPreview:
    """Return what remains after an uninstall; without volumes where Docker does not answer."""
    exclusive_by_image = find_exclusive_images(installation)
    mounts, _ = get_host(installation).call_with_engine(
        lambda docker: collect_volumes(installation, docker, docker.list_containers() if docker else None)
    )
    return UninstallPreview(
        shares=repository.load_answers(installation).used_shares(),
        volumes=mounts,
        own_images=[image for image, exclusive in exclusive_by_image.items() if exclusive],
        shared_images=[image for image, exclusive in exclusive_by_image.items() if not exclusive],
    )


def find_exclusive_images(installation: Installation) -> dict[str, bool]:
    """Return whether each image of a rock-on is used by no other installed rock-on, by image reference.

    Docker itself refuses to remove an image that any container uses.
    """
    query = select(Container.image).join(Container.installation)
    others = query.where(Installation.id != installation.id, Installation.state != State.AVAILABLE).distinct()
    used_elsewhere = set(db.session.scalars(others))
    return {image: image not in used_elsewhere for image in plan.image_references(installation.current_definition)}
