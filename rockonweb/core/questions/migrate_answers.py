"""A newer definition of an installed rock-on: which answers it takes over, which questions are new, what is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rockonweb.core.answers.answers import LISTS, OPTIONAL_PARTS, Answers, Leaf, leaves, together
from rockonweb.core.containers.argv import fixed_ports
from rockonweb.core.definition.definition import Definition, Question
from rockonweb.core.questions.wizard import QUESTIONS, Ask, all_asks, asks
from rockonweb.core.secret import MASK
from rockonweb.core.text import Text, t

ADDED = {"environment": "variables", "shares": "storage"}  # what a definition may ask for, and where it was added


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
    had = leaves(given)
    kept: dict[Leaf, Any] = {}
    fresh: list[Ask] = []
    adopted: list[Ask] = []
    used: set[Leaf] = set()
    for ask in all_asks(new):
        source = ask.leaf
        if source not in had:
            source = ADDED.get(source[0], source[0]), ask.container, ask.key
        if source not in had or (ask.ui and had[source] is None and not _asked_ui(old, ask)):
            fresh.append(ask)
            continue
        kept[ask.leaf] = had[source]
        used.add(source)
        if source != ask.leaf:
            adopted.append(ask)
    stays = {
        leaf: value
        for leaf, value in had.items()
        if leaf[0] in OPTIONAL_PARTS and leaf[1] in new.containers and leaf not in used
    }
    answers = fixed_ports(new, together({**kept, **stays}))
    return Carried(answers, tuple(fresh), tuple(adopted), tuple(_dropped(old, had, new, used)))


def with_new(carried: Carried, typed: Answers) -> Answers:
    """Return the carried answers with those to the new questions."""
    return together({**leaves(carried.answers), **leaves(typed)})


def only_new(definition: Definition, carried: Carried) -> Definition:
    """Return a definition that asks the new questions and no other, for the forms of the wizard."""
    wanted = {(ask.page, ask.container, ask.key) for ask in carried.asks}

    def left(page: str, container: str, questions: Iterable[tuple[str, Question]]) -> dict[str, Question]:
        return {key: question for key, question in questions if (page, container, key) in wanted}

    containers = {
        name: spec.model_copy(update={part: left(page, name, spec.questions(part)) for page, part in QUESTIONS.items()})
        for name, spec in definition.containers.items()
    }
    settings = left("custom-config", "", definition.custom_config.items())
    return definition.model_copy(update={"containers": containers, "custom_config": settings})


def _asked_ui(old: Definition, ask: Ask) -> bool:
    """Whether the old definition had the app's own page on this port too: then it may be unpublished on purpose."""
    return any(one.ui and one.leaf == ask.leaf for one in asks(old, "ports"))


def _dropped(old: Definition, had: Mapping[Leaf, Any], new: Definition, used: Collection[Leaf]) -> Iterator[Dropped]:
    """Yield the answers that are left over; blank ones and ports that were not published are none."""
    asked = {ask.leaf: ask for ask in all_asks(old)}
    for leaf, value in had.items():
        part, container, key = leaf
        stays = part in OPTIONAL_PARTS and container in new.containers
        if stays or leaf in used or not value:
            continue
        ask = asked.get(leaf)
        secret = ask.secret if ask else part == "variables" and old.hides(container, key)
        shown = MASK if secret else key if part in LISTS else str(value)
        yield Dropped(part, container, key, ask.label if ask else key, shown, _why(part, container, new))


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
