"""The kinds of text that can be imported: what recognises each, and what reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

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
    files = {name or PASTED_NAME: text for name, text in files.items()}
    for source_format in SOURCE_FORMATS.values():
        if source_format.recognise(files):
            return source_format.parse(files, seed)
    kinds = ", ".join(SOURCE_FORMATS)
    raise BadInput(t("This is none of what can be imported: %(kinds)s.", kinds=kinds))


def decode_files(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the texts among uploaded files. Raises BadInput where there is none, or where they are too large."""
    if len(contents) > MAX_FILES or sum(map(len, contents.values())) > MAX_SOURCE_BYTES:
        raise BadInput(t("At most %(files)s files and 1 MB can be imported.", files=MAX_FILES))
    texts: dict[str, str] = {}
    for name, content in contents.items():  # a picture may lie beside them
        try:
            texts[name] = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
    if contents and not texts:
        raise BadInput(t("The file is not UTF-8 text."))
    return texts
