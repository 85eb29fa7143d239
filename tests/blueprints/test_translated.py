"""Every string that people read can be translated: all pages in a language whose words stand in ⟦ ⟧."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from flask import Flask

import rockonweb
from tests.support.app import FormClient
from tests.support.filled import list_addresses

PACKAGE = Path(rockonweb.__file__).parent
GERMAN = PACKAGE / "translations/de/LC_MESSAGES/messages.po"
HANDED_ON = ("catalog/report.py", "core/formats/rockstor_api.py", "languages.py")  # what was written out elsewhere
DATA = {"code", "pre", "script", "style", "time", "textarea", "kbd"}  # elements that hold no words of ours
READ_ALOUD = ("title", "placeholder", "aria-label", "alt", "data-copied")
OURS = re.compile(r"⟦[^⟦⟧]*⟧")
WORD = re.compile(r"[^\W\d_]{2,}")
PLACE = re.compile(r"%\((\w+)\)[sd]")
# What the rows of the test are called, and what has signs that no word has.
NAME = re.compile(
    r"\S*[/=_]\S*|[\w-]+\.(?:container|network|env)\b|"
    r"\b(viv: viewer|ada: owner|ada|viv|Rockonweb|Docker|Busy|Fresh|Notes|notes|web|Password|Data|"
    r"Web|a script|family|photos|TCP \+ UDP|compose\.yaml)\b"
)


def marked(message: str) -> str:
    return f"⟦{message}⟧"


def german() -> Catalog:
    with GERMAN.open("rb") as file:
        return read_po(file)


def write_marked(folder: Path) -> None:
    """A catalogue in which each message is itself, between marks."""
    known = german()
    made = Catalog(locale="de")
    for message in known:
        if message.id:
            made.add(message.id, tuple(map(marked, message.id)) if message.pluralizable else marked(str(message.id)))
    path = folder / "de/LC_MESSAGES/messages.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as out:
        write_mo(out, made)


class Reader(HTMLParser):
    """Collects what people read on a page, and what they hear or are shown beside it."""

    VOID = ("input", "img", "meta", "link", "br", "hr", "use", "wbr", "col", "rect", "path", "circle", "line")

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{given[name]}\n" for name in READ_ALOUD if name in given]
        if tag not in self.VOID:
            self.inside.append("code" if "lang" in given and tag != "html" else tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and tag not in self.VOID:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not DATA & {*self.inside}:
            self.found.append(f"{data}\n")


def left_over(page: str) -> set[str]:
    """What a page says outside of the marks, line by line; in a marked sentence there may be marked words."""
    reader = Reader()
    reader.feed(page)
    text, before = "".join(reader.found), ""
    while before != text:
        before, text = text, OURS.sub("", text)
    lines = {" ".join(NAME.sub("", line).split()) for line in text.split("\n")}
    return {line for line in lines if WORD.search(line)}


def test_every_page_can_be_translated(
    app: Flask, owner_client: FormClient, filled: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_marked(tmp_path / "translations")
    monkeypatch.setattr(app.extensions["babel"], "translation_directories", [str(tmp_path / "translations")])
    pages, found = 0, set()
    for path in sorted({*list_addresses(app)}):
        answer = owner_client.get(path, headers={"Accept-Language": "de"})
        if answer.mimetype != "text/html" or answer.status_code in (302, 303, 308) or path.startswith("/jobs"):
            continue
        pages += 1
        found |= {(path, line) for line in left_over(answer.text)}
    assert sorted(found) == []
    assert pages > 100


def test_the_test_would_notice() -> None:
    assert left_over('<p>⟦Saved by ⟦you⟧ at <time>12:00</time>.⟧ <b title="Then">Notes</b> is <i>now</i></p>') == {
        "Then",
        "is",
        "now",
    }


# -- the German catalogue -----------------------------------------------------------------------------------------


def test_german_has_every_message(tmp_path: Path) -> None:
    """Where this fails, run script/translate, and write what it counts as missing."""
    with (PACKAGE / "translations/babel.cfg").open() as file:
        rules, options = parse_mapping_cfg(file)
    said = {
        message
        for _, _, message, _, _ in extract_from_dir(
            PACKAGE, rules, options, keywords={**DEFAULT_KEYWORDS, "_l": None, "t": None}
        )
    }
    known = german()
    assert len(said) > 2000
    missing = [
        one for one in said if not (found := known.get(one[0] if isinstance(one, tuple) else one)) or not found.string
    ]
    assert missing == []
    needless = [one.id for one in known if one.id and (tuple(one.id) if one.pluralizable else one.id) not in said]
    assert needless == []


def test_german_has_the_places_of_each_message() -> None:
    for message in german():
        if message.id:
            assert not message.fuzzy, message.id
            ids = message.id if message.pluralizable else (message.id,)
            given = message.string if message.pluralizable else (message.string,)
            for said, string in zip(ids, given, strict=True):
                assert string, said
                assert sorted(PLACE.findall(string)) == sorted(PLACE.findall(said)), said


def strings(catalogue: Catalog) -> dict[str, object]:
    return {
        one.id[0] if one.pluralizable else str(one.id): [*one.string] if one.pluralizable else one.string
        for one in catalogue
        if one.id
    }


def test_what_was_compiled_is_what_was_written() -> None:
    with GERMAN.with_suffix(".mo").open("rb") as file:
        assert strings(read_mo(file)) == strings(german())


def test_every_message_is_written_out_where_it_is_said() -> None:
    """A message that is put together or picked in a call is not found by those who translate."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in (
                "t",
                "_",
                "_l",
                "gettext",
                "ngettext",
            ):
                continue
            said = node.args[: 2 if getattr(node.func, "id", "") == "ngettext" else 1]
            place = f"{path.relative_to(PACKAGE)}:{node.lineno}"
            if not all(isinstance(one, ast.Constant) for one in said):
                assert place.rpartition(":")[0] in HANDED_ON, place


# Of the core: English by design (files for other programs), words to search by, patterns, and scripts.
NO_SENTENCES = (
    "core/database_dumps.py",  # scripts and SQL
    "core/data_backup/restic_output.py",  # what restic says
    *(
        "core/formats/compose.py",
        "core/formats/quadlet.py",
        "core/formats/rockstor_api.py",
        "core/definition/categories.py",
    ),
    *(
        "core/definition/known_apps.py",
        "core/docker/error_messages.py",
        "core/docker/pull_layers.py",
        "core/handlers/owncloud.py",
    ),
    "core/instance/systemd_unit.py",
)


def untranslated_sentences(source: str) -> list[str]:
    """What reads like a sentence in a source and is in no call of `t` or `TypeVar`, and no docstring."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        parent = parents[node]
        is_docstring = isinstance(parent, ast.Expr)
        is_part = isinstance(parent, ast.JoinedStr | ast.FormattedValue)
        is_translated = isinstance(parent, ast.Call) and getattr(parent.func, "id", "") == "t"
        if not (is_docstring or is_part or is_translated) and re.search(r"[A-Za-z']{2,} [a-z']+ [A-Za-z']{2,}", text):
            found.append(text)
    return found


def test_the_core_says_nothing_that_can_not_be_translated() -> None:
    for path in (PACKAGE / "core").rglob("*.py"):
        if str(path.relative_to(PACKAGE)) not in NO_SENTENCES:
            assert untranslated_sentences(path.read_text()) == [], path


@pytest.mark.parametrize(
    "source",
    [
        'def f(n):\n    return f"{n} is not a port"',
        'x = ["the definition mounts it itself"]',
        'raise BadInput("The answers must be an object.")',
        'def f(n):\n    return "the app is gone" if n else t("the app is here")',
    ],
)
def test_a_sentence_that_can_not_be_translated_is_found(source: str) -> None:
    assert len(untranslated_sentences(source)) == 1
