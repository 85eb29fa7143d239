"""What an uninstall leaves on this host: shares, volumes that Docker made, networks and images."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from rockonweb.core.facts import Mount
from rockonweb.core.plan import plan
from rockonweb.host import host_of
from rockonweb.models import Container, Installation, State, db, repository
from rockonweb.work.collect_facts import volumes


@dataclass(frozen=True)
class Leftovers:
    """What stays. `volumes` are by container, `own_images` are used by nothing else, `shared_images` by others too."""

    shares: list[str]
    volumes: dict[str, tuple[Mount, ...]]
    own_images: list[str]
    shared_images: list[str]


def look(rockon: Installation) -> Leftovers:
    """Return what an uninstall leaves, with what Docker knows where it answers."""
    known = images(rockon)
    found, _ = host_of(rockon).ask(lambda docker: volumes(rockon, docker, docker.containers() if docker else None))
    return Leftovers(
        shares=repository.answers_of(rockon).used_shares(),
        volumes=found,
        own_images=[image for image, own in known.items() if own],
        shared_images=[image for image, own in known.items() if not own],
    )


def images(rockon: Installation) -> dict[str, bool]:
    """Return the rock-on's images, and of each whether no other rock-on is installed with it.

    Docker itself keeps one that any other container uses.
    """
    query = select(Container.image).join(Container.installation)
    others = query.where(Installation.id != rockon.id, Installation.state != State.AVAILABLE).distinct()
    used = set(db.session.scalars(others))
    return {image: image not in used for image in plan.images(rockon.definition)}
