"""Cards that are kept: nobody sees another one's, and what they show is never old."""

from pathlib import Path

import pytest
from flask import Flask
from markupsafe import Markup

from rockonweb.models import RockOn, Role, writing
from rockonweb.web import kept_html
from tests.support.app import Visitor, add_user, install, make_app, shelve


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    kept_html._kept.clear()
    return make_app(tmp_path)


def visitor(app: Flask, name: str) -> Visitor:
    client = app.test_client()
    assert isinstance(client, Visitor)
    return client.log_in(name)


def test_a_card_is_kept_for_each_role_language_and_address(app: Flask) -> None:
    with app.app_context():
        add_user()
        add_user("viv", Role.VIEWER)
        shelve("Notes", description="Keeps what you write.")
        ada, viv = visitor(app, "ada"), visitor(app, "viv")
        for _ in range(2):
            assert "Install<" in ada.get("/rockons").text
            assert "Install<" not in viv.get("/rockons").text
            assert "Installieren<" in ada.get("/rockons", headers={"Accept-Language": "de"}).text
            behind = ada.get("/rockons", environ_overrides={"SCRIPT_NAME": "/apps"}).text
            assert 'href="/apps/rockons/1/install"' in behind
        assert len(kept_html._kept) == 4


def test_what_a_card_shows_is_never_old(app: Flask) -> None:
    with app.app_context():
        add_user()
        rockon = shelve("Notes", description="Keeps what you write.")
        ada = visitor(app, "ada")
        assert "Keeps what you write." in ada.get("/rockons").text
        with writing() as session:
            session.get_one(RockOn, rockon.id).summary = "Keeps all."
        assert "Keeps all." in ada.get("/rockons").text
        with writing() as session:
            session.get_one(RockOn, rockon.id).error = "It failed."
        assert "It failed." in ada.get("/rockons").text
        install(rockon)
        assert "Install<" not in ada.get("/rockons").text


def test_there_is_an_end_to_what_is_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_html, "LIMIT", 3)
    with app.test_request_context():
        for number in range(20):
            assert kept_html.kept_html(number, lambda number=number: Markup(number)) == str(number)  # type: ignore[misc]
            assert len(kept_html._kept) <= 3
        assert kept_html.kept_html(19, lambda: Markup("made anew")) == "19"
        assert kept_html.kept_html(None, lambda: Markup("made anew")) == "made anew"
