"""What is allowed in a definition but hardly meant: for those who write them. No reason to refuse anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from rockonweb.core.definition.browser_ports import BLOCKED_PORTS
from rockonweb.core.definition.definition import Definition, DefinitionFault
from rockonweb.core.text import t

QUESTION_PARTS = ("ports", "volumes", "environment", "devices")


def collect_warnings(definition: Definition, body: Mapping[str, Any]) -> list[DefinitionFault]:
    """Return what the author of a definition may want to look at; `body` is the JSON object that it came from."""
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
                yield DefinitionFault(".".join(map(str, detail["loc"])), t("is a key that nothing reads"))


def _unusable_links(definition: Definition, body: Mapping[str, Any]) -> Iterator[DefinitionFault]:
    """Yield the addresses that no browser is sent to."""
    for key, url in (("website", definition.website), ("icon", definition.icon)):
        if body.get(key) and not url:
            yield DefinitionFault(key, t("is no address that begins with https:// or http://, so it is left out"))


def _ui_port_warnings(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield what is odd about the app's own page."""
    ui_ports = [
        (name, port, port_spec.host_default or port)
        for name, port, port_spec in definition.container_ports
        if port_spec.ui
    ]
    if definition.ui.slug and not ui_ports:
        yield DefinitionFault("ui", t("has no effect: no port says that it is the app's own page"))
    for name, port, _ in ui_ports[1:]:
        yield DefinitionFault(
            f"containers.{name}.ports.{port}.ui",
            t("says that this is the app's own page, as another port before it does; that one is taken"),
        )
    for name, port, host in ui_ports:
        if host in BLOCKED_PORTS:
            yield DefinitionFault(
                f"containers.{name}.ports.{port}", t("browsers refuse to open port %(port)s", port=host)
            )


def _question_warnings(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield the questions that a person can't understand, or that don't come in the order that was meant."""
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
                    f"{path}.{key}.index", t("is none of the places 1 to %(count)d", count=len(questions))
                )
            elif positions[question.index] > 1:
                yield DefinitionFault(f"{path}.{key}.index", t("is the place of another question too"))


def _conflicting_ports(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield the ports whose suggestion can't be had."""
    first_claims: dict[tuple[int, str], str] = {}
    for name, port, port_spec in definition.container_ports:
        path, host = f"containers.{name}.ports.{port}", port_spec.host_default or port
        others = {first_claims.setdefault((host, protocol), path) for protocol in port_spec.published_protocols} - {
            path
        }
        if others and not definition.containers[name].on_host_network:
            message = t("suggests port %(host)s, as %(other)s does", host=host, other=min(others))
            yield DefinitionFault(f"{path}.host_default", message)
