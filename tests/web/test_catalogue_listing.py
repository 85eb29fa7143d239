"""What a person wants to see of the catalogue, and what is found."""

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from rockonweb.core.definition.badges import Badge
from rockonweb.core.definition.categories import Category
from rockonweb.models import Problem, State, Status
from rockonweb.web.catalogue_listing import (
    CatalogueListing,
    CatalogueQuery,
    Condition,
    FilterChoice,
    SortOrder,
    condition_of,
    list_catalogue,
)
from tests.support.app import add_rockon, mark_installed
from tests.support.samples import port_question

UI = {"ports": {"80": port_question(8080, ui=True)}}
HOST = {"opts": [["--net=host", ""]]}


@pytest.fixture(autouse=True)
def catalogue(app: Flask) -> None:
    add_rockon("Plex", {"plex": {**UI, **HOST}}, description="Films")
    add_rockon("Jellyfin", {"jellyfin": UI}, description="Films and songs")
    add_rockon("Gitea", {"gitea": UI, "db": {"image": "registry.example/postgres"}})
    mark_installed(add_rockon("Navidrome"))
    mark_installed(add_rockon("Deluge"), Status.STOPPED)


def names(shelf: CatalogueListing) -> list[str]:
    return [card.rockon.name for card in shelf.cards]


def see(query: str) -> CatalogueListing:
    pairs = [pair.partition("=")[::2] for pair in query.split("&")]
    return list_catalogue(CatalogueQuery.parse_args(MultiDict(pairs)), "nas")


# -- the wish -----------------------------------------------------------------------------------------------------


def test_an_address_and_back() -> None:
    given = MultiDict(
        [("tab", "all"), ("q", " a  b "), ("category", "media"), ("badge", "local"), ("badge", "ui"),
         ("state", "running"), ("update", "1"), ("order", "newest"), ("page", "3")]
    )  # fmt: skip
    wish = CatalogueQuery.parse_args(given)
    assert wish == CatalogueQuery(
        "all", "a  b", Category.MEDIA, (Badge.UI, Badge.LOCAL), Condition.RUNNING, 3, True, SortOrder.NEWEST
    )
    assert wish.query_args(page=3) == {
        "tab": "all", "q": "a  b", "category": "media", "badge": ["ui", "local"], "state": "running",
        "update": "1", "order": "newest", "page": 3,
    }  # fmt: skip
    assert wish.query_args(category=None)["page"] is None
    assert wish.toggle_badge(Badge.UI) == (Badge.LOCAL,)
    assert wish.toggle_badge(Badge.PRIVILEGED) == (Badge.UI, Badge.PRIVILEGED, Badge.LOCAL)


def test_what_an_address_makes_no_sense_of_is_left_out() -> None:
    given = MultiDict(
        [("tab", "x"), ("category", "x"), ("badge", "x"), ("state", "<b>"), ("page", "-1"), ("q", "\0"), ("order", "x")]
    )
    assert CatalogueQuery.parse_args(given) == CatalogueQuery()
    assert not CatalogueQuery().is_filtered
    assert len(CatalogueQuery.parse_args(MultiDict([("q", "x" * 999)])).search) == 200


# -- what is found ------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Deluge", "Navidrome"]),
        ("tab=all", ["Deluge", "Gitea", "Jellyfin", "Navidrome", "Plex"]),
        ("tab=all&category=media", ["Jellyfin", "Navidrome", "Plex"]),
        ("tab=all&category=media&badge=ui", ["Jellyfin", "Plex"]),
        ("tab=all&badge=ui&badge=host-network", ["Plex"]),
        ("tab=all&badge=containers", ["Gitea"]),
        ("tab=all&badge=privileged", []),
        ("tab=all&state=running", ["Navidrome"]),
        ("tab=installed&state=stopped", ["Deluge"]),
        ("tab=all&state=available&category=media&q=songs", ["Jellyfin"]),
        ("tab=installed&q=films", []),
        ("tab=all&q=postgres", ["Gitea"]),
        ("tab=all&q=registry.example/postgres", ["Gitea"]),
        ("tab=all&q=FILMS plex", ["Plex"]),
        ("tab=all&q=%", []),
        ("tab=all&q=\\", []),
    ],
)
def test_filters_and_words_combine(app: Flask, query: str, found: list[str]) -> None:
    shelf = see(query)
    assert names(shelf) == found
    assert (shelf.match_count, shelf.installed_count, shelf.total_count) == (len(found), 2, 5)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tab=all&order=name&q=e", ["Deluge", "Gitea", "Jellyfin", "Navidrome", "Plex"]),
        ("tab=all&order=newest", ["Deluge", "Navidrome", "Gitea", "Jellyfin", "Plex"]),
        ("tab=all&order=state", ["Navidrome", "Deluge", "Gitea", "Jellyfin", "Plex"]),
        ("tab=all&q=films", ["Jellyfin", "Plex"]),
        ("tab=all&q=plex", ["Plex"]),
        ("tab=all&q=a", ["Gitea", "Navidrome", "Deluge", "Jellyfin", "Plex"]),  # those whose name has it come first
        ("tab=all&q=p", ["Plex", "Gitea"]),  # whose name begins with it
    ],
)
def test_the_order_is_what_was_asked_for_or_what_fits_best(app: Flask, query: str, found: list[str]) -> None:
    assert [name for name in names(see(query)) if name in found] == found


@pytest.mark.both_databases
def test_a_search_forgives_a_typing_mistake_and_says_what_it_took_instead(app: Flask) -> None:
    shelf = see("tab=all&q=jelyfin flims")
    assert (names(shelf), shelf.corrected_search) == (["Jellyfin"], "jellyfin films")
    assert see("tab=all&q=jellyfin").corrected_search == ""
    assert (names(see("tab=all&q=xylophone")), see("tab=all&q=xylophone").corrected_search) == ([], "")


@pytest.mark.both_databases
def test_filters_are_counted_as_if_the_others_stayed(app: Flask) -> None:
    shelf = see("tab=all&badge=ui")
    assert shelf.categories == [FilterChoice(Category.MEDIA, 2, False), FilterChoice(Category.DEVELOPMENT, 1, False)]
    assert shelf.badges == [
        FilterChoice(Badge.UI, 3, True), FilterChoice(Badge.CONTAINERS, 1, False),
        FilterChoice(Badge.HOST_NETWORK, 1, False),
        FilterChoice(Badge.LOCAL, 3, False),
    ]  # fmt: skip
    assert shelf.conditions == [FilterChoice(Condition.AVAILABLE, 3, False)]


@pytest.mark.both_databases
def test_a_filter_that_is_chosen_can_be_taken_back_also_where_it_finds_nothing(app: Flask) -> None:
    shelf = see("tab=all&badge=privileged&category=games")
    assert shelf.badges == [FilterChoice(Badge.PRIVILEGED, 0, True)]
    assert shelf.categories == [FilterChoice(Category.GAMES, 0, True)]


@pytest.mark.parametrize(
    ("state", "status", "condition"),
    [
        (State.AVAILABLE, Status.STOPPED, Condition.AVAILABLE),
        (State.INSTALL_FAILED, Status.STOPPED, Condition.FAILED),
        (State.PENDING_INSTALL, Status.PENDING_START, Condition.BUSY),
        (State.PENDING_UNINSTALL, Status.STARTED, Condition.BUSY),
        (State.INSTALLED, Status.PENDING_STOP, Condition.BUSY),
        (State.INSTALLED, Status.STARTED, Condition.RUNNING),
        (State.INSTALLED, Status.STOPPED, Condition.STOPPED),
        (State.INSTALLED, Status.EXITED, Condition.FAILED),
        (State.INSTALLED, Status.START_FAILED, Condition.FAILED),
        (State.INSTALLED, Status.STOP_FAILED, Condition.FAILED),
    ],
)
def test_conditions(state: State, status: Status, condition: Condition) -> None:
    assert condition_of(state, status) is condition


def test_what_runs_and_is_not_well_counts_as_failed() -> None:
    mark_installed(add_rockon("Sick"), problem=Problem.UNHEALTHY)
    mark_installed(add_rockon("Starting"), problem=Problem.STARTING)
    assert names(see("state=failed")) == ["Sick"]
    assert names(see("state=running")) == ["Navidrome", "Starting"]
    assert (Condition.FAILED, 1, False) in see("").conditions
