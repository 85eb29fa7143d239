"""What the parsers of other stores' files share: files by name, JSON, the types in it, and folders of a store's own."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rockonweb.core.docker.run_options import is_published_port
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, ReportEntry, join_project_path, left
from rockonweb.core.text import format_size, join_texts, t

Files = Mapping[str, str]  # the texts of an app's files by name, which may have folders: `app/config.json`
MAX_DEPTH = 50  # of lists and objects in each other
# What a host has wherever an app comes from; all else that a store mounts is a folder of its own.
_HOST_PATHS = re.compile(r"/$|/(var/)?(run|log)(/|$)|/var/lib/docker(/|$)|/(dev|sys|proc|etc|lib|usr|tmp|boot)(/|$)")


def find_file(files: Files, *names: str) -> tuple[str, str] | None:
    """Return name and text of the file with one of these names, the first one and outermost; None where there is none.

    Raises BadInput for one that is too large.
    """
    for wanted in names:
        for name in sorted(files, key=lambda name: name.count("/")):
            if posixpath.basename(name).lower() == wanted:
                check_size(name, files[name])
                return name, files[name]
    return None


def check_size(name: str, text: str) -> None:
    """Raise BadInput for a text that is too large."""
    if len(text) > MAX_SOURCE_BYTES:
        raise BadInput(t("%(file)s is larger than %(most)s.", file=name, most=format_size(MAX_SOURCE_BYTES)))


def read_json(name: str, text: str) -> Any:
    """Return what a JSON file says. Raises BadInput, also for a key that an object has twice."""
    check_size(name, text)
    try:
        data = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object_without_repeats, parse_float=str)
        check_depth(name, data)
    except json.JSONDecodeError as error:
        raise BadInput(
            t("%(file)s, line %(line)s: not JSON: %(error)s", file=name, line=error.lineno, error=error.msg)
        ) from None
    except RecursionError:
        raise BadInput(t("%(file)s is nested too deeply.", file=name)) from None
    except ValueError as error:
        raise BadInput(t("%(file)s: %(error)s", file=name, error=error.args[0])) from None
    return data


def check_depth(name: str, value: object, depth: int = 0) -> None:
    """Raise BadInput for lists and objects that are nested too deeply."""
    if depth > MAX_DEPTH:
        raise BadInput(t("%(file)s is nested too deeply.", file=name))
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_depth(name, item, depth + 1)


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(t('the key "%(key)s" is there twice', key=key[:60]))
        values[key] = value
    return values


@dataclass(frozen=True)
class Section:
    """An object of a file with its path there. What is missing or null reads as blank; a wrong type is a BadInput."""

    values: Mapping[str, Any]
    path: str = ""
    file: str = ""

    @classmethod
    def of(cls, value: object, path: str, file: str) -> Section:
        """Return an object as a section. Raises BadInput for anything else."""
        if not isinstance(value, dict):
            raise BadInput(t("%(path)s must be an object.", path=path or file))
        return cls({str(key): item for key, item in value.items()}, path, file)

    def path_of(self, key: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str, default: str = "") -> str:
        """Return a text, or a number or boolean as text."""
        return _as_text(self.values.get(key), self.path_of(key)) or default

    def required(self, key: str) -> str:
        """Return a text that must not be blank."""
        if text := self.text(key):
            return text
        raise BadInput(t("%(path)s is missing.", path=self.path_of(key)))

    def flag(self, key: str) -> bool:
        """Return a boolean, which may be written as text."""
        return self.text(key).lower() in ("true", "1", "yes")

    def items(self, key: str) -> list[tuple[str, Any]]:
        """Return the items of a list with their paths."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise BadInput(t("%(path)s must be a list.", path=self.path_of(key)))
        return [(f"{self.path_of(key)}[{number}]", item) for number, item in enumerate(value)]

    def texts(self, key: str) -> list[str]:
        """Return the items of a list as texts."""
        return [_as_text(item, path) for path, item in self.items(key)]

    def sections(self, key: str) -> list[Section]:
        """Return the items of a list of objects."""
        return [Section.of(item, path, self.file) for path, item in self.items(key)]

    def section(self, key: str) -> Section:
        """Return an object, an empty one where it is missing."""
        return Section.of(self.values.get(key) or {}, self.path_of(key), self.file)

    def others(self, *known: str) -> Iterator[ReportEntry]:
        """Yield a line for each key that is not among the known ones."""
        yield from (left(self.path_of(key)) for key in self.values if key not in known)


def _as_text(value: object, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return "" if value is None else str(value).strip()
    raise BadInput(t("%(path)s must be text.", path=path))


@dataclass
class StoreFolders:
    """The folders of an app that only its store has: each becomes one of the project's, named after its mount."""

    _by_source: dict[str, str] = field(default_factory=dict)

    def path(self, source: str, target: str) -> str:
        """Return the path to mount at `target` for what the store names `source`; blank is a folder of its own."""
        source = posixpath.normpath(source) if source else f":{target}"
        if _HOST_PATHS.match(source):
            return source
        name = posixpath.basename(posixpath.normpath(target)) or "data"
        if source not in self._by_source and join_project_path(name) in self._by_source.values():
            name = target.strip("/").replace("/", "-")
        return self._by_source.setdefault(source, join_project_path(name))


def check_port(port: str, place: str) -> str:
    """Return what a `-p` publishes as it is. Raises BadInput where it is no port."""
    if is_published_port(port):
        return port
    raise BadInput(join_texts(": ", (place, t('"%(port)s" is no port', port=port[:60]))))


def describe_choices(description: str, choices: list[str]) -> str:
    """Return a description with the values that a variable may have."""
    options = ", ".join(dict.fromkeys(choice for choice in choices if choice))
    return " ".join(filter(None, (description, t("One of: %(choices)s.", choices=options) if options else "")))
