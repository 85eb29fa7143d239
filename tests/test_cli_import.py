"""`rockonweb import`: the command line's way in for apps from elsewhere."""

import json
from pathlib import Path

import pytest

from rockonweb.core.imports.source import MAX_SOURCE_BYTES
from tests.support.command_line import CommandLine

LINE = "docker run --name notes -e TOKEN=geheim -p 18080:80 -v $(pwd)/data:/data --rm demo/notes"


def test_an_imported_line_is_installed_with_its_answers(command_line: CommandLine) -> None:
    done = command_line.run("import", "--line", LINE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "left: --rm: " in done.stdout
    assert "geheim" not in done.stdout
    assert "Install it: rockonweb install notes" in done.stdout
    assert command_line.run("share", "add", "notes").returncode == 0
    assert "-p 18080:80/tcp -e 'TOKEN=********" in command_line.run("plan", "notes").stdout.replace("TOKEN=", "'TOKEN=")
    installing = command_line.run("install", "notes")
    assert "Docker" in installing.stderr  # which is away: the answers are complete


def test_answers_that_are_open_are_told(command_line: CommandLine) -> None:
    done = command_line.run("import", "--line", "docker run --name notes -e A=$B -e C=1 demo/notes", "--as", "My notes")
    assert "rockonweb answers 'My notes' > FILE" in done.stdout
    refused = command_line.run("install", "My notes")
    assert (refused.returncode, refused.stderr.strip()) == (2, "environment.notes.A: an answer is missing.")


def test_a_dry_run_saves_nothing(command_line: CommandLine) -> None:
    for _ in range(2):
        done = command_line.run("import", "--line", LINE, "--dry-run", "--json")
        assert done.returncode == 0
        assert list(json.loads(done.stdout)) == ["definition", "answers", "plan", "report"]


@pytest.mark.parametrize("way", ["file", "folder", "standard input"])
def test_the_kind_of_a_file_is_found_by_what_lies_in_it(command_line: CommandLine, tmp_path: Path, way: str) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "run.txt").write_text(LINE)
    path = {"file": f"{folder}/run.txt", "folder": str(folder), "standard input": "-"}[way]
    done = command_line.run("import", "--file", path, "--dry-run", stdin=LINE)
    assert "--name notes" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "faults"),
    [
        ((), "", ["Give --line TEXT, --file FILE or --container NAME."]),
        (("--line", "docker run; x\ndocker run -Z y"), "", ['Line 1: ";" is', 'Line 2: "-Z" is']),
        (("--file", "-"), "hello", ["This is none of what can be imported: Umbrel, "]),
        (("--file", "-"), b"\xff", ["The file is not UTF-8 text."]),
        (("--file", "-"), "x" * (MAX_SOURCE_BYTES + 1), ["At most 50 files and 1 MB can be imported."]),
        (("--file", "/no/such"), "", ["This machine refused it: /no/such: No such file or directory."]),
        (("--line", "docker run A/B"), "", ["containers.B-app.image: "]),
    ],
)
def test_what_cannot_be_imported_has_a_line_for_each_fault(
    command_line: CommandLine, arguments: tuple[str, ...], stdin: str | bytes, faults: list[str]
) -> None:
    done = command_line.run("import", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == len(faults)
    for line, fault in zip(done.stderr.splitlines(), faults, strict=True):
        assert line.startswith(fault)
