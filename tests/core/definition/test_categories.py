"""Categories, from names, words and images."""

import pytest

from rockonweb.core.definition.categories import (
    APP_NAMES,
    DESCRIPTION_WORDS,
    MAX_CATEGORIES,
    Category,
    categorize_rockon,
)


@pytest.mark.parametrize(
    ("name", "text", "images", "found"),
    [
        ("Plex", "", ["example/x"], ["media"]),
        ("AdGuard Home", "", [], ["network"]),
        ("Home Assistant", "", [], ["home"]),
        ("Home-Assistant (beta)", "", ["box.example/home-assistant/home-assistant"], ["home"]),
        ("Nextcloud-Official", "", [], ["files"]),
        ("Sonarr", "", [], ["media", "downloads"]),
        ("My films", "", ["lsio.example/linuxserver/jellyfin:10@sha256:abc"], ["media"]),
        ("My films", "", ["localhost:5000/jellyfin"], ["media"]),
        ("Cloud", "", ["postgres", "example/immich-server"], ["photos"]),
        ("Data", "", ["postgres:16"], ["databases"]),
        ("MariaDB", "", ["linuxserver/mariadb"], ["databases"]),
        ("Thing", "", ["mariadb", "example/thing"], ["other"]),
        ("Thing", "Streams your music and movies, with a chat", [], ["media"]),
        ("Thing", "A BACKUP of everything", [], ["backup"]),
        ("Thing", "Nothing to see", [], ["other"]),
        ("", "", [], ["other"]),
    ],
)
def test_a_rockon_is_put_where_it_belongs(name: str, text: str, images: list[str], found: list[str]) -> None:
    assert categorize_rockon(name, text, images) == tuple(found)


def test_a_part_of_a_word_is_no_word() -> None:
    assert categorize_rockon("Complexity", "A unicode ideal", ["x/plexiglas"]) == (Category.OTHER,)


def test_the_map_is_sound() -> None:
    assert set(APP_NAMES) == set(DESCRIPTION_WORDS) == set(Category) - {Category.OTHER}
    for category, apps in APP_NAMES.items():
        words = apps.split()
        assert len(words) == len(set(words)), category
        assert all(word == "".join(filter(str.isalnum, word.casefold())) for word in words), category
    assert all(
        len(categorize_rockon(app, "", [])) <= MAX_CATEGORIES for apps in APP_NAMES.values() for app in apps.split()
    )
