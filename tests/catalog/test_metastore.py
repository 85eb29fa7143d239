"""root.json, and the local folder."""

import json
import os
from pathlib import Path

import pytest

from rockonweb.catalog import metastore
from rockonweb.catalog.metastore import UnusableFile, parse_root, read_local_files
from rockonweb.core.definition.parser import MAX_BYTES


def test_root_json_names_the_files_in_its_order():
    assert list(parse_root('{"zebra": "z.json", "ant": "a b.json", "émile": "é.json"}').files) == [
        "z.json",
        "a b.json",
        "é.json",
    ]


def test_a_file_that_root_json_names_twice_counts_once():
    found = parse_root('{"one": "a.json", "two": "b.json", "three": "a.json"}')
    assert list(found.files) == ["a.json", "b.json"]
    assert not found.faults


def test_two_entries_with_the_same_display_name_both_count():
    assert list(parse_root('{"app": "a.json", "app": "b.json"}').files) == ["a.json", "b.json"]


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.json", "/etc/app.json", "sub/app.json", "..\\app.json", "a..json", "http://127.0.0.1/app.json"),
        *("file:app.json", "a%2fb.json", "a?.json", "a#.json", "a\nb.json", "a\u0000.json", "\ud800.json"),
        *("app.txt", ".json", "root.json", "", "x" * 300 + ".json", 7, None, ["a.json"], {"a": "b.json"}),
    ],
)
def test_an_entry_that_is_no_plain_file_name_is_a_fault_and_is_not_fetched(name):
    found = parse_root(json.dumps({"good": "good.json", "bad": name}))
    assert list(found.files) == ["good.json"]
    [(shown, fault)] = found.faults.items()
    assert shown.isprintable()
    assert len(shown) <= metastore.MAX_NAME + 1
    assert "file name" in fault
    json.dumps(found.faults).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("<!doctype html><html>Not here</html>", "is a web page"),
        ("\n <html>", "is a web page"),
        ("nothing", "is not JSON"),
        ('{"a": "a.json"', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must be an object"),
        ('[{"a": "a.json"}]', "must be an object"),
        ('"a.json"', "must be an object"),
        ("null", "must be an object"),
        ("{}", "lists no rock-ons"),
    ],
)
def test_a_root_json_that_is_none_is_refused_with_a_clear_sentence(text, words):
    with pytest.raises(UnusableFile, match=words):
        parse_root(text)


def test_a_root_json_with_too_many_entries_is_refused():
    with pytest.raises(UnusableFile, match="more than 20000 files"):
        parse_root(json.dumps({str(n): f"{n}.json" for n in range(20_001)}))


def test_local_files_come_by_name_without_root_json_and_others(tmp_path: Path):
    for name in ("b.json", "a.json", "root.json", "c.txt", "d.json~"):
        (tmp_path / name).write_text(name)
    assert [(one.file, one.content and one.content.body) for one in read_local_files(tmp_path)] == [
        ("a.json", "a.json"),
        ("b.json", "b.json"),
    ]


def test_a_folder_that_does_not_exist_has_no_files(tmp_path: Path):
    assert list(read_local_files(tmp_path / "nothing")) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableFile, match="can't be read: Not a directory"):
        list(read_local_files(tmp_path / "file"))


def test_what_is_no_readable_text_file_is_a_fault_each(tmp_path: Path):
    os.mkfifo(tmp_path / "a-pipe.json")
    (tmp_path / "b-folder.json").mkdir()
    (tmp_path / "c-gone.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "d-loop.json").symlink_to(tmp_path / "d-loop.json")
    (tmp_path / "e-latin.json").write_bytes(b'{"caf\xe9": {}}')
    with (tmp_path / "f-large.json").open("wb") as file:
        file.truncate(50 * MAX_BYTES)
    (tmp_path / "g-good.json").write_bytes(b"\xef\xbb\xbf{}")
    (tmp_path / os.fsdecode(b"h\xff\n.json")).write_text("{}")
    found = {one.file: one.fault or (one.content and one.content.body) for one in read_local_files(tmp_path)}
    assert found["a-pipe.json"] == found["b-folder.json"] == "is not a file"
    assert found["c-gone.json"] == "the file does not exist"
    assert found["d-loop.json"]
    assert found["d-loop.json"] != "{}"
    assert found["e-latin.json"] == "is not UTF-8 text"
    assert found["f-large.json"] == "is larger than 1.0 MB"
    assert found["g-good.json"] == "{}"
    assert found["h��.json"] == "{}"
