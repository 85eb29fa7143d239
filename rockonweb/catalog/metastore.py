"""Files of metastores: names of files, parsing of root.json, and reading of local folders.

Independent of rock-ons and the database: returns text, or a sentence that says why there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rockonweb.core.definition.parser import MAX_BYTES
from rockonweb.core.text import format_size, t

ROOT = "root.json"
TEMPLATES = "templates.json"  # stands for a list of Portainer's templates, whatever its own name
MAX_ROOT_BYTES = 1_000_000
MAX_FILES = 20_000
MAX_NAME = 200


class UnusableFile(Exception):
    """A file can't be fetched, read or used; `args[0]` is the predicate of a sentence about the file."""


@dataclass(frozen=True)
class FileContent:
    """A file's text, with the validators for the next conditional request."""

    body: str
    etag: str = ""
    last_modified: str = ""


class FetchedFile(NamedTuple):
    """The outcome for one file: its content, or None and the fault."""

    file: str
    content: FileContent | None
    fault: str = ""


class RootEntry(NamedTuple):
    """An unchecked entry of root.json: a display name, and what should be a file name."""

    key: str
    file: object


@dataclass
class RootListing:
    """The contents of root.json: its files in order, each once, and the faults of entries by file name."""

    files: dict[str, None]
    faults: dict[str, str]


def parse_root(text: str) -> RootListing:
    """Parse a root.json. Raises UnusableFile when it is not one."""
    root = RootListing({}, {})
    for display, file in parse_root_entries(text):
        if fault := file_name_fault(file):
            root.faults[clean_text(file if isinstance(file, str) else display)] = fault
        else:
            root.files[str(file)] = None
    return root


def parse_root_entries(text: str) -> list[RootEntry]:
    """Return all entries of root.json, duplicates too. Raises UnusableFile when it is not one."""
    if text.lstrip()[:1] == "<":
        raise UnusableFile(t("is a web page, not JSON: the address must be that of the folder that contains root.json"))
    if not text.strip():
        raise UnusableFile(t("is empty"))
    try:
        data = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise UnusableFile(t("is not JSON: %(error)s", error=error)) from None
    if not isinstance(data, _Pairs):
        raise UnusableFile(t("must be an object that maps display names to file names"))
    if not data:
        raise UnusableFile(t("lists no rock-ons"))
    if len(data) > MAX_FILES:
        raise UnusableFile(t("lists more than %(limit)s files", limit=MAX_FILES))
    return [RootEntry(key, file) for key, file in data]


def is_root_text(text: str) -> bool:
    """Whether a text is a root.json: an object of display names and file names."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and bool(data) and all(isinstance(file, str) for file in data.values())


def file_name_fault(file: object) -> str:
    """Return why an entry of root.json is not a plain file name, blank when it is one."""
    if not isinstance(file, str):
        return t("its entry in root.json must be a file name")
    if not file.endswith(".json") or file in (ROOT, ".json"):
        return t("its entry in root.json must be a file name that ends in .json")
    if len(file) > MAX_NAME:
        return t("its file name is longer than %(limit)d characters", limit=MAX_NAME)
    if ".." in file or not file.isprintable() or any(sign in file for sign in "/\\:%?#"):
        return t("its entry in root.json must be a plain file name, without a path or an address")
    return ""


def read_local_files(folder: Path) -> Iterator[FetchedFile]:
    """Yield the *.json files of a folder by name, none where it does not exist. Raises UnusableFile."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(".json") and path.name != ROOT)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnusableFile(t("can't be read: %(error)s", error=error.strerror or error)) from None
    for path in paths:
        try:
            yield FetchedFile(clean_text(path.name), FileContent(decode_utf8(read_definition_file(path))))
        except UnusableFile as error:
            yield FetchedFile(clean_text(path.name), None, error.args[0])


def read_definition_file(path: Path) -> bytes:
    """Return the bytes of a definition file. Raises UnusableFile."""
    try:
        if not path.exists():
            raise UnusableFile(t("the file does not exist"))
        if not path.is_file():  # reading a named pipe would block
            raise UnusableFile(t("is not a file"))
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnusableFile(t("can't be read: %(error)s", error=error.strerror or error)) from None
    if len(body) > MAX_BYTES:
        raise UnusableFile(t("is larger than %(limit)s", limit=format_size(MAX_BYTES)))
    return body


def clean_text(text: str, limit: int = MAX_NAME) -> str:
    """Return untrusted text made safe to show: printable, and cut after `limit` characters."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"


def decode_utf8(body: bytes) -> str:
    """Return the text of a file. Raises UnusableFile."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableFile(t("is not UTF-8 text")) from None


class _Pairs(list[tuple[str, Any]]):
    """The key-value pairs of a JSON object, with duplicate keys."""
