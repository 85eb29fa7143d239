"""The catalogue as a page shows it: which rock-ons, in what order, and what can be done with them."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    case,
    false,
    func,
    or_,
    outerjoin,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Load, load_only
from sqlalchemy.orm.attributes import set_committed_value

from rockonweb.catalog import icons
from rockonweb.config import current_settings
from rockonweb.core.definition import search
from rockonweb.core.definition.badges import Badge
from rockonweb.core.definition.categories import Category
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.models import ACTIVE, Installation, Operation, RockOn, State, Status, db
from rockonweb.models.installation import is_newer
from rockonweb.models.repository import not_installed
from rockonweb.models.rockon import has_word
from rockonweb.web import ui_link
from rockonweb.web.partials import mark_of

PAGE = 96  # a multiple of the columns that the grid may have
INSTALLED, ALL = "installed", "all"
MAX_SEARCH = 200  # characters
_LISTED = or_(RockOn.in_catalogue, Installation.state != State.AVAILABLE)  # what a list may show
_FROM = outerjoin(RockOn, Installation, Installation.entry_id == RockOn.id)

_SHOWN = (
    RockOn.name, RockOn.summary, RockOn.version, RockOn.website, RockOn.has_ui, RockOn.badges, RockOn.icon,
    RockOn.in_catalogue, Installation.name, Installation.entry_id, Installation.state, Installation.status,
    Installation.exit_code, Installation.status_error, Installation.error, Installation.installed_source,
    Installation.ignored, Installation.newer_images,
)  # fmt: skip


class Condition(enum.StrEnum):
    """How rock-ons are, coarse enough to choose by."""

    RUNNING = "running"
    STOPPED = "stopped"
    BUSY = "busy"
    FAILED = "failed"
    AVAILABLE = "available"


# What to look after first comes first.
URGENCY = (Condition.FAILED, Condition.BUSY, Condition.RUNNING, Condition.STOPPED, Condition.AVAILABLE)


class Order(enum.StrEnum):
    """What comes first; without one, names, and what a search fits best."""

    NAME = "name"
    STATE = "state"
    NEWEST = "newest"


@dataclass(frozen=True)
class Wish:
    """What a person wants to see, as the address says it. What it does not know is left out."""

    tab: str = ""
    search: str = ""
    category: Category | None = None
    badges: tuple[Badge, ...] = ()
    condition: Condition | None = None
    page: int = 1
    update: bool = False  # only what has a newer image
    order: Order | None = None

    @classmethod
    def read(cls, arguments: Any) -> Wish:
        """Return the wish of an address's arguments, a `MultiDict`."""
        tab = arguments.get("tab", "")
        given = set(arguments.getlist("badge"))
        return cls(
            tab=tab if tab in (INSTALLED, ALL) else "",
            search=arguments.get("q", "").replace("\0", "").strip()[:MAX_SEARCH],
            category=next((one for one in Category if one == arguments.get("category")), None),
            badges=tuple(badge for badge in Badge if badge in given),
            condition=next((one for one in Condition if one == arguments.get("state")), None),
            update=arguments.get("update") == "1",
            order=next((one for one in Order if one == arguments.get("order")), None),
            page=max(1, arguments.get("page", 1, type=int)),
        )

    @property
    def filtered(self) -> bool:
        """Whether more than the tab is chosen."""
        return bool(self.search or self.category or self.badges or self.condition or self.update)

    def toggled(self, badge: Badge) -> tuple[Badge, ...]:
        """Return the badges with one more, or without one that is chosen."""
        return tuple(one for one in Badge if (one in self.badges) != (one == badge))

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """Return the address's arguments with some fields changed; a change begins on the first page."""
        wish = replace(self, **{"page": 1, **changes})
        return {
            "tab": wish.tab or None,
            "q": wish.search or None,
            "category": wish.category,
            "badge": [*wish.badges],
            "state": wish.condition,
            "update": "1" if wish.update else None,
            "order": wish.order,
            "page": wish.page if wish.page > 1 else None,
        }


class Choice(NamedTuple):
    """A filter that can be chosen, how many rock-ons it would show, and whether it is chosen."""

    key: enum.StrEnum
    number: int
    chosen: bool


@dataclass(frozen=True)
class Card:
    """A rock-on of the list.

    `link` leads to the app's own page, `operation` is the one that waits or runs, `icon` the version of its picture,
    `newer` whether a newer definition waits.
    """

    rockon: Installation
    link: str | None
    operation: int | None
    icon: str
    newer: bool = False

    @property
    def lasting(self) -> tuple[object, ...] | None:
        """All that the card shows of a rock-on that is only in the catalogue; None for one that has more to tell."""
        one, entry = self.rockon, self.rockon.entry
        if one.state is not State.AVAILABLE or self.operation or one.error:
            return None
        return (one.id, one.name, entry.version, entry.website, entry.summary, entry.badges, self.icon)


@dataclass(frozen=True)
class Shelf:
    """A page of the catalogue. `found` counts what the wish matches, `installed` and `everything` the tabs, `updates`
    what would be left of it where only newer images count. `instead` are the words that were searched for because
    nothing has those that were typed.
    """

    cards: list[Card]
    wish: Wish
    pages: int
    found: int
    installed: int
    everything: int
    updates: int
    categories: list[Choice]
    badges: list[Choice]
    conditions: list[Choice]
    instead: str = ""

    @property
    def mark(self) -> str:
        """A fingerprint of what can change, so that a page that polls is sent only news."""
        states = [
            (card.rockon.id, card.rockon.state, card.rockon.status, card.rockon.exit_code, card.rockon.status_error,
             card.rockon.error, card.rockon.entry.version, card.rockon.entry.summary, card.rockon.entry.badges,
             card.icon, card.link, card.operation, card.newer, card.rockon.entry.in_catalogue,
             card.rockon.update_known)
            for card in self.cards
        ]  # fmt: skip
        counts = (self.found, self.installed, self.everything, self.updates)
        choices = (self.categories, self.badges, self.conditions)
        return mark_of(states, counts, choices)


def look(wish: Wish, hostname: str) -> Shelf:
    """Return a page of the catalogue, with the same number of statements however long it is.

    Without a tab: what is installed, or all where nothing is.
    """
    typed = words = search.words(wish.search)
    groups = _groups(words)
    instead: list[str] = []
    if typed and not any(group.matches for group in groups) and (instead := search.meant(typed, _texts())):
        words, groups = instead, _groups(instead)
    installed = sum(group.number for group in groups if group.sort.installed)
    wish = replace(wish, tab=wish.tab or (INSTALLED if installed else ALL))
    sorts: Counter[_Sort] = Counter()
    for group in groups:
        if group.matches and (group.sort.installed or wish.tab == ALL):
            sorts[group.sort] += group.number
    found = sum(number for sort, number in sorts.items() if sort.fits(wish))
    pages = max(1, -(-found // PAGE))
    wish = replace(wish, page=min(wish.page, pages))
    return Shelf(
        cards=_cards(_chosen(wish, words), hostname),
        wish=wish,
        pages=pages,
        found=found,
        installed=installed,
        everything=sum(group.number for group in groups),
        updates=sum(number for sort, number in sorts.items() if sort.newer and sort.fits(wish)),
        **_choices(sorts, wish),
        instead=" ".join(instead),
    )


def installed(hostname: str) -> list[Card]:
    """Return all that is installed or failed to be, in the order of names, by four statements."""
    there = select(RockOn.id).select_from(_FROM).where(Installation.state != State.AVAILABLE)
    there = there.order_by(RockOn.sort_name, RockOn.name)
    return _cards([*db.session.scalars(there)], hostname)


def active_operations(ids: list[int]) -> dict[int, int]:
    """Return the operation that runs, else the one that waits longest, by rock-on."""
    query = select(Operation.installation_id, Operation.id)
    waits = query.where(Operation.installation_id.in_(ids), Operation.progress.in_(ACTIVE))
    rows = db.session.execute(waits.order_by(Operation.id.desc()))
    return {rockon: operation for rockon, operation in rows if rockon is not None}


def condition_of(state: State, status: Status) -> Condition:
    """Return how a rock-on is."""
    if state.startswith("pending") or status.startswith("pending"):
        return Condition.BUSY
    if state is not State.INSTALLED:
        return Condition.FAILED if state is State.INSTALL_FAILED else Condition.AVAILABLE
    return {Status.STARTED: Condition.RUNNING, Status.STOPPED: Condition.STOPPED}.get(status, Condition.FAILED)


@dataclass(frozen=True, eq=False)
class _Sort:
    """What filters look at. Thousands of rock-ons are of a few dozen sorts, and there is one object for each."""

    installed: bool
    condition: Condition
    categories: tuple[str, ...]
    badges: tuple[str, ...]
    newer: bool  # whether a newer image is known

    def fits(self, wish: Wish, *, but: str = "") -> bool:
        """Whether it is what the filters ask for, all of them or all but one."""
        return (
            (but == "category" or wish.category is None or wish.category in self.categories)
            and (not wish.badges or set(wish.badges) <= set(self.badges))
            and (but == "condition" or wish.condition is None or wish.condition is self.condition)
            and (self.newer or not wish.update)
        )


class _Group(NamedTuple):
    """Rock-ons of a sort that a list may show, how many there are, and whether the search finds them."""

    matches: bool
    number: int
    sort: _Sort


@lru_cache(maxsize=10_000)
def _sort(state: str | None, status: str | None, categories: str, badges: str, newer: int | None) -> _Sort:
    """Return the sort of a rock-on from what its columns hold; some are empty where it was never installed."""
    known = State[state] if state else State.AVAILABLE
    installed = known in THERE
    return _Sort(
        installed=installed,
        newer=installed and bool(newer),
        condition=condition_of(known, Status[status] if status else Status.STOPPED),
        categories=tuple(categories.split()),
        badges=tuple(badges.split()),
    )


def _groups(words: Sequence[str]) -> list[_Group]:
    """Return how many rock-ons a list may show, by what filters look at. The database counts: they may be thousands."""
    columns = (Installation.state, Installation.status, RockOn.categories, RockOn.badges)
    sort: list[ColumnElement[Any]] = [type_coerce(column, Text) for column in columns]  # as they are stored
    sort.append(type_coerce(Installation.newer_images, Integer))
    matches = _matches(words).label("matches")
    query = select(matches, func.count(), *sort).select_from(_FROM).where(_LISTED).group_by("matches", *sort)
    return [_Group(bool(one), number, _sort(*stored)) for one, number, *stored in db.session.execute(query)]


def _chosen(wish: Wish, words: Sequence[str]) -> list[int]:
    """Return the rock-ons of a page, in their order."""
    query = select(RockOn.id).select_from(_FROM).where(_LISTED, _matches(words), *_filters(wish))
    if wish.order is Order.STATE:
        query = query.order_by(case(*((_is(condition), place) for place, condition in enumerate(URGENCY))))
    elif wish.order is Order.NEWEST:
        query = query.order_by(RockOn.id.desc())
    elif words and wish.order is None:
        query = query.order_by(_distance(words))
    query = query.order_by(RockOn.sort_name, RockOn.name).limit(PAGE).offset((wish.page - 1) * PAGE)
    return [*db.session.scalars(query)]


def _matches(words: Sequence[str]) -> ColumnElement[bool]:
    return and_(true(), *(RockOn.search.contains(word, autoescape=True) for word in words))


def _filters(wish: Wish) -> Iterator[ColumnElement[bool]]:
    """Return what `_Sort.fits` says, as conditions on rows, and the tab."""
    if wish.tab != ALL:
        yield Installation.state.in_(THERE)
    if wish.category:
        yield has_word(RockOn.categories, wish.category)
    yield from (has_word(RockOn.badges, badge) for badge in wish.badges)
    if wish.condition:
        yield _is(wish.condition)
    if wish.update:
        yield and_(Installation.newer_images, Installation.state.in_(THERE))


def _is(condition: Condition) -> ColumnElement[bool]:
    """Return what `condition_of` says, as a condition on rows."""
    return or_(
        Installation.id.is_(None) if condition is Condition.AVAILABLE else false(),
        *(
            and_(Installation.state == state, Installation.status.in_(statuses))
            for state in State
            if (statuses := [status for status in Status if condition_of(state, status) is condition])
        ),
    )


def _distance(words: Sequence[str]) -> ColumnElement[int]:
    """Return how far a rock-on is from a search: it is its name, begins it, stands in it, or stands elsewhere."""
    name, whole = RockOn.sort_name, " ".join(words)
    return case(
        (name == whole, 0),
        (name.startswith(words[0], autoescape=True), 1),
        (or_(*(name.contains(word, autoescape=True) for word in words)), 2),
        else_=3,
    )


def _texts() -> list[str]:
    """Return the names of the rock-ons that a list may show, and all that searches look through.

    The database joins them: ten thousand rows would take longer than the search.
    """
    listed = (
        select(RockOn.sort_name, RockOn.search).select_from(_FROM).where(_LISTED).order_by(RockOn.sort_name).subquery()
    )
    joined = (func.aggregate_strings(column, "\n") for column in (listed.c.sort_name, listed.c.search))
    return [text or "" for text in db.session.execute(select(*joined)).one()]


def _choices(sorts: Counter[_Sort], wish: Wish) -> dict[str, list[Choice]]:
    """Return the filters that would show something, each counted as if the others stayed."""
    categories: Counter[str] = Counter()
    badges: Counter[str] = Counter()
    conditions: Counter[str] = Counter()
    for sort, times in sorts.items():
        if sort.fits(wish, but="category"):
            categories.update(dict.fromkeys(sort.categories, times))
        if sort.fits(wish):
            badges.update(dict.fromkeys(sort.badges, times))
        if sort.fits(wish, but="condition"):
            conditions[sort.condition] += times
    return {
        "categories": _offered(Category, categories, (wish.category,)),
        "badges": _offered(Badge, badges, wish.badges),
        "conditions": _offered(Condition, conditions, (wish.condition,)),
    }


def _offered(
    keys: type[enum.StrEnum], counts: Mapping[str, int], chosen: tuple[enum.StrEnum | None, ...]
) -> list[Choice]:
    return [Choice(key, counts.get(key, 0), key in chosen) for key in keys if counts.get(key) or key in chosen]


def load_apps(
    entries: Select[RockOn], columns: Iterable[InstrumentedAttribute[Any]], *more: ColumnElement[Any]
) -> Iterator[tuple[Installation, tuple[Any, ...]]]:
    """Yield the apps of chosen entries with these columns alone, as they are installed, else as they are not; with
    each the values of `more` expressions. One statement.
    """
    columns = [*columns]
    query = entries.outerjoin(Installation, Installation.entry_id == RockOn.id).add_columns(Installation, *more)
    query = query.options(
        load_only(*(column for column in columns if column.class_ is RockOn), raiseload=True),
        Load(Installation).load_only(*(column for column in columns if column.class_ is Installation)),
        Load(Installation).raiseload("*"),
    )
    for entry, known, *values in db.session.execute(query):
        app = known or not_installed(entry)
        set_committed_value(app, "entry", entry)
        yield app, tuple(values)


def _cards(ids: list[int], hostname: str) -> list[Card]:
    # The newest definition of those alone that are installed with another one: few, and all are long.
    differs = case((and_(RockOn.in_catalogue, RockOn.source != Installation.installed_source), RockOn.source))
    rockons: dict[int, Installation] = {}
    newer = {}
    for app, (source,) in load_apps(select(RockOn).where(RockOn.id.in_(ids)), _SHOWN, differs):
        rockons[app.entry.id] = app
        newer[app.entry.id] = (
            app.installed and source is not None and is_newer(source, app.installed_source, app.ignored)
        )
    links = ui_link.links(rockons.values(), hostname)
    operations = active_operations([app.id for app in rockons.values()])
    folder = icons.folder(current_settings())
    return [
        Card(app, links.get(app.id), operations.get(app.id), icons.version(folder, app.entry.icon), newer[app.entry.id])
        for app in (rockons[one] for one in ids if one in rockons)
    ]
