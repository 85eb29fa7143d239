"""Apps of CasaOS and ZimaOS: Compose files with `x-casaos`, which has texts, icon and page."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rockonweb.core.imports.compose_project import ComposeProject, load_project, main_files
from rockonweb.core.imports.source import SourceApp, SourceQuestion, changed, join_project_path
from rockonweb.core.imports.store_compose import ask_variables, convert_store_project, find_page, port_number
from rockonweb.core.imports.store_files import Files, Section
from rockonweb.core.imports.yaml_reader import YamlMap, read_yaml, scalar_text
from rockonweb.core.text import t

KEY = "x-casaos"
DATA = "/DATA"
_MARK = re.compile(rf"^[ \t]*[\"']?{KEY}[\"']?[ \t]*:", re.MULTILINE)
_PARTS = {"envs": "environment", "ports": "ports", "volumes": "volumes", "devices": "devices"}
# What the store shows of an app, or what is read here.
_KNOWN = (
    *("id", "architectures", "category", "icon", "title", "version", "update_at", "release_notes", "website", "repo"),
    *("support", "docs", "description", "tagline", "author", "developer", "port_map", "screenshot_link", "main"),
    *("index", "thumbnail", "tips", "scheme", "store_app_id", "screenshot", "is_uncontrolled", *_PARTS),
)


def recognise_casaos(files: Files) -> bool:
    """Whether there is an app of CasaOS among the files."""
    return any(_MARK.search(text) for text in files.values())


def parse_casaos(files: Files) -> SourceApp:
    """Return the app of a Compose file with `x-casaos`. Raises BadInput."""
    main = main_files(files)[0]
    body = read_yaml(files[main], main)
    name = scalar_text(body.get("name")) if isinstance(body, YamlMap) else ""
    project = load_project(files, {"AppID": name or "app"})
    store = Section.of(project.body.get(KEY) or {}, KEY, main)
    for service, settings in project.services.items():
        if isinstance(volumes := settings.get("volumes"), list):
            settings["volumes"] = [_own_volume(project, f"services.{service}.volumes", item) for item in volumes]
    questions = ask_variables(project, files)
    for service, settings in project.services.items():
        questions[service] |= _questions(settings, f"services.{service}.{KEY}")
    questions = ask_variables(project, files)
    for service, settings in project.services.items():
        questions[service] |= _questions(settings, f"services.{service}.{KEY}")
    app = convert_store_project(project, questions)
    tips = store.section("tips")
    return replace(
        app,
        name=english(store.values.get("title")) or app.name,
        report=(*app.report, *store.others(*_KNOWN)),
        description=english(store.values.get("description")) or english(store.values.get("tagline")),
        version=store.text("version"),
        website=store.text("website") or store.text("repo"),
        icon=store.text("icon"),
        more_info=english(tips.values.get("before_install")),
        page=find_page(
            app, port_number(store.text("port_map")), store.text("index"), https=store.text("scheme") == "https"
        ),
    )


def english(value: Any) -> str:
    """Return a text that may be given by language, English before others."""
    if not isinstance(value, Mapping):
        return value.strip() if isinstance(value, str) else ""
    by_language = {str(key).lower(): text for key, text in value.items() if isinstance(text, str) and text.strip()}
    order = sorted(by_language, key=lambda language: (language != "en_us", not language.startswith("en")))
    return by_language[order[0]].strip() if order else ""


def _own_volume(project: ComposeProject, path: str, volume: Any) -> Any:
    """Return a volume with a folder of the project for one of the store."""
    source = volume.get("source") if isinstance(volume, YamlMap) else volume
    source = source.partition(":")[0] if isinstance(source, str) else ""
    if not f"{source}/".startswith(f"{DATA}/"):
        return volume
    folder = posixpath.normpath(source).removeprefix(DATA).removeprefix("/AppData").lstrip("/")
    app, _, rest = folder.partition("/")
    own = join_project_path(rest if app == project.name else folder)
    project.report.append(changed(path, t("%(path)s is a folder of CasaOS.", path=source)))
    if isinstance(volume, YamlMap):
        return YamlMap({**volume, "source": own}, volume.places)
    return own + volume.removeprefix(source)


def _questions(settings: YamlMap, path: str) -> Iterator[tuple[tuple[str, str], SourceQuestion]]:
    """Yield part and key of each question of a service with what the store says of it."""
    store = Section.of(settings.get(KEY) or {}, path, "")
    for key, part in _PARTS.items():
        for entry in store.sections(key):
            if text := english(entry.values.get("description")):
                yield (part, entry.text("container").rstrip("/")), SourceQuestion(description=text)
