"""Reads `.env` and other files of variables as Docker Compose does: `export`, quotes, comments, variables in values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.interpolation import interpolate
from rockonweb.core.imports.source import MAX_SOURCE_BYTES
from rockonweb.core.text import t

_BETWEEN = re.compile(r"(?>\s+|#[^\n]*)*+")
_KEY = re.compile(r"(?:export[ \t]+)?([\w.\[\]-]+)[ \t]*([=:\n]|$)[ \t]*")
_QUOTED = {"'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.S), '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)}
_ESCAPE = re.compile(r'\\([abcfnrtv$"\\])')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}


def parse_env_file(text: str, file: str, values: Mapping[str, str], *, raw: bool = False) -> dict[str, str | None]:
    """Return the variables of a file by name, None for one without a value.

    Variables in its values are filled in from `values` and from those before. With `raw`, a value is as it stands.
    Raises BadInput with file and line.
    """
    if len(text) > MAX_SOURCE_BYTES:
        raise BadInput(t("%(file)s is larger than %(most)s bytes.", file=file, most=MAX_SOURCE_BYTES))
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    variables: dict[str, str | None] = {}
    known = dict(values)
    position = 0
    while (position := _skip_between(text, position)) < len(text):
        key = _KEY.match(text, position)
        try:
            if key is None:
                raise BadInput(t("it is not NAME=VALUE"))
            if key[2] in ("=", ":"):
                variables[key[1]], position = _read_value(text, key.end(), known, raw=raw)
            else:
                variables[key[1]], position = known.get(key[1]), key.end()
            known.update({key[1]: value} if (value := variables[key[1]]) is not None else {})
        except BadInput as error:
            line = text.count("\n", 0, position) + 1
            message = t("%(file)s, line %(line)s: %(problem)s.", file=file, line=line, problem=error.sentence)
            raise BadInput(message) from None
    return variables


def _skip_between(text: str, position: int) -> int:
    """Return the place of what follows blank lines and comments."""
    between = _BETWEEN.match(text, position)
    return between.end() if between else position


def _read_value(text: str, start: int, known: Mapping[str, str], *, raw: bool) -> tuple[str, int]:
    """Return the value that begins at a place, and the place after it."""
    quote = text[start : start + 1]
    if raw or quote not in _QUOTED:
        end = text.find("\n", start)
        value = text[start : end if end >= 0 else len(text)]
        end = start + len(value)
        if raw:
            return value, end
        return interpolate(re.split(r"(?:^|\s)#", value)[0].strip(), known).text, end
    quoted = _QUOTED[quote].match(text, start)
    if quoted is None:
        raise BadInput(t("a quote is not closed"))
    if quote == "'":
        return quoted[1].replace("\\'", "'"), quoted.end()
    value = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), quoted[1])
    return interpolate(value, known).text, quoted.end()
