"""What the docs say of the product is true: links, pictures, variables, commands, labels and messages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from rockonweb.catalog import linter
from rockonweb.cli import LazyCommand, group
from tests.support.command_line import CommandLine
from tests.support.guide import PAGES, guide_order, read_blocks
from tests.support.process import ROOT

PICTURES = ROOT / "docs" / "pictures"
VARIABLE = re.compile(r"\b(?:ROCKONWEB_[A-Z_]+|DATABASE_URL|REDIS_URL|DOCKER_HOST)\b")
# Read elsewhere than by the configuration: by script/run, by Docker's client, by two commands.
ELSEWHERE = {"ROCKONWEB_SYSTEM_PACKAGES", "DOCKER_HOST", "ROCKONWEB_PASSPHRASE"}
CALL = """\
`rockonweb` stands for `script/rockonweb` in Rockonweb's folder; see [other ways to call it](scripts.md#how-to-call-it).
"""
EXPLAIN_CALLS = {"install.md", "container.md", "scripts.md"}
LITERAL = re.compile(r"""(?:\b_l?|\bt|gettext)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+|(?:'(?:[^'\\]|\\.)*'\s*)+)""")
ON_A_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def links(page: Path) -> list[str]:
    """The addresses of a page's links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text())


def prose(page: Path) -> str:
    """A page without its blocks of code; a line break is a space."""
    return re.sub(r"\s+", " ", re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE))


@cache
def strings() -> tuple[str, ...]:
    """All texts that the product shows people; what is filled in stands as …, in scripts as in pages."""
    found = []
    for path in [*(ROOT / "rockonweb").rglob("*.py"), *(ROOT / "rockonweb/templates").rglob("*.html")]:
        for words in LITERAL.findall(path.read_text()):
            parts = re.findall(r"""["']((?:[^"\\]|\\.)*?)["']\s*""", words) if path.suffix == ".py" else [words[1:-1]]
            found.append(re.sub(r"%\(\w+\)[sd]", "…", "".join(parts).replace('\\"', '"')))
        if path.suffix == ".py":  # those of the terminal, which is not translated
            found += [re.sub(r"\{[^}]*\}", "…", words) for words in re.findall(r'\bf"([^"]*)"', path.read_text())]
    for path in (ROOT / "script").iterdir():
        found += re.findall(r'say "([^"]*)', path.read_text())
    return tuple(found)


def is_label(words: str) -> bool:
    """Whether something on a page is called like this; … stands for what is filled in."""
    return words in strings()


def is_message(words: str) -> bool:
    """Whether the product says these words somewhere; … stands for anything."""
    parts = [part.strip(" .:") for part in words.split("…") if part.strip(" .:")]
    return any(all(part in text for part in parts) for text in strings())


@ON_A_PAGE
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    own = [link.partition("#")[0] for link in links(page) if not re.match(r"[a-z]+:", link)]
    assert [link for link in own if link and not (page.parent / link).exists()] == []


def test_every_picture_is_shown_and_they_are_small() -> None:
    used = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    there = [*PICTURES.iterdir()]
    assert [path.name for path in there if path not in used] == []
    assert sum(path.stat().st_size for path in there) < 1_500_000


def test_every_page_of_the_guide_is_in_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    assert {page.name for page in PAGES if page.parent == index.parent} - {index.name} <= {*links(index)}


def test_variables_of_the_docs_are_those_of_the_configuration() -> None:
    read = {*VARIABLE.findall((ROOT / "rockonweb/config.py").read_text()), "ROCKONWEB_TLS_KEY", "ROCKONWEB_TLS_CERT"}
    read.discard("ROCKONWEB_TLS_")  # a message is put together from it
    named = {name for page in PAGES for name in VARIABLE.findall(page.read_text())}
    listed = {*VARIABLE.findall((ROOT / "docs/install.md").read_text())}
    assert named - read == ELSEWHERE
    assert read - listed == set()


@ON_A_PAGE
def test_commands_of_the_docs_exist_with_their_options(page: Path) -> None:
    assert [line for line in commands(page) if not exists(line.split())] == []


def commands(page: Path) -> Iterator[str]:
    """What follows `rockonweb` in pieces of code."""
    text = page.read_text()
    for code in re.findall(r"^ *```.*?^ *```|`[^`]+`", text, flags=re.DOTALL | re.MULTILINE):
        for line in code.strip("`").splitlines():
            yield from re.findall(r"(?:^|\(|/|\s)rockonweb ([a-z-][^#|)`]*)", line)


def exists(words: list[str]) -> bool:
    """Whether the command line knows a command and its options."""
    command: click.Command = group
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        if name == "COMMAND":
            break
        found = command.commands.get(name)
        if found is None:
            return False
        command = found.load_command() if isinstance(found, LazyCommand) else found
    known = {name for one in command.params for name in one.opts} | {"--help"}
    return {word for word in words if word.startswith("--")} <= known


@ON_A_PAGE
def test_each_command_runs_in_a_test_or_says_why_not(page: Path) -> None:
    """See tests/docker/test_guide.py; `not run` needs a reason that can be judged."""
    commands = [block for block in read_blocks(page) if block.language == "sh"]
    assert [str(b) for b in commands if ("runs" in b.marks) == (len(b.marks.get("not run", "").split()) > 3)] == []
    assert page in guide_order() or not commands


@pytest.mark.registry
def test_the_answers_of_the_guide_fit_the_published_rockon(command_line: CommandLine) -> None:
    answers = next(block for block in read_blocks(ROOT / "docs/scripts.md") if "file" in block.marks)
    command_line.environ["ROCKONWEB_LOCAL_METASTORE"] = os.environ["ROCKONWEB_TEST_REGISTRY"]
    assert "Forgejo" in command_line.run("catalog", "refresh").stdout
    for share in ("forgejo-data", "forgejo-db"):
        command_line.run("share", "add", share)
    planned = command_line.run("plan", "Forgejo", "--answers", "-", stdin=answers.text)
    assert (planned.returncode, planned.stdout.count("docker run")) == (0, 2), planned.stderr


@ON_A_PAGE
def test_pages_with_commands_say_how_to_call_rockonweb(page: Path) -> None:
    if page.parent != ROOT and page.name not in EXPLAIN_CALLS and [*commands(page)]:
        assert CALL in page.read_text()


@ON_A_PAGE
def test_what_is_bold_is_a_label_of_the_product(page: Path) -> None:
    if page.parent == ROOT:
        return  # what the README has in bold are its own words
    bold = re.findall(r"\*\*(.+?)\*\*", prose(page))
    assert [words for words in bold if words != "bold" and not is_label(words)] == []


@ON_A_PAGE
def test_what_is_quoted_is_a_message_of_the_product(page: Path) -> None:
    quoted = re.findall(r"(?<![*\w])\*([^*\s][^*]{8,}?)\*(?!\*)", prose(page))
    assert [words for words in quoted if not is_message(words)] == []


def test_the_example_metastore_has_no_fault() -> None:
    root = linter.read_root(ROOT / "docs" / "example-metastore" / "root.json")
    checked = [linter.check_file(file) for file in root.named_files]
    assert [fault for one in checked for fault in one.faults] == []
    assert [*linter.check_root(root, checked)] == []
    assert [advice for one in checked for advice in one.advice] == []
