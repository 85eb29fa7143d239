"""Apps of Runtipi: `config.json` with `docker-compose.yml`, or with `docker-compose.json` in words of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.compose_project import ComposeProject, load_project
from rockonweb.core.imports.source import SourceApp, SourceQuestion
from rockonweb.core.imports.store_compose import (
    ask_variables,
    convert_store_project,
    derive_secret,
    drop_networks,
    drop_proxy_labels,
    find_page,
    fix_variables,
    port_number,
    publish_port,
)
from rockonweb.core.imports.store_files import Files, Section, describe_choices, find_file, read_json
from rockonweb.core.text import t

CONFIG = "config.json"
COMPOSE = "docker-compose.yml"
KEY = "x-runtipi"
NETWORKS = ("tipi_main_network", "tipi-main-network")
MIN_SECRET_LENGTH, MAX_SECRET_LENGTH = 32, 256
# Keys of `docker-compose.json` that are no words of Compose in other letters.
_COMPOSE_KEYS = {"healthCheck": "healthcheck", "extraLabels": "labels"}


def recognise_runtipi(files: Files) -> bool:
    """Whether there is an app of Runtipi among the files."""
    config = find_file(files, CONFIG)
    return config is not None and '"tipi_version"' in config[1]


def parse_runtipi(files: Files, seed: str) -> SourceApp:
    """Return the app of a folder of Runtipi's store; its secrets are derived from the seed. Raises BadInput."""
    found = find_file(files, CONFIG)
    if found is None:
        raise BadInput(t("%(path)s is missing.", path=CONFIG))
    config = Section.of(read_json(*found), "", found[0])
    fields = {field.text("env_variable"): field for field in config.sections("form_fields")}
    app_id, host_port = config.text("id") or "app", port_number(config.text("port"))
    compose = {COMPOSE: _compose_text(files)}
    project = load_project(compose, _variables(config, fields, f"{seed}:{app_id}"), name=app_id)
    drop_proxy_labels(project)
    drop_networks(project, *NETWORKS)
    _publish_page(project, host_port)
    questions = ask_variables(project, compose, {name: _question(field) for name, field in fields.items()})
    app = fix_variables(convert_store_project(project, questions))
    return replace(
        app,
        name=config.text("name") or app.name,
        description=config.text("description") or config.text("short_desc"),
        version=config.text("version"),
        website=config.text("website") or config.text("source"),
        page=find_page(app, host_port, config.text("url_suffix"), https=config.flag("https")),
    )


def _compose_text(files: Files) -> str:
    """Return the Compose file; one in Runtipi's own words is put into those of Compose."""
    compose, own = find_file(files, COMPOSE, "docker-compose.yaml"), find_file(files, "docker-compose.json")
    if compose and (KEY in compose[1] or own is None):
        return compose[1]
    if own is None:
        raise BadInput(t("There is no Compose file."))
    root = Section.of(read_json(*own), "", own[0])
    return json.dumps({"services": {service.text("name"): _service(service) for service in root.sections("services")}})


def _service(service: Section) -> dict[str, Any]:
    """Return a service of `docker-compose.json` as one of a Compose file."""
    body: dict[str, Any] = {
        _compose_key(key): value
        for key, value in service.values.items()
        if key not in ("name", "isMain", "internalPort", "addPorts")
    }
    body[KEY] = {"is_main": service.flag("isMain"), "internal_port": service.text("internalPort")}
    if isinstance(service.values.get("environment"), list):
        body["environment"] = {item.text("key"): item.values.get("value") for item in service.sections("environment")}
    body["volumes"] = [
        ":".join(
            filter(None, (item.text("hostPath"), item.text("containerPath"), "ro" if item.flag("readOnly") else ""))
        )
        for item in service.sections("volumes")
    ]
    body["ports"] = [port for item in service.sections("addPorts") for port in _published(item)]
    if isinstance(check := body.get("healthcheck"), dict):
        body["healthcheck"] = {_compose_key(key): value for key, value in check.items()}
    return body


def _compose_key(key: str) -> str:
    return _COMPOSE_KEYS.get(key) or re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", key)


def _published(port: Section) -> list[str]:
    address = f"{port.text('interface')}:" if port.text("interface") else ""
    protocols = [protocol for protocol in ("tcp", "udp") if port.flag(protocol)] or ["tcp"]
    return [f"{address}{port.text('hostPort')}:{port.text('containerPort')}/{protocol}" for protocol in protocols]


def _variables(config: Section, fields: Mapping[str, Section], seed: str) -> dict[str, str]:
    """Return the values of the variables that Runtipi fills in; those that a person must say are missing."""
    values = {
        "APP_ID": config.text("id"),
        "APP_DATA_DIR": ".",
        "ROOT_FOLDER_HOST": ".",
        "APP_PORT": config.text("port"),
        "APP_PROTOCOL": "http",
        "NETWORK_INTERFACE": "0.0.0.0",  # noqa: S104 - written, not bound
        "TIPI_UID": config.text("uid", "1000"),
        "TIPI_GID": config.text("gid", "1000"),
    }
    for name, field in fields.items():
        if field.text("type") == "random":
            length = port_number(field.text("min")) or MIN_SECRET_LENGTH
            values[name] = derive_secret(seed, name, min(length, MAX_SECRET_LENGTH))
        elif default := field.text("default"):
            values[name] = default
        elif not field.flag("required"):
            values[name] = "false" if field.text("type") == "boolean" else ""
    return values


def _question(field: Section) -> SourceQuestion:
    choices = [option.text("value") for option in field.sections("options")]
    return SourceQuestion(field.text("label"), describe_choices(field.text("hint"), choices))


def _publish_page(project: ComposeProject, host_port: int) -> None:
    """Publish the port of the main service that Runtipi's proxy leads to."""
    for service in project.services.values():
        store = service.get(KEY)
        port = port_number(store.get("internal_port")) if isinstance(store, dict) and store.get("is_main") else 0
        if port and host_port:
            publish_port(service, host_port, port)
