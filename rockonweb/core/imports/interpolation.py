"""Variables in Compose files and command lines: `$NAME`, `${NAME:-default}` and the other forms.

Source of the rules: the Compose Specification, "Interpolation", which follows the POSIX shell's parameter expansion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rockonweb.core.errors import BadInput
from rockonweb.core.text import t

MAX_DEPTH = 20  # of a default in a default
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", "-", ":?", "?", ":+", "+")


@dataclass(frozen=True)
class Interpolated:
    """A text with its variables filled in; `missing` are those that have neither a value nor a default."""

    text: str
    missing: tuple[str, ...] = ()


def interpolate(text: str, values: Mapping[str, str], *, escaped: bool = True) -> Interpolated:
    """Return a text with its variables filled in; one without a value or default is blank, and `missing`.

    With `escaped`, `$$` is a dollar sign, as in Compose. Raises BadInput for a form that is none, and for
    `${NAME:?WHY}` without a value.
    """
    missing: dict[str, None] = {}
    result, _ = _fill(text, 0, values, missing, escaped=escaped, depth=0)
    return Interpolated(result, tuple(missing))


def _fill(
    text: str, start: int, values: Mapping[str, str], missing: dict[str, None], *, escaped: bool, depth: int
) -> tuple[str, int]:
    """Return the filled text from `start` to the end, or in a default to its closing brace, and that place."""
    parts: list[str] = []
    position = start
    while position < len(text) and not (depth and text[position] == "}"):
        if text[position] != "$":
            parts.append(text[position])
            position += 1
        elif escaped and text.startswith("$$", position):
            parts.append("$")
            position += 2
        elif text.startswith("${", position):
            part, position = _fill_braced(text, position, values, missing, escaped=escaped, depth=depth + 1)
            parts.append(part)
        elif name := _NAME.match(text, position + 1):
            parts.append(_value_or_blank(name[0], values, missing))
            position = name.end()
        elif escaped:
            raise _invalid(text, position)
        else:
            parts.append("$")
            position += 1
    return "".join(parts), position


def _fill_braced(
    text: str, start: int, values: Mapping[str, str], missing: dict[str, None], *, escaped: bool, depth: int
) -> tuple[str, int]:
    """Return what `${…}` at `start` stands for, and the place after it."""
    name = _NAME.match(text, start + 2)
    if name is None or depth > MAX_DEPTH:
        raise _invalid(text, start)
    if text.startswith("}", name.end()):
        return _value_or_blank(name[0], values, missing), name.end() + 1
    operator = next((word for word in _OPERATORS if text.startswith(word, name.end())), "")
    if not operator:
        raise _invalid(text, start)
    missing_within: dict[str, None] = {}
    word, end = _fill(text, name.end() + len(operator), values, missing_within, escaped=escaped, depth=depth)
    if not text.startswith("}", end):
        raise _invalid(text, start)
    value = values.get(name[0])
    is_set = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        chosen, uses_word = word if is_set else "", is_set
    elif is_set:
        chosen, uses_word = value or "", False
    elif operator.endswith("?"):
        why = word or t("it has no value")
        raise BadInput(t('The variable "%(name)s" must have a value: %(why)s.', name=name[0], why=why))
    else:
        chosen, uses_word = word, True
    if uses_word:
        missing.update(missing_within)
    return chosen, end + 1


def _value_or_blank(name: str, values: Mapping[str, str], missing: dict[str, None]) -> str:
    if name not in values:
        missing[name] = None
    return values.get(name, "")


def _invalid(text: str, start: int) -> BadInput:
    return BadInput(
        t('"%(text)s" is not a variable: write ${NAME}, or $$ for a dollar sign.', text=text[start : start + 40])
    )
