"""Cards that are kept: nobody sees another one's, and what they show is never old."""

import pytest
from flask import Flask
from markupsafe import Markup

from rockonweb.models import Role, transaction
from rockonweb.web import fragment_cache
from tests.support.app import FormClient, add_rockon, create_test_user, mark_installed, new_visitor


def test_a_card_is_kept_for_each_role_language_and_address(app: Flask, owner_client: FormClient) -> None:
    create_test_user("viv", Role.VIEWER)
    viv = new_visitor(app).log_in("viv")
    add_rockon("Notes", description="Keeps what you write.")
    for _ in range(2):
        assert "Install<" in owner_client.get("/rockons").text
        assert "Install<" not in viv.get("/rockons").text
        assert "Installieren<" in owner_client.get("/rockons", headers={"Accept-Language": "de"}).text
        behind = owner_client.get("/rockons", environ_overrides={"SCRIPT_NAME": "/apps"}).text
        assert 'href="/apps/rockons/1/install"' in behind
    assert len(fragment_cache._fragments) == 4


def test_what_a_card_shows_is_never_old(owner_client: FormClient) -> None:
    rockon = add_rockon("Notes", description="Keeps what you write.")
    assert "Keeps what you write." in owner_client.get("/rockons").text
    with transaction():
        rockon.entry.summary = "Keeps all."
    assert "Keeps all." in owner_client.get("/rockons").text
    with transaction():
        rockon.error = "It failed."
    assert "It failed." in owner_client.get("/rockons").text
    mark_installed(rockon)
    assert "Install<" not in owner_client.get("/rockons").text


def test_there_is_an_end_to_what_is_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragment_cache, "MAX_FRAGMENTS", 3)
    with app.test_request_context():
        for number in range(20):
            assert fragment_cache.cached_fragment(number, lambda number=number: Markup(number)) == str(number)  # type: ignore[misc]
            assert len(fragment_cache._fragments) <= 3
        assert fragment_cache.cached_fragment(19, lambda: Markup("made anew")) == "19"
        assert fragment_cache.cached_fragment(None, lambda: Markup("made anew")) == "made anew"
