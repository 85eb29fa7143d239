"""How long an install takes from Submit until the container runs, against `docker pull` and `docker run`.

    python bench/install.py [--pairs 7] [--size 20]

As root: it starts a Docker Engine, an image registry and a whole Rockonweb of its own. In each pair, the image absent
in both: a person's POST of the wizard's Submit, then the same container by the docker command line, with the very
`docker run` line that the operation shows. An end is the moment that Docker itself
notes as the container's start. The table has medians, and the median of the pairs' ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.engine import Engine
from tests.support.person import Form, Person, forms
from tests.support.registry import Registry
from tests.support.stack import Stack
from tests.support.standin import make_image

NAME = "bench-app"


def definition(image: str) -> dict[str, object]:
    """A rock-on with a page, a share and a variable."""
    repository, _, tag = image.rpartition(":")
    container = {
        "image": repository,
        "tag": tag,
        "launch_order": 1,
        "ports": {"8080": {"label": "Web", "description": "Its page.", "host_default": 18080, "ui": True}},
        "volumes": {"/data": {"label": "Data", "description": "Where it keeps things."}},
        "environment": {"COLOUR": {"label": "Colour", "description": "Any."}},
    }
    return {"Bench": {"description": "", "version": "1", "website": "", "containers": {NAME: container}}}


@contextlib.contextmanager
def parts(size: int) -> Iterator[tuple[Engine, Stack, str]]:
    """Start the engine, a registry with the image, and the product with its definition."""
    with contextlib.ExitStack() as running:
        engine, registry = Engine(), Registry()
        for part in (engine, registry):
            running.callback(part.close)
            part.start()
        image = make_image(engine, registry, "bench/app:1", padding=size * 1_000_000)
        stack = Stack(engine.host, environment={"ROCKONWEB_HEALTH_SECONDS": "0"})  # without the gate
        running.callback(stack.close)
        (stack.local_metastore / "bench.json").write_text(json.dumps(definition(image)))
        stack.start()
        stack.run("catalog", "refresh")
        stack.run("share", "add", "bench-data")
        yield engine, stack, image


def forget(engine: Engine, image: str) -> None:
    """Leave neither container nor image."""
    if containers := engine.docker("ps", "-aq").split():
        engine.docker("rm", "-fv", *containers)
    if engine.docker("images", "-q", image):
        engine.docker("rmi", "-f", image)


def started(engine: Engine) -> float:
    """The moment at which Docker started the container."""
    told = engine.docker("inspect", "--type", "container", "--format", "{{.State.StartedAt}}", NAME)
    return datetime.fromisoformat(told).timestamp()


def ended(stack: Stack) -> float:
    """The moment at which the last operation ended."""
    with contextlib.closing(sqlite3.connect(stack.instance / "rockonweb.db")) as file:
        (told,) = file.execute("SELECT finished FROM operation ORDER BY id DESC LIMIT 1").fetchone()
    return datetime.fromisoformat(f"{told}+00:00").timestamp()


def rockon_id(stack: Stack, person: Person) -> int:
    """The number of the rock-on in addresses."""
    page = person.get("/rockons?tab=all&q=Bench").text
    return int(page.split('id="rockon-')[1].split('"')[0].split("-")[0])


def wizard_form(html: str) -> Form:
    """The form of a page of the wizard."""
    return next(one for one in forms(html) if {"Next", "Submit"} & one.buttons.keys())


def by_product(stack: Stack, person: Person, engine: Engine) -> tuple[float, float, list[str]]:
    """Seconds from Submit until it runs and until the operation is done, and the line that was run."""
    number = rockon_id(stack, person)
    page = person.get(f"/rockons/{number}/install")
    while "Submit" not in (form := wizard_form(page.text)).buttons:
        for field in form.fields.values():
            if field.kind != "hidden" and not field.value:
                field.value = "blue"
        page = person.session.post(page.url, form.data(Next="Next"), timeout=60)
    begun = time.time()
    operation = person.session.post(page.url, form.data(Submit="Submit"), timeout=60)
    while 'hx-trigger="every 1s"' in (html := person.session.get(operation.url, timeout=60).text):
        time.sleep(1)  # as its page in a browser does
    line = unescape(html.split('<pre class="output command">')[1].split("</pre>")[0])
    return started(engine) - begun, ended(stack) - begun, shlex.split(line)


def by_command_line(engine: Engine, image: str, line: list[str]) -> tuple[float, float]:
    """Seconds until it runs and until the command has ended, for the two commands that a person would type."""
    begun = time.time()
    for command in (["docker", "pull", image], line):
        subprocess.run(command, env=engine.environ, check=True, capture_output=True)
    done = time.time()
    return started(engine) - begun, done - begun


def clean_up(stack: Stack, person: Person) -> None:
    """Uninstall, so that the next pair begins as this one did."""
    number = rockon_id(stack, person)
    person.await_end(person.press(f"/rockons/{number}/uninstall", f"/rockons/{number}/uninstall"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--size", type=int, default=20, help="of the image, in MB that do not compress")
    wanted = parser.parse_args()
    with parts(wanted.size) as (engine, stack, image):
        person = Person(stack.url, stack.user, stack.password)
        ours, theirs = [], []
        for _ in range(wanted.pairs + 1):  # the first one is not counted
            forget(engine, image)
            *times, line = by_product(stack, person, engine)
            ours.append(times)
            clean_up(stack, person)
            forget(engine, image)
            theirs.append(by_command_line(engine, image, line))
    print(f"an image of {wanted.size} MB, median of {wanted.pairs} pairs")
    for place, words in enumerate(("until it runs", "until the command or the operation has ended")):
        product, docker = ([times[place] for times in each[1:]] for each in (ours, theirs))
        ratio = statistics.median(one / other for one, other in zip(product, docker, strict=True))
        print(f"{words}: docker pull and run {statistics.median(docker):6.3f} s, "
              f"Submit {statistics.median(product):6.3f} s, ratio {ratio:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
