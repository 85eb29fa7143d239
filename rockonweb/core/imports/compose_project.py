"""Reads the files of a Compose project into one: `.env`, variables, `include`, `extends`, overrides, profiles.

Source of the rules: the Compose Specification, "Merge", "Include", "Extend", "Profiles" and "Interpolation". The files
are given as texts; nothing is read from the host. That is also why `docker compose config` has no part in it: it wants
files in a folder and takes variables and `env_file`s from the host. Tests compare with what it makes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.env_file import parse_env_file
from rockonweb.core.imports.interpolation import interpolate
from rockonweb.core.imports.source import ReportEntry, changed, left
from rockonweb.core.imports.yaml_reader import YamlMap, YamlTagged, read_yaml, scalar_text
from rockonweb.core.text import join_texts, t

ENV_FILE = ".env"
FILE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDE_NAMES = tuple(name.replace(".y", ".override.y") for name in FILE_NAMES)
PROJECT_NAME_VARIABLE = "COMPOSE_PROJECT_NAME"
SERVICE_KEY = re.compile(r"[a-zA-Z0-9._-]+")
MAX_ENTRIES = 200  # services, or networks, volumes, secrets, configs
MAX_EXTENDS = 50  # services, each of which extends the next one
# Folders that only the file's author knows.
PATH_VARIABLES = {"PWD": ".", "HOME": "~"}
_REQUIRED = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*):?\?[^{}]*\}")  # `${NAME:?WHY}`
PATH_KEYS = frozenset(("configs", "devices", "env_file", "label_file", "secrets", "volumes"))
SECTIONS = ("services", "networks", "volumes", "secrets", "configs")
# Parts of a service that may be a list of KEY=VALUE, or of keys, instead of a mapping.
KEYED_LISTS = frozenset(("annotations", "depends_on", "environment", "labels", "models", "networks", "sysctls"))
TEXT_LISTS = frozenset(("dns", "dns_search", "env_file", "label_file", "tmpfs"))  # may be one text
REPLACED = frozenset(("command", "entrypoint", "test"))  # as a whole, by a later file


@dataclass
class ComposeProject:
    """A project as Compose sees it: files merged, variables filled in, services without those of other profiles.

    `env` has what `.env` and the caller give, `missing` the variables without a value; `files` are the texts by path,
    relative to the main file.
    """

    name: str
    services: dict[str, YamlMap]
    networks: YamlMap
    volumes: YamlMap
    secrets: YamlMap
    configs: YamlMap
    body: YamlMap  # the whole, for keys of others, such as `x-casaos`
    env: Mapping[str, str]
    files: Mapping[str, str]
    report: list[ReportEntry] = field(default_factory=list)
    missing: Collection[str] = ()


def place_fault(places: Mapping[str, str], key: str, path: str, problem: str) -> BadInput:
    """Return the error for a key of a file, with its file, line and path."""
    if problem.endswith("."):
        text = t("%(path)s: %(problem)s", path=path, problem=problem)
    else:
        text = t("%(path)s: %(problem)s.", path=path, problem=problem)
    return BadInput(join_texts(", ", (places.get(key, ""), text)))


def load_project(
    files: Mapping[str, str],
    variables: Mapping[str, str] | None = None,
    *,
    name: str = "",
    profiles: Collection[str] = (),
) -> ComposeProject:
    """Return the project of the files, by path; the main one has a name of Compose, or is the only one of its kind.

    `variables` win over those of `.env`. `name` is the project's, blank for that of the files. Raises BadInput with
    file and line.
    """
    files = {posixpath.normpath(path): text for path, text in files.items()}
    main, *overrides = main_files(files)
    root = posixpath.dirname(main)
    files = {posixpath.relpath(path, root or "."): text for path, text in files.items()}
    env_file = parse_env_file(files[ENV_FILE], ENV_FILE, variables or {}) if ENV_FILE in files else {}
    env = {key: value for key, value in env_file.items() if value is not None} | {**(variables or {})}
    loader = _Loader(files, env)
    body = YamlMap()
    for path in (main, *overrides):
        body = merge(body, loader.load_file(posixpath.relpath(path, root or ".")))
    sections = {key: loader.section(body, key) for key in SECTIONS}
    services = sections.pop("services")
    if not services:
        raise BadInput(t("%(file)s has no services.", file=main))
    enabled = {*profiles, *env.get("COMPOSE_PROFILES", "").split(",")}
    project_name = name or env.get(PROJECT_NAME_VARIABLE, "") or scalar_text(body.get("name")) or next(iter(services))
    project = ComposeProject(
        re.sub(r"[^a-z0-9_-]", "", project_name.lower()).lstrip("_-") or "app",
        services, **sections, body=body, env=env, files=files, report=loader.report,
        missing=loader.missing,
    )  # fmt: skip
    _drop_other_profiles(project, enabled - {""})
    return project


def main_files(files: Mapping[str, str]) -> list[str]:
    """Return the paths of the main file and of those that override it. Raises BadInput where there is none."""
    by_depth = sorted(files, key=lambda path: (path.count("/"), path))
    for names in (FILE_NAMES, (".yaml", ".yml"), ("",)):
        for path in by_depth:
            if posixpath.basename(path).endswith(names) and not path.endswith((ENV_FILE, *OVERRIDE_NAMES)):
                folder = posixpath.dirname(path)
                beside = [posixpath.join(folder, override) for override in OVERRIDE_NAMES]
                return [path, *(override for override in beside if override in files)][
                    : 2 if names == FILE_NAMES else 1
                ]
    raise BadInput(t("There is no Compose file."))


def _drop_other_profiles(project: ComposeProject, enabled: Collection[str]) -> None:
    for name, service in [*project.services.items()]:
        profiles = service.get("profiles") or []
        profiles = [scalar_text(profile) for profile in (profiles if isinstance(profiles, list) else [profiles])]
        if profiles and "*" not in enabled and not {*profiles} & {*enabled}:
            del project.services[name]
            message = t("It belongs to the profile %(profiles)s, which is not chosen.", profiles=", ".join(profiles))
            project.report.append(left(f"services.{name}", message))
    if not project.services:
        raise BadInput(t("Every service belongs to a profile: choose one by COMPOSE_PROFILES in .env."))


@dataclass
class _Loader:
    """Loads files, each once, with its variables filled in and its `extends` and `include`s resolved."""

    files: Mapping[str, str]
    env: Mapping[str, str]
    report: list[ReportEntry] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)
    raw: dict[str, YamlMap] = field(default_factory=dict)  # by file: not yet extended
    whole: dict[tuple[str, str], YamlMap] = field(default_factory=dict)  # by file and service: extended
    including: tuple[str, ...] = ()

    def section(self, body: YamlMap, key: str) -> YamlMap:
        """Return a part of the top level, whose entries are mappings too."""
        section = body.get(key)
        if section is None:
            return YamlMap()
        if not isinstance(section, YamlMap):
            raise place_fault(body.places, key, key, t("it must be a mapping"))
        if len(section) > MAX_ENTRIES:
            raise place_fault(body.places, key, key, t("it has more than %(most)s entries", most=MAX_ENTRIES))
        for name, entry in section.items():
            if not name.startswith("x-") and not SERVICE_KEY.fullmatch(name):
                raise place_fault(section.places, name, f"{key}.{name[:60]}", t("it is no name"))
            if entry is None and key != "services":
                section[name] = YamlMap()
            elif not isinstance(entry, YamlMap | YamlTagged):
                raise place_fault(section.places, name, f"{key}.{name}", t("it must be a mapping"))
        return YamlMap({name: entry for name, entry in section.items() if not name.startswith("x-")}, section.places)

    def load_file(self, path: str, folder: str = "") -> YamlMap:
        """Return the body of a file; its relative paths begin at `folder`."""
        if path in self.including:
            raise BadInput(t("%(files)s include each other.", files=", ".join((*self.including, path))))
        self.including += (path,)
        body = self.load_raw(path)
        services = {name: self.extended(path, name) for name in self.section(body, "services")}
        places = body["services"].places if services else {}
        body = YamlMap({**body, "services": YamlMap(services, places)}, body.places)
        body = rebase(body, folder)
        includes = body.get("include") or []
        for entry in includes if isinstance(includes, list) else [includes]:
            body = merge(self.load_included(path, entry), body)
        self.including = self.including[:-1]
        return body

    def load_included(self, path: str, entry: Any) -> YamlMap:
        """Return what an entry of `include` brings: a file, or several that override each other."""
        settings = entry if isinstance(entry, YamlMap) else YamlMap({"path": entry})
        self.report += [left(f"include.{key}") for key in settings if key not in ("path", "project_directory")]
        paths = settings.get("path")
        included = YamlMap()
        for target in paths if isinstance(paths, list) else [paths]:
            file = posixpath.normpath(posixpath.join(posixpath.dirname(path), scalar_text(target)))
            folder = scalar_text(settings.get("project_directory")) or posixpath.dirname(file)
            included = merge(included, self.load_file(file, folder))
        return included

    def load_raw(self, path: str) -> YamlMap:
        """Return the body of a file with its variables filled in."""
        if path not in self.raw:
            if path not in self.files:
                raise BadInput(t("The file %(file)s is needed too.", file=path))
            body = read_yaml(self.files[path], path)
            if not isinstance(body, YamlMap):
                raise BadInput(t("%(file)s is no Compose file.", file=path))
            self.raw[path] = self._fill(body, (), {}, "")
        return self.raw[path]

    def extended(self, path: str, name: str, chain: tuple[tuple[str, str], ...] = ()) -> YamlMap:
        """Return a service of a file together with the one that it extends."""
        if (path, name) in self.whole:
            return self.whole[path, name]
        services = self.section(self.load_raw(path), "services")
        if name not in services:
            raise BadInput(t("%(file)s has no service %(name)s, which another one extends.", file=path, name=name))
        service: YamlMap = services[name]
        extends = service.get("extends") if isinstance(service, YamlMap) else None
        if not extends:
            return service
        if (path, name) in chain or len(chain) > MAX_EXTENDS:
            problem = t("the services extend each other")
            raise place_fault(service.places, "extends", f"services.{name}.extends", problem)
        settings = extends if isinstance(extends, YamlMap) else YamlMap({"service": extends})
        base_name, file = scalar_text(settings.get("service")), scalar_text(settings.get("file"))
        base_path = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
        base = self.extended(base_path, base_name, (*chain, (path, name)))
        if file and (folder := posixpath.dirname(file)):
            base = rebase(YamlMap({"services": YamlMap({base_name: base})}), folder)["services"][base_name]
        own = YamlMap({key: value for key, value in service.items() if key != "extends"}, service.places)
        self.whole[path, name] = merge(merge(YamlMap(), base), own, ("services", name))
        return self.whole[path, name]

    def _fill(self, value: Any, path: tuple[str, ...], places: Mapping[str, str], key: str) -> Any:
        """Return a value with the variables in all its texts filled in."""
        if isinstance(value, YamlTagged):
            return replace(value, value=self._fill(value.value, path, places, key))
        if isinstance(value, YamlMap):
            return YamlMap(
                {name: item if name.startswith("x-") else self._fill(item, (*path, name), value.places, name)
                 for name, item in value.items()},
                value.places,
            )  # fmt: skip
        if isinstance(value, list):
            return [self._fill(item, path, places, key) for item in value]
        if path[:1] == ("services",) and path[2:3] == ("environment",) and (value is None or isinstance(value, str)):
            value = self._known_variable(value, path)
        if not isinstance(value, str) or "$" not in value:
            return value
        try:
            return self._fill_text(value, path)
        except BadInput as error:
            raise place_fault(places, key, ".".join(path), error.sentence) from None

    def _known_variable(self, value: str | None, path: tuple[str, ...]) -> str | None:
        """Return a variable of a service that is only named with its value, where that is known."""
        name = path[-1] if value is None else value
        known = self.env.get(name, "").replace("$", "$$") if name in self.env else None
        if known is None or (value is not None and len(path) > 3):
            return value
        return known if value is None else f"{name}={known}"

    def _fill_text(self, text: str, path: tuple[str, ...]) -> Any:
        """Return a text with its variables filled in. One without a value is asked, where a question can have it."""
        section = path[2] if len(path) > 2 and path[0] == "services" else path[0]
        values = {**PATH_VARIABLES, **self.env} if section in PATH_KEYS else self.env
        if section in ("environment", "ports", "volumes"):
            text = _REQUIRED.sub(r"\1}", text)
        filled = interpolate(text, values)
        result: str | None = filled.text
        what = t("it is blank here")
        if section == "environment":
            what = t("it is asked")
            if filled.missing:  # null as KEY: VALUE, and without = as an item of a list
                result = None if len(path) > 3 else text.partition("=")[0]
        elif section == "volumes" and (path[0] == "services" or path[-1] == "device"):
            what = t("a folder of its name is used")
            result = interpolate(text, {**values, **{name: f"./{name.lower()}" for name in filled.missing}}).text
        elif section == "ports":
            what = t("the container's own port is used")
            before, _, number = filled.text.removeprefix(":").rpartition(":")
            own = number.partition("/")[0]
            if ":" in filled.text:
                result = f"{before}{own}:{number}" if before.endswith(":") else f"{before or own}:{number}"
        if not filled.missing:
            return filled.text
        for name in filled.missing:
            self.missing[name] = None
            message = t('The variable "%(name)s" has no value: %(what)s.', name=name, what=what)
            self.report.append(changed(".".join(path), message))
        return result


def merge(base: YamlMap, later: YamlMap, path: tuple[str, ...] = ()) -> YamlMap:
    """Return a mapping with what a later one adds, replaces, resets (`!reset`) and overrides (`!override`)."""
    merged = YamlMap(dict(base), {**base.places, **later.places})
    for key, value in later.items():
        if isinstance(value, YamlTagged) and value.tag == "!reset":
            merged.pop(key, None)
        elif isinstance(value, YamlTagged):
            merged[key] = value.value
        else:
            merged[key] = _merge_value(base.get(key), value, (*path, key))
    return merged


def _merge_value(base: Any, later: Any, path: tuple[str, ...]) -> Any:
    key = path[-1]
    if path[0] == "services" and len(path) == 3 and base is not None:
        if key in KEYED_LISTS:
            base, later = keyed_list(base), keyed_list(later)
        elif key in TEXT_LISTS:
            base, later = (one if isinstance(one, list) else [one] for one in (base, later) if one is not None)
    if isinstance(later, YamlMap):
        is_other_driver = key == "logging" and isinstance(base, YamlMap) and base.get("driver") != later.get("driver")
        return merge(base if isinstance(base, YamlMap) and not is_other_driver else YamlMap(), later, path)
    if isinstance(base, list) and isinstance(later, list) and key not in REPLACED:
        by_identity = {_list_identity(key, item): item for item in (*base, *later)}
        return [*by_identity.values()]
    return base if later is None else later


def keyed_list(value: Any) -> Any:
    """Return a list of KEY=VALUE or KEY as a mapping; a mapping as it is."""
    if not isinstance(value, list):
        return value
    pairs = [scalar_text(item).partition("=") for item in value]
    return YamlMap({key: text if equals else None for key, equals, text in pairs})


def _list_identity(key: str, item: Any) -> str:
    """Return by what an entry of a list replaces one of an earlier file."""
    if key not in ("volumes", "devices"):
        return repr(item)
    return scalar_text(item.get("target") if isinstance(item, YamlMap) else ":".join(scalar_text(item).split(":")[1:2]))


def rebase(body: YamlMap, folder: str) -> YamlMap:
    """Return the body of a file in another folder with its relative paths from the main file's."""
    if folder in ("", "."):
        return body

    def rebased(path: Any) -> Any:
        is_relative = isinstance(path, str) and path and not path.startswith(("/", "~"))
        return f"./{posixpath.normpath(posixpath.join(folder, path))}" if is_relative else path

    def rebased_item(item: Any, keys: tuple[str, ...], *, dotted: bool = False) -> Any:
        if isinstance(item, YamlMap):
            moved = {key: rebased(item[key]) for key in keys if key in item and item.get("type", "bind") == "bind"}
            return YamlMap({**item, **moved}, item.places)
        if dotted and isinstance(item, str):
            source, colon, rest = item.partition(":")
            return rebased(source) + colon + rest if source.startswith(".") else item
        return rebased(item)

    result = YamlMap(dict(body), body.places)
    for section in ("secrets", "configs"):
        if isinstance(entries := body.get(section), YamlMap):
            moved = {name: rebased_item(entry, ("file",)) for name, entry in entries.items()}
            result[section] = YamlMap(moved, entries.places)
    services = YamlMap({}, body["services"].places)
    for name, service in body["services"].items():
        services[name] = YamlMap(dict(service), service.places)
        for key, keys in (("volumes", ("source",)), ("env_file", ("path",)), ("label_file", ())):
            value = service.get(key)
            items = value if isinstance(value, list) else [value] if value else []
            if items:
                services[name][key] = [rebased_item(item, keys, dotted=key == "volumes") for item in items]
    result["services"] = services
    return result
