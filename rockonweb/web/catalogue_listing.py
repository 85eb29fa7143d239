"""The catalogue as a page shows it: search, filters, order and cards of rock-ons."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
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
    type_coerce,
)
from sqlalchemy.orm import Load
from sqlalchemy.orm.attributes import set_committed_value

from rockonweb.catalog import icons
from rockonweb.config import current_config
from rockonweb.core.definition import search
from rockonweb.core.definition.badges import Badge
from rockonweb.core.definition.categories import Category
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.models import Installation, Operation, Problem, RockOn, State, Status, db
from rockonweb.models.installation import in_state, is_newer_definition
from rockonweb.models.operation import IS_ACTIVE
from rockonweb.models.repository import blank_installation
from rockonweb.models.rockon import has_word
from rockonweb.web import ui_link
from rockonweb.web.labels import status_age
from rockonweb.web.partials import fingerprint_of

CARDS_PER_PAGE = 96  # divisible by each number of columns that the grid may have
INSTALLED, ALL = "installed", "all"
MAX_SEARCH_LENGTH = 200  # characters
_DOWN, _NOT_DOWN = ([problem for problem in Problem if problem.is_down is down] for down in (True, False))
_IS_LISTED = or_(  # what a list may show; few apps are joined faster by a subquery than with each rock-on
    RockOn.in_catalogue, RockOn.id.in_(select(Installation.entry_id).where(Installation.state != State.AVAILABLE))
)
_FROM = outerjoin(RockOn, Installation, Installation.entry_id == RockOn.id)


class CardEntry(NamedTuple):
    """The columns of a rock-on that its card shows. A plain tuple: a list has many, and rows of the ORM cost more."""

    id: int
    name: str
    summary: str
    version: str
    website: str
    has_ui: bool
    badges: tuple[str, ...]
    icon: str
    known_icon: str
    in_catalogue: bool


_APP_COLUMNS = (
    Installation.name, Installation.entry_id, Installation.state, Installation.status, Installation.problem,
    Installation.exit_code, Installation.status_error, Installation.error, Installation.installed_source,
    Installation.ignored, Installation.newer_images,
)  # fmt: skip
# Definitions are long: the newest is loaded only for the few rock-ons that are installed with another one.
_DIFFERING_SOURCE = case((and_(RockOn.in_catalogue, RockOn.source != Installation.installed_source), RockOn.source))
# Built once, as the others below: each page executes them, and building them takes longer than the query.
_CARDS = (
    select(Installation, _DIFFERING_SOURCE, *(getattr(RockOn, column) for column in CardEntry._fields))
    .select_from(_FROM)
    .options(Load(Installation).load_only(*_APP_COLUMNS), Load(Installation).raiseload("*"))
)
_LISTED_COUNTS = select(
    select(func.count(RockOn.id)).where(_IS_LISTED).scalar_subquery(),
    select(func.count(Installation.id)).where(in_state(*INSTALLED_OR_PENDING)).scalar_subquery(),
)
_TRAITS_COUNTS = (  # grouped by an app's id instead of its columns, in half the time
    select(
        func.count(),
        *(  # raw values
            type_coerce(column, Text)
            for column in (
                Installation.state,
                Installation.status,
                Installation.problem,
                RockOn.categories,
                RockOn.badges,
            )
        ),
        type_coerce(Installation.newer_images, Integer),
    )
    .select_from(_FROM)
    .where(_IS_LISTED)
    .group_by(RockOn.categories, RockOn.badges, Installation.id)
)
_ACTIVE_OPERATIONS = select(Operation.installation_id, Operation.id).where(IS_ACTIVE).order_by(Operation.id.desc())


class Condition(enum.StrEnum):
    """State and status of a rock-on, combined to the few values of a filter."""

    RUNNING = "running"
    STOPPED = "stopped"
    BUSY = "busy"
    FAILED = "failed"
    AVAILABLE = "available"


# What needs attention comes first.
URGENCY = (Condition.FAILED, Condition.BUSY, Condition.RUNNING, Condition.STOPPED, Condition.AVAILABLE)


class SortOrder(enum.StrEnum):
    """How cards are sorted; without a choice by name, or by relevance when searching."""

    NAME = "name"
    STATE = "state"
    NEWEST = "newest"


@dataclass(frozen=True)
class CatalogueQuery:
    """Search, filters and page as given in the URL; unknown values are ignored."""

    tab: str = ""
    search: str = ""
    category: Category | None = None
    badges: tuple[Badge, ...] = ()
    condition: Condition | None = None
    page: int = 1
    update: bool = False  # only rock-ons that have a newer image
    order: SortOrder | None = None

    @classmethod
    def parse_args(cls, arguments: Any) -> CatalogueQuery:
        """Return the query of a URL's arguments, a `MultiDict`."""
        tab = arguments.get("tab", "")
        badge_names = set(arguments.getlist("badge"))
        return cls(
            tab=tab if tab in (INSTALLED, ALL) else "",
            search=arguments.get("q", "").replace("\0", "").strip()[:MAX_SEARCH_LENGTH],
            category=next((candidate for candidate in Category if candidate == arguments.get("category")), None),
            badges=tuple(badge for badge in Badge if badge in badge_names),
            condition=next((candidate for candidate in Condition if candidate == arguments.get("state")), None),
            update=arguments.get("update") == "1",
            order=next((candidate for candidate in SortOrder if candidate == arguments.get("order")), None),
            page=max(1, arguments.get("page", 1, type=int)),
        )

    @property
    def is_filtered(self) -> bool:
        """Whether more than the tab is chosen."""
        return bool(self.search or self.category or self.badges or self.condition or self.update)

    def toggle_badge(self, badge: Badge) -> tuple[Badge, ...]:
        """Return the chosen badges with this one added, or removed where it is chosen."""
        return tuple(candidate for candidate in Badge if (candidate in self.badges) != (candidate == badge))

    def query_args(self, **changes: Any) -> dict[str, Any]:
        """Return the URL's arguments with some fields changed; the page becomes the first unless given."""
        query = replace(self, **{"page": 1, **changes})
        return {
            "tab": query.tab or None,
            "q": query.search or None,
            "category": query.category,
            "badge": [*query.badges],
            "state": query.condition,
            "update": "1" if query.update else None,
            "order": query.order,
            "page": query.page if query.page > 1 else None,
        }


class FilterChoice(NamedTuple):
    """A value of a filter, the number of rock-ons it would show, and whether it is chosen."""

    key: enum.StrEnum
    number: int
    chosen: bool


@dataclass(frozen=True)
class RockonCard:
    """A rock-on of the list. `installation` is its row, None where it was never installed.

    `link` is the URL of the app's own page, `operation` the id of the one that waits or runs, `icon` the version of its
    icon, `newer` whether a newer definition is available, `unreadable` why its installed definition can't be read.
    """

    entry: CardEntry
    installation: Installation | None
    icon: str
    link: str | None = None
    operation: int | None = None
    newer: bool = False
    unreadable: str = ""

    @cached_property
    def rockon(self) -> Installation:
        """The app; one that was never installed is built here, which cards that are cached don't need."""
        return self.installation or blank_installation(RockOn(**self.entry._asdict()))

    @cached_property
    def cache_key(self) -> tuple[object, ...] | None:
        """All that the card of a rock-on that is not installed depends on; None for a card that is not to be cached."""
        installation, entry = self.installation, self.entry
        if installation and (installation.state is not State.AVAILABLE or self.operation or installation.error):
            return None
        return (installation.id if installation else entry.id, entry, self.icon)


@dataclass(frozen=True)
class CatalogueListing:
    """A page of the catalogue. `match_count` counts what the query matches, `installed_count` and `total_count` the
    rock-ons of the two tabs, `update_count` the matches with a newer image. `corrected_search` has the corrected
    words that were searched for because the typed ones matched nothing.
    """

    cards: list[RockonCard]
    query: CatalogueQuery
    pages: int
    match_count: int
    installed_count: int
    total_count: int
    update_count: int
    categories: list[FilterChoice]
    badges: list[FilterChoice]
    conditions: list[FilterChoice]
    corrected_search: str = ""

    @property
    def listing_fingerprint(self) -> str:
        """A fingerprint of what can change, so that a polling page is answered only after a change."""
        states = [
            card.cache_key or
            (card.rockon.id, card.rockon.state, card.rockon.status, card.rockon.problem, card.rockon.exit_code,
             card.rockon.status_error, card.rockon.error, card.entry, card.icon, card.link, card.operation, card.newer,
             card.rockon.has_newer_image, card.unreadable)
            for card in self.cards
        ]  # fmt: skip
        counts = (self.match_count, self.installed_count, self.total_count, self.update_count)
        choices = (self.categories, self.badges, self.conditions)
        return fingerprint_of(states, counts, choices, status_age())


def list_catalogue(query: CatalogueQuery, hostname: str) -> CatalogueListing:
    """Return a page of the catalogue; the number of SQL statements does not depend on its length.

    Without a tab: what is installed, or all rock-ons where nothing is.
    """
    search_words = search.split_query(query.search)
    matching, corrected_words = _count_matches(search_words), []
    if search_words and not matching and (corrected_words := search.correct_words(search_words, _searchable_texts())):
        search_words, matching = corrected_words, _count_matches(corrected_words)
    if search_words:
        total_count, installed_count = db.session.execute(_LISTED_COUNTS).one()
    else:
        total_count, installed_count = matching.total(), sum(n for traits, n in matching.items() if traits.installed)
    query = replace(query, tab=query.tab or (INSTALLED if installed_count else ALL))
    traits_counts = Counter({traits: n for traits, n in matching.items() if traits.installed or query.tab == ALL})
    match_count = sum(traits_count for traits, traits_count in traits_counts.items() if traits.matches_query(query))
    pages = max(1, -(-match_count // CARDS_PER_PAGE))
    query = replace(query, page=min(query.page, pages))
    return CatalogueListing(
        cards=_build_cards(_select_page(query, search_words), hostname),
        query=query,
        pages=pages,
        match_count=match_count,
        installed_count=installed_count,
        total_count=total_count,
        update_count=sum(
            traits_count
            for traits, traits_count in traits_counts.items()
            if traits.newer and traits.matches_query(query)
        ),
        **_filter_choices(traits_counts, query),
        corrected_search=" ".join(corrected_words),
    )


def installed_cards(hostname: str) -> list[RockonCard]:
    """Return the cards of all rock-ons that are not merely available, by name; four SQL statements."""
    installed_query = _CARDS.where(Installation.state != State.AVAILABLE).order_by(RockOn.sort_name, RockOn.name)
    return _build_cards(installed_query, hostname)


def active_operations() -> dict[int, int]:
    """Return the id of the operation that runs, else waits longest, by the id of the installation."""
    rows = db.session.execute(_ACTIVE_OPERATIONS)
    return {installation: operation for installation, operation in rows if installation is not None}


def condition_of(state: State, status: Status, problem: Problem = Problem.NONE) -> Condition:
    """Return the condition for a state, a status, and what is wrong while it runs."""
    if state.startswith("pending") or status.startswith("pending"):
        return Condition.BUSY
    if state is not State.INSTALLED:
        return Condition.FAILED if state is State.INSTALL_FAILED else Condition.AVAILABLE
    if status is Status.STARTED and problem.is_down:
        return Condition.FAILED
    return {Status.STARTED: Condition.RUNNING, Status.STOPPED: Condition.STOPPED}.get(status, Condition.FAILED)


@dataclass(frozen=True, eq=False)
class _RockonTraits:
    """What filters check. Thousands of rock-ons share a few dozen combinations, with one object for each."""

    installed: bool
    condition: Condition
    categories: tuple[str, ...]
    badges: tuple[str, ...]
    newer: bool  # whether a newer image is known

    def matches_query(self, query: CatalogueQuery, *, ignored_filter: str = "") -> bool:
        """Whether all filters match, or all but the ignored one."""
        return (
            (ignored_filter == "category" or query.category is None or query.category in self.categories)
            and (not query.badges or set(query.badges) <= set(self.badges))
            and (ignored_filter == "condition" or query.condition is None or query.condition is self.condition)
            and (self.newer or not query.update)
        )


@lru_cache(maxsize=10_000)
def _traits_of(
    state: str | None, status: str | None, problem: str | None, categories: str, badges: str, newer: int | None
) -> _RockonTraits:
    """Return the traits for stored column values, some of which are None where it was never installed."""
    rockon_state = State.__members__.get(state, State.INSTALLED) if state else State.AVAILABLE
    installed = rockon_state in INSTALLED_OR_PENDING
    return _RockonTraits(
        installed=installed,
        newer=installed and bool(newer),
        condition=condition_of(
            rockon_state,
            Status.__members__.get(status or "", Status.STOPPED),
            Problem.__members__.get(problem or "", Problem.NONE),
        ),
        categories=tuple(categories.split()),
        badges=tuple(badge for badge in badges.split() if badge in [*Badge]),
    )


def _count_matches(search_words: Sequence[str]) -> Counter[_RockonTraits]:
    """Count the rock-ons of the catalogue and the apps that a search matches, by their traits.

    The database counts: there may be thousands.
    """
    counts: Counter[_RockonTraits] = Counter()
    for rockon_count, *values in db.session.execute(_TRAITS_COUNTS.where(*_search_conditions(search_words))):
        counts[_traits_of(*values)] += rockon_count
    return counts


def _select_page(wanted_query: CatalogueQuery, search_words: Sequence[str]) -> Select[Any]:
    """Return the query for a page's cards, in order. The database finds the page in an index, without definitions."""
    order: list[Any] = []
    if wanted_query.order is SortOrder.STATE:
        order = [case(*((_condition_clause(condition), rank) for rank, condition in enumerate(URGENCY)))]
    elif wanted_query.order is SortOrder.NEWEST:
        order = [RockOn.id.desc()]
    elif search_words and wanted_query.order is None:
        order = [_search_rank(search_words)]
    order += [RockOn.sort_name, RockOn.name]
    ids = (
        select(RockOn.id)
        .select_from(_FROM)
        .where(_IS_LISTED, *_search_conditions(search_words), *_query_conditions(wanted_query))
        .order_by(*order)
        .limit(CARDS_PER_PAGE)
        .offset((wanted_query.page - 1) * CARDS_PER_PAGE)
    )
    return _CARDS.where(RockOn.id.in_(ids)).order_by(*order)


def _search_conditions(search_words: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    return (RockOn.search.contains(search_word, autoescape=True) for search_word in search_words)


def _query_conditions(query: CatalogueQuery) -> Iterator[ColumnElement[bool]]:
    """Yield the SQL conditions for the tab and for `_RockonTraits.matches_query`."""
    if query.tab != ALL:
        yield in_state(*INSTALLED_OR_PENDING)
    if query.category:
        yield has_word(RockOn.categories, query.category)
    yield from (has_word(RockOn.badges, badge) for badge in query.badges)
    if query.condition:
        yield _condition_clause(query.condition)
    if query.update:
        yield and_(Installation.newer_images, in_state(*INSTALLED_OR_PENDING))


def _condition_clause(condition: Condition) -> ColumnElement[bool]:
    """Return the SQL condition for `condition_of` being `condition`."""
    return or_(
        Installation.id.is_(None) if condition is Condition.AVAILABLE else false(),
        *(
            and_(in_state(state), Installation.status.in_(statuses), Installation.problem.in_(problems))
            for state in State
            for problems in (_DOWN, _NOT_DOWN)
            if (statuses := [status for status in Status if condition_of(state, status, problems[0]) is condition])
        ),
    )


def _search_rank(search_words: Sequence[str]) -> ColumnElement[int]:
    """Return an SQL rank for a search: 0 the whole name, 1 the name's start, 2 within the name, 3 elsewhere."""
    name, search_text = RockOn.sort_name, " ".join(search_words)
    return case(
        (name == search_text, 0),
        (name.startswith(search_words[0], autoescape=True), 1),
        (or_(*(name.contains(search_word, autoescape=True) for search_word in search_words)), 2),
        else_=3,
    )


def _searchable_texts() -> list[str]:
    """Return two texts: the names and the search texts of the rock-ons that a list may show, joined by newlines.

    The database joins them: loading ten thousand rows would take longer than the search.
    """
    listed = select(RockOn.sort_name, RockOn.search).where(_IS_LISTED).order_by(RockOn.sort_name).subquery()
    aggregates = (func.aggregate_strings(column, "\n") for column in (listed.c.sort_name, listed.c.search))
    return [text or "" for text in db.session.execute(select(*aggregates)).one()]


def _filter_choices(traits_counts: Counter[_RockonTraits], query: CatalogueQuery) -> dict[str, list[FilterChoice]]:
    """Return the filter values that would show something, each counted with the other filters applied."""
    categories: Counter[str] = Counter()
    badges: Counter[str] = Counter()
    conditions: Counter[str] = Counter()
    for traits, rockon_count in traits_counts.items():
        if traits.matches_query(query, ignored_filter="category"):
            categories.update(dict.fromkeys(traits.categories, rockon_count))
        if traits.matches_query(query):
            badges.update(dict.fromkeys(traits.badges, rockon_count))
        if traits.matches_query(query, ignored_filter="condition"):
            conditions[traits.condition] += rockon_count
    return {
        "categories": _nonempty_choices(Category, categories, (query.category,)),
        "badges": _nonempty_choices(Badge, badges, query.badges),
        "conditions": _nonempty_choices(Condition, conditions, (query.condition,)),
    }


def _nonempty_choices(
    keys: type[enum.StrEnum], counts: Mapping[str, int], chosen: tuple[enum.StrEnum | None, ...]
) -> list[FilterChoice]:
    return [FilterChoice(key, counts.get(key, 0), key in chosen) for key in keys if counts.get(key) or key in chosen]


def _build_cards(query: Select[Any], hostname: str) -> list[RockonCard]:
    rows = [(CardEntry(*values), app, source) for app, source, *values in db.session.execute(query)]
    for entry, app, _ in rows:
        if app:
            set_committed_value(app, "entry", RockOn(**entry._asdict()))
    links = ui_link.ui_links_by_id((app for _, app, _ in rows if app and app.is_installed), hostname)
    operations, folder = active_operations(), icons.icons_folder(current_config())
    return [
        RockonCard(
            entry,
            app,
            icons.icon_version(folder, entry.icon),
            *((links.get(app.id), operations.get(app.id), *_definition_facts(app, source)) if app else ()),
        )
        for entry, app, source in rows
    ]


def _definition_facts(app: Installation, newest: str | None) -> tuple[bool, str]:
    """Return `RockonCard.newer` and `unreadable`; `newest` is the catalogue's definition where it is another one."""
    if not app.is_installed:
        return False, ""
    newer = newest is not None and is_newer_definition(newest, app.installed_source, app.ignored)
    return newer, ui_link.parse_cached(app.name, app.installed_source or "").unreadable
