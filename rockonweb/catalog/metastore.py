"""Metastores: what their files are called, what root.json says, and what a folder on this machine holds.

Knows nothing of rock-ons or rows: what comes out is text, or a sentence that says why there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rockonweb.core.definition.definition import MAX_BYTES
from rockonweb.core.text import format_size, t

ROOT = "root.json"
MAX_ROOT_BYTES = 1_000_000
MAX_FILES = 20_000
MAX_NAME = 200


class UnusableFile(Exception):
    """A file can't be had or used; the message is a sentence."""


@dataclass(frozen=True)
class FileContent:
    """A file's text, with the validators for asking conditionally the next time."""

    body: str
    etag: str = ""
    last_modified: str = ""


class FetchedFile(NamedTuple):
    """The outcome for one file: its content, or else the fault."""

    file: str
    content: FileContent | None
    fault: str = ""


class RootEntry(NamedTuple):
    """An entry of root.json as it stands there: a display name, and what should be a file name."""

    key: str
    file: object


@dataclass
class RootListing:
    """What root.json says: the files in its order, each once, and what is wrong with entries of it."""

    files: dict[str, None]
    faults: dict[str, str]


def parse_root(text: str) -> RootListing:
    """Return what root.json says. Raises Unusable when it is no such file."""
    root = RootListing({}, {})
    for display, file in parse_root_entries(text):
        if fault := file_name_fault(file):
            root.faults[clean_text(file if isinstance(file, str) else display)] = fault
        else:
            root.files[str(file)] = None
    return root


def parse_root_entries(text: str) -> list[RootEntry]:
    """Return the entries of root.json, every one that was written. Raises Unusable when it is no such file."""
    if text.lstrip()[:1] == "<":
        raise UnusableFile(t("is a web page and not JSON: the address must be that of the folder that holds root.json"))
    if not text.strip():
        raise UnusableFile(t("is empty"))
    try:
        data = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise UnusableFile(t("is not JSON: %(error)s", error=error)) from None
    if not isinstance(data, _Pairs):
        raise UnusableFile(t("must be an object of display names and file names"))
    if not data:
        raise UnusableFile(t("names no rock-on"))
    if len(data) > MAX_FILES:
        raise UnusableFile(t("names more than %(limit)s files", limit=MAX_FILES))
    return [RootEntry(key, file) for key, file in data]


def is_root_text(text: str) -> bool:
    """Whether a text is what a root.json holds: nothing but display names and file names."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and bool(data) and all(isinstance(file, str) for file in data.values())


def file_name_fault(file: object) -> str:
    """Return why an entry of root.json is no plain file name, blank when it is one."""
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
    """Read the *.json of a folder by name; a folder that does not exist has none. Raises Unusable."""
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
    """Return the bytes of a definition file. Raises Unusable."""
    try:
        if not path.exists():
            raise UnusableFile(t("there is no such file"))
        if not path.is_file():  # reading a pipe would wait for ever
            raise UnusableFile(t("is not a file"))
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnusableFile(t("can't be read: %(error)s", error=error.strerror or error)) from None
    if len(body) > MAX_BYTES:
        raise UnusableFile(t("is larger than %(limit)s", limit=format_size(MAX_BYTES)))
    return body


def clean_text(text: str, limit: int = MAX_NAME) -> str:
    """Return text of unknown origin for showing: printable, and not too long."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"


def decode_utf8(body: bytes) -> str:
    """Return the text of a file. Raises Unusable."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableFile(t("is not text in UTF-8")) from None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with every key that was written, also one that stands twice."""
