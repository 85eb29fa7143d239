"""What a list shows of a definition, and finds it by."""

import pytest

from rockonweb.core.definition.catalogue_columns import MAX_SUMMARY, shorten_summary, strip_html, summarize_definition
from tests.support.samples import build_definition


def test_everything_that_a_list_needs() -> None:
    player = build_definition(
        {"player": {"image": "Box.example/jelly/fin"}, "helper": {"image": "redis"}},
        "Über-Player",
        description="<p>Films &amp; <b>music</b>, STRASSE</p>",
        icon="https://example.org/a.png",
    )
    shown = summarize_definition(player, local=True)
    assert shown.sort_name == "über-player"
    assert shown.search == "über-player\nfilms & music, strasse\nbox.example/jelly/fin\nredis"
    assert shown.summary == "Films & music, STRASSE"
    assert shown.badges == ("containers", "local")
    assert shown.categories == ("media",)
    assert shown.icon == "https://example.org/a.png"
    assert shown.known_icon == ""
    assert (
        summarize_definition(build_definition({"db": {"image": "redis"}, "films": {"image": "plex"}})).known_icon
        == "plex"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p>One</p><p>two</p>", "One two"),
        ("a &lt;b&gt;  &amp;\n c", "a <b> & c"),
        ("a <strong>bo</strong>ld <article>b</article>word", "a bold b word"),
    ],
)
def test_words_of_html(html: str, text: str) -> None:
    assert strip_html(html) == text


def test_a_summary_ends_between_words() -> None:
    assert shorten_summary("short") == "short"
    long = shorten_summary("word, " * 100)
    assert len(long) <= MAX_SUMMARY + 2
    assert long.endswith("word …")
    assert shorten_summary("x" * 1000) == "x" * MAX_SUMMARY + " …"
