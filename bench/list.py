"""Measures how the catalogue page grows with the catalogue: 89, 1,000 and 10,000 generated definitions.

    .venv/bin/python bench/list.py [--sizes 89 1000 10000] [--rounds 15] [--profile]

Each number is the median of whole requests in this process, logged in, through every layer but the socket. The ratio
is to the same request with the smallest catalogue. `--profile` prints where the time of the largest one goes.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from refresh import definition
from sqlalchemy import event

from rockonweb import config, create_app, rows, sessions
from rockonweb.core.definition import parse
from rockonweb.models import Role, State, Status, User, db, writing
from rockonweb.web.extensions import KEY

HX = {"HX-Request": "true"}
INSTALLED = 20
REQUESTS = {
    "the page": ("/rockons?tab=all", {}),
    "its last page": ("/rockons?tab=all&page=9999", {}),
    "search, many found": ("/rockons?tab=all&q=example", HX),
    "search, few found": ("/rockons?tab=all&q=app-42+example", HX),
    "filters": ("/rockons?tab=all&badge=ui&category=other&state=available", HX),
    "what is installed": ("/rockons?tab=installed", {}),
}


def catalogue(app: Flask, size: int) -> None:
    """Fill the rows."""
    db.metadata.create_all(db.engine)
    for start in range(0, size, 250):
        with writing() as session:
            suggestions = rows.Suggestions.load(session)
            for number in range(start, min(size, start + 250)):
                (found,) = parse(json.dumps(definition(number)))
                rockon, _ = rows.put(
                    session, None, found.definition, found.source, suggestions, origin="remote", position=number
                )
                if number < INSTALLED:
                    rockon.state, rockon.status = State.INSTALLED, Status.STARTED
                    rockon.installed_source = found.source
        db.session.remove()
    with writing() as session:
        session.add(User(name="bench", password_hash="", role=Role.OWNER))


def visitor(app: Flask) -> FlaskClient:
    """Return somebody who is logged in."""
    client = app.test_client()
    with app.app_context():
        key = sessions.begin(db.session.get_one(User, 1), "127.0.0.1", "bench")
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"], session[KEY] = "1", True, key
    return client


def measure(ask: Callable[[], object], rounds: int) -> float:
    """Return the median time of a request in milliseconds."""
    times = []
    for _ in range(rounds + 2):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[2:])


def run(size: int, rounds: int, profile: bool) -> dict[str, tuple[float, int, int]]:
    """Return time, bytes and statements of each request."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.read({"ROCKONWEB_INSTANCE": folder, "REDIS_URL": "unix:///nobody"}))
        found = {}
        with app.app_context():
            catalogue(app, size)
            engine = db.engine
        client = visitor(app)
        count = [0]
        event.listen(engine, "before_cursor_execute", lambda *_: count.__setitem__(0, count[0] + 1))
        for name, (path, headers) in REQUESTS.items():
            count[0] = 0
            answer = client.get(path, headers=headers)
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status}")
            statements = count[0]

            def ask(path: str = path, headers: dict[str, str] = headers) -> object:
                return client.get(path, headers=headers).data

            found[name] = (measure(ask, rounds), len(answer.data), statements)
        if profile:
            profiler = cProfile.Profile()
            for _ in range(5):
                profiler.runcall(lambda: client.get("/rockons?tab=all").data)
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
        engine.dispose()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[89, 1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile", action="store_true")
    wanted = parser.parse_args()
    results = {
        size: run(size, wanted.rounds, wanted.profile and size == max(wanted.sizes)) for size in sorted(wanted.sizes)
    }
    smallest = min(results)
    for name in REQUESTS:
        print(name)
        for size, found in results.items():
            taken, length, statements = found[name]
            ratio = taken / results[smallest][name][0]
            print(f"  {size:6,} rock-ons {taken:7.1f} ms, ratio {ratio:5.2f} {length / 1000:5.0f} kB {statements} SQL")


if __name__ == "__main__":
    main()
