"""What somebody should look at, from how the host and the apps are. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rockonweb.core.text import joined, t

TIGHT = 10 * 10**9  # bytes; a few more images or films fill it
FULL = 10**9  # bytes; things begin to fail
TIGHT_MEMORY = 0.07  # of the memory


class Tone(enum.StrEnum):
    """How urgent it is."""

    BAD = "danger"
    WARN = "warning"
    NEWS = "info"


class Place(enum.StrEnum):
    """Where it can be mended."""

    NOWHERE = ""
    ROCKON = "rockon"
    OPERATION = "operation"
    UPDATES = "updates"
    DEFINITION = "definition"
    IMAGES = "images"
    SHARES = "shares"


@dataclass(frozen=True)
class Item:
    """A sentence, what to do, and where; `id` is the row's, where the place has many."""

    tone: Tone
    sentence: str
    hint: str = ""
    place: Place = Place.NOWHERE
    id: int = 0


@dataclass(frozen=True)
class Room:
    """How much of something is left; None where nobody knows."""

    free: int | None = None
    total: int | None = None

    @property
    def used(self) -> float | None:
        """The part that is used."""
        return 1 - self.free / self.total if self.free is not None and self.total else None


@dataclass(frozen=True)
class App:
    """What is installed, or failed to be. `ended` are the words for one that ended by itself, blank for others."""

    id: int
    name: str
    ended: str = ""
    newer_images: bool = False
    newer_definition: bool = False


@dataclass(frozen=True)
class Failure:
    """An operation that failed and that nothing has made up for since; its title says that it did."""

    id: int
    title: str
    error: str = ""
    hint: str = ""
    rockon: int | None = None


@dataclass(frozen=True)
class Facts:
    """What is known. `workers` is None where nobody knows; `running` are the rock-ons that are being worked on."""

    workers: int | None = None
    shares: Room = Room()
    images: Room = Room()
    memory: Room = Room()
    apps: Sequence[App] = ()
    failures: Sequence[Failure] = ()
    running: frozenset[int] = frozenset()


def attention(facts: Facts) -> list[Item]:
    """Return what to look at, the most urgent first. That the queue or Docker is down, each page says itself."""
    found = [*_host(facts), *_failures(facts), *_apps(facts), *_news(facts.apps)]
    return sorted(found, key=lambda item: list(Tone).index(item.tone))


def _host(facts: Facts) -> Iterable[Item]:
    if facts.workers == 0:
        hint = t("Start Rockonweb with `rockonweb up`, which runs and looks after everything that is needed.")
        yield Item(Tone.BAD, t("Nobody does the jobs: what is begun now waits."), hint)
    if (tone := _tone(facts.shares.free)) is not None:
        hint = t("Remove what is not needed, or put shares on a larger disk.")
        yield Item(tone, t("The disk of the shares is nearly full."), hint, Place.SHARES)
    if (tone := _tone(facts.images.free)) is not None:
        hint = t("Remove images that nothing uses; an update may need 1 to 3 GB.")
        yield Item(tone, t("The disk of the images is nearly full."), hint, Place.IMAGES)
    memory = facts.memory
    if memory.used is not None and 1 - memory.used < TIGHT_MEMORY:
        hint = t("Stop an app that is not needed now: when memory runs out, Linux ends one by itself.")
        yield Item(Tone.WARN, t("There is little memory left."), hint)


def _tone(free: int | None) -> Tone | None:
    if free is None or free >= TIGHT:
        return None
    return Tone.BAD if free < FULL else Tone.WARN


def _failures(facts: Facts) -> Iterable[Item]:
    for one in facts.failures:
        if one.rockon not in facts.running:
            yield Item(Tone.BAD, f"{one.title}.", joined(" ", (one.error, one.hint)), Place.OPERATION, one.id)


def _apps(facts: Facts) -> Iterable[Item]:
    told = {one.rockon for one in facts.failures} | facts.running
    for app in facts.apps:
        if app.ended and app.id not in told:
            hint = t("Look at its logs, then start it again.")
            why = app.ended if app.ended.endswith(".") else joined("", (app.ended, "."))
            sentence = t("%(name)s does not run as it should: %(why)s", name=app.name, why=why)
            yield Item(Tone.BAD, sentence, hint, Place.ROCKON, app.id)


def _news(apps: Sequence[App]) -> Iterable[Item]:
    newer = [app.name for app in apps if app.newer_images]
    if newer:
        hint = t("Nothing that runs is touched before you say so, and a failed update goes back by itself.")
        yield Item(Tone.NEWS, t("There are newer images of %(names)s.", names=_few(newer)), hint, Place.UPDATES)
    for app in apps:
        if app.newer_definition:
            hint = t("See what is different before you take it or leave it aside.")
            sentence = t("The catalogue has a newer definition of %(name)s.", name=app.name)
            yield Item(Tone.NEWS, sentence, hint, Place.DEFINITION, app.id)


def _few(names: Sequence[str], most: int = 4) -> str:
    """Return names with commas, and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} … (+{len(names) - most + 1})"
