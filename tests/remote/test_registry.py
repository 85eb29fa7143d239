"""What registries say of images: a real one, and one that does what real ones do at times."""

import hashlib
import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.remote import http_client
from rockonweb.remote import registry as registries
from rockonweb.remote.registry import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Credentials,
    ImageName,
    ImageNotFound,
    LoginRefused,
    LookupFailed,
    RegistryBusy,
    RemoteImage,
    check_login,
    lookup_image,
    lookup_images,
    parse_challenges,
    parse_credentials,
    parse_image_name,
    parse_registry,
    parse_retry_after,
)
from tests.support.claims import free_port
from tests.support.pushing import CREATED, push_image, push_manifest
from tests.support.registry import ODD_PASSWORD, USER, RegistryServer
from tests.support.resolving import PUBLIC, Resolver

# -- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("nginx", ImageName("registry-1.docker.io", "library/nginx", "latest")),
        ("nginx:1.27", ImageName("registry-1.docker.io", "library/nginx", "1.27")),
        ("someone/app", ImageName("registry-1.docker.io", "someone/app", "latest")),
        ("docker.io/someone/app:2", ImageName("registry-1.docker.io", "someone/app", "2")),
        ("index.docker.io/nginx", ImageName("registry-1.docker.io", "library/nginx", "latest")),
        ("box.example/a/b/c:v1.2-rc.3", ImageName("box.example", "a/b/c", "v1.2-rc.3")),
        ("box.example:5000/app", ImageName("box.example:5000", "app", "latest")),
        ("localhost/app", ImageName("localhost", "app", "latest")),
        (f"box.example/app@sha256:{'a' * 64}", ImageName("box.example", "app", f"sha256:{'a' * 64}")),
        (f"box.example/app:1@sha256:{'a' * 64}", ImageName("box.example", "app", f"sha256:{'a' * 64}")),
    ],
)
def test_a_name_is_understood_as_docker_does(image: str, name: ImageName) -> None:
    assert parse_image_name(image) == name


@pytest.mark.parametrize(
    "image",
    ["", "Nginx", "a//b", "box.example/../x", "box.example/a?b", "app:", "app:-1", "app@sha256:x", "app@", "a b/c"],
)
def test_what_no_image_can_be_called_is_missing(image: str) -> None:
    with pytest.raises(ImageNotFound, match="this is not a valid image name"):
        lookup_image(image)


@pytest.mark.parametrize(
    ("image", "base"),
    [
        ("127.0.0.1:5000/app", "http://127.0.0.1:5000/v2/app"),
        ("localhost/app", "http://localhost/v2/app"),
        ("box.example/app", "https://box.example/v2/app"),
        ("192.168.1.9:5000/app", "https://192.168.1.9:5000/v2/app"),
    ],
)
def test_only_this_machine_is_asked_without_tls(image: str, base: str) -> None:
    assert parse_image_name(image).base_url == base


# -- a real registry ----------------------------------------------------------------------------------------------


def test_an_image_of_one_platform(registry: RegistryServer) -> None:
    stored = push_image(registry, "look/one", "1", "amd64", layers=3)
    assert lookup_image(f"{registry.address}/look/one:1") == RemoteImage(
        stored["digest"], ("linux/amd64",), datetime(2026, 3, 1, 10, 20, 30, 123456, UTC), 3000
    )
    by_digest = lookup_image(f"{registry.address}/look/one@{stored['digest']}")
    assert by_digest.digest == stored["digest"]


def test_an_image_of_several_platforms_without_what_is_no_image(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "look/many"
    platforms: list[tuple[str, dict[str, str]]] = [
        ("arm", {"variant": "v7"}),
        ("arm64", {"variant": "v8"}),
        ("amd64", {}),
    ]
    parts = [
        {
            **push_image(registry, path, architecture, architecture, layers=place + 1),
            "platform": {"os": "linux", "architecture": architecture, **more},
        }
        for place, (architecture, more) in enumerate(platforms)
    ]
    signature = {**parts[0], "platform": {"os": "unknown", "architecture": "unknown"}}
    body = {"schemaVersion": 2, "mediaType": INDEX_TYPES[0], "manifests": [*parts, signature]}
    stored = push_manifest(registry, path, "2", body)
    for machine, size in (("x86_64", 3000), ("aarch64", 2000), ("armv7l", 1000), ("riscv64", 1000)):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        found = lookup_image(f"{registry.address}/{path}:2")
        assert found.digest == stored["digest"]
        assert found.platforms == ("linux/arm/v7", "linux/arm64/v8", "linux/amd64")
        assert (found.size, found.created and found.created.year) == (size, 2026)


def test_a_made_up_date_is_none(registry: RegistryServer) -> None:
    for number, created in enumerate(("1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "yesterday", None, 7)):
        push_image(registry, "look/dates", str(number), "amd64", layers=1, created=created)
        assert lookup_image(f"{registry.address}/look/dates:{number}").created is None


def test_what_is_not_there_is_missing(registry: RegistryServer) -> None:
    push_image(registry, "look/some", "1", "amd64", layers=1)
    for image in ("look/some:2", "look/none"):
        with pytest.raises(ImageNotFound, match="has no such image"):
            lookup_image(f"{registry.address}/{image}")


def test_a_registry_that_is_away_proves_nothing() -> None:
    with pytest.raises(LookupFailed, match="can't be reached"):
        lookup_image(f"127.0.0.1:{free_port()}/app")


def test_several_are_asked_at_once_and_told_in_order(registry: RegistryServer) -> None:
    push_image(registry, "look/order", "1", "amd64", layers=1)
    known, missing, away = (
        f"{registry.address}/look/order:1",
        f"{registry.address}/look/order:9",
        f"127.0.0.1:{free_port()}/a",
    )
    found = list(lookup_images([away, missing, known, away]))
    assert [image for image, _ in found] == [away, missing, known]
    assert [type(outcome) for _, outcome in found] == [LookupFailed, ImageNotFound, RemoteImage]


# -- one with moods -----------------------------------------------------------------------------------------------

CONFIG = json.dumps({"os": "linux", "architecture": "amd64", "created": CREATED}).encode()
MANIFEST = json.dumps(
    {
        "mediaType": MANIFEST_TYPES[1],
        "config": {"digest": f"sha256:{'c' * 64}"},
        "layers": [{"size": 40}, {"size": 2}],
    }
).encode()


class Moody:
    """A registry whose answers a test writes: `answers` maps a path to status, body and headers."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {
            "/v2/app/manifests/latest": (200, MANIFEST, {}),
            f"/v2/app/blobs/sha256:{'c' * 64}": (200, CONFIG, {}),
        }
        self.requests: list[tuple[str, dict[str, list[str]], str]] = []
        self.secret = ""  # wanted as a token for everything below /v2
        self.challenge = "Bearer"
        self.delay = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"moody": self}))
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    moody: Moody

    def do_GET(self) -> None:
        with suppress(ConnectionError):  # who asks may have had enough
            self._answer()

    def do_HEAD(self) -> None:
        with suppress(ConnectionError):
            self._answer()

    def _answer(self) -> None:
        moody, asked = self.moody, urlsplit(self.path)
        given = self.headers.get("Authorization", "")
        moody.requests.append((asked.path, parse_qs(asked.query), given))
        time.sleep(moody.delay)
        status, body, headers = moody.answers.get(asked.path, (404, b"{}", {}))
        if moody.secret and asked.path.startswith("/v2/") and given != f"Bearer {moody.secret}":
            challenge = (
                f'{moody.challenge} realm="http://{moody.address}/token",service="box",scope="repository:app:pull"'
            )
            status, body, headers = 401, b"{}", {"WWW-Authenticate": challenge}
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Keep quiet."""


@pytest.fixture
def moody() -> Iterator[Moody]:
    """A registry with moods."""
    found = Moody()
    yield found
    found.close()


def test_without_a_digest_in_the_answer_it_is_that_of_the_manifest(moody: Moody) -> None:
    found = lookup_image(f"{moody.address}/app")
    assert found.digest == f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
    assert (found.platforms, found.size) == (("linux/amd64",), 42)


def test_a_token_is_got_where_the_registry_says_and_used(moody: Moody) -> None:
    moody.secret = "s3cret"
    moody.answers["/token"] = (200, b'{"token": "s3cret"}', {})
    assert lookup_image(f"{moody.address}/app").size == 42
    paths = [path for path, _, _ in moody.requests]
    assert paths == [
        "/v2/app/manifests/latest", "/token", "/v2/app/manifests/latest", f"/v2/app/blobs/sha256:{'c' * 64}",
    ]  # fmt: skip
    assert moody.requests[1][1:] == ({"scope": ["repository:app:pull"], "service": ["box"]}, "")


def test_a_token_of_the_other_name_is_one_too(moody: Moody) -> None:
    moody.secret = "s3cret"
    moody.answers["/token"] = (200, b'{"access_token": "s3cret"}', {})
    assert lookup_image(f"{moody.address}/app").size == 42


def test_a_token_does_not_go_where_the_registry_keeps_its_files(moody: Moody) -> None:
    files = Moody()
    try:
        moody.secret = "s3cret"
        moody.answers["/token"] = (200, b'{"token": "s3cret"}', {})
        blob = f"/v2/app/blobs/sha256:{'c' * 64}"
        moody.answers[blob] = (307, b"", {"Location": f"http://{files.address}/file"})
        files.answers["/file"] = (200, CONFIG, {})
        assert lookup_image(f"{moody.address}/app").platforms == ("linux/amd64",)
        assert files.requests == [("/file", {}, "")]
    finally:
        files.close()


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ((200, b'{"token": "wrong"}', {}), "denies access"),
        ((403, b"{}", {}), "denies access"),
        ((429, b"{}", {}), "received too many requests"),
        ((200, b"{}", {}), "requires a login"),
        ((200, b"<html>", {}), "does not answer like a registry"),
        ((200, b'{"token": "a\\nb"}', {}), "requires a login"),
    ],
)
def test_without_a_token_that_is_good_it_stays_unknown(
    moody: Moody, token: tuple[int, bytes, dict[str, str]], words: str
) -> None:
    moody.secret, moody.answers["/token"] = "s3cret", token
    with pytest.raises(LookupFailed, match=words):
        lookup_image(f"{moody.address}/app")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((429, b"{}", {"Retry-After": "60"}), "received too many requests"),
        ((403, b"{}", {}), "denies access"),
        ((401, b"{}", {"WWW-Authenticate": 'Basic realm="box"'}), "requires a login"),
        ((401, b"{}", {}), "requires a login"),
        ((500, b"{}", {}), "status 500"),
        ((200, b"<html>", {}), "does not answer like a registry"),
        ((200, b"[]", {}), "does not answer like a registry"),
        ((200, b"[" * 100_000, {}), "does not answer like a registry"),
        ((200, b"x" * (registries.MAX_ANSWER_BYTES + 1), {}), "too much"),
        ((302, b"", {"Location": "/v2/app/manifests/latest"}), "redirects too often"),
        ((302, b"", {"Location": "file:///etc/passwd"}), "not on the internet"),
        ((200, b'{"layers": [{"size": 1}], "config": {"digest": "../../x"}}', {}), "can't be read"),
        ((200, b'{"layers": [{"size": 1}]}', {}), "can't be read"),
    ],
)
def test_what_a_registry_will_not_tell_is_unknown(
    moody: Moody, answer: tuple[int, bytes, dict[str, str]], words: str
) -> None:
    moody.answers["/v2/app/manifests/latest"] = answer
    with pytest.raises(LookupFailed, match=words):
        lookup_image(f"{moody.address}/app")


def test_a_registry_of_the_internet_does_not_lead_into_this_network(
    moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Resolver(monkeypatch, {"box.example": [PUBLIC], "inner.example": ["10.0.0.7"]})
    names.lead(PUBLIC, f"http://{moody.address}")
    monkeypatch.setattr(ImageName, "base_url", "http://box.example/v2/app")
    moody.answers["/v2/app/manifests/latest"] = (302, b"", {"Location": "http://inner.example/secret"})
    with pytest.raises(LookupFailed, match="not on the internet"):
        lookup_image("box.example/app")
    challenge = {"WWW-Authenticate": 'Bearer realm="http://inner.example/token"'}
    moody.answers["/v2/app/manifests/latest"] = (401, b"", challenge)
    with pytest.raises(LookupFailed, match="not on the internet"):
        lookup_image("box.example/app")


def test_a_registry_that_is_silent_is_given_up(moody: Moody, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "READ_SECONDS", 0.2)
    moody.delay = 2
    with pytest.raises(LookupFailed, match="too slow"):
        lookup_image(f"{moody.address}/app")


def test_an_image_of_the_oldest_kind_is_there(moody: Moody) -> None:
    moody.answers["/v2/app/manifests/latest"] = (200, b'{"schemaVersion": 1, "architecture": "amd64"}', {})
    found = lookup_image(f"{moody.address}/app")
    assert (found.platforms, found.created, found.size) == (("linux/amd64",), None, None)


# -- logins -------------------------------------------------------------------------------------------------------

ADA = Credentials(USER, ODD_PASSWORD)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("docker.io", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        (" GHCR.io/ ", "ghcr.io"),
        ("box.example:5000", "box.example:5000"),
        ("http://localhost", "localhost"),
        ("HTTPS://Box.example:65535/v2", "box.example:65535"),
    ],
)
def test_a_registry_is_known_by_its_host(typed: str, name: str) -> None:
    assert parse_registry(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        *("", "ghcr", "ghcr.io/ada", "a b.c", "ada:s3cret@box.example", "böx.example", "x\n.y"),
        *("box.example:99999", "box.example:0", "box.example:", "a.b/https://box.example"),
    ],
)
def test_what_is_no_host_of_a_registry_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(BadInput, match="not the name of a registry") as refused:
        parse_registry(typed)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("password", ["p:w", "'\"$`\\ %00", "ä€😀", " x "])
def test_odd_characters_of_a_password_are_kept(password: str) -> None:
    login = parse_credentials(" ada ", password)
    assert login == Credentials("ada", password)
    assert b64decode(login.basic_authorization.removeprefix("Basic ")).decode() == f"ada:{password}"
    assert password not in repr(login)


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        ("ada", "", "needs a user name"),
        (" ", "x", "needs a user name"),
        ("a:b", "s3cret", "colon"),
        ("ada", "s3cret\n", "line break"),
        ("ada", "s3cret\0", "line break"),
        ("a\u202eda", "s3cret", "line break"),
        ("ada", "s3cret" * 1000, "too long"),
    ],
)
def test_what_no_login_can_be_gets_a_sentence_without_the_password(user: str, password: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as refused:
        parse_credentials(user, password)
    assert "s3cret" not in str(refused.value)


def test_a_real_registry_accepts_the_login_and_no_other(
    registry: RegistryServer, private_registry: RegistryServer
) -> None:
    stored = push_image(registry, "look/private", "1", "amd64", layers=1)
    image = f"{private_registry.address}/look/private:1"
    check_login(private_registry.address, ADA)
    assert lookup_image(image, logins={private_registry.address: ADA}).digest == stored["digest"]
    with pytest.raises(LookupFailed, match="requires a login"):
        lookup_image(image, logins={registry.address: ADA})
    wrong = Credentials(USER, "other")
    for attempt in (
        lambda: check_login(private_registry.address, wrong),
        lambda: lookup_image(image, logins={private_registry.address: wrong}),
    ):
        with pytest.raises(LoginRefused, match="refuses the stored login"):
            attempt()
    with pytest.raises(LookupFailed, match="asks for no login"):
        check_login(registry.address, ADA)


def test_the_login_is_sent_for_a_token_and_the_token_for_the_rest(moody: Moody) -> None:
    moody.secret = "t0ken"
    moody.answers |= {"/token": (200, b'{"token": "t0ken"}', {}), "/v2/": (200, b"{}", {})}
    assert lookup_image(f"{moody.address}/app", logins={moody.address: ADA}).size == 42
    sent = [authorization for _, _, authorization in moody.requests]
    assert sent == ["", ADA.basic_authorization, "Bearer t0ken", "Bearer t0ken"]
    check_login(moody.address, ADA)
    moody.answers["/token"] = (401, b"{}", {})
    with pytest.raises(LoginRefused):
        check_login(moody.address, ADA)
    for path, status in (("/token", 500), ("/v2/", 403)):  # or who refuses everybody, before it has seen the login
        moody.secret = "t0ken" if path == "/token" else ""
        moody.answers[path] = (status, b"{}", {})
        with pytest.raises(LookupFailed) as unknown:
            check_login(moody.address, ADA)
        assert not isinstance(unknown.value, LoginRefused)


def test_the_login_goes_nowhere_that_a_redirect_leads_to(moody: Moody) -> None:
    """Not to the other server, and not to where that one says that its tokens are."""
    other = Moody()
    try:
        other.secret = "t0ken"
        other.answers["/token"] = (403, b"{}", {})
        for challenge in ("Bearer", "Basic"):
            other.challenge = challenge
            moody.answers["/v2/app/manifests/latest"] = (
                307, b"", {"Location": f"http://{other.address}/v2/app/manifests/latest"},
            )  # fmt: skip
            with pytest.raises(LookupFailed):
                lookup_image(f"{moody.address}/app", logins={moody.address: ADA, other.address: ADA})
        assert len(other.requests) == 2
        assert {authorization for _, _, authorization in other.requests + moody.requests} == {""}
    finally:
        other.close()


def test_the_login_is_not_sent_unencrypted_over_a_network(moody: Moody) -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="http://tokens.example/token"'}
    moody.answers["/v2/app/manifests/latest"] = (401, b"", challenge)
    with pytest.raises(LookupFailed, match="wants the login unencrypted"):
        lookup_image(f"{moody.address}/app", logins={moody.address: ADA})


def test_several_ways_to_log_in_are_told_apart() -> None:
    header = 'Basic realm="box", bearer realm="https://box.example/token?a=b, c",service="box"'
    assert parse_challenges(header) == {
        "basic": {"realm": "box"},
        "bearer": {"realm": "https://box.example/token?a=b, c", "service": "box"},
    }
    assert parse_challenges("Negotiate") == parse_challenges("") == {}


# -- pauses -------------------------------------------------------------------------------------------------------


def test_a_registry_that_asks_to_wait_is_not_asked_again_before(moody: Moody, monkeypatch: pytest.MonkeyPatch) -> None:
    moody.answers["/v2/app/manifests/latest"] = (429, b"{}", {"Retry-After": "90"})
    for _ in range(2):
        with pytest.raises(RegistryBusy, match="again in 2 minutes"):
            lookup_image(f"{moody.address}/app", ["sha256:1"])
        assert len(moody.requests) == 1
    with pytest.raises(LookupFailed, match="status 404"):  # who logs in has a limit of their own
        check_login(moody.address, ADA)
    moody.answers["/v2/app/manifests/latest"] = (200, MANIFEST, {})
    for later in (100, -7 * 86_400):  # then, or by a clock that was set back
        at = time.time() + later
        monkeypatch.setattr("time.time", lambda at=at: at)
        assert lookup_image(f"{moody.address}/app").size == 42
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60), ("0", 1), ("99999999999999", 86_400), ("9" * 400, 86_400), ("", 900), ("soon", 900), ("-5", 900),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1), ("Wed, 21 Oct 9015 07:28:00 GMT", 86_400),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_told_as_a_number_or_a_date(header: str, seconds: int) -> None:
    assert parse_retry_after(header) == seconds


# -- what is known already ----------------------------------------------------------------------------------------


def test_of_a_digest_that_is_known_no_more_is_asked(registry: RegistryServer) -> None:
    stored = push_image(registry, "look/known", "1", "amd64", layers=2)
    image = f"{registry.address}/look/known:1"
    assert lookup_image(image, {stored["digest"]}) == RemoteImage(stored["digest"])
    other = lookup_image(image, {f"sha256:{'0' * 64}"})
    assert (other.digest, other.size) == (stored["digest"], 2000)
    assert [found for _, found in lookup_images([image], {image: {stored["digest"]}})] == [
        RemoteImage(stored["digest"])
    ]


def test_such_a_question_is_no_pull_and_has_a_token_too(moody: Moody) -> None:
    moody.secret = "s3cret"
    moody.answers["/token"] = (200, b'{"token": "s3cret"}', {})
    digest = f"sha256:{'d' * 64}"
    moody.answers["/v2/app/manifests/latest"] = (200, MANIFEST, {"Docker-Content-Digest": digest})
    assert lookup_image(f"{moody.address}/app", [digest]) == RemoteImage(digest)
    assert [path for path, _, _ in moody.requests] == [
        "/v2/app/manifests/latest", "/token", "/v2/app/manifests/latest",
    ]  # fmt: skip


def test_a_registry_that_does_not_tell_a_digest_is_asked_for_all(moody: Moody) -> None:
    found = lookup_image(f"{moody.address}/app", ["sha256:1"])
    assert (found.digest, found.size) == (f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}", 42)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_one_that_refuses_that_question_stays_unknown(moody: Moody, status: int) -> None:
    moody.answers["/v2/app/manifests/latest"] = (status, b"{}", {})
    with pytest.raises(LookupFailed):
        lookup_image(f"{moody.address}/app", ["sha256:1"])


def test_the_digests_of_this_machines_part_are_told_too(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    part = {
        **push_image(registry, "look/parts", "amd64", "amd64", layers=1),
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    stored = push_manifest(
        registry, "look/parts", "1", {"schemaVersion": 2, "mediaType": INDEX_TYPES[0], "manifests": [part]}
    )
    found = lookup_image(f"{registry.address}/look/parts:1")
    assert found.all_digests[:2] == (stored["digest"], part["digest"])
    assert len(found.all_digests) == 3
    assert lookup_image(f"{registry.address}/look/parts:amd64").all_digests == found.all_digests[1:]
