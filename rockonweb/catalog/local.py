"""The local metastore's folder: its files are listed, read, written and removed, and nothing outside of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from rockonweb.catalog.metastore import MAX_NAME, ROOT, Unusable, clean, decoded, local_files, name_fault, read_file
from rockonweb.config import Settings, fresh, make_private
from rockonweb.core.definition.definition import DefinitionFaults, Fault, parse
from rockonweb.core.errors import RockonwebError
from rockonweb.core.text import t


@dataclass(frozen=True)
class LocalFile:
    """A file of the folder: its text, where it can be read, the names of its rock-ons, or what is wrong with it."""

    name: str
    text: str | None = None
    rockons: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def editable(self) -> bool:
        """Whether its name is one that an address can have."""
        return not name_fault(self.name)


def listing(settings: Settings) -> list[LocalFile]:
    """Return the files of the folder by name. Raises RockonwebError where it can't be read."""
    try:
        return [
            _judged(one.file, one.content.body if one.content else None, one.fault)
            for one in local_files(settings.local_metastore)
        ]
    except Unusable as error:
        folder = settings.local_metastore
        raise RockonwebError(t("The folder %(folder)s %(why)s.", folder=str(folder), why=error.args[0])) from None


def _judged(name: str, text: str | None, fault: str) -> LocalFile:
    if text is None:
        return LocalFile(name, faults=[Fault("", fault)])
    try:
        return LocalFile(name, text, [one.definition.name for one in parse(text)])
    except DefinitionFaults as error:
        return LocalFile(name, text, faults=error.faults)


def read(settings: Settings, name: str) -> str | None:
    """Return the text of a file; None when there is none of this name. Raises Unusable when it can't be read."""
    path = _path(settings, name)
    return decoded(read_file(path)) if path else None


def faults(settings: Settings, text: str, name: str = "") -> list[Fault]:
    """Return what speaks against keeping a text as the file `name`, or as a new one where that is blank."""
    try:
        names = {one.definition.name for one in parse(text)}
    except DefinitionFaults as error:
        return error.faults
    return [
        Fault(rockon, t("the file %(file)s has a rock-on of this name already", file=other.name))
        for other in listing(settings)
        for rockon in other.rockons
        if other.name != name and rockon in names
    ]


def save(settings: Settings, text: str, name: str = "") -> str:
    """Write a definition that has no fault into the folder, whole or not at all, and return the file's name.

    Without a name it gets one from its first rock-on, and never that of a file that is there.
    """
    folder = settings.local_metastore
    stem = _stem(parse(text)[0].definition.name)
    target = _path(settings, name) if name else None
    try:
        make_private(folder)
        with fresh(folder / ".new", text.encode(), 0o644) as made:
            if target:
                made.replace(target)
                return name
            return _linked(made, stem)
    except OSError as error:
        raise RockonwebError(
            t("The definition could not be saved: %(why)s.", why=error.strerror or str(error)),
            t("Check the folder %(folder)s.", folder=str(folder)),
        ) from None


def put_back(settings: Settings, text: str, name: str) -> bool:
    """Write a file of a backup under its own name. Returns False, and writes nothing, where one of this name is there.

    Raises RockonwebError.
    """
    if fault := name_fault(name):
        raise RockonwebError(t("The file %(file)s was not put back: %(why)s.", file=clean(name), why=fault))
    folder = settings.local_metastore
    try:
        make_private(folder)
        with fresh(folder / ".new", text.encode(), 0o644) as made:
            try:
                os.link(made, folder / name)
            except FileExistsError:
                return False
    except OSError as error:
        raise RockonwebError(
            t("The file %(file)s was not put back: %(why)s.", file=clean(name), why=error.strerror or str(error)),
            t("Check the folder %(folder)s.", folder=str(folder)),
        ) from None
    return True


def remove(settings: Settings, name: str) -> None:
    """Remove a file; one that is gone already is no fault."""
    path = _path(settings, name)
    try:
        if path:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RockonwebError(
            t("The file %(file)s could not be removed: %(why)s.", file=clean(name), why=error.strerror or str(error))
        ) from None


def _path(settings: Settings, name: str) -> Path | None:
    """Return where a file of the folder is; None when the name is no plain one or there is no such file."""
    path = settings.local_metastore / name
    return None if name_fault(name) or not path.is_file() else path


def _stem(rockon: str) -> str:
    """Return a plain file name for a rock-on, without its ending."""
    stem = re.sub(r"[^a-z0-9]+", "-", rockon.lower())[: MAX_NAME // 2].strip("-")
    return stem if stem and f"{stem}.json" != ROOT else "rock-on"


def _linked(made: Path, stem: str) -> str:
    """Give a new file the first name that nobody has."""
    for number in range(1, 1000):
        name = f"{stem}.json" if number == 1 else f"{stem}-{number}.json"
        try:
            os.link(made, made.with_name(name))
        except FileExistsError:
            continue
        return name
    raise RockonwebError(t("There are too many files of this name already: %(name)s.", name=f"{stem}.json"))
