"""In German no page says anything that the catalogue of messages has in German: a household's pages, and its forms."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from wtforms.i18n import messages_path

from tests.blueprints.test_translated import PLACE, Reader, german
from tests.support import scenes
from tests.support.app import new_visitor

GERMAN = {"Accept-Language": "de"}
# What definitions say and apps are called, which are words of ours too.
DEFINED = {
    *("Photos", "Busy", "Failed", "Stopped", "Language", "Password", "Settings", "Data", "stopped", "Ended", "ended"),
    *("settings", "yes", "Where the database is kept.", "Where the pictures are kept."),
}
TYPED = {"text", "password", "number", "email", "url", "search"}


class English:
    """The English of our messages and of WTForms': whole, and pieces that are long enough to be nobody else's."""

    def __init__(self) -> None:
        whole, pieces, own = set(), set(), []
        with (Path(messages_path()) / "de/LC_MESSAGES/wtforms.po").open("rb") as file:
            theirs = read_po(file)
        for message in (*german(), *theirs):
            if message.id:
                ids = message.id if message.pluralizable else (message.id,)
                strings = message.string if message.pluralizable else (message.string,)
                own += strings
                whole |= {said for said in ids if said not in strings and not PLACE.search(said)}
                pieces |= {piece.strip() for said in ids for piece in PLACE.split(said)[::2]}
        there = "\n".join(own)
        self.whole = whole - {*own}
        self.pieces = sorted(one for one in pieces if len(one) >= 9 and " " in one and one not in there)
        self._any = re.compile("|".join(map(re.escape, sorted(self.pieces, key=len, reverse=True))))

    def of(self, page: str) -> set[str]:
        reader = Reader()
        reader.feed(page)
        lines = {" ".join(line.split()) for line in "".join(reader.found).split("\n")}
        return {line for line in lines if line in self.whole or self._any.search(line)}


class Forms(HTMLParser):
    """The addresses to which forms of a page are sent that ask for something to be typed."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = (given.get("action") or "") if given.get("method") == "post" else ""
        elif self.action and (tag in ("textarea", "select") or (tag == "input" and given.get("type", "text") in TYPED)):
            self.found.add(self.action)


def is_ours(line: str) -> bool:
    return line not in DEFINED


def test_a_household_s_pages_are_german_and_what_its_forms_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    app = scenes.make_filled_app(tmp_path, monkeypatch, scenes.fill_household)
    with app.app_context():
        paths = scenes.list_pages(app)
    client = new_visitor(app).log_in("ada")
    english, pages, forms = English(), {}, set()
    for path in paths:
        pages[path] = client.get(path, headers=GERMAN).text
        asking = Forms()
        asking.feed(pages[path])
        forms |= {*asking.found}
    for action in sorted(forms):
        answer = client.post(action, data={"csrf_token": client.csrf_token()}, headers=GERMAN)
        if answer.status_code == 422:
            pages[f"POST {action}"] = answer.text
    found = sorted({f"{path}: {line}" for path, page in pages.items() for line in filter(is_ours, english.of(page))})
    assert not found, "\n".join(found)
    assert len(paths) > 60
    assert len(pages) > len(paths) + 15
    told = "\n".join(pages.values())
    for words in (  # of forms, of core sentences, of a restore's outcome, of a refresh's report
        "Keine gültige Auswahl",
        "fresh hat Zugriff auf den Docker-Socket",
        "Sie wurde neu erstellt und ist LEER.",
        "ist erforderlich",
    ):
        assert words in told, words


def test_the_test_would_notice() -> None:
    english = English()
    page = "<p>Lauft.</p><p>It was newly created and is EMPTY.</p><code>Stopped</code>"
    page += "<b title='Stopped'>x: is required</b>"
    assert english.of(page) == {"It was newly created and is EMPTY.", "Stopped", "x: is required"}
    assert english.of("<p>Das steht da: The image x could not be pulled.</p>")
