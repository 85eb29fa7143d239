"""What stores whose apps are Compose files share: variables that only they know, labels of their proxy, the page."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rockonweb.core.docker.run_options import options_from_pairs
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.compose_file import container_names, convert_project
from rockonweb.core.imports.compose_project import ComposeProject, keyed_list, main_files
from rockonweb.core.imports.interpolation import interpolate
from rockonweb.core.imports.source import SourceApp, SourceContainer, SourcePage, SourceQuestion, left
from rockonweb.core.imports.store_files import Files
from rockonweb.core.imports.yaml_reader import YamlMap, read_yaml, scalar_text
from rockonweb.core.secret import is_secret, without_password
from rockonweb.core.text import t

Questions = dict[str, dict[tuple[str, str], SourceQuestion]]  # by service; then by part of the definition and key
PROXY_LABELS = ("traefik.", "runtipi.")
_WHOLE_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)(?:\}|[:?-][^{}]*\})?")


def convert_store_project(project: ComposeProject, questions: Questions) -> SourceApp:
    """Return the app of a project, with the texts of its questions. Raises BadInput with every fault."""
    app = convert_project(project)
    by_container = {name: questions.get(service, {}) for service, name in container_names(project).items()}
    containers = tuple(replace(container, questions=by_container[container.name]) for container in app.containers)
    return replace(app, containers=containers)


def fix_variables(app: SourceApp) -> SourceApp:
    """Return an app whose questions are only what its store asks too, and secrets; all other variables are fixed."""
    return replace(app, containers=tuple(
        replace(container, fixed=frozenset(_fixed_variables(container))) for container in app.containers
    ))  # fmt: skip


def _fixed_variables(container: SourceContainer) -> Iterator[str]:
    for flag, value in container.options:
        name, is_set, text = value.partition("=")
        is_asked = ("environment", name) in container.questions or not is_set
        if flag == "--env" and not is_asked and not is_secret(name) and without_password(text) == text:
            yield name


def ask_variables(
    project: ComposeProject, files: Files, texts: Mapping[str, SourceQuestion] | None = None
) -> Questions:
    """Return the questions for what `environment` takes from the store's variables, with their `texts` by variable.

    Of a value of which a part is missing, the question says how it is put together.
    """
    questions: Questions = defaultdict(dict)
    for service, key, text in _environment_texts(files):
        variable = _WHOLE_VARIABLE.fullmatch(text)
        if variable and texts and variable[1] in texts:
            questions[service]["environment", key] = texts[variable[1]]
        elif _is_incomplete(text, project.env):
            description = t('In the store it is "%(text)s".', text=text)
            questions[service]["environment", key] = SourceQuestion(description="" if variable else description)
    return questions


def _environment_texts(files: Files) -> Iterator[tuple[str, str, str]]:
    """Yield service, key and value, as it is written, of each entry of `environment` with a variable."""
    body = read_yaml(files[main := main_files(files)[0]], main)
    services = body.get("services") if isinstance(body, YamlMap) else None
    for service, settings in services.items() if isinstance(services, YamlMap) else ():
        environment = keyed_list(settings.get("environment")) if isinstance(settings, YamlMap) else None
        for key, text in environment.items() if isinstance(environment, YamlMap) else ():
            if isinstance(text, str) and "$" in text:
                yield service, key, text


def _is_incomplete(text: str, values: Mapping[str, str]) -> bool:
    try:
        return bool(interpolate(text, values).missing)
    except BadInput:  # one that must have a value
        return True


def drop_proxy_labels(project: ComposeProject) -> None:
    """Take away the labels by which the store's proxy finds a service, and tell it."""
    for name, service in project.services.items():
        labels = keyed_list(service.get("labels"))
        if not isinstance(labels, YamlMap):
            continue
        others = {key: value for key, value in labels.items() if not key.startswith(PROXY_LABELS)}
        if len(others) < len(labels):
            service["labels"] = YamlMap(others, labels.places)
            forget_report(project, f"services.{name}.labels")
            message = t("The labels are those of the store's proxy, which is not here.")
            project.report.append(left(f"services.{name}.labels", message))


def forget_report(project: ComposeProject, path: str) -> None:
    """Forget what was told of a part that is not taken at all."""
    project.report[:] = [entry for entry in project.report if not f"{entry.what}.".startswith(f"{path}.")]


def drop_networks(project: ComposeProject, *networks: str) -> None:
    """Take services off networks of the store, so that they find each other on the project's own."""
    for name, service in project.services.items():
        joined = keyed_list(service.get("networks"))
        if isinstance(joined, YamlMap) and {*networks} & {*joined}:
            others = {key: value for key, value in joined.items() if key not in networks}
            service["networks"] = YamlMap(others or {"default": None})
            project.report.append(left(f"services.{name}.networks", t("It is a network of the store.")))
    for network in networks:
        project.networks.pop(network, None)


def publish_port(service: YamlMap, host_port: int, port: int) -> None:
    """Publish a port of a service, which the store's proxy led to."""
    ports = service.get("ports") or []
    if service.get("network_mode") is None and isinstance(ports, list):
        service["ports"] = [*ports, f"{host_port}:{port}"]


def find_page(app: SourceApp, host_port: int, slug: str, *, https: bool) -> SourcePage | None:
    """Return the page behind a port of the host, None where no container publishes one there."""
    for container in app.containers:
        for port in options_from_pairs(container.options).published_ports:
            if port.host == host_port:
                return SourcePage(container.name, port.number, slug.lstrip("/"), https)
    return None


def derive_secret(seed: str, name: str, length: int) -> str:
    """Return the secret of a name: always the same of one seed, which nobody else knows."""
    texts = (f"{seed}:{name}:{number}" for number in range(length // 64 + 1))
    return "".join(hashlib.sha256(text.encode(errors="replace")).hexdigest() for text in texts)[:length]


def port_number(value: Any) -> int:
    """Return a port as a number, 0 for what is none."""
    text = scalar_text(value).strip()
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536 else 0
