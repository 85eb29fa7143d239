"""The blocks of code in the docs, and what comments above them, which no reader sees, say of them.

`<!-- runs -->`: tests/docker/test_guide.py runs it. `<!-- not run: REASON -->`: it can't be run there.
`<!-- types: WORDS -->`: what a person types where its commands ask. `<!-- prints: WORDS -->`: what it must print.
`<!-- file: NAME -->`: the reader saves it under this name, and so does the test.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .process import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(?P<marks>(?:^ *<!--[^\n]*-->\n)*)^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
_MARK = re.compile(r"<!-- (\w[\w ]*?)(?:: (.*?))? -->")


@dataclass(frozen=True)
class CodeBlock:
    """A block of code: its page, the line of its first word, what it holds, and its marks by name."""

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def read_blocks(page: Path) -> Iterator[CodeBlock]:
    """The blocks of code of a page, in its order."""
    content = page.read_text()
    for block in _BLOCK.finditer(content):
        text = re.sub(f"^{block['indent']}", "", block["text"], flags=re.MULTILINE)
        line = content.count("\n", 0, block.start("text")) + 1
        yield CodeBlock(page, line, block["language"], text, dict(_MARK.findall(block["marks"])))


def guide_order() -> list[Path]:
    """The pages as a reader comes by them: the README, then those of the guide's index."""
    index = ROOT / "docs" / "README.md"
    names = dict.fromkeys(re.findall(r"\(([\w-]+\.md)\)", index.read_text()))
    return [ROOT / "README.md", index, *(index.parent / name for name in names)]
