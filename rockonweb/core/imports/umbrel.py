"""Apps of Umbrel: `umbrel-app.yml` with its Compose file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.compose_file import container_names
from rockonweb.core.imports.compose_project import ComposeProject, keyed_list, load_project, main_files
from rockonweb.core.imports.source import ReportEntry, SourceApp, SourceQuestion, changed, left
from rockonweb.core.imports.store_compose import (
    ask_variables,
    convert_store_project,
    derive_secret,
    find_page,
    fix_variables,
    forget_report,
    port_number,
    publish_port,
)
from rockonweb.core.imports.store_files import Files, Section, find_file
from rockonweb.core.imports.yaml_reader import YamlMap, read_yaml, scalar_text
from rockonweb.core.text import t

MANIFEST = ("umbrel-app.yml", "umbrel-app.yaml")
PROXY = "app_proxy"
EXPORTS = "exports.sh"
_EXPORT = re.compile(r"^[ \t]*export[ \t]+(\w+)=(?:([\"']?)([\w.:/-]*)\2[ \t]*(?:#.*)?$)?", re.MULTILINE)
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_QUESTIONS = {"APP_PASSWORD": SourceQuestion(t("Password")), "APP_SEED": SourceQuestion(t("Secret of the app"))}


def recognise_umbrel(files: Files) -> bool:
    """Whether there is an app of Umbrel among the files."""
    return find_file(files, *MANIFEST) is not None


def parse_umbrel(files: Files, seed: str) -> SourceApp:
    """Return the app of a manifest and its Compose file; its secrets are derived from the seed. Raises BadInput."""
    found = find_file(files, *MANIFEST)
    if found is None:
        raise BadInput(t("%(path)s is missing.", path=MANIFEST[0]))
    manifest_path, text = found
    manifest = Section.of(read_yaml(text, manifest_path), "", manifest_path)
    others = {path: content for path, content in files.items() if path != manifest_path}
    constants, report = _read_exports(others)
    app_id = manifest.text("id") or "app"
    variables = {
        **constants,
        "APP_ID": app_id,
        "APP_DATA_DIR": ".",
        "UMBREL_ROOT": ".",
        "APP_PASSWORD": derive_secret(seed, f"{app_id}:password", 32),
        "APP_SEED": derive_secret(seed, f"{app_id}:seed", 64),
    }
    project = load_project(others, variables, name=app_id)
    proxy = project.services.pop(PROXY, None)
    if not project.services:
        raise BadInput(t("%(file)s has no services.", file=main_files(others)[0]))
    forget_report(project, f"services.{PROXY}")
    for service, settings in project.services.items():
        settings.setdefault("container_name", f"{app_id}_{service}_1")  # under which the others ask for it
    host_port = port_number(manifest.text("port"))
    if proxy is not None:
        _publish_page(project, proxy, host_port)
    app = fix_variables(convert_store_project(project, ask_variables(project, others, _QUESTIONS)))
    user, password = manifest.text("defaultUsername"), manifest.text("defaultPassword")
    return replace(
        app,
        name=manifest.text("name") or app.name,
        report=(*app.report, *report, *_left_out(manifest, others)),
        description=manifest.text("description") or manifest.text("tagline"),
        version=manifest.text("version"),
        website=manifest.text("website"),
        more_info=t("The first sign-in: %(user)s, %(password)s.", user=user, password=password) if password else "",
        page=find_page(app, host_port, manifest.text("path"), https=False),
    )


def _publish_page(project: ComposeProject, proxy: YamlMap, host_port: int) -> None:
    """Publish the port that Umbrel's proxy leads to."""
    settings = keyed_list(proxy.get("environment"))
    settings = settings if isinstance(settings, YamlMap) else YamlMap()
    host, port = scalar_text(settings.get("APP_HOST")), port_number(settings.get("APP_PORT"))
    service = next((key for key, name in container_names(project).items() if host in (name, key)), "")
    if service and port and host_port:
        publish_port(project.services[service], host_port, port)
        message = t("Its page is on port %(port)s, without the sign-in of Umbrel.", port=host_port)
        project.report.append(changed(f"services.{PROXY}", message))
    else:
        project.report.append(left(f"services.{PROXY}", t("It leads to a page that is not here.")))


def _read_exports(files: Files) -> tuple[dict[str, str], list[ReportEntry]]:
    """Return the variables that the app's script sets to plain words, and what is told of the others.

    Addresses are not taken: they are those of Umbrel's network.
    """
    script = find_file(files, EXPORTS)
    if script is None:
        return {}, []
    exports = _EXPORT.findall(script[1])
    constants = {name: value for name, _, value in exports if value and not _ADDRESS.fullmatch(value)}
    others = dict.fromkeys(name for name, *_ in exports if name not in constants)
    message = t("It is a script that sets %(names)s.", names=", ".join(others))
    return constants, [left(script[0], message)] if others else []


def _left_out(manifest: Section, files: Files) -> Iterator[ReportEntry]:
    if needed := manifest.texts("dependencies"):
        yield left("dependencies", t("It needs other apps of Umbrel: %(names)s.", names=", ".join(needed)))
    for path in files:
        if path.rpartition("/")[0].endswith("hooks"):
            yield left(path, t("It is a script of Umbrel."))
