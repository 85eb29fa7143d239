"""`rockonweb catalog lint`: its sentences and its exit status."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import samples

GOOD = (samples.FOLDER / "everything.json").read_text()
BAD = json.dumps({"App": {"description": "", "version": "1", "containers": {}}})


def lint(folder: Path, *arguments: str, given: str | bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from rockonweb.cli import main; main()", "catalog", "lint", *arguments]
    environ = {"ROCKONWEB_INSTANCE": str(folder / "instance"), "PATH": "/usr/bin:/bin"}
    body = given.encode() if isinstance(given, str) else given
    return subprocess.run(command, input=body, capture_output=True, cwd=folder, env=environ, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"good": GOOD, "bad": BAD, "root": '{"a": "a.json", "b": "b.json"}', "html": "<html>"}.items():
        (tmp_path / f"{name}.json").write_text(text)
    return tmp_path


def found(answer: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = json.loads(answer.stdout)
    return faults


def test_no_fault_is_exit_0(folder: Path) -> None:
    answer = lint(folder, "good.json")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"1 without a fault\n", b"")
    answer = lint(folder, "good.json", "--json")
    assert (answer.returncode, found(answer)) == (0, [])


def test_faults_of_several_files_are_exit_1_and_a_line_each(folder: Path) -> None:
    answer = lint(folder, "good.json", "bad.json", "html.json")
    assert answer.returncode == 1
    lines = answer.stdout.decode().splitlines()
    assert "bad.json: containers: has 0 entries, and needs 1" in lines
    assert "bad.json: website: is required" in lines
    assert any(line.startswith("html.json: not JSON") for line in lines)
    assert lines[-1] == "1 without a fault"
    answer = lint(folder, "good.json", "bad.json", "--json")
    assert (answer.returncode, {fault["path"] for fault in found(answer)}) == (1, {"containers", "website"})


def test_a_file_that_can_not_be_read_is_exit_2(folder: Path) -> None:
    answer = lint(folder, "none.json", "bad.json", "--json")
    assert answer.returncode == 2
    assert {"file": "none.json", "path": "", "message": "there is no such file"} in found(answer)
    assert any(fault["file"] == "bad.json" for fault in found(answer))
    assert lint(folder, ".").returncode == 2


def test_without_a_file_it_says_how(folder: Path) -> None:
    answer = lint(folder)
    assert answer.returncode == 2
    assert b"Missing argument 'FILES...'" in answer.stderr


def test_standard_input_is_read_once(folder: Path) -> None:
    assert lint(folder, "-", given=GOOD).returncode == 0
    answer = lint(folder, "-", "--json", given=BAD)
    assert (answer.returncode, {fault["file"] for fault in found(answer)}) == (1, {"-"})
    assert lint(folder, "-", given=b"\xff").stdout == b"-: is not text in UTF-8\n"
    assert b"larger than 1,000,000 bytes" in lint(folder, "-", given=b" " * 1_000_001).stdout


def test_a_root_json_given_by_mistake_is_recognised(folder: Path) -> None:
    answer = lint(folder, "root.json")
    assert answer.returncode == 1
    assert answer.stdout.decode() == (
        "root.json: is a root.json, the list of a metastore, and no definition: give the files that it names\n"
    )
