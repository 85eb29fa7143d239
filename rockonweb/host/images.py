"""Reads the images that Docker has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docker import utils
from docker.errors import ImageNotFound

from rockonweb.core.docker.images import DockerImage
from rockonweb.core.imports.container import InspectedContainer
from rockonweb.host.connection import Connection
from rockonweb.host.docker_errors import translate_errors
from rockonweb.remote.registry import parse_timestamp

SHARED_SIZE_API = "1.42"  # the first API version whose image list has shared sizes; before, only `system df` has


@dataclass(frozen=True)
class InspectedImage:
    """An image; `details` is Docker's response to inspecting it."""

    image: DockerImage
    created: datetime | None
    details: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The digest by which it was pulled, such as `sha256:…`; blank where it was not pulled."""
        return next((reference.partition("@")[2] for reference in self.image.digests), "")


class Images(Connection):
    """The part of a connection that reads images."""

    def all_images(self) -> list[DockerImage]:
        """Return all images, tagged or not, without intermediate ones."""
        with translate_errors():
            items = self._list_with_sharing()
        return [
            DockerImage(
                id=item["Id"],
                tags=_real_names(item.get("RepoTags")),
                digests=_real_names(item.get("RepoDigests")),
                size=int(item.get("Size") or 0),
                shared_bytes=shared if (shared := int(item.get("SharedSize", -1))) >= 0 else None,
                created=int(item.get("Created") or 0),
            )
            for item in items
        ]

    def _list_with_sharing(self) -> list[dict[str, Any]]:
        """Return images with their shared sizes, which the SDK's own call does not request."""
        api: Any = self._api
        if utils.version_lt(api.api_version, SHARED_SIZE_API):
            counted: list[dict[str, Any]] = api.df()["Images"] or []
            return counted
        answer = api._get(api._url("/images/json"), params={"shared-size": 1})
        listed: list[dict[str, Any]] = api._result(answer, json=True)
        return listed

    def image_ids(self) -> set[str]:
        """Return the ids of all images."""
        with translate_errors():
            return {item["Id"] for item in self._api.images()}

    def inspect_image(self, image: str) -> InspectedImage | None:
        """Return an image by its name or id; None where the host does not have it."""
        with translate_errors(image):
            try:
                details: dict[str, Any] = self._api.inspect_image(image)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None
        facts = DockerImage(
            id=details["Id"],
            tags=_real_names(details.get("RepoTags")),
            digests=_real_names(details.get("RepoDigests")),
            size=int(details.get("Size") or 0),
        )
        return InspectedImage(facts, parse_timestamp(details.get("Created")), details)

    def inspect_containers(self, ids: Collection[str] = ()) -> list[InspectedContainer]:
        """Return containers (of these ids; none: all), managed or not, with their images."""
        images: dict[str, Mapping[str, Any]] = {}
        containers = []
        for container_id in ids or [item["Id"] for item in self._api.containers(all=True)]:
            details = self.inspect_by_id(container_id)
            if details is None:  # it has gone meanwhile
                continue
            image_id = details["Image"]
            if image_id not in images:
                image = self.inspect_image(image_id)
                images[image_id] = image.details if image else {}
            containers.append(InspectedContainer(details, images[image_id]))
        return containers


def _real_names(names: object) -> tuple[str, ...]:
    """Return names without Docker's `<none>` placeholders."""
    return tuple(name for name in names if not name.startswith("<none>")) if isinstance(names, list) else ()
