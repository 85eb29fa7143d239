"""Fifty who look and five who change, for a while, on the whole product: no error, no lost update, no memory lost.

Some seconds in a usual run, minutes with `--all`. The run prints its figures.
"""

import json
import random
import sqlite3
import statistics
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field

import pytest
import requests

from tests.support.apps import wait_for
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.person import Person, new_retrying_session, parse_forms
from tests.support.stack import Stack

READERS = 50
SECONDS, LONG_SECONDS = 5, 240
MOST_SECONDS = 120  # more than those, until enough has happened
WEIGHINGS = 40  # of the memory
WARM = 4  # looks of a reader before memory is weighed
PAUSE = 0.3  # seconds at most between two looks of a reader
GROWTH, LONG_GROWTH = (
    64,
    16,
)  # MiB that all processes together may have more at the end than in the middle, and one part in twenty
TEXT = {"label": "", "description": ""}
KEYS = ("FIRST", "SECOND")
PAGES = (
    *("/", "/rockons?tab=all", "/rockons?tab=installed", "/rockons?q=soak", "/operations", "/operations?outcome=done"),
    *("/shares", "/networks", "/updates", "/account", "/api", "/rockons/report", "/healthz"),
    *(
        "/rockons/{id}",
        "/rockons/{id}/head",
        "/rockons/{id}/resources",
        "/rockons/{id}/history",
        "/rockons/{id}/source",
    ),
)
CALLS = (
    *("/api/rockons", "/api/rockons/{id}", "/api/rockons/docker/containers/{id}", "/api/rockons/ports/{id}"),
    *("/api/rockons/volumes/{id}", "/api/rockons/environment/{id}", "/api/rockons/labels/{id}"),
)


@dataclass
class Tally:
    """What happened."""

    faults: list[str] = field(default_factory=list)
    looks: int = 0
    audited: Counter[str] = field(default_factory=Counter)  # lines that the audit must have, by action
    operations: int = 0
    shares: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def looked(self) -> None:
        with self.lock:
            self.looks += 1

    def wrote(self, action: str) -> None:
        """A change that was answered as done."""
        with self.lock:
            self.audited[action] += 1


def body(image: str, container: str) -> dict[str, object]:
    """A rock-on with a page, a share and two variables."""
    port = {**TEXT, "host_default": 8080, "protocol": "tcp", "ui": True}
    spec = {"image": image, "launch_order": 1, "ports": {"8080": port}, "volumes": {"/data": TEXT}}
    spec["environment"] = dict.fromkeys((*KEYS, "APP_PASSWORD"), TEXT)
    return {"description": "A sample.", "version": "1", "website": "", "containers": {container: spec}}


@pytest.fixture
def home(engine: DockerDaemon, stack: Callable[..., Stack], standin: Callable[..., str]) -> Iterator[Stack]:
    """A house with two apps that run, and accounts of each role."""
    made: Stack = stack(engine.host, started=False, environment={"ROCKONWEB_HEALTH_SECONDS": "0"})
    image = standin("soak/app:1")
    for name in ("One", "Two"):
        (made.local_metastore / f"{name}.json").write_text(json.dumps({name: body(image, f"soak-{name.lower()}")}))
    for share in ("one", "two"):
        (made.shares / share).mkdir()
    made.start()
    call(made, "/api/rockons/update")
    try:
        for name, number in ids_of(made).items():
            given = {
                "ports": {str(free_port()): 8080},
                "shares": {name.lower(): "/data"},
                "environment": {key: f"{key}-value" for key in (*KEYS, "APP_PASSWORD")},
            }
            call(made, f"/api/rockons/{number}/install", given)
        for number in ids_of(made).values():
            await_end(made, number)
        owner = Person(made.url, made.user, made.password)
        viv = {"name": "viv", "role": "viewer", "password": made.password, "again": made.password}
        send(made, owner, "/people", "/people", **viv)
        yield made
    finally:
        engine.remove_everything()


def call(home: Stack, path: str, given: object = None) -> None:
    """Call the API by the owner's name and password, which must be accepted."""
    who = (home.user, home.password)
    answer = requests.post(f"{home.url}{path}", json=given or {}, auth=who, timeout=120)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"


def send(home: Stack, person: Person, path: str, page: str, **data: str) -> requests.Response:
    """Send a form with the token of a page, which must lead on."""
    token = next(form for form in parse_forms(person.get(page).text) if "csrf_token" in form.fields)
    sent = {"csrf_token": token.fields["csrf_token"].value, **data}
    answer = person.session.post(home.url + path, sent, timeout=120, allow_redirects=False)
    assert answer.status_code in (200, 303), f"{path}: {answer.status_code} {answer.text[:300]}"
    return answer


def ids_of(home: Stack) -> dict[str, int]:
    """The ids of the rock-ons by name."""
    return {
        str(name): int(str(number))
        for number, name in ask(home, "SELECT id, name FROM rockon WHERE name IN ('One', 'Two')")
    }


def await_end(home: Stack, rockon: int) -> None:
    """Wait for the end of the newest operation of a rock-on, which must be a good one."""
    deadline = time.monotonic() + 240
    query = "SELECT id, progress, error FROM operation WHERE installation_id = ? ORDER BY id DESC LIMIT 1"
    while (found := ask(home, query, rockon)[0])[1] in ("QUEUED", "RUNNING"):
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.1)
    assert found[1] == "DONE", f"operation {found}"


def ask(home: Stack, query: str, *values: object) -> list[tuple[object, ...]]:
    """Ask the database file."""
    with closing(sqlite3.connect(home.instance / "rockonweb.db", timeout=30)) as file:
        return file.execute(query, values).fetchall()


def session_of(person: Person | None = None, basic: tuple[str, str] | None = None) -> requests.Session:
    """A browser with a person's cookies, or a script with a password."""
    session = new_retrying_session()
    if person:
        session.cookies.update(person.session.cookies)
    session.auth = basic
    return session


class Reader:
    """Looks at pages, or calls the API, until it is told to end."""

    def __init__(self, url: str, session: requests.Session, paths: list[str], tally: Tally, seed: int) -> None:
        self.url, self.session, self.paths, self.tally = url, session, paths, tally
        self.chance = random.Random(seed)

    def read(self, end: threading.Event) -> None:
        while not end.is_set():
            self.look(self.chance.choice(self.paths))
            end.wait(self.chance.uniform(0, PAUSE))

    def look(self, path: str) -> None:
        try:
            answer = self.session.get(self.url + path, timeout=120, allow_redirects=False)
        except requests.RequestException as error:
            self.tally.faults.append(f"{path}: {error}")
            return
        self.tally.looked()
        if answer.status_code != 200 or "Traceback" in answer.text:
            self.tally.faults.append(f"{path}: {answer.status_code} {answer.text[:200]}")


class Writer(ABC):
    """Changes something again and again, and looks each time whether it is so."""

    def __init__(self, home: Stack, tally: Tally) -> None:
        self.home, self.tally = home, tally
        self.person = Person(home.url, home.user, home.password)
        tally.wrote("login.done")

    def write(self, end: threading.Event) -> None:
        number = 0
        while not end.is_set():
            number += 1
            try:
                self.once(number)
            except Exception as error:  # of any kind, and told with the rest
                self.tally.faults.append(f"{type(self).__name__} {number}: {type(error).__name__} {error}"[:600])
            end.wait(PAUSE)

    @abstractmethod
    def once(self, number: int) -> None:
        """Do its work once more."""

    def post(self, path: str, page: str, **data: str) -> requests.Response:
        """Send a form of its own person's."""
        return send(self.home, self.person, path, page, **data)


class Chooser(Writer):
    """Says of a variable by turns that it is a secret and that it is none; another one does so with another variable
    of the same rock-on, and both choices stand in one row.
    """

    def __init__(self, home: Stack, tally: Tally, rockon: int, key: str) -> None:
        super().__init__(home, tally)
        self.page, self.name = f"/rockons/{rockon}/secrets", f"soak-one/{key}"

    def once(self, number: int) -> None:
        if number % 2:
            self.post(f"{self.page}/hide", self.page, hide=self.name)
            self.tally.wrote("secret.hidden")
        else:
            self.post(f"{self.page}/show", self.page, unhide=self.name, password=self.home.password)
            self.tally.wrote("secret.unhidden")
        hidden = f'name="unhide" value="{self.name}"' in self.person.get(self.page).text
        assert hidden is bool(number % 2), f"{self.name} was lost"


class Operator(Writer):
    """Begins operations and waits for the end of each."""

    def __init__(self, home: Stack, tally: Tally, rockon: int) -> None:
        super().__init__(home, tally)
        self.api = f"/api/rockons/{rockon}"
        self.rockon = rockon

    def ended(self, action: str, given: object = None) -> None:
        call(self.home, f"{self.api}/{action}", given)
        self.tally.operations += 1
        await_end(self.home, self.rockon)


class Restarter(Operator):
    """Restarts an app again and again."""

    def once(self, number: int) -> None:
        self.ended("restart")
        self.tally.wrote("operation.restart")


class Changer(Operator):
    """Gives an app another label, for which its container is made anew."""

    def once(self, number: int) -> None:
        self.ended("update", {"labels": {f"soak.turn-{number}=yes": "soak-two"}})
        self.tally.wrote("operation.change")
        found = ask(
            self.home,
            "SELECT value FROM label JOIN container ON container.id = label.container_id WHERE installation_id = ?",
            self.rockon,
        )
        assert (f"soak.turn-{number}=yes",) in found, f"the label {number} was lost: {found}"


class Maker(Writer):
    """Makes shares, accounts and tokens, all of which must be there in the end."""

    def once(self, number: int) -> None:
        name = f"made-{number}"
        self.post("/shares", "/shares", name=name)
        self.tally.wrote("shares.make")
        self.tally.shares.append(name)
        given = {"name": name, "role": "viewer", "password": self.home.password, "again": self.home.password}
        self.post("/people", "/people", **given)
        self.tally.wrote("user.added")
        self.tally.people.append(name)
        form = {"token-role": "viewer", "token-days": "30", "token-label": name, "token-present": self.home.password}
        self.post("/account/tokens", "/account", **form)
        self.tally.wrote("token.made")
        self.tally.tokens.append(name)


class Scales:
    """The memory of the product's lasting processes, weighed now and then; not of those that do one operation."""

    def __init__(self, home: Stack, pause: float) -> None:
        self.processes, self.pause = home.list_processes(), pause
        self.weights: list[float] = []  # MiB

    def weigh(self, end: threading.Event) -> None:
        while not end.wait(self.pause):
            self.weights.append(sum(one.memory_info().rss for one in self.processes) / 2**20)


@pytest.mark.timeout(LONG_SECONDS + 500)
def test_fifty_readers_and_five_writers(
    home: Stack, request: pytest.FixtureRequest, tell: Callable[[str], None]
) -> None:
    seconds, growth = (LONG_SECONDS, LONG_GROWTH) if request.config.getoption("--all") else (SECONDS, GROWTH)
    ids = ids_of(home)
    before = {str(action): int(str(n)) for action, n in ask(home, "SELECT action, count(*) FROM audit GROUP BY 1")}
    begun = int(str(ask(home, "SELECT count(*) FROM operation")[0][0]))
    tally, end, scales = Tally(), threading.Event(), Scales(home, seconds / WEIGHINGS)
    viewers = [Person(home.url, who, home.password) for who in ("viv", "viv", home.user)]
    tally.audited["login.done"] += len(viewers)
    pages = [path.format(id=number) for path in PAGES for number in ids.values()]
    calls = [path.format(id=number) for path in CALLS for number in ids.values()]
    readers = [
        Reader(home.url, session_of(basic=("viv", home.password)), calls, tally, seed)
        if seed % 5 == 0
        else Reader(home.url, session_of(viewers[seed % len(viewers)]), pages, tally, seed)
        for seed in range(READERS)
    ]
    writers: list[Writer] = [
        *(Chooser(home, tally, ids["One"], key) for key in KEYS),
        *(Restarter(home, tally, ids["One"]), Changer(home, tally, ids["Two"]), Maker(home, tally)),
    ]
    for reader in (readers[0], readers[1]):  # what is made at a first look is there before memory is weighed
        for path in dict.fromkeys(reader.paths):
            reader.look(path)
    tasks = [*(one.read for one in readers), *(one.write for one in writers)]
    with ThreadPoolExecutor(len(tasks) + 1) as pool:
        running = [pool.submit(task, end) for task in tasks]
        with suppress(AssertionError):  # what is made while many ask at once, too
            wait_for(lambda: tally.looks > WARM * READERS, MOST_SECONDS)
        running.append(pool.submit(scales.weigh, end))
        began = time.monotonic()
        time.sleep(seconds)
        with suppress(AssertionError):  # said below
            wait_for(lambda: tally.looks > READERS and tally.operations > 1, MOST_SECONDS)
        seconds = round(time.monotonic() - began)
        end.set()
        for one in running:
            one.result()

    quarter = max(1, len(scales.weights) // 4)
    middle, late = (
        statistics.median(part) for part in (scales.weights[quarter : 2 * quarter], scales.weights[-quarter:])
    )
    changes = sum(tally.audited.values()) - len(viewers) - len(writers)
    tell(
        f"soak: {READERS} readers and {len(writers)} writers for {seconds} s: {tally.looks:,} answers and "
        f"{changes} changes ({tally.operations} operations), {len(tally.faults)} errors; memory "
        f"{middle:.1f} MiB in the middle and {late:.1f} MiB at the end"
    )
    assert tally.faults == []
    assert tally.looks > READERS
    assert tally.operations > 1
    after = {str(action): int(str(n)) for action, n in ask(home, "SELECT action, count(*) FROM audit GROUP BY 1")}
    assert {action: after[action] - before.get(action, 0) for action in after} == {
        action: tally.audited[action] for action in after
    }
    assert ask(home, "SELECT count(*) FROM operation WHERE progress <> 'DONE'") == [(0,)]
    assert ask(home, "SELECT count(*) FROM operation") == [(begun + tally.operations,)]
    assert {*tally.shares} <= {path.name for path in home.shares.iterdir()}
    assert {(name,) for name in tally.people} <= {*ask(home, 'SELECT name FROM "user"')}
    assert {(name,) for name in tally.tokens} <= {*ask(home, "SELECT label FROM token")}
    assert "Traceback" not in home.output, home.output
    assert late < middle * 1.05 + growth, scales.weights
