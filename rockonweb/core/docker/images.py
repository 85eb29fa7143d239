"""The images on a host: what uses each, which may be removed, and which are kept although nothing uses them."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from rockonweb.core.facts import ContainerFacts

ROLLBACK_TAG = "rockonweb/rollback-"  # prefix of the tags that keep images for a rollback


@dataclass(frozen=True)
class DockerImage:
    """An image in Docker. `shared_bytes` are those that other images have too, None where Docker does not say.

    `created` is in seconds since 1970; a time close to 0 means unknown.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()  # each with the name that it was pulled by: NAME@DIGEST
    size: int = 0
    shared_bytes: int | None = None
    created: int = 0

    @property
    def name(self) -> str:
        """The name to display: its first tag, else the name that it was pulled by, else the beginning of its id."""
        visible_tags = [tag for tag in self.tags if not tag.startswith(ROLLBACK_TAG)]
        return next(iter((*visible_tags, *(digest.partition("@")[0] for digest in self.digests))), self.short_id)

    @property
    def short_id(self) -> str:
        """The beginning of its id, as Docker's own lists have it."""
        return self.id.removeprefix("sha256:")[:12]

    @property
    def known_digests(self) -> frozenset[str]:
        """The digests to compare with those of a registry: those of pulls, and the id."""
        return frozenset({self.id, *(digest.partition("@")[2] for digest in self.digests)})

    @property
    def freed_bytes(self) -> int:
        """The bytes that are freed when it is removed."""
        return max(0, self.size - (self.shared_bytes or 0))


class HoldReason(enum.StrEnum):
    """Why an image can't be removed."""

    CONTAINER = "container"  # one was created from it, running or stopped
    ROCKON = "rockon"  # an installed rock-on's next start or update needs it
    ROLLBACK = "rollback"  # a rollback needs it


@dataclass(frozen=True)
class ImageUsage:
    """An image and what uses it: names of rock-ons, and names of containers that are not managed."""

    image: DockerImage
    pulled: bool  # by Rockonweb
    rockons: tuple[str, ...] = ()
    unmanaged_containers: tuple[str, ...] = ()
    hold: HoldReason | None = None

    @property
    def is_unused(self) -> bool:
        """Whether it may be removed."""
        return self.hold is None

    @property
    def removal_suggested(self) -> bool:
        """Whether removing it is proposed: nothing uses it, and Rockonweb pulled it."""
        return self.is_unused and self.pulled


def familiar_image_name(reference: str) -> str:
    """Return the name of an image as Docker's lists have it: without default registry and `library/`, with a tag."""
    for host in ("docker.io/", "index.docker.io/"):
        reference = reference.removeprefix(host)
    if reference.count("/") == 1:
        reference = reference.removeprefix("library/")
    return reference if ":" in reference.rpartition("/")[2] or "@" in reference else f"{reference}:latest"


def classify_images(
    images: Iterable[DockerImage],
    containers: Iterable[ContainerFacts],
    required_by: Mapping[str, Collection[str]],
    pulled: Collection[str],
    rollback: Collection[str] = (),
) -> list[ImageUsage]:
    """Return the usage of each image, the largest first.

    `required_by` are the installed rock-ons by the image that they need, named as by `familiar_image_name`;
    `pulled` are the ids of images that an operation pulled, `rollback` those that a rollback needs.
    """
    by_image: dict[str, list[ContainerFacts]] = {}
    for container in containers:
        by_image.setdefault(container.image_id, []).append(container)
    usages = []
    for image in images:
        users = by_image.get(image.id, ())
        requiring_rockons = [rockon for tag in image.tags for rockon in required_by.get(tag, ())]
        rockons = sorted({*requiring_rockons, *(one.rockon for one in users if one.rockon)})
        needed_for_rollback = image.id in rollback or any(tag.startswith(ROLLBACK_TAG) for tag in image.tags)
        hold = (
            HoldReason.CONTAINER
            if users
            else HoldReason.ROCKON
            if requiring_rockons
            else HoldReason.ROLLBACK
            if needed_for_rollback
            else None
        )
        unmanaged = tuple(sorted(one.name for one in users if not one.rockon))
        usages.append(ImageUsage(image, image.id in pulled, tuple(rockons), unmanaged, hold))
    return sorted(usages, key=lambda one: (-one.image.size, one.image.name))
