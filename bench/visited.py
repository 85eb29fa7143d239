"""What a whole Rockonweb takes once people have looked at it, and whether that goes on growing.

    python -m bench.visited [--rockons 89] [--visits 3] [--requests 10000]

As root: it starts a Docker Engine, a metastore of so many definitions and `rockonweb up` with three workers of its own.
An owner refreshes the catalogue and opens each address that can be opened, some times: the memory of all processes of
`up` (see bench.idle) against two bare servers after 100 requests each and another queue server. Then the owner goes on
in the same order: what the memory has grown from the 1,000th request until the last.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator

from bench.definitions import metastore
from bench.figures import Row, show
from bench.idle import measure_bare, memory_of, product
from rockonweb import build_app
from tests.support.filled import list_addresses
from tests.support.person import Person

BARE_REQUESTS = 100
WARM_REQUESTS = 1000  # before growth counts
NOT_OPENED = ("/logout", "/api/rockons/update")  # it ends the session; it is a refresh
SETTLE_SECONDS = 8


def list_paths() -> list[str]:
    """Return all addresses that can be opened, with the ids of some rock-ons."""
    paths = dict.fromkeys(list_addresses(build_app()))
    return [path for path in paths if not path.endswith(NOT_OPENED)]


def visit(person: Person, path: str) -> None:
    """Open an address, which may answer that there is no such thing, and may lead elsewhere."""
    answer = person.session.get(person.url + path, timeout=60, allow_redirects=False)
    if answer.status_code >= 500 and answer.status_code != 503:
        raise SystemExit(f"{path}: {answer.status_code}")


def measure(rockons: int, visits: int, requests: int) -> Iterator[Row]:
    """Yield the rows."""
    paths = list_paths()
    with metastore(rockons) as (url, _), product(url) as (_, stack):
        done = stack.run("catalog", "refresh")
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        person = Person(stack.url, stack.user, stack.password)
        person.press_button("/rockons", "/rockons/refresh")
        for path in paths * visits:
            visit(person, path)
        time.sleep(SETTLE_SECONDS)
        ours = memory_of(stack)
        theirs, _ = measure_bare(BARE_REQUESTS)
        against = f"two bare Flask processes after {BARE_REQUESTS} requests each, and the queue server"
        what = f"memory of all that `up` runs, after {visits} visits to each page and a refresh of {rockons}"
        yield Row(what, against, [(ours, theirs)], 3, "MiB")
        endless = itertools.cycle(paths)
        for path in itertools.islice(endless, max(0, WARM_REQUESTS - len(paths) * visits)):
            visit(person, path)
        before = memory_of(stack)
        for path in itertools.islice(endless, requests - WARM_REQUESTS):
            visit(person, path)
        what = f"growth of that memory from request {WARM_REQUESTS:,} to {requests:,} over all pages"
        yield Row(what, "–", [(memory_of(stack) - before, 1)], 5, "MiB", "MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rockons", type=int, default=89)
    parser.add_argument("--visits", type=int, default=3, help="to each address")
    parser.add_argument("--requests", type=int, default=10_000)
    wanted = parser.parse_args()
    show(measure(wanted.rockons, wanted.visits, wanted.requests))


if __name__ == "__main__":
    main()
