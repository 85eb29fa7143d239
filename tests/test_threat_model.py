"""The tests that the threat model names are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def named() -> list[tuple[str, str]]:
    """File and name of each test in the tables; a name without a file belongs to the one before it."""
    found, file = [], ""
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?::(\w+)`", (ROOT / "docs" / "threat-model.md").read_text()):
        file = path or file
        found.append((file, name))
    return found


def test_each_test_that_is_named_exists() -> None:
    known = {
        file: {one.name for one in ast.parse((ROOT / file).read_text()).body if isinstance(one, ast.FunctionDef)}
        for file, _ in named()
    }
    assert [f"{file}::{name}" for file, name in named() if name not in known[file]] == []


def test_each_line_of_the_tables_names_one() -> None:
    lines = (ROOT / "docs" / "threat-model.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| by |")]
    assert len(rows) > 30
    assert [row for row in rows if "::test_" not in row] == []
