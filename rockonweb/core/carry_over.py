"""A newer definition of an installed rock-on: which answers it takes over, which questions are new, what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core.answers import OPTIONAL_PARTS, PARTS, Answers
from rockonweb.core.argv import fixed_ports
from rockonweb.core.definition import Definition, Question
from rockonweb.core.secret import MASK
from rockonweb.core.text import Text, t
from rockonweb.core.wizard import Ask, all_asks, asks

PART_OF = {"custom-config": "custom_config"}  # the others are called as their pages
BECOMES = {"variables": "environment", "storage": "shares"}  # what was added, and where a definition asks for it


@dataclass(frozen=True)
class Dropped:
    """An answer that the newer definition has no use for, as it is shown: secrets masked."""

    part: str
    container: str
    key: str
    label: str
    value: str
    why: Text


@dataclass(frozen=True)
class Carried:
    """`answers` to what both definitions ask, `asks` that are new, `adopted` ones that were answered before by what
    the user added, and `dropped` answers.
    """

    answers: Answers
    asks: tuple[Ask, ...] = ()
    adopted: tuple[Ask, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    def asked(self, page: str) -> list[Ask]:
        """Return the new questions of a page."""
        return [ask for ask in self.asks if ask.page == page]


def carry(old: Definition, given: Answers, new: Definition) -> Carried:
    """Return what becomes of the answers that an installed rock-on has when `new` takes the place of `old`.

    Answers are known again by container and key. A question without an answer is a new one, whatever the old
    definition asked: so no variable gets a value that nobody gave.
    """
    parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    fresh: list[Ask] = []
    adopted: list[Ask] = []
    used: set[tuple[str, str, str]] = set()
    for ask in all_asks(new):
        part, key = PART_OF.get(ask.page, ask.page), int(ask.key) if ask.page == "ports" else ask.key
        source = part
        if key not in _there(given, part, ask.container):
            source = next((added for added, asked in BECOMES.items() if asked == part), part)
        values = _there(given, source, ask.container)
        usable = key in values and not (ask.ui and values[key] is None and not _asked_ui(old, ask))
        if not usable:
            fresh.append(ask)
            continue
        parts[part].setdefault(ask.container, {})[key] = values[key]
        used.add((source, ask.container, str(key)))
        if source != part:
            adopted.append(ask)
    for part in OPTIONAL_PARTS:
        for container, values in getattr(given, part).items():
            if container in new.containers:
                left = [key for key in values if (part, container, key) not in used]
                kept = left if isinstance(values, list) else {key: values[key] for key in left}
                if kept:
                    parts[part][container] = kept
    answers = Answers(**{**parts, "custom_config": parts["custom_config"].get("", {})})
    return Carried(fixed_ports(new, answers), tuple(fresh), tuple(adopted), tuple(_dropped(old, given, new, used)))


def with_new(carried: Carried, typed: Answers) -> Answers:
    """Return the carried answers with those to the new questions."""
    merged: dict[str, Any] = {}
    for part in ("shares", "ports", "devices", "environment"):
        before, added = getattr(carried.answers, part), getattr(typed, part)
        merged[part] = {name: {**before.get(name, {}), **added.get(name, {})} for name in {**before, **added}}
    merged["custom_config"] = {**carried.answers.custom_config, **typed.custom_config}
    return replace(carried.answers, **merged)


def only_new(definition: Definition, carried: Carried) -> Definition:
    """Return a definition that asks the new questions and no other, for the forms of the wizard."""
    wanted = {(ask.page, ask.container, ask.key) for ask in carried.asks}

    def left(page: str, container: str, questions: Mapping[str, Question]) -> dict[str, Question]:
        return {
            key: question
            for key, question in questions.items()
            if (page, container, str(int(key)) if page == "ports" else key) in wanted
        }

    containers = {
        name: spec.model_copy(
            update={
                "volumes": left("shares", name, spec.volumes),
                "ports": left("ports", name, spec.ports),
                "devices": left("devices", name, spec.devices),
                "environment": left("environment", name, spec.environment),
            }
        )
        for name, spec in definition.containers.items()
    }
    return definition.model_copy(
        update={"containers": containers, "custom_config": left("custom-config", "", definition.custom_config)}
    )


def _there(given: Answers, part: str, container: str) -> Mapping[Any, Any]:
    if part == "custom_config":
        return given.custom_config
    found: Mapping[Any, Any] = getattr(given, part).get(container, {})
    return found


def _asked_ui(old: Definition, ask: Ask) -> bool:
    """Whether the old definition had the app's own page on this port too: then it may be unpublished on purpose."""
    return any(one.ui and (one.container, one.key) == (ask.container, ask.key) for one in asks(old, "ports"))


def _dropped(old: Definition, given: Answers, new: Definition, used: set[tuple[str, str, str]]) -> Iterator[Dropped]:
    """Yield the answers that are left over; blank ones and ports that were not published are none."""
    asked = {(PART_OF.get(ask.page, ask.page), ask.container, ask.key): ask for ask in all_asks(old)}
    for part in PARTS:
        for container, key, value in _items(given, part):
            stays = part in OPTIONAL_PARTS and container in new.containers
            if stays or (part, container, key) in used or not value:
                continue
            ask = asked.get((part, container, key))
            secret = ask.secret if ask else part == "variables" and old.hides(container, key)
            label = ask.label if ask else key
            yield Dropped(part, container, key, label, MASK if secret else value, _why(part, container, new))


def _items(given: Answers, part: str) -> Iterator[tuple[str, str, str]]:
    """Yield container, key and value of each answer of a part; a label or a network is its own value."""
    by_container = {"": given.custom_config} if part == "custom_config" else getattr(given, part)
    for container, values in by_container.items():
        for key in values:
            value = key if isinstance(values, list) else values[key]
            yield container, str(key), "" if value is None else str(value)


def _why(part: str, container: str, new: Definition) -> Text:
    if container and container not in new.containers:
        if part in ("shares", "storage"):
            return t("The container is gone. The files stay in the share.")
        return t("The container is gone.")
    if part == "shares":
        return t("It is not asked for any more. The files stay in the share; you can add it as storage.")
    if part == "environment":
        return t("It is not asked for any more. You can add it as a variable of your own.")
    return t("It is not asked for any more.")
