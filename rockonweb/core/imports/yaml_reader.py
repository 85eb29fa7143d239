"""Reads YAML of strangers: bounded, without objects, each key once, and with the line of each key.

What a plain scalar is, is decided as Docker Compose does: `no` and `22:22` are text, `0777` and `0o777` are numbers,
`true` is a truth value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.source import MAX_SOURCE_BYTES
from rockonweb.core.text import t

MAX_NODES = 50_000  # with what aliases repeat
MAX_DEPTH = 50
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is not in every build
_OWN_TAGS = ("!reset", "!override")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUTHS = {word: truth for truth, words in ((True, "true True TRUE"), (False, "false False FALSE"))
           for word in words.split()}  # fmt: skip
_INTEGER = re.compile(r"([-+]?)(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class YamlMap(dict[str, Any]):
    """A mapping that knows where each of its keys is: `places` has "FILE, line N" by key."""

    def __init__(self, items: dict[str, Any] | None = None, places: dict[str, str] | None = None) -> None:
        super().__init__(items or {})
        self.places = places or {}


@dataclass(frozen=True)
class YamlTagged:
    """A value with one of Compose's own tags: `!reset` or `!override`."""

    tag: str
    value: Any


def read_yaml(text: str, file: str) -> Any:
    """Return the value of a YAML text: `YamlMap`s, lists, strings, numbers, truth values and None.

    Raises BadInput with file and line for what is too large, invalid, or has a key twice.
    """
    if len(text) > MAX_SOURCE_BYTES or len(text.encode(errors="replace")) > MAX_SOURCE_BYTES:
        raise BadInput(t("%(file)s is larger than %(most)s bytes.", file=file, most=MAX_SOURCE_BYTES))
    try:
        return _Reader(yaml.parse(text.removeprefix("\ufeff"), Loader=_LOADER), file).read()
    except yaml.MarkedYAMLError as error:
        raise yaml_fault(file, error.problem_mark or error.context_mark, str(error.problem)) from None
    except (yaml.YAMLError, UnicodeError):
        raise BadInput(t("%(file)s is no text.", file=file)) from None


def yaml_fault(file: str, mark: Any, problem: str) -> BadInput:
    """Return the error for a place in a file."""
    line = mark.line + 1 if mark else 1
    return BadInput(t("%(file)s, line %(line)s: %(problem)s.", file=file, line=line, problem=problem))


def scalar_text(value: Any) -> str:
    """Return a scalar as Compose writes it into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return "" if value is None else str(value)


class _Reader:
    """Builds values from the events of a parser, which never recurses."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self.events = events
        self.file = file
        self.anchors: dict[str, tuple[Any, int]] = {}  # the value and how many nodes it has
        self.count = 0

    def read(self) -> Any:
        value: Any = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if value is not None:
                    raise yaml_fault(self.file, event.start_mark, t("a second document begins here"))
                value = self._value(next(self.events), 0)
        return value

    def _count(self, event: Any, nodes: int = 1) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            raise yaml_fault(self.file, event.start_mark, t("it has more than %(most)s values", most=MAX_NODES))

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            value, nodes = self.anchors.get(event.anchor or "", (None, -1))
            if nodes < 0:
                raise yaml_fault(
                    self.file, event.start_mark, t('"*%(name)s" has no value before it', name=event.anchor)
                )
            self._count(event, nodes)
            return value
        before = self.count
        self._count(event)
        if depth > MAX_DEPTH:
            raise yaml_fault(self.file, event.start_mark, t("it is nested more than %(most)s deep", most=MAX_DEPTH))
        tag = event.tag
        if isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(event, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
                value.append(self._value(item, depth + 1))
        else:
            is_text = bool(event.style) or tag == "tag:yaml.org,2002:str"
            value = event.value if is_text else plain_scalar(event.value)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.count - before)
        return YamlTagged(tag, value) if tag in _OWN_TAGS else value

    def _mapping(self, start: Any, depth: int) -> YamlMap:
        mapping, merged = YamlMap(), list[tuple[Any, Any]]()
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            value = self._value(next(self.events), depth + 1)
            if isinstance(key, dict | list | YamlTagged):
                raise yaml_fault(self.file, event.start_mark, t("a key is a text"))
            if key == "<<":
                merged.append((event, value))
                continue
            key = event.value if isinstance(event, yaml.ScalarEvent) else scalar_text(key)
            if key in mapping:
                first = mapping.places[key].rpartition(" ")[2]
                message = t('the key "%(key)s" is there twice, first in line %(first)s', key=key[:60], first=first)
                raise yaml_fault(self.file, event.start_mark, message)
            mapping[key] = value
            mapping.places[key] = t("%(file)s, line %(line)s", file=self.file, line=event.start_mark.line + 1)
        for event, value in merged:
            for source in value if isinstance(value, list) else [value]:
                if not isinstance(source, YamlMap):
                    raise yaml_fault(self.file, event.start_mark, t('"<<" takes keys from a mapping'))
                for key in [key for key in source if key not in mapping]:
                    mapping[key], mapping.places[key] = source[key], source.places[key]
        return mapping


def plain_scalar(text: str) -> Any:
    """Return what a plain scalar stands for."""
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if integer := _INTEGER.fullmatch(text):
        sign, digits = integer[1], integer[2].replace("_", "")
        base = {"0b": 2, "0x": 16, "0o": 8}.get(digits[:2], 8 if digits[0] == "0" and len(digits) > 1 else 10)
        try:
            return int(sign + digits, base) if len(digits) < 20 else text
        except ValueError:
            return text
    return float(text) if _FLOAT.fullmatch(text) and len(text) < 40 else text
