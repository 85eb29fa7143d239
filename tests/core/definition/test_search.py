"""What was typed, and what was meant."""

import pytest

from rockonweb.core.definition.search import correct_words, split_query

TEXTS = ("jellyfin\nfilms and songs\nbox.example/jellyfin", "nextcloud\nfiles, calendars and contacts", "plex\nfilms")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("jellyfin", ["jellyfin"]),
        ("jelyfin", ["jellyfin"]),  # one less
        ("jelllyfin", ["jellyfin"]),  # one more
        ("jelyfni", ["jellyfin"]),  # two mistakes in a long word
        ("nexctloud", ["nextcloud"]),  # two swapped
        ("jelifi", ["jellyfi"]),  # the beginning, as it is typed
        ("plx", ["plex"]),
        ("song fims", ["song", "films"]),
        ("contcats", ["contacts"]),
    ],
)
def test_the_nearest_word_is_meant(typed: str, found: list[str]) -> None:
    assert correct_words(split_query(typed), TEXTS) == found


@pytest.mark.parametrize("typed", ["xylophone", "qq", "p1exx", "films xylophone"])
def test_nothing_is_guessed_from_afar(typed: str) -> None:
    assert correct_words(split_query(typed), TEXTS) == []


def test_words_are_told_once_and_in_lower_case() -> None:
    assert split_query("  Films  PLEX films ") == ["films", "plex"]
