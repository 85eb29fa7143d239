"""The images that Docker has: looked at, compared and removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docker import utils
from docker.errors import ImageNotFound

from rockonweb.core.docker.images import Image
from rockonweb.host.connection import Connection
from rockonweb.host.docker_errors import translated
from rockonweb.remote.registry import moment_of

SHARED_SINCE = "1.42"  # the API whose list of images tells what they share; before, only the count of all room does


@dataclass(frozen=True)
class Inspected:
    """An image with its configuration, as Docker tells it."""

    image: Image
    created: datetime | None
    body: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The digest by which it was pulled last; blank where it was not."""
        return next((one.partition("@")[2] for one in self.image.digests), "")


class Images(Connection):
    """What a connection knows of images."""

    def images(self) -> list[Image]:
        """Return all images that have a name or are used or could be, without the layers between."""
        with translated():
            found = self._listed()
        return [
            Image(
                id=one["Id"],
                tags=_names(one.get("RepoTags")),
                digests=_names(one.get("RepoDigests")),
                size=int(one.get("Size") or 0),
                shared=shared if (shared := int(one.get("SharedSize", -1))) >= 0 else None,
                created=int(one.get("Created") or 0),
            )
            for one in found
        ]

    def _listed(self) -> list[dict[str, Any]]:
        """Return images with what they share, which the SDK's own call does not ask for."""
        api: Any = self._api
        if utils.version_lt(api.api_version, SHARED_SINCE):
            counted: list[dict[str, Any]] = api.df()["Images"] or []
            return counted
        answer = api._get(api._url("/images/json"), params={"shared-size": 1})
        listed: list[dict[str, Any]] = api._result(answer, json=True)
        return listed

    def image_ids(self) -> set[str]:
        """Return the ids of all images."""
        with translated():
            return {one["Id"] for one in self._api.images()}

    def inspect_image(self, image: str) -> Inspected | None:
        """Return an image by its name or id; None where there is none on the host."""
        with translated(image):
            try:
                found: dict[str, Any] = self._api.inspect_image(image)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None
        facts = Image(
            id=found["Id"],
            tags=_names(found.get("RepoTags")),
            digests=_names(found.get("RepoDigests")),
            size=int(found.get("Size") or 0),
        )
        return Inspected(facts, moment_of(found.get("Created")), found)


def _names(given: object) -> tuple[str, ...]:
    """Return names without those that Docker writes for none."""
    return tuple(one for one in given if not one.startswith("<none>")) if isinstance(given, list) else ()
