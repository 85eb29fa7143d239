"""What is allowed in a definition but hardly meant: for those who write them. No reason to refuse anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from rockonweb.core.definition.browser_ports import REFUSED
from rockonweb.core.definition.definition import Definition, Fault
from rockonweb.core.text import t

QUESTIONS = ("ports", "volumes", "environment", "devices")


def advice(definition: Definition, body: Mapping[str, Any]) -> list[Fault]:
    """Return what the author of a definition may want to look at; `body` is the JSON object that it came from."""
    return [
        *_unread(body),
        *_links(definition, body),
        *_pages(definition),
        *_questions(definition),
        *_ports(definition),
    ]


def _unread(body: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the keys that nothing reads: misspelt ones, most likely."""
    try:
        Definition.model_validate({"name": "", **body}, extra="forbid")
    except ValidationError as error:
        for one in error.errors():
            if one["type"] == "extra_forbidden":
                yield Fault(".".join(map(str, one["loc"])), t("is a key that nothing reads"))


def _links(definition: Definition, body: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the addresses that no browser is sent to."""
    for key, used in (("website", definition.website), ("icon", definition.icon)):
        if body.get(key) and not used:
            yield Fault(key, t("is no address that begins with https:// or http://, so it is left out"))


def _pages(definition: Definition) -> Iterator[Fault]:
    """Yield what is odd about the app's own page."""
    pages = [(name, port, asked.host_default or port) for name, port, asked in definition.ports if asked.ui]
    if definition.ui.slug and not pages:
        yield Fault("ui", t("has no effect: no port says that it is the app's own page"))
    for name, port, _ in pages[1:]:
        yield Fault(
            f"containers.{name}.ports.{port}.ui",
            t("says that this is the app's own page, as another port before it does; that one is taken"),
        )
    for name, port, host in pages:
        if host in REFUSED:
            yield Fault(f"containers.{name}.ports.{port}", t("browsers refuse to open port %(port)s", port=host))


def _questions(definition: Definition) -> Iterator[Fault]:
    """Yield the questions that a person can't understand, or that don't come in the order that was meant."""
    asked = {
        f"containers.{name}.{part}": getattr(spec, part)
        for name, spec in definition.containers.items()
        for part in QUESTIONS
    }
    for here, questions in {**asked, "custom_config": definition.custom_config}.items():
        places = Counter(question.index for question in questions.values() if question.index is not None)
        for key, question in questions.items():
            if not question.label.strip():
                yield Fault(f"{here}.{key}.label", t("is blank: people see the key instead"))
            if question.index is not None and not 1 <= question.index <= len(questions):
                yield Fault(f"{here}.{key}.index", t("is none of the places 1 to %(count)d", count=len(questions)))
            elif places[question.index] > 1:
                yield Fault(f"{here}.{key}.index", t("is the place of another question too"))


def _ports(definition: Definition) -> Iterator[Fault]:
    """Yield the ports whose suggestion can't be had."""
    taken: dict[tuple[int, str], str] = {}
    for name, port, asked in definition.ports:
        here, host = f"containers.{name}.ports.{port}", asked.host_default or port
        others = {taken.setdefault((host, protocol), here) for protocol in asked.protocols} - {here}
        if others and not definition.containers[name].on_host_network:
            words = t("suggests port %(host)s, as %(other)s does", host=host, other=min(others))
            yield Fault(f"{here}.host_default", words)
