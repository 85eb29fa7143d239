"""Generated definitions, a metastore that serves them, and a database that is filled with them."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import random
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from rockonweb.core.definition.parser import parse_definitions
from rockonweb.models import State, Status, db, port_suggestions, repository, transaction
from tests.support.metastore import MetastoreServer

WORDS = "keeps your files photos music and notes at home for everybody with a page".split()  # noqa: SIM905
AT_ONCE = 250  # rows in a transaction


def definition(number: int) -> dict[str, Any]:
    """A rock-on of about the size of a published one, with one container and several questions."""
    dice = random.Random(number)

    def words(count: int) -> str:
        return " ".join(dice.choices(WORDS, k=count))

    def questions(keys: list[str], **more: Any) -> dict[str, Any]:
        return {key: {"label": words(2), "description": words(12), **more} for key in keys}

    ports = questions([str(8000 + number), str(9000 + number % 7)], protocol="tcp")
    for place, port in enumerate(ports.values()):
        port.update(host_default=8080 + number % 15 + place, ui=place == 0)
    return {
        f"Example {number:05}": {
            "description": f"<p>{words(30)}</p>",
            "more_info": f"<h4>{words(3)}</h4><p>{words(60)}</p>",
            "website": "https://example.org",
            "version": "1.0",
            "ui": {"slug": ""},
            "volume_add_support": True,
            "containers": {
                f"example-{number}": {
                    "image": f"example/app-{number}",
                    "launch_order": 1,
                    "ports": ports,
                    "volumes": questions(["/config", "/data"]),
                    "environment": questions(["PUID", "PGID", "PASSWORD"]),
                    "opts": [["--cap-add", "NET_ADMIN"], ["-e", "TZ=UTC"]],
                }
            },
        }
    }


def serve(files: dict[str, Any], delay: float, pipe: Connection) -> None:
    """Serve until the other side hangs up."""
    metastore = MetastoreServer(files, delay)
    pipe.send(metastore.url)
    with contextlib.suppress(EOFError):
        pipe.recv()


@contextlib.contextmanager
def metastore(count: int, delay: float = 0) -> Iterator[tuple[str, list[str]]]:
    """Run a metastore of `count` files in a process; gives its address and the names of its files."""
    names = [f"example-{number:05}.json" for number in range(count)]
    files: dict[str, Any] = {"root.json": {name.removesuffix(".json"): name for name in names}}
    files |= {name: definition(number) for number, name in enumerate(names)}
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(files, delay, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv(), names
    finally:
        ours.close()
        process.join(5)


def fill(count: int, installed: int) -> None:
    """Put `count` rock-ons into the rows, of which the first ones are installed and run."""
    for start in range(0, count, AT_ONCE):
        with transaction() as session:
            suggestions = port_suggestions.PortSuggestions.load_taken(session)
            for number in range(start, min(count, start + AT_ONCE)):
                (found,) = parse_definitions(json.dumps(definition(number)))
                entry, _ = repository.upsert_entry(
                    session, None, found.definition, found.source, suggestions, origin="remote", position=number
                )
                if number < installed:
                    session.flush()
                    app = repository.ensure_installation(session, repository.blank_installation(entry))
                    app.state, app.status = State.INSTALLED, Status.STARTED
                    app.installed_source = found.source
                    repository.sync_children(app, found.definition)
        db.session.remove()
