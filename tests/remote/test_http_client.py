"""The client for servers of strangers: what it connects to, and how long it bears with them."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import requests

from rockonweb.remote import http_client
from rockonweb.remote.http_client import (
    ForbiddenAddress,
    HomeNetwork,
    NoWebAddress,
    Permit,
    TooLarge,
    internal_only,
    limit_requests,
    may_get_secret,
)
from tests.support.claims import free_port
from tests.support.odd_server import odd_server, redirect_to, respond_with
from tests.support.resolving import PUBLIC, Resolver

SECONDS = 1.0  # for an exchange in these tests


def only_public(addresses: Collection[str]) -> Collection[str]:
    return () if internal_only(addresses) else addresses


def anything(addresses: Collection[str]) -> Collection[str]:
    return addresses


def fetch(url: str, permit: Permit = anything, **options: object) -> bytes:
    with http_client.new_http_session(permit) as session:
        return http_client.fetch_limited(session, url, 1000, time.monotonic() + SECONDS, {}, **options)[1]  # type: ignore[arg-type]


# -- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.7", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255"),
        *("224.0.0.1", "239.255.255.250", "::1", "::", "fe80::1", "fd00::1", "fec0::1", "ff02::1", "ff0e::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.7", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::c0a8:101"),
        *("64:ff9b:1::1", "2002:7f00:1::1", "2002:c0a8:101::", "2001:db8::1", "2001::1"),
    ],
)
def test_what_is_not_one_machine_of_the_internet_is_internal(address: str) -> None:
    assert internal_only([address, PUBLIC]) == {address}


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:4700::1111", f"::ffff:{PUBLIC}", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"]
)
def test_an_address_of_the_internet_is_public_however_it_is_written(address: str) -> None:
    assert internal_only([address]) == set()


def test_the_address_that_is_connected_to_is_the_one_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that says something else each time it is asked for is asked for once for each connection."""
    requested: list[str] = []
    with odd_server({"/": respond_with(b"secret")}, requested) as url:
        port = url.rpartition(":")[2]
        names = Resolver(monkeypatch, {"turning.example": ["127.0.0.1"]})
        with pytest.raises(ForbiddenAddress):
            fetch(f"http://turning.example:{port}/", only_public)
        assert names.asked == ["turning.example"]
        assert fetch(f"http://turning.example:{port}/") == b"secret"
        assert names.asked == ["turning.example"] * 2
        names.answers["turning.example"] = [PUBLIC, "127.0.0.1"]
        with pytest.raises(ForbiddenAddress):
            fetch(f"http://turning.example:{port}/", only_public)
    assert requested == ["/"]


@pytest.mark.parametrize(
    ("first", "other", "gets"),
    [
        ("https://box.example/a", "https://box.example/b", True),
        ("http://box.example/a", "https://box.example/b", True),
        ("https://box.example/a", "http://box.example/b", False),
        ("https://box.example/a", "https://box.example:8443/b", False),
        ("https://box.example/a", "https://files.example/b", False),
    ],
)
def test_a_secret_stays_with_its_host_and_encrypted(first: str, other: str, gets: bool) -> None:
    assert may_get_secret(first, other) is gets


@pytest.mark.parametrize(
    "target", ["http://[::ffff:127.0.0.1]:{port}/b", "http://2130706433:{port}/b", "http://0:{port}/b"]
)
def test_a_redirect_is_judged_as_the_first_address(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    requested: list[str] = []
    names = Resolver(monkeypatch, {"public.example": [PUBLIC]})
    answers = {"/b": respond_with(b"secret")}
    with odd_server(answers, requested) as url:
        answers["/a"] = redirect_to(target.format(port=url.rpartition(":")[2]))
        names.lead(PUBLIC, url)
        for permit in (only_public, HomeNetwork()):
            with pytest.raises(ForbiddenAddress):
                fetch("http://public.example/a", permit)
    assert requested == ["/a", "/a"]


def test_a_server_of_the_own_network_that_an_owner_chose_may_lead_to_others_there() -> None:
    with odd_server({"/b": respond_with(b"found")}) as other, odd_server({"/a": redirect_to(f"{other}/b")}) as url:
        assert fetch(f"{url}/a", HomeNetwork()) == b"found"


def test_a_server_of_the_internet_does_not_pass_for_one_of_the_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    with (
        odd_server({"/b": respond_with(b"secret")}, requested) as inner,
        odd_server({"/a": redirect_to(f"{inner}/b")}, requested) as outer,
    ):
        names = Resolver(monkeypatch, {"both.example": ["127.0.0.3", PUBLIC]})
        names.lead(PUBLIC, outer)
        names.lead("127.0.0.3", f"http://127.0.0.1:{free_port()}")  # nobody is there
        with pytest.raises(requests.ConnectionError):
            fetch("http://both.example/a", HomeNetwork())
        names.lead("127.0.0.3", outer)
        assert fetch("http://both.example/a", HomeNetwork()) == b"secret"
    assert requested == ["/a", "/b"]


def test_a_name_for_which_a_proxy_connects_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    Resolver(monkeypatch, {"public.example": [PUBLIC], "inner.example": ["10.0.0.7"]})
    with odd_server({"http://public.example/a": respond_with(b"found")}, requested) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        assert fetch("http://public.example/a", only_public) == b"found"
        with pytest.raises(ForbiddenAddress):
            fetch("http://inner.example/a", only_public)
    assert requested == ["http://public.example/a"]


def test_a_library_s_own_requests_are_judged_and_limited_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    names = Resolver(monkeypatch, {"public.example": [PUBLIC]})
    bomb = gzip.compress(bytes(100_000))
    answers = {
        "/small": respond_with(b"found"),
        "/large": respond_with(bytes(2000)),
        "/bomb": respond_with(bomb, Content_Encoding="gzip"),
        "/b": respond_with(b"secret"),
    }
    with odd_server(answers, requested) as url:
        answers["/a"] = redirect_to(f"{url}/b")
        names.lead(PUBLIC, url)
        with limit_requests(HomeNetwork(), 1000, time.monotonic() + 20):
            assert requests.get("http://public.example/small", timeout=9).content == b"found"
            assert requests.get("http://public.example/bomb", timeout=9).content == bomb
            with pytest.raises(TooLarge):
                requests.get("http://public.example/large", timeout=9)
            with pytest.raises(ForbiddenAddress):
                requests.get("http://public.example/a", timeout=9)
            with requests.Session() as session, pytest.raises(ForbiddenAddress):
                session.get(f"{url}/b", timeout=9)
        assert "/b" not in requested
        assert requests.get(f"{url}/b", timeout=9).content == b"secret"  # what is asked later is not its matter
        with limit_requests(HomeNetwork(), 1000, time.monotonic() - 1), pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/small", timeout=9)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a", "http://", "http://[bad", ""])
def test_what_is_no_web_address_is_not_asked_for(url: str) -> None:
    with pytest.raises(NoWebAddress):
        fetch(url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a", "javascript:alert(1)"])
def test_a_redirect_to_what_is_no_web_address_is_not_followed(url: str) -> None:
    with odd_server({"/a": redirect_to(url)}) as server, pytest.raises(NoWebAddress):
        fetch(f"{server}/a")


# -- time and size ------------------------------------------------------------------------------------------------


def trickle(handler: BaseHTTPRequestHandler, beginning: bytes) -> None:
    handler.close_connection = True
    handler.wfile.write(beginning)
    for _ in range(200):
        handler.wfile.write(b"y")
        time.sleep(0.05)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n384\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_an_exchange_has_an_end_however_slowly_bytes_come(beginning: bytes) -> None:
    with odd_server({"/": lambda handler: trickle(handler, beginning)}) as url:
        begun = time.monotonic()
        with pytest.raises(requests.Timeout):
            fetch(url + "/")
        assert SECONDS - 0.1 < time.monotonic() - begun < SECONDS + 1


def test_all_redirects_together_have_one_end() -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.4)
        redirect_to("/")(handler)

    with odd_server({"/": slowly}) as url:
        begun = time.monotonic()
        with pytest.raises(requests.Timeout):
            fetch(url + "/")
        assert time.monotonic() - begun < SECONDS + 1


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are accepted and nothing is said, as in the middle of a TLS handshake."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_accepts_and_is_silent_is_given_up(silent_port: int, scheme: str) -> None:
    begun = time.monotonic()
    with pytest.raises(requests.RequestException):
        fetch(f"{scheme}://127.0.0.1:{silent_port}/")
    assert time.monotonic() - begun < SECONDS + 1


def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: gate.wait(60))
    begun = time.monotonic()
    with pytest.raises(requests.Timeout):
        fetch("http://slow.example/")
    assert time.monotonic() - begun < SECONDS + 1
    gate.set()


def test_a_body_has_a_limit() -> None:
    with odd_server({"/": respond_with(b"x" * 1001)}) as url, pytest.raises(TooLarge):
        fetch(url + "/")


def test_what_is_posted_is_sent_nowhere_else() -> None:
    requested: list[str] = []
    with odd_server({"/a": redirect_to("/b"), "/b": respond_with(b"found")}, requested) as url:
        assert fetch(f"{url}/a", method="POST", content=b"{}") != b"found"
    assert "/b" not in requested


def test_the_proxies_of_a_server_are_read_from_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(requests.sessions, "get_environ_proxies", lambda url, **_: asked.append(url) or {})
    with odd_server({}) as one, odd_server({}) as other:
        with http_client.new_http_session(anything) as session:
            for url in (f"{one}/1", f"{one}/2", f"{other}/1", f"{one}/3"):
                http_client.fetch_limited(session, url, 1000, time.monotonic() + SECONDS, {})
        assert asked == [f"{one}/1", f"{other}/1"]
