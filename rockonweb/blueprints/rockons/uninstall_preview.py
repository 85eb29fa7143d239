"""What remains on this host after an uninstall: shares, volumes created by Docker, networks of others, and images."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from rockonweb.core.facts import HostFacts, VolumeMount
from rockonweb.core.plan import plan
from rockonweb.core.preflight import Finding
from rockonweb.core.text import TranslatableText
from rockonweb.host import Engine, get_host
from rockonweb.models import Container, Installation, Network, State, db, repository
from rockonweb.work.collect_facts import collect_volumes
from rockonweb.work.unsaved_files import unsaved_warnings


@dataclass(frozen=True)
class UninstallPreview:
    """What remains, and the `networks` that are removed. `volumes` are by container name, `kept_networks` have why they
    are kept; other rock-ons use `shared_images`, but not `own_images`. `unsaved` warn of files that are in no share.
    """

    shares: list[str]
    volumes: dict[str, tuple[VolumeMount, ...]]
    networks: list[str]
    kept_networks: dict[str, TranslatableText]
    own_images: list[str]
    shared_images: list[str]
    unsaved: tuple[Finding, ...]


def preview_uninstall(installation: Installation) -> UninstallPreview:
    """Return what remains after an uninstall; without volumes and kept networks where Docker does not answer."""
    exclusive_by_image = find_exclusive_images(installation)
    definition = installation.current_definition

    def query(docker: Engine | None) -> tuple[dict[str, tuple[VolumeMount, ...]], HostFacts]:
        containers = docker.list_containers() if docker else None
        networks = docker.list_networks(containers or {}) if docker else None
        stored = frozenset(db.session.scalars(select(Network.name)))
        facts = HostFacts(containers=containers, networks=networks, stored_networks=stored)
        return collect_volumes(installation, docker, containers), facts

    (mounts, facts), _ = get_host(installation).call_with_engine(query)
    own = {name for name, container in (facts.containers or {}).items() if container.rockon == installation.name}
    kept = plan.kept_networks(definition, own, facts)
    existing = plan.link_networks(definition) if facts.networks is None else facts.networks
    return UninstallPreview(
        shares=repository.load_answers(installation).used_shares(),
        volumes=mounts,
        networks=[name for name in plan.link_networks(definition) if name in existing and name not in kept],
        kept_networks=kept,
        own_images=[image for image, exclusive in exclusive_by_image.items() if exclusive],
        shared_images=[image for image, exclusive in exclusive_by_image.items() if not exclusive],
        unsaved=unsaved_warnings(installation, (facts.containers or {}).values()),
    )


def find_exclusive_images(installation: Installation) -> dict[str, bool]:
    """Return whether each image of a rock-on is used by no other installed rock-on, by image reference.

    Docker itself refuses to remove an image that any container uses.
    """
    query = select(Container.image).join(Container.installation)
    others = query.where(Installation.id != installation.id, Installation.state != State.AVAILABLE).distinct()
    used_elsewhere = set(db.session.scalars(others))
    return {image: image not in used_elsewhere for image in plan.image_references(installation.current_definition)}
