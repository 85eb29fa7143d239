"""A container's own layer: what it has written beside its volumes, and copies of that."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from posixpath import dirname
from typing import IO, Any, cast

from docker.errors import NotFound
from requests import Response

from rockonweb.core.containers.layer import ContainerLayer, WrittenFile, group_files, list_unsaved, plan_walks
from rockonweb.core.facts import LayerFacts
from rockonweb.core.text import t
from rockonweb.host.connection import Connection
from rockonweb.host.docker_errors import translate_errors
from rockonweb.remote.registry import parse_timestamp

MAX_CHANGES_BYTES = 24_000_000  # of Docker's list of changes: half a million paths
CHUNK_BYTES = 256 * 1024
ADDED, DELETED = 1, 2  # kinds of a change


class _LookEnded(Exception):
    """The time or the size of a look is used up."""


class Layers(Connection):
    """The part of a connection that reads containers' own layers."""

    def inspect_layer(self, name: str, deadline: float) -> LayerFacts:
        """Return what a container has written beside its volumes, as far as it is seen until `deadline` (monotonic)."""
        details = self._inspect_raw(name)
        if details is None:
            return LayerFacts()
        container_id = details["Id"]
        with translate_errors(name):
            try:
                changes = self._read_changes(container_id, deadline)
            except _LookEnded:
                return LayerFacts(unknown=t("It has changed too many files to list them in time."))
            except ValueError:
                return LayerFacts(unknown=t("Docker's list of its changed files breaks off."))
            layer = _make_layer(name, details, changes)
            seen: dict[str, WrittenFile | None] = {}
            for path in plan_walks(layer):
                with closing(self._walk(container_id, path, deadline)) as walk:
                    # The content of a single file need not be read.
                    seen.update(walk if path in layer.folders else islice(walk, 1))
            by_folder, untold = group_files(layer, seen)
            mixed = [
                folder
                for folder in by_folder
                if folder not in layer.added
                and folder not in layer.above_mounts
                and folder != "/"
                and self._has_other_files(container_id, folder, layer, deadline)
            ]
        unknown = t("%(count)s of its changed files could not be looked at in time.", count=untold) if untold else ""
        return LayerFacts(list_unsaved(layer, by_folder, seen, mixed), unknown)

    def copy_folder(self, source: str, target: str, folder: str) -> bool:
        """Copy a folder of a stopped container into another one that is not started yet, with owners, modes and times.

        Returns whether the folder is there.
        """
        source_id, target_id = self._require_own_container(source).id, self._require_own_container(target).id
        with translate_errors(source):
            try:
                with self._stream(f"/containers/{source_id}/archive", path=folder) as chunks:
                    self._api.put_archive(target_id, dirname(folder), self._with_polls(chunks))
            except NotFound:
                return False
        return True

    def _with_polls(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.waiter.poll()
            yield chunk

    def _read_changes(self, container_id: str, deadline: float) -> list[tuple[str, int]]:
        """Return the changed paths with their kinds. Raises _LookEnded, ValueError for what is no JSON."""
        raw = bytearray()
        with self._stream(f"/containers/{container_id}/changes") as chunks:
            for chunk in chunks:
                raw += chunk
                if len(raw) > MAX_CHANGES_BYTES or time.monotonic() > deadline:
                    raise _LookEnded
        return json.loads(raw, object_hook=lambda change: (change.get("Path") or "", change.get("Kind"))) or []

    def _has_other_files(self, container_id: str, folder: str, layer: ContainerLayer, deadline: float) -> bool:
        """Whether a folder has files that the container did not write; True where that is not seen in time."""
        known = layer.added | layer.changed
        with closing(self._walk(container_id, folder, deadline, folders=False)) as walk:
            for path, _ in walk:
                if path not in known:
                    return True
        return time.monotonic() > deadline

    def _walk(
        self, container_id: str, root: str, deadline: float, *, folders: bool = True
    ) -> Generator[tuple[str, WrittenFile | None], None, None]:
        """Yield what lies at and below a path, with None for what is no regular file, until the deadline."""
        parent = dirname(root).rstrip("/")
        try:
            with (
                self._stream(f"/containers/{container_id}/archive", path=root) as chunks,
                tarfile.open(fileobj=cast("IO[bytes]", _ChunkReader(chunks, deadline)), mode="r|") as tar,
            ):
                while member := tar.next():
                    if folders or not member.isdir():
                        path = f"{parent}/{member.name.rstrip('/')}"
                        is_file = (
                            member.isreg() or member.islnk()
                        )  # another name of a file, which may be left aside itself
                        yield path, WrittenFile(member.size, member.mtime) if is_file else None
                    vars(tar)["members"] = []  # it would keep them all
        except (NotFound, tarfile.TarError, _LookEnded):
            return

    @contextmanager
    def _stream(self, address: str, **parameters: str) -> Iterator[Iterator[bytes]]:
        """Yield the chunks of a response, and end it: Docker holds the container as long as one is read."""
        api: Any = self._api  # whose own methods for these read the whole response
        response: Response = api._get(api._url(address), params=parameters, stream=True)
        try:
            api._raise_for_status(response)
            yield response.iter_content(CHUNK_BYTES)
        finally:
            response.close()


class _ChunkReader:
    """Chunks as a file to be read once. Raises _LookEnded after the deadline."""

    def __init__(self, chunks: Iterator[bytes], deadline: float) -> None:
        self._chunks, self._deadline, self._rest = chunks, deadline, b""

    def read(self, size: int) -> bytes:
        parts, missing = [self._rest], size - len(self._rest)
        while missing > 0 and (chunk := next(self._chunks, b"")):
            if time.monotonic() > self._deadline:
                raise _LookEnded
            parts.append(chunk)
            missing -= len(chunk)
        read = b"".join(parts)
        self._rest = read[size:]
        return read[:size]


def _make_layer(name: str, details: dict[str, Any], changes: list[tuple[str, int]]) -> ContainerLayer:
    tmpfs = (details.get("HostConfig") or {}).get("Tmpfs") or {}
    return ContainerLayer(
        name,
        added=frozenset(path for path, kind in changes if kind == ADDED),
        changed=frozenset(path for path, kind in changes if kind not in (ADDED, DELETED)),
        mounts=tuple(mount["Destination"] for mount in details.get("Mounts") or ()) + tuple(tmpfs),
        created=created.timestamp() if (created := parse_timestamp(details.get("Created"))) else 0,
        started=started.timestamp() if (started := parse_timestamp(details["State"].get("StartedAt"))) else 0,
    )
