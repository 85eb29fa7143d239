"""The page of the metastores."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from rockonweb import catalog
from rockonweb.models import Kind, Metastore, Operation, db, transaction
from tests.support.app import FormClient, add_rockon, mark_installed
from tests.support.metastore import MetastoreServer as Store
from tests.support.samples import definition_source


@pytest.fixture(autouse=True)
def nothing_remote(app: Flask) -> None:
    """No test asks the world's own metastore."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], remote_metastore="http://127.0.0.1:9")


def places() -> list[str]:
    return list(db.session.scalars(select(Metastore.place).order_by(Metastore.position)))


def add(client: FormClient, place: str) -> None:
    answer = client.submit_form("/metastores", {"place": place}, page="/metastores")
    assert (answer.status_code, answer.location) == (303, "/metastores"), answer.text


def test_the_configured_ones_are_shown_and_can_not_be_changed(app: Flask, owner_client: FormClient) -> None:
    text = owner_client.get("/metastores").text
    assert text.count("From the configuration:") == 2
    assert "http://127.0.0.1:9" in text
    assert str(app.config["SETTINGS"].local_metastore) in text
    assert not re.search(r"/metastores/\d", text)


def test_how_often_the_catalogue_is_refreshed_by_itself_is_chosen(owner_client: FormClient) -> None:
    assert '<option selected value="24">Daily</option>' in owner_client.get("/metastores").text
    answer = owner_client.submit_form("/metastores/schedule", {"hours": "168"}, page="/metastores")
    assert answer.status_code == 303
    assert '<option selected value="168">Weekly</option>' in owner_client.get("/metastores").text
    for wrong in ("5", "x", ""):
        answer = owner_client.submit_form("/metastores/schedule", {"hours": wrong}, page="/metastores")
        assert answer.status_code == 422
    assert '<option selected value="168">Weekly</option>' in owner_client.get("/metastores").text


def test_one_is_added_and_a_refresh_begins(owner_client: FormClient) -> None:
    add(owner_client, " https://example.org/rockons/root.json ")
    assert places() == ["https://example.org/rockons"]
    assert [one.kind for one in db.session.scalars(select(Operation))] == [Kind.REFRESH]
    text = owner_client.get("/metastores").text
    assert "The metastore was added." in text
    assert "Not fetched yet." in text


@pytest.mark.parametrize("place", ["", "nonsense", "/no/such/folder", "http://127.0.0.1:9/", "https://x/?<b>"])
def test_what_is_no_metastore_is_refused_beside_the_field(owner_client: FormClient, place: str) -> None:
    answer = owner_client.submit_form("/metastores", {"place": place}, page="/metastores")
    assert answer.status_code == 422
    assert 'id="place-errors"' in answer.text
    assert "<b>" not in answer.text
    assert places() == []


def test_the_last_outcome_stands_beside_each(
    app: Flask, owner_client: FormClient, metastore: Callable[..., Store], tmp_path: Path
) -> None:
    store = metastore(
        {"root.json": {"a": "a.json", "b": "b.json"}, "a.json": definition_source({"notes": {}}), "b.json": "{"}
    )
    add(owner_client, store.url)
    catalog.refresh_catalogue()
    text = owner_client.get("/metastores").text
    assert re.search(r"<time [^>]*>[^<]+</time> · 1 rock-on · <a [^>]*>1 faulty file</a>", text)
    assert "1 faulty file" in text
    report = owner_client.get("/rockons/report").text
    assert store.url in report


def test_the_order_is_changed_by_buttons(owner_client: FormClient) -> None:
    for name in "abc":
        add(owner_client, f"https://example.org/{name}")
    text = owner_client.get("/metastores").text
    assert len(re.findall(r"/metastores/\d+/up", text)) == len(re.findall(r"/metastores/\d+/down", text)) == 2
    answer = owner_client.submit_form("/metastores/3/up", page="/metastores")
    assert answer.status_code == 303
    assert [place[-1] for place in places()] == ["a", "c", "b"]
    owner_client.submit_form("/metastores/1/down", page="/metastores")
    assert [place[-1] for place in places()] == ["c", "a", "b"]


def test_one_is_left_out_and_used_again(owner_client: FormClient) -> None:
    add(owner_client, "https://example.org/a")
    owner_client.submit_form("/metastores/1/disable", page="/metastores")
    assert "Disabled: skipped when the catalogue is refreshed." in owner_client.get("/metastores").text
    owner_client.submit_form("/metastores/1/enable", page="/metastores")
    assert "Disabled: skipped when the catalogue is refreshed." not in owner_client.get("/metastores").text


def test_before_one_is_removed_the_page_says_what_leaves_and_what_stays(owner_client: FormClient) -> None:
    add(owner_client, "https://me:hush@example.org/a")
    notes, wiki = add_rockon("Notes"), mark_installed(add_rockon("Wiki"))
    with transaction():
        notes.entry.origin = wiki.entry.origin = "metastore-1"
    text = owner_client.get("/metastores/1/remove").text
    assert "<li>Notes</li>" in text
    assert "Wiki, which is installed" in text
    answer = owner_client.submit_form("/metastores/1/remove", page="/metastores/1/remove")
    assert (answer.status_code, answer.location, places()) == (303, "/metastores", [])
    assert "hush" not in text + owner_client.get("/metastores").text
    assert owner_client.get("/metastores/1/remove").status_code == 404
    assert owner_client.submit_form("/metastores/1/up", page="/metastores").status_code == 404


def test_only_owners_see_it(operator: FormClient) -> None:
    for path in ("/metastores", "/definitions", "/definitions/new"):
        assert operator.get(path).status_code == 403
        assert f'href="{path}"' not in operator.get("/rockons").text
