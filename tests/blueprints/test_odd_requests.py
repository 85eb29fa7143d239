"""Requests that no browser of ours sends: an answer with a sentence, whatever they are."""

import base64
from typing import Any

import pytest
from flask import Flask

from rockonweb.core.errors import RockonwebError
from rockonweb.web import error_pages
from tests.support.app import PASSWORD, FormClient, add_rockon, mark_installed

LONG = "x" * 5_000
ODD: list[tuple[str, str, dict[str, Any]]] = [
    ("TRACE", "/", {}),
    ("CONNECT", "/", {}),
    ("PROPFIND", "/rockons", {}),
    ("PUT", "/rockons/1", {"data": b"x"}),
    ("DELETE", "/api/rockons/1", {}),
    ("PATCH", "/shares", {"data": b"x"}),
    ("get", "/rockons", {}),
    ("GET", "/rockons/1/../../etc/passwd", {}),
    ("GET", "/static/../config.py", {}),
    ("GET", "/static/%2e%2e/config.py", {}),
    ("GET", "/static//etc/passwd", {}),
    ("GET", "/static/..%5cconfig.py", {}),
    ("GET", "/static/%00", {}),
    ("GET", "/static/" + "a/" * 2_000, {}),
    ("GET", "/definitions/..%2f..%2fsecret.key/edit", {}),
    ("GET", "/definitions/%2e%2e/edit", {}),
    ("GET", "/definitions/%00/edit", {}),
    ("GET", "/shares/aside/..%2f..", {}),
    ("GET", "/shares/aside/%00", {}),
    ("GET", "/rockons/1/logs/..%2f..%2fsecret.key", {}),
    ("GET", "/rockons/99999999999999999999", {}),
    ("GET", "/rockons/-1", {}),
    ("GET", "/rockons/%D9%A1", {}),
    ("GET", "/rockons/1/icon?v=%ff%fe", {}),
    ("GET", "/rockons?q=%00%ff%f0%9f%92%a9&tab=%00&page=-1", {}),
    ("GET", "/rockons?q=" + "%28a%2B%29%2B" * 200, {}),
    ("GET", "/audit?page=99999999999999999999&who=%00", {}),
    ("GET", "/operations?page=1e9&rockon=9999999999999&kind=x&outcome=%00", {}),
    ("GET", "/rockons/1/logs?lines=99999999999&q=%00&container=%2e%2e", {}),
    ("GET", "/api/rockons?page=0&page_size=-1", {}),
    ("GET", "/api/rockons?page_size=" + "9" * 5_000, {}),
    ("GET", "/" + "%ff" * 50, {}),
    ("GET", "/\u202e\u2215", {}),
    ("POST", "/shares", {"data": b"\xff\xfe=\x00", "content_type": "application/x-www-form-urlencoded"}),
    ("POST", "/shares", {"data": b"name=x", "content_type": "multipart/form-data"}),
    ("POST", "/shares", {"data": b"--x\r\n\r\nname", "content_type": "multipart/form-data; boundary=x"}),
    ("POST", "/shares", {"data": b"name=x", "content_type": "application/x-www-form-urlencoded; charset=utf-7"}),
    ("POST", "/shares", {"data": b"{}", "content_type": "application/json"}),
    ("POST", "/shares", {"data": b"<!DOCTYPE x [<!ENTITY a 'a'>]>", "content_type": "application/xml"}),
    ("POST", "/api/rockons/1/install", {"data": b"\x1f\x8b\x08", "headers": {"Content-Encoding": "gzip"}}),
    ("POST", "/shares?_method=DELETE", {"headers": {"X-HTTP-Method-Override": "DELETE"}}),
    ("GET", "/rockons", {"headers": {"Accept-Language": "x" * 2_000 + ";q=nan,*;q=-1"}}),
    ("GET", "/rockons", {"headers": {"HX-Request": "true", "HX-Current-URL": "javascript:alert(1)//" + LONG}}),
    ("GET", "/rockons", {"headers": {"If-None-Match": '"' + LONG, "If-Modified-Since": "x", "Range": "bytes=9-1,-"}}),
    ("GET", "/static/icons.svg", {"headers": {"Range": "bytes=99999999999-"}}),
    ("GET", "/rockons", {"headers": {"Authorization": "Bearer " + LONG}}),
    ("GET", "/api/rockons", {"headers": {"Authorization": "Basic \xff"}}),
    ("GET", "/api/rockons", {"headers": {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode()}}),
    ("GET", "/api/rockons", {"headers": {"Authorization": "Digest username=x"}}),
    ("GET", "/api/rockons", {"headers": {"Authorization": ""}}),
    ("GET", "/rockons", {"headers": {"X-Forwarded-For": LONG, "X-Forwarded-Host": "evil.example", "Forwarded": "x"}}),
]


@pytest.mark.parametrize(
    ("method", "path", "options"), ODD, ids=[f"{one[0]} {one[1][:50]} {n}" for n, one in enumerate(ODD)]
)
@pytest.mark.parametrize("logged_in", [False, True], ids=["a stranger", "an owner"])
def test_an_odd_request_gets_a_sentence(
    app: Flask, client: FormClient, method: str, path: str, options: dict[str, Any], logged_in: bool
) -> None:
    mark_installed(add_rockon("Notes"))
    if logged_in:
        client.log_in("ada")
    answer = client.open(path, method=method, **options)
    assert answer.status_code < 500 or (answer.status_code == 503 and logged_in), answer.text
    assert "Traceback" not in answer.text
    assert str(app.config["SECRET_KEY"]) not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "evil.example" not in answer.text + str(answer.headers)
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.mimetype in ("text/html", "application/json"), answer.mimetype


def test_nothing_that_was_sent_stands_in_a_header(client: FormClient) -> None:
    for path in ("/login?next=/a%0d%0aSet-Cookie:%20x=1", "/rockons?q=%0d%0aX-Evil:%201", "/%0d%0aX-Evil:%201"):
        answer = client.get(path)
        assert "X-Evil" not in answer.headers
        assert "x=1" not in [cookie.partition(";")[0] for cookie in answer.headers.getlist("Set-Cookie")]


def test_what_another_program_says_is_one_line_of_the_log(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with app.test_request_context():
        error_pages._on_rockonweb_error(
            RockonwebError("It failed.\n[INFO] ada logged in", output="\r\nCookie: x\x1b[2J")
        )
    (line,) = [one.getMessage() for one in caplog.records if "It failed." in one.getMessage()]
    assert "\n" not in line
    assert "\r" not in line
    assert "\x1b" not in line


@pytest.mark.parametrize(
    "value",
    ["", "x", ".eJwrTi0GAAK9AUo.x.x", "a" * 4_000, "\xff", '{"_user_id":"1"}', "eyJfdXNlcl9pZCI6IjEifQ.aaaaaa.bbbb"],
)
def test_cookies_of_others_are_nothing(app: Flask, client: FormClient, value: str) -> None:
    """An app on another port of this name can set them."""
    name = app.config["SESSION_COOKIE_NAME"]
    for cookie in (name, f"{name}_theme", "_csrf_token", "session", "remember_token"):
        client.set_cookie(cookie, value, path="/")
    assert client.get("/shares").status_code == 303
    assert client.get("/login").status_code == 200
    answer = client.submit_form("/login", {"name": "ada", "password": PASSWORD})
    assert answer.status_code in (303, 400)
    assert client.get("/login").status_code in (200, 303)
