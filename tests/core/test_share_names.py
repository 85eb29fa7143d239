"""Names of shares and folders: none leads out of the root of the shares, for a program or for an eye."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.answers.answers import SHARE_NAME, label_fault, share_fault, variable_fault
from rockonweb.core.containers.argv import share_facts
from rockonweb.core.definition.definition import is_mount_point
from rockonweb.core.facts import HostFacts
from tests.support.examples import example_settings

LOOK_ALIKES = "\u2024\u2025\u2026\uff0e\ufe52\uff0f\u2044\u2215\u29f8\uff3c\u2216\ufe68\u29f5\uff1a\u2236\ua789\u3002"
HOSTILE = st.text(f"ab.-_/\\: ~\0\n\t\x1b\u202e\u200b\u00a0\u0430{LOOK_ALIKES}", max_size=12) | st.text(max_size=12)
PARTS = st.sampled_from(
    ["share", "a", "..", ".", "...", ". .", "-x", "", "\u2025", "\uff0e\uff0e", "b\uff0fc", "\u2024."]
)
PLACES = HOSTILE | st.lists(PARTS | HOSTILE, max_size=4).map("/".join)


@pytest.mark.parametrize(
    "place",
    [
        *("..", ".", "", "/", "/etc", "../etc", "-v", "--privileged", "a b", "a\0", "a:ro", "\u0430", "x" * 255),
        *("s/..", "s/../t", "s/.", "s//t", "s/a/..", "s/-x", "s/a/--b", "s/a:ro", "s/a\\b", "s/a\0b", "s/a\nb", "s/ "),
        *("s/\u2025", "s/\uff0e\uff0e", "s/\u2024\u2024", "s/.\u2024", "s/...", "s/. .", "s/a\uff0fb", "s/a\u2215b"),
        *("s/a\u2044b", "s/a\u29f8b", "s/a\uff3cb", "s/a\uff1aro", "s/a\u2236ro", "s/a\ua789ro", "s/a\u202eb"),
        *("s/\u200b", "s/a\x1b[0m", "s/" + "x" * 256, "s/" + "\u00fc" * 128, "s/" + "a/" * 1500 + "a"),
    ],
)
def test_what_leads_out_or_looks_so_is_refused(place: str) -> None:
    assert "is not a" in share_fault(place)


@pytest.mark.parametrize(
    "place",
    [
        *("photos", "syncthing-config", "A.b_c-1", "x" * 254, "s/photos", "s/.config", "s/two words"),
        *("s/Gr\u00f6\u00dfe", "s/Gro\u0308\u00dfe", "s/a/b/c", "s/a..b", "s/Movies\u2026", "s/\u97f3\u697d"),
        *("s/(1)", "s/a,b=c", "s/" + "x" * 255),
    ],
)
def test_ordinary_names_are_taken(place: str) -> None:
    assert share_fault(place) == ""


@pytest.mark.parametrize(
    "share",
    [
        "My Photos",
        "\u00dcbung",
        "U\u0308bung",
        "O'Brien & Sons",
        "C++",
        "100%",
        "$HOME",
        "#1",
        "a?b",
        "\u97f3\u697d",
        "x" * 255,
    ],
)
def test_a_share_that_exists_may_have_any_name_that_can_be_mounted(share: str) -> None:
    assert share_fault(f"{share}/films", [share]) == share_fault(share, None) == ""
    assert "is not a name for a share" in share_fault(share)


@pytest.mark.parametrize(
    "share",
    [
        "a:b",
        "a\uff1ab",
        "a\nb",
        "a\tb",
        "a\u200bb",
        "a\\b",
        "-v",
        ".x",
        "\u2024x",
        " a",
        "a ",
        "..",
        "",
        "\u00fc" * 128,
    ],
)
def test_one_that_can_not_be_mounted_or_looks_so_can_not_be_chosen(share: str) -> None:
    assert "is not a name for a share" in share_fault(share, [share])
    assert "is not a name for a share" in share_fault(f"{share}/films", None)


@example_settings(1500)
@given(PLACES)
def test_whatever_is_taken_stays_inside_its_share(place: str) -> None:
    if share_fault(place, None):
        return
    path = share_facts(place, HostFacts(shares_root="/mnt2")).path
    share = place.partition("/")[0]
    assert SHARE_NAME.fullmatch(share) or share_fault(place)
    assert share == share.strip()
    for one in (path, unicodedata.normalize("NFKC", path), unicodedata.normalize("NFC", path)):
        assert os.path.normpath(one).startswith("/mnt2/")
        assert os.path.normpath(one).count("/") == path.rstrip("/").count("/")
        assert ":" not in one
    assert path.isprintable()
    assert not any(part.startswith("-") for part in path.split("/"))


@example_settings(800)
@given(HOSTILE)
def test_whatever_is_a_mount_point_is_one_and_says_nothing_more(path: str) -> None:
    for one in (path, f"/{path}"):
        if is_mount_point(one):
            assert one.startswith("/")
            assert ":" not in one
            assert ".." not in one.split("/")
            assert one.isprintable()
            assert os.path.normpath(one).strip("/")


@example_settings(800)
@given(st.text("ab.=- \n\0\x1b\u202e", max_size=10) | st.text(max_size=10) | st.just("rockonweb.rockon=x"))
def test_labels_and_variables_that_are_taken_are_one_word_of_the_command_line(text: str) -> None:
    if not label_fault(text):
        key = text.partition("=")[0]
        assert key
        assert key.isprintable()
        assert " " not in key
        assert not text.startswith("rockonweb.")
        assert not {"\0", "\x1b", "\u202e"} & set(text)
    if not variable_fault(text, None):
        assert text.isprintable()
        assert not set("= \0\n") & set(text)
