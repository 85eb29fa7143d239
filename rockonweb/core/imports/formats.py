"""The kinds of text that can be imported: what recognises each, and what reads it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.casaos import parse_casaos, recognise_casaos
from rockonweb.core.imports.compose_file import parse_compose
from rockonweb.core.imports.portainer import parse_portainer, recognise_portainer
from rockonweb.core.imports.run_line import parse_run_lines
from rockonweb.core.imports.runtipi import parse_runtipi, recognise_runtipi
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, SourceApp
from rockonweb.core.imports.store_files import Files
from rockonweb.core.imports.umbrel import parse_umbrel, recognise_umbrel
from rockonweb.core.imports.unraid import parse_unraid, recognise_unraid
from rockonweb.core.text import t

MAX_FILES = 50
MAX_ARCHIVE_FILES = 500  # of a zip archive, with pictures
_ZIP = b"PK\x03\x04"
PASTED_NAME = "text"  # of what is no file, where a fault names its file
_COMPOSE = re.compile(r"^(?:\{\s*)?[\"']?services[\"']?[ \t]*:", re.MULTILINE)
_RUN_LINE = re.compile(r"\b(?:docker|podman|nerdctl)\b[^\n]{0,200}\b(?:run|create)\b")


class SourceFormat(NamedTuple):
    """A kind of source: whether files are of it, and what reads them, which raises BadInput.

    The second argument of `parse` is a secret from which passwords may be derived that the app needs.
    """

    recognise: Callable[[Files], bool]
    parse: Callable[[Files, str], SourceApp]


# The first one that recognises the files reads them.
SOURCE_FORMATS: dict[str, SourceFormat] = {
    "Umbrel": SourceFormat(recognise_umbrel, parse_umbrel),
    "Runtipi": SourceFormat(recognise_runtipi, parse_runtipi),
    "Portainer": SourceFormat(recognise_portainer, lambda files, _: parse_portainer(files)),
    "Unraid": SourceFormat(recognise_unraid, lambda files, _: parse_unraid(files)),
    "CasaOS": SourceFormat(recognise_casaos, lambda files, _: parse_casaos(files)),
    "Docker Compose": SourceFormat(
        lambda files: any(_COMPOSE.search(text) for text in files.values()), lambda files, _: parse_compose(files)
    ),
    "docker run": SourceFormat(
        lambda files: any(_RUN_LINE.search(text) for text in files.values()),
        lambda files, _: parse_run_lines("\n".join(files.values())),
    ),
}


def read_source(files: Files, seed: str) -> SourceApp:
    """Return the app that files or a pasted text describe; its passwords derive from `seed`. Raises BadInput."""
    files = {name or PASTED_NAME: text.removeprefix("\ufeff") for name, text in files.items()}
    # Lone surrogates: bytes of a command line, or escapes of JSON.
    if any(re.search("[\ud800-\udfff]", text) for text in files.values()):
        raise BadInput(t("The file is not UTF-8 text."))
    for source_format in SOURCE_FORMATS.values():
        if source_format.recognise(files):
            return source_format.parse(files, seed)
    kinds = ", ".join(SOURCE_FORMATS)
    raise BadInput(t("This is none of what can be imported: %(kinds)s.", kinds=kinds))


def decode_files(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the texts among uploaded files and in zip archives of them.

    Raises BadInput where there is none, or where they are too large.
    """
    texts: dict[str, str] = {}
    size = 0
    for name, content in ((name, part) for archive in contents.items() for name, part in _unpack(*archive)):
        with suppress(UnicodeDecodeError):  # a picture may lie beside them
            texts[name] = content.decode("utf-8-sig")
            size += len(content)
        if size > MAX_SOURCE_BYTES or len(texts) > MAX_FILES:
            raise BadInput(t("At most %(files)s files and 1 MB can be imported.", files=MAX_FILES))
    if contents and not texts:
        raise BadInput(t("The file is not UTF-8 text."))
    return texts


def _unpack(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a zip archive, none longer than a byte more than allowed; any other file is itself."""
    if not content.startswith(_ZIP):
        yield name, content
        return
    try:
        with ZipFile(BytesIO(content)) as archive:
            for entry in archive.infolist()[:MAX_ARCHIVE_FILES]:
                if not entry.is_dir():
                    with archive.open(entry) as file:
                        yield entry.filename, file.read(MAX_SOURCE_BYTES + 1)
    except (BadZipFile, RuntimeError, EOFError, OSError, ValueError, zlib.error):  # damaged, encrypted, or unknown
        raise BadInput(t("%(file)s can't be unpacked.", file=name or PASTED_NAME)) from None
