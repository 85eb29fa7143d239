"""What an uninstall leaves on this host: shares, volumes that Docker made, networks and images."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select

from rockonweb import rows
from rockonweb.config import instance_id
from rockonweb.core import plan
from rockonweb.core.errors import EngineError
from rockonweb.core.facts import Mount
from rockonweb.host import engine, survey
from rockonweb.models import Container, RockOn, State, db


@dataclass(frozen=True)
class Leftovers:
    """What stays. `volumes` are by container, `own_images` are used by nothing else, `shared_images` by others too."""

    shares: list[str]
    volumes: dict[str, tuple[Mount, ...]]
    own_images: list[str]
    shared_images: list[str]


def look(rockon: RockOn) -> Leftovers:
    """Return what an uninstall leaves, with what Docker knows where it answers."""
    known = images(rockon)
    return Leftovers(
        shares=rows.answers_of(rockon).used_shares(),
        volumes=_volumes(rockon),
        own_images=[image for image, own in known.items() if own],
        shared_images=[image for image, own in known.items() if not own],
    )


def images(rockon: RockOn) -> dict[str, bool]:
    """Return the rock-on's images, and of each whether no other rock-on is installed with it.

    Docker itself keeps one that any other container uses.
    """
    query = select(Container.image).join(Container.rockon)
    others = query.where(RockOn.id != rockon.id, RockOn.state != State.AVAILABLE).distinct()
    used = set(db.session.scalars(others))
    return {image: image not in used for image in plan.images(rockon.definition)}


def _volumes(rockon: RockOn) -> dict[str, tuple[Mount, ...]]:
    try:
        docker = engine.connect(instance_id(current_app.config["SETTINGS"]), rockon.name)
        try:
            return survey.volumes(rockon, docker, docker.containers())
        finally:
            docker.close()
    except EngineError:
        return survey.volumes(rockon, None, None)
