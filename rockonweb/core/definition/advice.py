"""Warnings for authors of definitions: what is allowed but probably a mistake. No reason to reject anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from rockonweb.core.definition.browser_ports import BLOCKED_PORTS
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import DefinitionFault
from rockonweb.core.text import t

QUESTION_PARTS = ("ports", "volumes", "environment", "devices")


def collect_warnings(definition: Definition, body: Mapping[str, Any]) -> list[DefinitionFault]:
    """Return the warnings for the author of a definition; `body` is the JSON object that it was parsed from."""
    return [
        *_unknown_keys(body),
        *_unusable_links(definition, body),
        *_ui_port_warnings(definition),
        *_question_warnings(definition),
        *_conflicting_ports(definition),
    ]


def _unknown_keys(body: Mapping[str, Any]) -> Iterator[DefinitionFault]:
    """Yield the keys that nothing reads: misspelt ones, most likely."""
    try:
        Definition.model_validate({"name": "", **body}, extra="forbid")
    except ValidationError as error:
        for detail in error.errors():
            if detail["type"] == "extra_forbidden":
                yield DefinitionFault(".".join(map(str, detail["loc"])), t("is an unknown key and has no effect"))


def _unusable_links(definition: Definition, body: Mapping[str, Any]) -> Iterator[DefinitionFault]:
    """Yield the URLs that are ignored, because a browser could not open them."""
    for key, url in (("website", definition.website), ("icon", definition.icon)):
        if body.get(key) and not url:
            yield DefinitionFault(key, t("is not an address that starts with https:// or http:// and is ignored"))


def _ui_port_warnings(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield warnings about the port of the app's own page."""
    ui_ports = [
        (name, port, port_spec.host_default or port)
        for name, port, port_spec in definition.container_ports
        if port_spec.ui
    ]
    if definition.ui.slug and not ui_ports:
        yield DefinitionFault("ui", t("has no effect: no port is marked as the app's page"))
    for name, port, _ in ui_ports[1:]:
        yield DefinitionFault(
            f"containers.{name}.ports.{port}.ui",
            t("marks this port as the app's page, but an earlier port is marked already; the earlier one is used"),
        )
    for name, port, host in ui_ports:
        if host in BLOCKED_PORTS:
            yield DefinitionFault(f"containers.{name}.ports.{port}", t("browsers block port %(port)s", port=host))


def _question_warnings(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield the questions without a label, and those whose `index` can't be their position."""
    questions_by_path = {
        f"containers.{name}.{part}": getattr(spec, part)
        for name, spec in definition.containers.items()
        for part in QUESTION_PARTS
    }
    for path, questions in {**questions_by_path, "custom_config": definition.custom_config}.items():
        positions = Counter(question.index for question in questions.values() if question.index is not None)
        for key, question in questions.items():
            if not question.label.strip():
                yield DefinitionFault(f"{path}.{key}.label", t("is blank: people see the key instead"))
            if question.index is not None and not 1 <= question.index <= len(questions):
                yield DefinitionFault(
                    f"{path}.{key}.index", t("is not a position from 1 to %(count)d", count=len(questions))
                )
            elif positions[question.index] > 1:
                yield DefinitionFault(f"{path}.{key}.index", t("is also the position of another question"))


def _conflicting_ports(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield the ports that suggest a host port which an earlier one suggests already."""
    first_claims = {
        (port.host, port.protocol): f"containers.{name}.opts"
        for name, spec in definition.containers.items()
        if not spec.on_host_network
        for port in spec.run_options.published_ports
    }
    for name, port, port_spec in definition.container_ports:
        path, host = f"containers.{name}.ports.{port}", port_spec.host_default or port
        others = {first_claims.setdefault((host, protocol), path) for protocol in port_spec.published_protocols} - {
            path
        }
        if others and not definition.containers[name].on_host_network:
            message = t("suggests port %(host)s, as %(other)s does", host=host, other=min(others))
            yield DefinitionFault(f"{path}.host_default", message)
