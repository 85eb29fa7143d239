"""Rows of figures: what a program measured, and the table of all programs in bench/README.md.

    script/bench [NAMES…]                 run programs, print their rows, write them down
    python -m bench.NAME                  run one and print its rows alone

A program measures side by side what is ours and what it is compared to, and ends with `show(rows)`. Its rows replace
those that it has in bench/README.md; rows of programs that did not run stay, and so does what people wrote below
`## Account`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

FOLDER = Path(__file__).parent
PAGE = FOLDER / "README.md"
HEAD = ("program", "what", "against", "ours", "theirs", "measured", "at most", "within", "rounds", "middle half")
MACHINE = ("program", "on", "load", "cores", "processor", "memory", "kernel", "Python", "Docker")
ACCOUNT = "## Account"
ABOUT = """# Figures

Written by `script/bench`, but for the account at the end. Each figure is measured side by side with what it is compared
to, in one run: *measured* is the median of the rounds' ratios of ours to theirs, *ours* and *theirs* the medians
themselves, and half of the rounds lay in the *middle half*. `script/bench refresh list` measures those two programs
again and leaves the other rows. No test looks at a time; the counts behind them (statements, requests,
bytes) are tests.
"""


@dataclass(frozen=True)
class Row:
    """A figure. `pairs` are ours and theirs of each round, in `unit`; with one in `measured`, no ratio is meant but
    the value of ours.
    """

    what: str
    against: str
    pairs: Sequence[tuple[float, float]]
    bound: float
    unit: str = "s"
    measured: str = ""

    @property
    def values(self) -> list[float]:
        """What each round measured."""
        return [ours if self.measured else ours / theirs for ours, theirs in self.pairs]

    def cells(self, program: str) -> list[str]:
        """Return the row as it is written."""
        value, after = statistics.median(self.values), f" {self.measured}" if self.measured else ""
        low, _, high = statistics.quantiles(self.values, method="inclusive") if len(self.pairs) > 1 else [value] * 3
        ours, theirs = (f"{_number(statistics.median(side))} {self.unit}" for side in zip(*self.pairs, strict=True))
        return [
            program, self.what, self.against, ours, "–" if self.measured else theirs, f"{_number(value)}{after}",
            f"{self.bound:g}{after}", "yes" if value <= self.bound else "**no**", str(len(self.pairs)),
            f"{_number(low)}–{_number(high)}",
        ]  # fmt: skip


def show(rows: Iterable[Row]) -> None:
    """Print the rows of the program that runs."""
    program = Path(sys.argv[0]).stem
    for row in rows:
        print(_line(row.cells(program)), flush=True)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], lines: Iterable[str]) -> str:
    return "\n".join([_line(head), _line(["---"] * len(head)), *lines])


def programs() -> list[str]:
    """Return the programs that measure."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if "show(" in path.read_text() and path.stem != "figures")


def run(program: str) -> list[str] | None:
    """Run a program and return the lines of its rows; None when it failed."""
    command = [sys.executable, "-m", f"bench.{program}"]
    lines = []
    # An installed program has its bytecode beside it: one that compiles itself at each start is not what people have.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(command, cwd=FOLDER.parent, env=environ, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith(f"| {program} |"):
                lines.append(line.rstrip())
    return lines if process.returncode == 0 and lines else None


def machine(program: str) -> str:
    """Return what a program ran on, as a row."""
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    docker = ""
    if client := shutil.which("docker"):
        docker = subprocess.run([client, "--version"], capture_output=True, text=True).stdout
    return _line(
        [
            program, f"{datetime.now():%Y-%m-%d %H:%M}", f"{os.getloadavg()[1]:.1f}", str(os.cpu_count()),
            found[1] if found else platform.machine(), f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
            platform.release(), platform.python_version(), "".join(re.findall(r"version ([^,\s]+)", docker)) or "–",
        ]
    )  # fmt: skip


def written(text: str, head: Sequence[str]) -> dict[str, list[str]]:
    """Return the lines of the table with this head, by program."""
    found: dict[str, list[str]] = {}
    _, _, rest = text.partition(_line(head) + "\n")
    for line in rest.splitlines()[1:]:
        if not line.startswith("| "):
            break
        found.setdefault(line.split(" | ")[0][2:], []).append(line)
    return found


def page(text: str, rows: Mapping[str, list[str]], machines: Mapping[str, str]) -> str:
    """Return the page anew, with the rows of some programs."""
    figures = {**written(text, HEAD), **rows}
    ran_on = written(text, MACHINE) | {program: [line] for program, line in machines.items()}
    tables = (
        _table(head, (line for _, lines in sorted(table.items()) for line in lines))
        for head, table in ((HEAD, figures), (MACHINE, ran_on))
    )
    account = text[text.index(ACCOUNT) :] if ACCOUNT in text else f"{ACCOUNT}\n"
    return "\n\n".join([ABOUT.rstrip(), *tables, account])


def main() -> None:
    """Run the programs that are named, or all, and write their rows down as each ends."""
    unknown = set(sys.argv[1:]) - set(programs())
    if unknown:
        raise SystemExit(f"There is no {', '.join(sorted(unknown))} in bench/. There are: {', '.join(programs())}.")
    failed = []
    print(_table(HEAD, ()))
    for program in sys.argv[1:] or programs():
        ran_on = machine(program)
        rows = run(program)
        if rows is None:
            failed.append(program)
            continue
        before = PAGE.read_text() if PAGE.exists() else ""
        PAGE.write_text(page(before, {program: rows}, {program: ran_on}))
    beyond = [line for lines in written(PAGE.read_text(), HEAD).values() for line in lines if "| **no** |" in line]
    print("\n".join(["\nBeyond their bound:", *beyond] if beyond else ["\nAll within their bounds."]))
    if failed:
        raise SystemExit(f"These could not measure: {', '.join(failed)}")


if __name__ == "__main__":
    main()
