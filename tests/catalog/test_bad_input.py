"""Hostile metastores and definitions: each is reported, the rest loads, and time and memory stay bounded.

Each runs in a process of its own, so that what it used at most can be told.
"""

import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb import catalog
from rockonweb.catalog import metastore_client
from rockonweb.models import RockOn, db
from rockonweb.remote import http_client
from tests.support import samples
from tests.support.app import make_app
from tests.support.odd_server import Answer, odd_server, redirect_to, respond_with

SECONDS = 100  # of a refresh, where no other limit is given: a fraction of it is usual
MEGABYTES = 320  # more than an idle process has


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Two gigabytes, in pieces."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(2_000_000_000 // 0x10000):
        handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def nothing(handler: BaseHTTPRequestHandler) -> None:
    """No answer, and the connection stays open."""
    time.sleep(30)


def good(name: str = "Good", **keys: Any) -> str:
    return samples.definition_source({name.lower(): {}}, name, **keys)


def many(word: str, count: int, after: int = 0) -> dict[str, Any]:
    """Questions for so many things, called by a word and a number."""
    return {f"{word}{after + n}": {} for n in range(1, count + 1)}


def refresh(folder: Path, url: str) -> dict[str, Any]:
    """Refresh in a process of its own and return what it told."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as process:
        told = process.submit(refresh_here, folder, url).result(120)
    assert told["seconds"] < SECONDS
    assert told["megabytes"] < MEGABYTES
    return told


def refresh_here(folder: Path, url: str) -> dict[str, Any]:
    """Refresh with shorter patience than the program's; tell what it used."""
    metastore_client.FILE_SECONDS, http_client.READ_SECONDS, metastore_client.REFRESH_SECONDS = 3, 2, 6
    app = make_app(folder, ROCKONWEB_REMOTE_METASTORE=url)
    with app.app_context():
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before, begun = megabytes("VmRSS"), time.monotonic()
        report = catalog.refresh_catalogue()
        return {
            "report": report.to_json(),
            "text": str(report),
            "seconds": time.monotonic() - begun,
            "names": sorted(db.session.scalars(select(RockOn.name).where(RockOn.origin != "starter"))),
            "megabytes": megabytes("VmHWM") - before,
        }


def megabytes(what: str) -> float:
    """A size of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) / 1024


def with_root(files: dict[str, Answer], root: object = None) -> dict[str, Answer]:
    listed = root if root is not None else {name: name for name in files}
    return {"/root.json": respond_with(json.dumps(listed)), **{f"/{name}": answer for name, answer in files.items()}}


def faults(told: dict[str, Any]) -> dict[str, list[str]]:
    return {one["file"]: one["reasons"] for one in told["report"]["faulty"]}


# -- a metastore ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "words"),
    [
        (respond_with("<!doctype html><title>Welcome</title>"), "is a web page, not JSON"),
        (redirect_to("http://[::1]:9/"), ""),
        (redirect_to("file:///etc/passwd"), "is redirected to something other than a web address"),
        (endless, "is larger than 1.0 MB"),
        (respond_with(""), "is empty"),
        (nothing, "was not received in time"),
        (drip, "was not received in time"),
        (respond_with("[" * 900_000), "is not JSON"),
        (respond_with("{" + ",".join(f'"{n}":"{n}.json"' for n in range(45_000)) + "}"), "lists more than 20000 files"),
    ],
    ids=["html", "private", "file", "2-GB", "empty", "nothing", "drip", "nested", "many"],
)
def test_a_metastore_that_is_none_is_reported_and_the_starter_serves(tmp_path: Path, root: Answer, words: str) -> None:
    with odd_server({"/root.json": root}) as url:
        told = refresh(tmp_path, url)
    assert words in faults(told)["root.json"][0]
    assert told["names"] == []
    assert told["text"].startswith("No catalogue could be loaded.")


def test_one_bad_file_of_each_kind_and_the_rest_loads(tmp_path: Path) -> None:
    bad: dict[str, tuple[Answer, str]] = {
        "html.json": (respond_with("<html>"), "not JSON"),
        "large.json": (endless, "is larger than"),
        "drip.json": (drip, "too slow"),
        "silent.json": (nothing, "too slow"),
        "away.json": (redirect_to("gopher://127.0.0.1/"), "is redirected"),
        "keys.json": (respond_with(json.dumps({"A": dict.fromkeys(map(str, range(1_000_000)))})), "is larger than"),
        "keys2.json": (respond_with(json.dumps({str(n): 1 for n in range(70_000)})), "must be an object"),
        "variables.json": (
            respond_with(samples.definition_source({"aa": {"environment": many("V", 70_000)}})),
            "allowed",
        ),
        "ports.json": (
            respond_with(samples.definition_source({f"c{n:02}": {"ports": many("", 999)} for n in range(80)})),
            "allowed",
        ),
        "nested.json": (respond_with('{"a":' * 150_000 + "1" + "}" * 150_000), "nested too deeply"),
        "lists.json": (respond_with('{"A":' + "[" * 400_000 + "]" * 400_000 + "}"), "nested too deeply"),
        "html2.json": (respond_with(good("Tags", description="<div>" * 150_000)), "more than 20000 characters"),
        "signs.json": (respond_with(good("Signs", more_info="&" * 900_000)), "more than 20000 characters"),
        "twice.json": (respond_with('{"A":{"containers":{"aa":{},"aa":{}}}}'), "is required"),
        "newline.json": (respond_with(good("New\nline")), "printable"),
        "surrogate.json": (respond_with('{"\\ud800": {}}'), "an incomplete character"),
        "number.json": (respond_with('{"A": {"version": ' + "9" * 500_000 + "}}"), "not JSON"),
        "taken.json": (respond_with(good("Good")), 'the rock-on "Good" is already in good.json'),
    }
    files = {name: answer for name, (answer, _) in bad.items()}
    files = {"good.json": respond_with(good()), **files, "last.json": respond_with(good("Last"))}
    with odd_server(with_root(files)) as url:
        told = refresh(tmp_path, url)
    assert told["names"] == ["Good", "Last"]
    found = faults(told)
    assert set(found) == set(bad)
    for name, (_, words) in bad.items():
        assert any(words in reason for reason in found[name]), (name, found[name])
        assert len(found[name]) <= 50


def test_entries_that_lead_elsewhere_are_reported_and_nothing_is_asked_for(tmp_path: Path) -> None:
    elsewhere = [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd.json",
        "/etc/passwd",
        "file:///etc/passwd.json",
        "http://127.0.0.1:9/x.json",
        "//example.org/x.json",
        "x.json?y.json",
        "x\r\nHost: y.json",
        "a\\b.json",
        7,
        None,
        {},
    ]
    root = {"good": "good.json", **{f"bad {place}": entry for place, entry in enumerate(elsewhere)}}
    asked: list[str] = []
    with odd_server(with_root({"good.json": respond_with(good())}, root), asked) as url:
        told = refresh(tmp_path, url)
    assert sorted(asked) == ["/good.json", "/root.json"]
    assert told["names"] == ["Good"]
    assert len(told["report"]["faulty"]) == len(elsewhere)


def test_a_metastore_that_gives_a_definition_a_minute_is_left_in_time(tmp_path: Path) -> None:
    files = {f"{n}.json": respond_with(good(f"App{n}")) for n in range(4)} | {f"slow{n}.json": drip for n in range(60)}
    with odd_server(with_root(files)) as url:
        told = refresh(tmp_path, url)
    assert told["names"] == ["App0", "App1", "App2", "App3"]
    assert len(told["report"]["faulty"]) == 60
    assert told["seconds"] < 20  # one after another they would take longer


def test_every_port_of_every_rock_on_may_be_asked_for(tmp_path: Path) -> None:
    def asking(number: int) -> str:
        return samples.definition_source({f"c{number}": {"ports": many("", 998, number)}}, f"App{number}")

    files = {f"{number}.json": respond_with(asking(number)) for number in range(12)}
    with odd_server(with_root(files)) as url:
        told = refresh(tmp_path, url)
    assert len(told["names"]) == 12
    assert told["report"]["faulty"] == []
