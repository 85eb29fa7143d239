"""The blocks of the guide for nginx and Caddy, as they stand there, in front of the application."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from flask import Flask, jsonify, request

from rockonweb.web.permissions import allow_anonymous
from tests.support.app import make_app
from tests.support.claims import free_port
from tests.support.process import ROOT, start_process, stop_process, wait_until
from tests.support.serving import serve_app

GUIDE = (ROOT / "docs" / "reverse-proxy.md").read_text()
HOST = "apps.example.org"
FORGED = {
    "Host": HOST,
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "javascript",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "666",
    "Forwarded": "for=6.6.6.6;host=evil.example",
}
Start = Callable[[str, str, str], str]


def blocks(title: str) -> list[str]:
    """The indented blocks of a section of the guide."""
    section = GUIDE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?:^    .*\n|^\n(?=    ))+", section, re.MULTILINE)


def nginx_settings(folder: Path, upstream: str, port: int, path: str) -> tuple[list[str], str]:
    """The program with its arguments, and its file, from the guide's blocks."""
    server, below = (block.replace("http://127.0.0.1:8000", upstream) for block in blocks("nginx"))
    lines = [line for line in server.splitlines() if "ssl_certificate" not in line]
    server = "\n".join(lines).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    if path:
        others = [line for line in lines if "proxy_set_header" in line and "X-Forwarded-Prefix" not in line]
        assert "and the six other lines" in below
        assert len(others) == 6
        below = below.replace("# and the six other lines from above", "\n".join(others))
        server = re.sub(r"location / \{.*?\n {8}\}", lambda _: below, server, flags=re.DOTALL)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = f"daemon off; pid {folder}/pid; events {{}}\nhttp {{ access_log off;\n{paths}{server}\n}}\n"
    return ["nginx", "-e", str(folder / "errors"), "-c"], text


def caddy_settings(folder: Path, upstream: str, port: int, path: str) -> tuple[list[str], str]:
    """The same for Caddy."""
    plain, below = (block.replace("127.0.0.1:8000", upstream.removeprefix("http://")) for block in blocks("Caddy"))
    block = (below if path else plain).replace(f"{HOST} {{", f"http://{HOST}:{port} {{\nbind 127.0.0.1", 1)
    return ["caddy", "run", "--adapter", "caddyfile", "--config"], f"{{\nadmin off\n}}\n{block}"


@pytest.fixture
def reverse_proxy(tmp_path: Path) -> Iterator[Start]:
    """`reverse_proxy("nginx", url, path)` starts one before an address, and returns the address to ask."""
    with ExitStack() as stack:

        def start(name: str, upstream: str, path: str) -> str:
            assert shutil.which(name), f"the package of {name} is not installed"
            folder, port = tmp_path / name, free_port()
            folder.mkdir()
            make = {"nginx": nginx_settings, "caddy": caddy_settings}[name]
            command, text = make(folder, upstream, port, path)
            (folder / "file").write_text(text)
            environ = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            process = start_process([*command, str(folder / "file")], folder / "log", environ)
            stack.callback(stop_process, process, 10)
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(url), process, folder / "log", name, 30)
            return url

        yield start


def answers(url: str) -> bool:
    try:
        return requests.get(url, headers={"Host": HOST}, timeout=5, allow_redirects=False).status_code < 500
    except requests.ConnectionError:
        return False


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """An application that tells what it was told."""
    made = make_app(tmp_path / "app", ROCKONWEB_PROXIES="127.0.0.1", ROCKONWEB_HOSTS=HOST)

    @made.get("/told")
    @allow_anonymous
    def told() -> object:
        return jsonify(
            prefix=request.script_root, host=request.host, scheme=request.scheme, address=request.remote_addr,
            headers={name: value for name, value in request.headers if "Forwarded" in name},
        )  # fmt: skip

    return made


@pytest.mark.parametrize("path", ["", "/rockonweb"])
@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_what_a_visitor_says_of_the_way_does_not_reach_the_pages(
    app: Flask, reverse_proxy: Start, name: str, path: str
) -> None:
    with serve_app(app) as upstream:
        url = reverse_proxy(name, upstream, path)
        told = requests.get(f"{url}{path}/told", headers=FORGED, timeout=10).json()
        assert told["prefix"] == path
        assert told["host"].partition(":")[0] == HOST
        assert (told["scheme"], told["address"]) == ("http", "127.0.0.1")
        assert "evil" not in str(told)
        assert "6.6.6.6" not in str(told)
        assert {*told["headers"]} <= {f"X-Forwarded-{field}" for field in ("For", "Proto", "Host", "Prefix")}
        page = requests.get(f"{url}{path}/login", headers=FORGED, timeout=10).text
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
    assert links
    assert [link for link in links if not link.startswith(f"{path}/") or "evil" in link] == []
