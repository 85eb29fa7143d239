"""The catalogue as a page shows it: which rock-ons, in what order, and what can be done with them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import defer

from rockonweb.models import ACTIVE, Operation, RockOn, State, db
from rockonweb.web import ui_link
from rockonweb.web.wording import plain

PAGE = 96  # a multiple of the columns that the grid may have
INSTALLED, ALL = "installed", "all"


@dataclass(frozen=True)
class Card:
    """A rock-on of the list; `link` leads to the app's own page, `operation` is the one that waits or runs."""

    rockon: RockOn
    link: str | None
    operation: int | None


@dataclass(frozen=True)
class Shelf:
    """A page of the catalogue. `found` counts what the search matches, `installed` and `everything` the tabs."""

    cards: list[Card]
    tab: str
    search: str
    page: int
    pages: int
    found: int
    installed: int
    everything: int

    @property
    def pending(self) -> bool:
        """Whether something on it is about to change."""
        return any(card.rockon.pending or card.operation for card in self.cards)

    @property
    def mark(self) -> str:
        """A fingerprint of what can change, so that a page that polls is sent only news."""
        states = [
            (card.rockon.id, card.rockon.state, card.rockon.status, card.rockon.exit_code, card.rockon.status_error,
             card.rockon.error, card.rockon.version, card.rockon.description, card.link, card.operation)
            for card in self.cards
        ]  # fmt: skip
        return f"{zlib.crc32(repr((states, self.found, self.installed, self.everything)).encode()):08x}"


def look(tab: str, search: str, page: int, hostname: str) -> Shelf:
    """Return a page of the catalogue in name order, with the same number of statements however long it is.

    Without a tab: what is installed, or all where nothing is.
    """
    lines = db.session.execute(select(RockOn.id, RockOn.name, RockOn.description, RockOn.state, RockOn.in_catalogue))
    known = sorted(
        (line for line in lines if line.in_catalogue or line.state is not State.AVAILABLE),
        key=lambda line: (line.name.casefold(), line.name),
    )
    installed = [line for line in known if line.state not in (State.AVAILABLE, State.INSTALL_FAILED)]
    tab = tab if tab in (INSTALLED, ALL) else INSTALLED if installed else ALL
    words = search.casefold().split()
    chosen = [
        line.id
        for line in (installed if tab == INSTALLED else known)
        if not words or _matches(words, line.name, line.description)
    ]
    pages = max(1, -(-len(chosen) // PAGE))
    page = min(max(1, page), pages)
    cards = _cards(chosen[(page - 1) * PAGE : page * PAGE], hostname)
    return Shelf(cards, tab, search, page, pages, len(chosen), len(installed), len(known))


def active_operations(ids: list[int]) -> dict[int, int]:
    """Return the operation that waits or runs, by rock-on."""
    query = select(Operation.rockon_id, Operation.id)
    rows = db.session.execute(query.where(Operation.rockon_id.in_(ids), Operation.progress.in_(ACTIVE)))
    return {rockon: operation for rockon, operation in rows if rockon is not None}


def _matches(words: list[str], name: str, description: str) -> bool:
    text = f"{name} {plain(description)}".casefold()
    return all(word in text for word in words)


def _cards(ids: list[int], hostname: str) -> list[Card]:
    query = select(RockOn).where(RockOn.id.in_(ids)).options(defer(RockOn.source))
    rockons = {rockon.id: rockon for rockon in db.session.scalars(query)}
    links = ui_link.links(rockons.values(), hostname)
    operations = active_operations(ids)
    return [Card(rockons[one], links.get(one), operations.get(one)) for one in ids if one in rockons]
