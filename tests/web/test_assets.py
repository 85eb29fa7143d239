"""One style sheet, files that are kept for ever, answers that are small; and the colours that a browser chose."""

import gzip
import re
from pathlib import Path

import pytest

from rockonweb.web import assets
from tests.support.app import FormClient, add_rockon, mark_installed, new_visitor

GZIP = {"Accept-Encoding": "gzip, br"}
TEMPLATES = Path(assets.__file__).parent.parent / "templates"
STATIC = TEMPLATES.parent / "static"
HEAVIEST = 120_000  # bytes of a page with all that it loads, compressed


def address(page: str, pattern: str) -> str:
    found = re.search(rf'(?:href|src)="({pattern})"', page)
    assert found, pattern
    return found[1]


def test_no_page_loads_another_sheet() -> None:
    linking = {path.name for path in TEMPLATES.rglob("*.html") if 'rel="stylesheet"' in path.read_text()}
    assert linking == {"base.html", "bare_error.html"}


def test_the_sheet_has_all_of_them(owner_client: FormClient) -> None:
    body = owner_client.get("/style.css").data
    for path in [*STATIC.glob("*.css"), STATIC / assets.BASE_STYLESHEET]:
        assert path.read_bytes() in body
    assert body.startswith((STATIC / assets.BASE_STYLESHEET).read_bytes())


@pytest.mark.parametrize("pattern", [r"/style\.css\?v=\w+", r"/static/vendor/htmx/htmx\.min\.js\?v=\w+"])
def test_a_file_under_its_fingerprint_is_kept_for_ever(owner_client: FormClient, pattern: str) -> None:
    path = address(owner_client.get("/").text, pattern)
    assert owner_client.get(path).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for other in (path.partition("?")[0], f"{path}x"):
        answer = owner_client.get(other)
        assert answer.headers["Cache-Control"] == "no-cache"
        assert owner_client.get(other, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_pages_and_files_are_compressed_for_those_who_ask(owner_client: FormClient) -> None:
    for n in range(9):
        add_rockon(f"App {n}")
    for path in ("/rockons?tab=all", "/style.css", "/static/icons.svg", "/api/rockons"):
        plain, small = owner_client.get(path), owner_client.get(path, headers=GZIP)
        assert "Content-Encoding" not in plain.headers, path
        assert small.headers["Content-Encoding"] == "gzip", path
        assert "Accept-Encoding" in small.headers["Vary"], path
        assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 2, path
        if "csrf" not in plain.text:
            assert gzip.decompress(small.data) == plain.data, path


def test_a_file_that_is_not_there_is_not_found(owner_client: FormClient) -> None:
    for path in ("/static/no.css", "/static/../faces.py", "/static/%00"):
        assert owner_client.get(path, headers=GZIP).status_code == 404


def test_the_length_of_a_page_tells_nothing(owner_client: FormClient) -> None:
    assert len({len(owner_client.get("/shares", headers=GZIP).data) for _ in range(20)}) > 3


def test_a_page_is_light(owner_client: FormClient) -> None:
    for n in range(300):
        (mark_installed if n % 5 == 0 else str)(add_rockon(f"App {n}"))
    for path in ("/", "/rockons", "/rockons?tab=all", "/operations", "/login"):
        visitor = new_visitor(owner_client.application) if path == "/login" else owner_client
        page = visitor.get(path)
        loaded = set(re.findall(r'<(?:script src|link rel="stylesheet" href)="([^"]+)"', page.text))
        assert len([one for one in loaded if ".css" in one]) == 1, path
        weight = sum(len(visitor.get(one, headers=GZIP).data) for one in {path, *loaded})
        assert weight < HEAVIEST, path


def test_no_script_holds_up_the_first_paint() -> None:
    scripts = {
        (path.name, tag)
        for path in TEMPLATES.rglob("*.html")
        for tag in re.findall(r"<script[^>]*>", path.read_text())
        if "src=" in tag or "defer" in tag
    }
    assert scripts
    assert {one for one in scripts if " defer" not in one[1]} == set()


@pytest.mark.parametrize(("chosen", "scheme"), [("dark", "dark"), ("light", "light"), ("system", "light dark")])
def test_a_browser_keeps_its_colours(owner_client: FormClient, chosen: str, scheme: str) -> None:
    token = owner_client.csrf_token("/shares")
    answer = owner_client.post(f"/theme/{chosen}", data={"next": "/shares?", "csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/shares")
    page = owner_client.get("/shares").text
    assert f'data-theme="{chosen}"' in page
    assert f'<meta name="color-scheme" content="{scheme}">' in page


def test_no_other_colours_and_no_other_site(owner_client: FormClient) -> None:
    token = owner_client.csrf_token("/shares")
    assert owner_client.post("/theme/pink", data={"csrf_token": token}).status_code == 404
    assert owner_client.post("/theme/dark", data={"next": "//evil.example", "csrf_token": token}).location == "/"
    owner_client.set_cookie("rockonweb_8080_theme", '"><b>')
    assert "<b>" not in owner_client.get("/shares").text.partition("</head>")[0]


def test_colours_stand_in_one_place() -> None:
    colour = re.compile(r"(?<![&\w])#[0-9a-f]{3,8}\b|rgba?\(")
    others = [path for path in STATIC.glob("*.css") if path.name != "rockonweb.css"]
    assert {path.name: found for path in others if (found := colour.findall(path.read_text()))} == {}
