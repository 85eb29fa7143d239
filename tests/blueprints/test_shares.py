"""The shares of the host."""

import re
from html import unescape
from pathlib import Path

import pytest
from flask import Flask

from rockonweb.config import Config
from rockonweb.core.own_container import InstancePaths, OwnContainer, find_blind_spots
from rockonweb.host import Host, ShareConstraints
from rockonweb.host.shares import Shares
from rockonweb.host.snapshots import Snapshots
from rockonweb.models import transaction
from tests.support.app import FormClient, add_rockon, mark_installed

VOLUME = {"web": {"volumes": {"/data": {"label": "", "description": ""}}}}


def root(app: Flask) -> Path:
    settings: Config = app.config["SETTINGS"]
    return settings.shares_root


def test_the_list_tells_path_owner_and_who_uses_it(app: Flask, owner_client: FormClient) -> None:
    for name in ("photos", "music"):
        (root(app) / name).mkdir()
    for name in ("Notes", "Wiki"):
        rockon = add_rockon(name, VOLUME)
        if name == "Notes":
            mark_installed(rockon)
        with transaction():
            rockon.containers[0].volumes[0].share = "photos/notes"
    text = owner_client.get("/shares").text
    assert str(root(app) / "photos") in text
    assert ">Notes</a>" in text
    assert ">Wiki</a>" not in text
    assert text.count("not in use") == 1


def test_folders_that_can_not_be_mounted_are_listed_with_the_reason(app: Flask, owner_client: FormClient) -> None:
    rockon = add_rockon("Notes", VOLUME)
    for name in ("My Photos", "Übung", "a:b", "a\nb<b>"):
        (root(app) / name).mkdir()
    told = [
        "a\\nb<b> can't be used: its name contains a line end or another unreadable character.",
        "a:b can't be used: its name contains a slash, a backslash or a colon, or what looks like one.",
    ]
    for path in ("/shares", f"/rockons/{rockon.id}/install/shares"):
        page = owner_client.get(path)
        assert "<b>" not in page.text
        assert all(sentence in unescape(page.text) for sentence in told)
        assert "My Photos" in page.text
        assert "Übung" in page.text
    chosen = {"shares-web-/data": "My Photos/new folder", "Next": "Next"}
    answer = owner_client.submit_form(f"/rockons/{rockon.id}/install/shares", chosen, page="/shares")
    assert answer.location.endswith("/summary")
    assert f"{root(app)}/My Photos/new folder:/data" in unescape(owner_client.get(answer.location).text)


def test_without_a_share_the_page_says_so(owner_client: FormClient) -> None:
    assert "No shares yet." in owner_client.get("/shares").text


def test_a_share_is_made(app: Flask, owner_client: FormClient) -> None:
    answer = owner_client.submit_form("/shares", {"name": " photos "}, page="/shares")
    assert (answer.status_code, answer.location) == (303, "/shares")
    assert (root(app) / "photos").is_dir()
    assert "The share &#34;photos&#34; was created." in owner_client.get("/shares").text


@pytest.mark.parametrize("name", ["", " ", ".hidden", "../etc", "a/b", "a b\n", "photos", "<b>", "x" * 300])
def test_a_name_that_cannot_be_is_refused_beside_the_field(app: Flask, owner_client: FormClient, name: str) -> None:
    (root(app) / "photos").mkdir()
    answer = owner_client.submit_form("/shares", {"name": name}, page="/shares")
    assert answer.status_code == 422
    assert 'class="form-control is-invalid"' in answer.text
    assert 'aria-describedby="name-help name-errors"' in answer.text
    assert 'id="name-errors"' in answer.text
    assert "<b>" not in answer.text
    assert [path.name for path in root(app).iterdir()] == ["photos"]


def test_the_page_says_where_a_new_share_goes(owner_client: FormClient) -> None:
    text = owner_client.get("/shares").text
    assert re.search(r"New shares are created as [^<]*, with [\d.]+ \w+ free\.", text)


def test_where_none_can_be_made_the_page_says_why_and_what_to_do(
    app: Flask, owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = ShareConstraints(root(app), None, 5 * 10**9, only_mounts=True, on_system_disk=True)
    monkeypatch.setattr(Shares, "new_share_constraints", lambda _: ground)
    text = owner_client.get("/shares").text
    assert "would fill the system disk" in text
    assert "with 5.0 GB free" in text
    assert 'name="name"' not in text
    answer = owner_client.submit_form("/shares", {"name": "photos"}, page="/shares")
    assert answer.status_code == 422
    assert not (root(app) / "photos").exists()


def test_data_that_lies_aside_is_shown_and_asked_about_before_it_goes(
    app: Flask, owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    monkeypatch.setattr(Snapshots, "delete_replaced", lambda _, name: removed.append(name))
    assert "Data kept separately" not in owner_client.get("/shares").text
    Host(app.config["SETTINGS"]).snapshots.replaced_path("photos-20260301-120000-7").mkdir(parents=True)
    here = "/shares/aside/photos-20260301-120000-7"
    assert f'href="{here}"' in owner_client.get("/shares").text
    page = owner_client.get(here)
    assert "After removal it can't be restored." in page.text
    assert removed == []
    answer = owner_client.submit_form(here, {}, page=here)
    assert (answer.status_code, answer.location, removed) == (303, "/shares", ["photos-20260301-120000-7"])
    assert owner_client.get("/shares/aside/photos").status_code == 404


def test_the_line_that_makes_the_shares_visible_stands_by_itself(
    owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = InstancePaths("/var/lib/rockonweb", "/mnt2", "/var/lib/rockonweb/cert.pem")
    spots = {spot.subject: spot for spot in find_blind_spots(OwnContainer("1"), paths)}
    monkeypatch.setattr(Host, "blind_spots", spots)
    line = '<code class="code-line" tabindex="0">- /mnt2:/mnt2:rslave</code>'
    for path in ("/", "/shares", "/doctor"):
        assert line in owner_client.get(path).text
