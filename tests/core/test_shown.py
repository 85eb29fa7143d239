"""What a list shows of a definition, and finds it by."""

import json

import pytest

from rockonweb.core.definition import parse
from rockonweb.core.shown import SUMMARY, plain, shortened, show


def test_everything_that_a_list_needs() -> None:
    body = {
        "description": "<p>Films &amp; <b>music</b>, STRASSE</p>",
        "version": "1",
        "website": "",
        "icon": "https://example.org/a.png",
        "containers": {
            "player": {"image": "Box.example/Jelly/Fin", "launch_order": 1},
            "helper": {"image": "redis", "launch_order": 2},
        },
    }
    shown = show(parse(json.dumps({"Über-Player": body}))[0].definition, local=True)
    assert shown.sort_name == "über-player"
    assert shown.search == "über-player\nfilms & music, strasse\nbox.example/jelly/fin\nredis"
    assert shown.summary == "Films & music, STRASSE"
    assert shown.badges == ("containers", "local")
    assert shown.categories == ("media",)
    assert shown.icon == "https://example.org/a.png"


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
    assert plain(html) == text


def test_a_summary_ends_between_words() -> None:
    assert shortened("short") == "short"
    long = shortened("word, " * 100)
    assert len(long) <= SUMMARY + 2
    assert long.endswith("word …")
    assert shortened("x" * 1000) == "x" * SUMMARY + " …"
