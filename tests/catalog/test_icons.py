"""Pictures: fetched behind everybody's back, told by what they are, and never asked of a stranger by a page."""

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from rockonweb.catalog import icons, pictures
from rockonweb.catalog.metastore import UnusableFile
from rockonweb.models import Metastore, RockOn, db, transaction
from tests.support.app import FormClient, add_rockon, mark_installed
from tests.support.metastore import MetastoreServer
from tests.support.odd_server import Answer, odd_server, redirect_to, respond_with
from tests.support.resolving import PUBLIC, Resolver

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 32
SVG = b'<?xml version="1.0"?>\n<!-- a - comment -->\n<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'


@pytest.fixture
def store(metastore: Callable[..., MetastoreServer]) -> MetastoreServer:
    """A server on this machine."""
    return metastore({"a.png": PNG, "b.svg": SVG, "page.png": b"<!doctype html><html><svg></svg></html>"})


def folder(app: Flask) -> Path:
    return icons.icons_folder(app.config["SETTINGS"])


# -- what is a picture --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"GIF87a....", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", ""),
        (SVG, "image/svg+xml"),
        (b"\xef\xbb\xbf  <svg/>", ""),
        (b"\xef\xbb\xbf  <svg viewBox='0 0 1 1'/>", "image/svg+xml"),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">\n<svg >', "image/svg+xml"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg >', ""),
        (b"<html><svg></svg></html>", ""),
        (b"<!-- <svg> --><html>", ""),
        (b"<!-- a --> <!-- b -->\n<svg >", "image/svg+xml"),
        (b"<!---->" * 50_000 + b"x", ""),  # as fast as any other
        (b"", ""),
        (b"\0\0\1\0", ""),
    ],
)
def test_a_picture_is_told_by_its_first_bytes(body: bytes, kind: str) -> None:
    assert pictures.picture_type(body) == kind


# -- fetching -----------------------------------------------------------------------------------------------------


def test_a_picture_is_fetched_kept_and_sent(app: Flask, store: MetastoreServer, owner_client: FormClient) -> None:
    rockon = add_rockon("Notes", icon=f"{store.url}/a.png")
    assert icons.icon_version(folder(app), rockon.entry.icon) == ""
    assert icons.refresh_icons() == icons.IconRefresh(fetched=1)
    version = icons.icon_version(folder(app), rockon.entry.icon)
    assert f'src="/rockons/{rockon.id}/icon?v={version}"' in owner_client.get("/rockons").text
    assert f'src="/rockons/{rockon.id}/icon?v={version}"' in owner_client.get(f"/rockons/{rockon.id}").text
    answer = owner_client.get(f"/rockons/{rockon.id}/icon")
    assert (answer.data, answer.mimetype) == (PNG, "image/png")
    assert answer.cache_control.max_age == 30 * 24 * 3600
    assert answer.cache_control.private
    again = owner_client.get(f"/rockons/{rockon.id}/icon", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert icons.refresh_icons() == icons.IconRefresh()
    assert store.count_requests("a.png") == 1


def test_an_svg_may_do_nothing(app: Flask, store: MetastoreServer, owner_client: FormClient) -> None:
    rockon = add_rockon("Notes", icon=f"{store.url}/b.svg")
    icons.refresh_icons()
    answer = owner_client.get(f"/rockons/{rockon.id}/icon")
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_known_app_has_its_bundled_picture(app: Flask, store: MetastoreServer, owner_client: FormClient) -> None:
    films = add_rockon("Films", {"web": {"image": "linuxserver/plex"}}, icon=f"{store.url}/a.png")
    mark_installed(add_rockon("Jellyfin"))
    add_rockon("Notes")
    bundled = r'href="/static/app-icons\.svg\?v=\w+#(\w+)"'
    for path, names in {
        "/rockons?tab=all": ["plex", "jellyfin"],
        f"/rockons/{films.id}": ["plex"],
        "/": ["jellyfin"],
    }.items():
        assert re.findall(bundled, owner_client.get(path).text) == names, path
    assert 'aria-hidden="true">N</span>' in owner_client.get("/rockons?tab=all").text
    icons.refresh_icons()
    page = owner_client.get(f"/rockons/{films.id}").text
    assert f'src="/rockons/{films.id}/icon?v=' in page  # the definition's own wins
    assert not re.search(bundled, page)


def test_without_a_picture_there_is_the_letter(app: Flask, owner_client: FormClient) -> None:
    rockon = add_rockon("<Notes", icon="")
    assert "/icon?" not in owner_client.get("/rockons").text
    answer = owner_client.get(f"/rockons/{rockon.id}/icon")
    assert answer.mimetype == "image/svg+xml"
    assert "&lt;</text>" in answer.text
    assert owner_client.get("/rockons/99/icon").status_code == 404


def test_strangers_get_no_picture(app: Flask) -> None:
    rockon = add_rockon("Notes")
    answer = app.test_client().get(f"/rockons/{rockon.id}/icon")
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login")


@pytest.mark.parametrize("name", ["missing.png", "page.png"])
def test_what_is_no_picture_is_left_alone_for_a_week(app: Flask, store: MetastoreServer, name: str) -> None:
    rockon = add_rockon("Notes", icon=f"{store.url}/{name}")
    assert icons.refresh_icons() == icons.IconRefresh(failed=1)
    assert icons.refresh_icons() == icons.IconRefresh()
    assert store.count_requests(name) == 1
    (failed,) = folder(app).glob("*.failed")
    week_ago = time.time() - icons.RETRY_AGE - 1
    os.utime(failed, (week_ago, week_ago))
    assert icons.refresh_icons() == icons.IconRefresh(failed=1)
    store.files["other.png"] = PNG
    with transaction():
        rockon.entry.icon = f"{store.url}/other.png"
    assert icons.refresh_icons() == icons.IconRefresh(fetched=1, removed=1)


def test_an_old_picture_is_fetched_anew_and_stays_when_that_fails(app: Flask, store: MetastoreServer) -> None:
    rockon = add_rockon("Notes", icon=f"{store.url}/a.png")
    icons.refresh_icons()
    (kept,) = (path for path in folder(app).iterdir() if path.name != icons.LOCK_FILE)
    old = time.time() - icons.MAX_AGE - 1
    os.utime(kept, (old, old))
    store.statuses["a.png"] = 500
    assert icons.refresh_icons() == icons.IconRefresh(failed=1)
    assert icons.load_icon(folder(app), rockon.entry.icon) == pictures.Picture("image/png", PNG)
    assert icons.refresh_icons() == icons.IconRefresh()


def test_a_picture_that_no_rockon_has_is_removed(app: Flask, store: MetastoreServer) -> None:
    rockon = add_rockon("Notes", icon=f"{store.url}/a.png")
    icons.refresh_icons()
    (folder(app) / "0123.half").write_bytes(b"")
    with transaction() as session:
        session.delete(rockon)
        session.flush()
        session.delete(db.session.get_one(RockOn, rockon.id))
    assert icons.refresh_icons() == icons.IconRefresh(removed=2)
    assert [path.name for path in folder(app).iterdir()] == [icons.LOCK_FILE]


def test_only_one_process_at_a_time_is_at_it(app: Flask, store: MetastoreServer) -> None:
    add_rockon("Notes", icon=f"{store.url}/a.png")
    folder(app).mkdir()
    with icons._lock_folder(folder(app)) as alone:
        assert alone
        assert icons.refresh_icons() == icons.IconRefresh()
    assert icons.refresh_icons() == icons.IconRefresh(fetched=1)


def test_one_that_hangs_does_not_hold_up_the_others_for_long(
    app: Flask, store: MetastoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(icons, "REFRESH_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with transaction() as session:
            session.add(Metastore(place=f"http://127.0.0.1:{silent.getsockname()[1]}", position=1))
        add_rockon("Hangs", icon=f"http://127.0.0.1:{silent.getsockname()[1]}/x.png")
        add_rockon("Notes", icon=f"{store.url}/a.png")
        start = time.monotonic()
        assert icons.refresh_icons() == icons.IconRefresh(fetched=1)
        assert time.monotonic() - start < 5


# -- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a.png",
        "http://localhost:{port}/a.png",
        "http://[::1]:{port}/a.png",
        "http://[::ffff:127.0.0.1]:{port}/a.png",
        "http://2130706433:{port}/a.png",
        "http://10.0.0.1/a.png",
        "http://192.168.1.1/a.png",
        "http://169.254.169.254/latest",
        "http://0.0.0.0:{port}/a.png",
        "file:///etc/passwd",
        "ftp://example.org/a.png",
        "javascript:alert(1)",
        "http://",
        "http://[bad",
        "",
    ],
)
def test_nothing_of_this_machine_or_its_network_is_asked(store: MetastoreServer, url: str) -> None:
    with pytest.raises(UnusableFile):
        pictures.fetch_picture(url.format(port=store.url.rpartition(":")[2]), ["https://93.184.216.34/rockons"])
    assert store.count_requests() == 0


def test_a_metastore_s_name_leads_to_no_other_server_of_this_machine(
    store: MetastoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the name, which its owner can change, is that of this machine now."""
    Resolver(monkeypatch, {"store.example": ["127.0.0.1"]})
    port = store.url.rpartition(":")[2]
    for home in ("http://store.example/rockons", f"https://store.example:{port}/rockons"):
        with pytest.raises(UnusableFile, match="this machine or its network"):
            pictures.fetch_picture(f"http://store.example:{port}/a.png", [home])
    assert store.count_requests() == 0


def test_a_redirect_to_this_machine_is_not_followed(store: MetastoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Resolver(monkeypatch, {"public.example": [PUBLIC]})
    with odd_server({"/a": redirect_to(f"{store.url}/a.png")}) as address:
        names.lead(PUBLIC, address)
        with pytest.raises(UnusableFile, match=r"127\.0\.0\.1"):
            pictures.fetch_picture("http://public.example/a", [])
    assert store.count_requests() == 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (redirect_to("/a"), "redirected more than 3 times"),
        (redirect_to("file:///etc/passwd"), "is not a web address"),
        (respond_with(PNG + b"\0" * 500_000, Content_Type="image/png"), "larger than 500.0 kB"),
        (respond_with(b"<html>", Content_Type="image/png"), "is not a PNG"),
        (respond_with(b"", 204), "204"),
        (respond_with(PNG, 403), "403"),
    ],
)
def test_limits(answer: Answer, words: str) -> None:
    with odd_server({"/a": answer}) as address, pytest.raises(UnusableFile, match=words):
        pictures.fetch_picture(f"{address}/a", [address])


def test_a_redirect_is_followed() -> None:
    with odd_server({"/a": redirect_to("b", 301), "/b": respond_with(JPEG)}) as address:
        assert pictures.fetch_picture(f"{address}/a", [address]) == pictures.Picture("image/jpeg", JPEG)
