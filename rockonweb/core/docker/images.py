"""The images on a host: who uses each, which may go, and which stay although nothing uses them."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from rockonweb.core.facts import ContainerFacts

ROLLBACK_TAG = "rockonweb/rollback-"  # begins the names that keep images to go back to


@dataclass(frozen=True)
class Image:
    """An image as Docker has it. `shared` are the bytes that other images have too, None where Docker does not say.

    `created` is in seconds since 1970; images that claim to be from then do not tell.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()  # each with the name that it was pulled by: NAME@DIGEST
    size: int = 0
    shared: int | None = None
    created: int = 0

    @property
    def name(self) -> str:
        """What people call it: its first tag, else the name that it was pulled by, else the beginning of its id."""
        shown = [tag for tag in self.tags if not tag.startswith(ROLLBACK_TAG)]
        return next(iter((*shown, *(one.partition("@")[0] for one in self.digests))), self.short_id)

    @property
    def short_id(self) -> str:
        """The beginning of its id, as Docker's own lists have it."""
        return self.id.removeprefix("sha256:")[:12]

    @property
    def known_digests(self) -> frozenset[str]:
        """The digests that may be compared with what a registry tells: those of pulls, and the id."""
        return frozenset({self.id, *(one.partition("@")[2] for one in self.digests)})

    @property
    def own(self) -> int:
        """The bytes that are freed when it goes."""
        return max(0, self.size - (self.shared or 0))


class Hold(enum.StrEnum):
    """Why an image stays."""

    CONTAINER = "container"  # one was made from it, running or stopped
    ROCKON = "rockon"  # an installed rock-on's next start or update needs it
    ROLLBACK = "rollback"  # a change can be taken back to it


@dataclass(frozen=True)
class Kept:
    """An image with who uses it. `ours` are rock-ons, `others` are names of containers that are not ours."""

    image: Image
    pulled: bool  # by us
    ours: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    hold: Hold | None = None

    @property
    def unused(self) -> bool:
        """Whether it may be removed."""
        return self.hold is None

    @property
    def offered(self) -> bool:
        """Whether removing it is proposed: nothing uses it, and nobody but us brought it here."""
        return self.unused and self.pulled


def familiar(reference: str) -> str:
    """Return the name of an image as Docker's lists have it: without the host and folder that it takes for granted."""
    for host in ("docker.io/", "index.docker.io/"):
        reference = reference.removeprefix(host)
    if reference.count("/") == 1:
        reference = reference.removeprefix("library/")
    return reference if ":" in reference.rpartition("/")[2] or "@" in reference else f"{reference}:latest"


def judge(
    images: Iterable[Image],
    containers: Iterable[ContainerFacts],
    wanted: Mapping[str, Collection[str]],
    pulled: Collection[str],
    rollback: Collection[str] = (),
) -> list[Kept]:
    """Return what is known of each image, the largest first.

    `wanted` are the rock-ons that are installed, by the image that they need, as `familiar` has it; `pulled` are the
    ids of images that an operation of ours brought, `rollback` those that a change can be taken back to.
    """
    by_image: dict[str, list[ContainerFacts]] = {}
    for container in containers:
        by_image.setdefault(container.image_id, []).append(container)
    found = []
    for image in images:
        users = by_image.get(image.id, ())
        needed = [rockon for tag in image.tags for rockon in wanted.get(tag, ())]
        ours = sorted({*needed, *(one.rockon for one in users if one.rockon)})
        kept_to_go_back = image.id in rollback or any(tag.startswith(ROLLBACK_TAG) for tag in image.tags)
        hold = Hold.CONTAINER if users else Hold.ROCKON if needed else Hold.ROLLBACK if kept_to_go_back else None
        others = tuple(sorted(one.name for one in users if not one.rockon))
        found.append(Kept(image, image.id in pulled, tuple(ours), others, hold))
    return sorted(found, key=lambda one: (-one.image.size, one.image.name))
