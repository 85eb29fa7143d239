"""What reverse proxies say counts from configured ones alone."""

import re
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, EnvironBuilder

from rockonweb import config, create_app
from rockonweb.web.proxies import TrustedProxyMiddleware, normalize_address
from tests.support.app import PASSWORD, add_rockon, create_test_user, make_app

PROXIES = [ip_network("10.0.0.0/24"), ip_network("::1/128")]
SAID = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "apps.example.org",
    "X-Forwarded-Prefix": "/rockonweb",
}


def seen(peer: str, public_url: str = "", **headers: str) -> dict[str, Any]:
    """What our application sees of a request from a peer."""
    found: dict[str, Any] = {}

    def ours(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        found.update(environ)
        start("200 OK", [])
        return []

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    builder = EnvironBuilder(headers={"Host": "server", **named}, environ_overrides={"REMOTE_ADDR": peer})
    Client(TrustedProxyMiddleware(ours, PROXIES, public_url)).open(builder)
    return found


def test_a_configured_proxy_is_believed() -> None:
    environ = seen("10.0.0.3", **SAID)
    assert environ["REMOTE_ADDR"] == "198.51.100.7"
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_HOST"] == "apps.example.org"
    assert environ["SCRIPT_NAME"] == "/rockonweb"


@pytest.mark.parametrize("peer", ["10.0.1.3", "127.0.0.1", "::2", "", "nonsense"])
def test_nobody_else_is(peer: str) -> None:
    environ = seen(peer, **SAID)
    assert environ["REMOTE_ADDR"] == ("" if peer == "nonsense" else peer)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "server"
    assert not environ["SCRIPT_NAME"]
    assert not [name for name in environ if name.startswith("HTTP_X_FORWARDED")]


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7", "198.51.100.7"),  # the first was written by whoever asked
        ("6.6.6.6, 198.51.100.7, 10.0.0.9", "198.51.100.7"),  # through two proxies
        ("10.0.0.9", "10.0.0.9"),  # the proxy itself asks
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::7]:80", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        *(("", "10.0.0.3"), ("unknown", "10.0.0.3"), ("6.6.6.6, <b>", "10.0.0.3")),
    ],
)
def test_the_visitor_is_the_nearest_address_that_is_no_proxy(told: str, address: str) -> None:
    assert seen("10.0.0.3", X_Forwarded_For=told)["REMOTE_ADDR"] == address


def test_an_address_inside_ipv6_is_the_same_address() -> None:
    assert seen("::ffff:10.0.0.3", **SAID)["REMOTE_ADDR"] == "198.51.100.7"
    assert normalize_address("::ffff:10.0.0.3") == "10.0.0.3"


@pytest.mark.parametrize("prefix", ["//evil.example", "javascript:", "/a b", '/a"><', "rockonweb", "/"])
def test_a_prefix_that_is_none_is_dropped(prefix: str) -> None:
    assert not seen("10.0.0.3", X_Forwarded_Prefix=prefix)["SCRIPT_NAME"]


@pytest.mark.parametrize(
    ("public_url", "prefix"),
    [("https://a.example/rockonweb", "/rockonweb"), ("https://a.example/other", ""), ("https://a.example", "")],
)
def test_where_the_address_of_the_pages_is_configured_its_path_alone_is_a_prefix(public_url: str, prefix: str) -> None:
    assert seen("10.0.0.3", public_url, **SAID)["SCRIPT_NAME"] == prefix


def test_a_scheme_that_is_none_is_dropped() -> None:
    assert seen("10.0.0.3", X_Forwarded_Proto="javascript")["wsgi.url_scheme"] == "http"
    assert seen("10.0.0.3", X_Forwarded_Proto="http, https")["wsgi.url_scheme"] == "https"


def test_the_session_is_for_https_alone_where_it_began_by_https(tmp_path: Path) -> None:
    environ = {"ROCKONWEB_INSTANCE": str(tmp_path), "ROCKONWEB_PROXIES": "127.0.0.1", "ROCKONWEB_HOSTS": "a.example"}

    def cookie(proxies: str, **headers: str) -> str:
        app = create_app(config.load_config({**environ, "ROCKONWEB_PROXIES": proxies}))

        @app.get("/begin")
        def begin() -> str:
            from flask import session

            session["x"] = "y"
            return ""

        begin.permission = "public"  # type: ignore[attr-defined]
        return app.test_client().get("/begin", headers=headers).headers["Set-Cookie"]

    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example"}
    given = cookie("127.0.0.1", **told)
    assert "; Secure" in given
    assert "; HttpOnly" in given
    assert "; SameSite=Lax" in given
    assert "; Secure" not in cookie("127.0.0.1")
    assert "; Secure" not in cookie("", **{"X-Forwarded-Proto": "https"})


def test_below_a_path_every_address_is_below_it(tmp_path: Path) -> None:
    app = make_app(tmp_path, ROCKONWEB_PROXIES="127.0.0.1")
    with app.app_context():
        create_test_user("ada")
        add_rockon("Notes")
    client = app.test_client()
    told = {"X-Forwarded-Prefix": "/apps", "X-Forwarded-Proto": "http"}
    answer = client.get("/rockons?tab=all", headers=told)
    assert answer.location == "/apps/login?next=/apps/rockons?tab%3Dall"
    page = client.get("/login?next=/apps/rockons?tab%3Dall", headers=told).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    data = {"csrf_token": token[1], "name": "ada", "password": PASSWORD}
    entered = client.post("/login?next=/apps/rockons?tab%3Dall", data=data, headers=told)
    assert entered.location == "/apps/rockons?tab=all"
    for path in ("/rockons?tab=all", "/rockons/1", "/rockons/1/install/summary", "/shares", "/operations", "/docker"):
        text = client.get(path, headers=told, follow_redirects=True).text
        found = re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', text)
        assert found
        assert [one for one in found if not one.startswith("/apps/")] == [], path
