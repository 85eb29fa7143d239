"""The kinds of text that can be imported: what recognises each, and what reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.run_line import parse_run_lines
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, SourceApp
from rockonweb.core.text import t

Files = Mapping[str, str]  # texts by file name; a pasted text has a blank one
MAX_FILES = 20
_RUN_LINE = re.compile(r"\b(?:docker|podman|nerdctl)\b[^\n]*\b(?:run|create)\b")


class SourceFormat(NamedTuple):
    """A kind of source: whether files are of it, and what reads them, which raises BadInput.

    The second argument of `parse` is a secret from which passwords may be derived that the app needs.
    """

    recognise: Callable[[Files], bool]
    parse: Callable[[Files, str], SourceApp]


# The first one that recognises the files reads them.
SOURCE_FORMATS: dict[str, SourceFormat] = {
    "docker run": SourceFormat(
        lambda files: any(_RUN_LINE.search(text) for text in files.values()),
        lambda files, _: parse_run_lines("\n".join(files.values())),
    ),
}


def read_source(files: Files, seed: str) -> SourceApp:
    """Return the app that files or a pasted text describe; its passwords derive from `seed`. Raises BadInput."""
    for source_format in SOURCE_FORMATS.values():
        if source_format.recognise(files):
            return source_format.parse(files, seed)
    kinds = ", ".join(SOURCE_FORMATS)
    raise BadInput(t("This is none of what can be imported: %(kinds)s.", kinds=kinds))


def decode_files(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the texts of uploaded files. Raises BadInput for what is no text or too large."""
    if len(contents) > MAX_FILES or sum(map(len, contents.values())) > MAX_SOURCE_BYTES:
        raise BadInput(t("At most %(files)s files and 1 MB can be imported.", files=MAX_FILES))
    try:
        return {name: content.decode("utf-8-sig") for name, content in contents.items()}
    except UnicodeDecodeError:
        raise BadInput(t("The file is not UTF-8 text.")) from None
