"""How long a command takes that asks nobody, against a program of click's that imports Flask.

    python -m bench.commands [--rockons 89] [--rounds 15]

An instance of generated definitions without an engine. In each round, one after another, each as a process of its own:
the bare program, `rockonweb --version`, `rockonweb plan NAME` of an installed rock-on, `rockonweb catalog list`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Row, show
from bench.instance import instance
from rockonweb.config import Config

BARE = "import click, flask; click.command()(lambda: print('A line.'))()"
PROGRAM = str(Path(sys.executable).with_name("rockonweb"))
COMMANDS = (
    ("`rockonweb --version`", ["--version"], 2),
    ("`rockonweb plan NAME`", ["plan", "Example 00000"], 4),
    ("`rockonweb catalog list`", ["catalog", "list"], 4),
)


def seconds(command: list[str], environ: dict[str, str]) -> float:
    """Return how long a command takes."""
    begun = time.perf_counter()
    subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def measure(rockons: int, rounds: int) -> Iterator[Row]:
    """Yield the rows."""
    with instance(rockons, installed=1) as app:
        settings: Config = app.config["SETTINGS"]
        environ = {
            **os.environ,
            "ROCKONWEB_INSTANCE": str(settings.instance),
            "ROCKONWEB_SHARES_ROOT": str(settings.instance / "shares"),
            "DOCKER_HOST": f"unix://{settings.instance}/nobody",
        }
        commands = [[PROGRAM, *words] for _, words, _ in COMMANDS]
        taken = []
        for _ in range(rounds + 1):
            bare = seconds([sys.executable, "-c", BARE], environ)
            taken.append([(seconds(command, environ), bare) for command in commands])
    for place, (what, _, bound) in enumerate(COMMANDS):  # the first round wrote bytecode
        yield Row(what, "a bare click program that imports Flask", [pairs[place] for pairs in taken[1:]], bound)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rockons", type=int, default=89)
    parser.add_argument("--rounds", type=int, default=15)
    wanted = parser.parse_args()
    show(measure(wanted.rockons, wanted.rounds))


if __name__ == "__main__":
    main()
