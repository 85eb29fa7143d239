"""The kind of a source is found by what lies in it."""

import io
import zipfile

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.formats import MAX_FILES, decode_files, read_source
from rockonweb.core.imports.source import MAX_SOURCE_BYTES

COMPOSE = "services:\n  web:\n    image: demo/web\n"
CASAOS = f"name: web\n{COMPOSE}x-casaos:\n  title: {{en_us: Web app}}\n  port_map: '80'\n"


@pytest.mark.parametrize(
    ("files", "image"),
    [
        ({"": "docker run demo/web"}, "demo/web"),
        ({"": COMPOSE}, "demo/web"),
        ({"": f"\ufeff{COMPOSE}"}, "demo/web"),
        ({"": '{"services": {"web": {"image": "demo/web"}}}'}, "demo/web"),
        ({"compose.yaml": f"{COMPOSE}    command: docker run x", ".env": "A=1"}, "demo/web"),
        ({"": CASAOS}, "demo/web"),
        ({"umbrel-app.yml": "manifestVersion: 1\nid: web\nname: Web\n", "docker-compose.yml": COMPOSE}, "demo/web"),
        ({"": '<Container version="2"><Name>Web</Name><Repository>demo/web</Repository></Container>'}, "demo/web"),
        (
            {"": '{"version": "2", "templates": [{"type": 1, "title": "Web", "image": "demo/web"}]}'},
            "demo/web",
        ),
    ],
    ids=[
        "line",
        "compose",
        "byte order mark",
        "compose as JSON",
        "compose with .env",
        "CasaOS",
        "Umbrel",
        "Unraid",
        "Portainer",
    ],
)
def test_each_kind_is_recognised(files: dict[str, str], image: str) -> None:
    assert read_source(files, "seed").containers[-1].image == image


@pytest.mark.parametrize("text", ["", "hello", "{}", "<a/>", "- a\n- b"])
def test_what_is_of_no_kind_is_refused_with_all_kinds(text: str) -> None:
    with pytest.raises(BadInput, match=r"This is none of what can be imported: .*Umbrel.*docker run"):
        read_source({"": text}, "seed")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("word", ["docker ", "{\n", "\t", "services ", "<Container ", "x-casaos ", "[", '{"a":'])
def test_a_text_that_is_made_to_be_slow_is_refused_at_once(word: str) -> None:
    with pytest.raises(BadInput):
        read_source({"": word * (MAX_SOURCE_BYTES // len(word))}, "seed")


def test_a_fault_of_a_pasted_text_has_its_line() -> None:
    with pytest.raises(BadInput) as refused:
        read_source({"": f"{COMPOSE}services: {{}}\n"}, "seed")
    assert "line 4" in str(refused.value)


def test_of_several_files_those_are_read_that_are_texts() -> None:
    assert decode_files({"logo.png": b"\x89PNG\xff", "a.txt": b"\xef\xbb\xbfa"}) == {"a.txt": "a"}


def zipped(files: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_archive_is_the_files_in_it() -> None:
    app = {"web/umbrel-app.yml": "manifestVersion: 1\nid: web\nname: Web\n", "web/docker-compose.yml": COMPOSE}
    files = decode_files({"web.zip": zipped({"web/": "", "web/logo.png": b"\x89PNG" + b"\xff" * 2_000_000, **app})})
    assert files == app
    assert read_source(files, "seed").name == "Web"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped({"a": "a"})[:-10], "web.zip can't be unpacked"),
        (zipped({"a": "a" * 50_000_000}), "At most"),
        (zipped({str(n): "a" * 900_000 for n in range(3)}), "At most"),
        (zipped({str(n): "a" for n in range(MAX_FILES + 1)}), "At most"),
        (zipped({"a": b"\xff"}), "not UTF-8"),
        (
            zipped({"a": "a"}).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
            "can't be unp",
        ),
    ],
    ids=["cut off", "bomb", "together too large", "too many", "no text", "encrypted"],
)
def test_an_archive_that_can_not_be_read_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        decode_files({"web.zip": content})


@pytest.mark.parametrize(
    "contents",
    [{"a": b"\xff"}, {"a": b"a" * (MAX_SOURCE_BYTES + 1)}, dict.fromkeys(map(str, range(MAX_FILES + 1)), b"")],
)
def test_what_is_no_text_or_too_much_is_refused(contents: dict[str, bytes]) -> None:
    with pytest.raises(BadInput):
        decode_files(contents)


def test_a_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(BadInput, match="not UTF-8"):
        read_source({"": "docker run -e A=\udcff demo/web"}, "")
