"""The local metastore's folder: lists, reads, writes and removes its files, and nothing outside of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from rockonweb.catalog.metastore import (
    MAX_NAME,
    ROOT,
    UnusableFile,
    clean_text,
    decode_utf8,
    file_name_fault,
    read_definition_file,
    read_local_files,
)
from rockonweb.config import Config, make_private_folder, temporary_file
from rockonweb.core.definition.parser import DefinitionFault, InvalidDefinition, parse_definitions
from rockonweb.core.errors import RockonwebError
from rockonweb.core.text import t


@dataclass(frozen=True)
class LocalFile:
    """A file of the folder: its text, None where it can't be read, the names of its rock-ons, or its faults."""

    name: str
    text: str | None = None
    rockons: list[str] = field(default_factory=list)
    faults: list[DefinitionFault] = field(default_factory=list)

    @property
    def editable(self) -> bool:
        """Whether its name can be used in a URL."""
        return not file_name_fault(self.name)


def list_local_files(settings: Config) -> list[LocalFile]:
    """Return the files of the folder by name. Raises RockonwebError where it can't be read."""
    try:
        return [
            _parse_local_file(fetched.file, fetched.content.body if fetched.content else None, fetched.fault)
            for fetched in read_local_files(settings.local_metastore)
        ]
    except UnusableFile as error:
        folder = settings.local_metastore
        raise RockonwebError(t("The folder %(folder)s %(why)s.", folder=str(folder), why=error.args[0])) from None


def _parse_local_file(name: str, text: str | None, fault: str) -> LocalFile:
    if text is None:
        return LocalFile(name, faults=[DefinitionFault("", fault)])
    try:
        return LocalFile(name, text, [rockon.definition.name for rockon in parse_definitions(text)])
    except InvalidDefinition as error:
        return LocalFile(name, text, faults=error.faults)


def read_local_file(settings: Config, name: str) -> str | None:
    """Return the text of a file; None when it does not exist. Raises UnusableFile when it can't be read."""
    path = _existing_path(settings, name)
    return decode_utf8(read_definition_file(path)) if path else None


def text_faults(settings: Config, text: str, name: str = "") -> list[DefinitionFault]:
    """Return the faults of a text to be saved as the file `name`, or as a new one where that is blank."""
    try:
        names = {parsed.definition.name for parsed in parse_definitions(text)}
    except InvalidDefinition as error:
        return error.faults
    return [
        DefinitionFault(rockon, t("the file %(file)s already has a rock-on with this name", file=other.name))
        for other in list_local_files(settings)
        for rockon in other.rockons
        if other.name != name and rockon in names
    ]


def save_definition(settings: Config, text: str, name: str = "") -> str:
    """Write a valid definition file atomically and return its name. Raises RockonwebError.

    Without a name it gets an unused one, derived from its first rock-on.
    """
    folder = settings.local_metastore
    stem = _file_stem(parse_definitions(text)[0].definition.name)
    target = _existing_path(settings, name) if name else None
    try:
        make_private_folder(folder)
        with temporary_file(folder / ".new", text.encode(), 0o644) as temporary:
            if target:
                temporary.replace(target)
                return name
            return _link_unused_name(temporary, stem)
    except OSError as error:
        raise RockonwebError(
            t("The definition could not be saved: %(why)s.", why=error.strerror or str(error)),
            t("Check the folder %(folder)s.", folder=str(folder)),
        ) from None


def restore_file(settings: Config, text: str, name: str) -> bool:
    """Write a file of a backup under its own name. Returns False, without writing, where the name exists already.

    Raises RockonwebError.
    """
    if fault := file_name_fault(name):
        raise RockonwebError(t("The file %(file)s was not restored: %(why)s.", file=clean_text(name), why=fault))
    folder = settings.local_metastore
    try:
        make_private_folder(folder)
        with temporary_file(folder / ".new", text.encode(), 0o644) as temporary:
            try:
                os.link(temporary, folder / name)
            except FileExistsError:
                return False
    except OSError as error:
        raise RockonwebError(
            t("The file %(file)s was not restored: %(why)s.", file=clean_text(name), why=error.strerror or str(error)),
            t("Check the folder %(folder)s.", folder=str(folder)),
        ) from None
    return True


def remove_local_file(settings: Config, name: str) -> None:
    """Remove a file; a missing one is no error. Raises RockonwebError."""
    path = _existing_path(settings, name)
    try:
        if path:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RockonwebError(
            t(
                "The file %(file)s could not be removed: %(why)s.",
                file=clean_text(name),
                why=error.strerror or str(error),
            )
        ) from None


def _existing_path(settings: Config, name: str) -> Path | None:
    """Return the path of a file of the folder; None when the name is invalid or the file does not exist."""
    path = settings.local_metastore / name
    return None if file_name_fault(name) or not path.is_file() else path


def _file_stem(rockon: str) -> str:
    """Return a file name for a rock-on, without its extension."""
    stem = re.sub(r"[^a-z0-9]+", "-", rockon.lower())[: MAX_NAME // 2].strip("-")
    return stem if stem and f"{stem}.json" != ROOT else "rock-on"


def _link_unused_name(temporary: Path, stem: str) -> str:
    """Link a new file to the first unused name and return that."""
    for number in range(1, 1000):
        name = f"{stem}.json" if number == 1 else f"{stem}-{number}.json"
        try:
            os.link(temporary, temporary.with_name(name))
        except FileExistsError:
            continue
        return name
    raise RockonwebError(t("There are already too many files with this name: %(name)s.", name=f"{stem}.json"))
