"""What an uninstall leaves on this host: shares, volumes that Docker made, networks and images."""

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
    """What stays. `volumes` are by container, `own_images` are used by nothing else, `shared_images` by others too."""

    shares: list[str]
    volumes: dict[str, tuple[VolumeMount, ...]]
    own_images: list[str]
    shared_images: list[str]


def preview_uninstall(installation: Installation) -> UninstallPreview:
    """Return what an uninstall leaves, with what Docker knows where it answers."""
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
    """Return the rock-on's images, and of each whether no other rock-on is installed with it.

    Docker itself keeps one that any other container uses.
    """
    query = select(Container.image).join(Container.installation)
    others = query.where(Installation.id != installation.id, Installation.state != State.AVAILABLE).distinct()
    used_elsewhere = set(db.session.scalars(others))
    return {image: image not in used_elsewhere for image in plan.image_references(installation.current_definition)}
