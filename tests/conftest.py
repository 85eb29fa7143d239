"""The real parts that tests ask for by name; a run that asks for none starts none."""

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from redis import Redis

from rockonweb.models import db
from rockonweb.remote import registry as registries
from tests.support import database
from tests.support.app import FormClient, create_test_user, lend_app, make_app, new_visitor, reclaim_apps
from tests.support.browser import launch_chromium, new_page
from tests.support.command_line import CommandLine
from tests.support.engine import DockerDaemon
from tests.support.examples import QUICK
from tests.support.instance import Instance
from tests.support.metastore import Content, MetastoreServer
from tests.support.postgres import PostgresServer
from tests.support.queue_server import QueueServer
from tests.support.registry import RegistryServer
from tests.support.stack import Stack
from tests.support.standin import make_image

_TOLD = pytest.StashKey[dict[str, Any]]()
_FIGURES = "rockonweb_figures"
_LEFT_OUT = "rockonweb_left_out"
PARTS = {"engine", "browser", "postgres", "reverse_proxy"}  # fixtures, and the marks of the tests that need them


@pytest.fixture(scope="session")
def _engines() -> list[DockerDaemon]:
    """The engine, once a test has asked for it."""
    return []


@pytest.fixture(scope="session")
def engine(_engines: list[DockerDaemon]) -> Iterator[DockerDaemon]:
    """A Docker Engine of this session's own; see `Engine`."""
    engine = DockerDaemon()
    try:
        engine.start()
        _engines.append(engine)
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module", autouse=True)
def _empty_engine(_engines: list[DockerDaemon]) -> Iterator[None]:
    """No module leaves a container, volume or network to the next one."""
    yield
    for engine in _engines:
        engine.start()
        engine.remove_everything()


@pytest.fixture(scope="session")
def registry() -> Iterator[RegistryServer]:
    """An image registry; see `Registry`."""
    registry = RegistryServer()
    try:
        registry.start()
        yield registry
    finally:
        registry.close()


@pytest.fixture(scope="session")
def private_registry(registry: RegistryServer) -> Iterator[RegistryServer]:
    """A registry that wants a login, with the images of `registry`."""
    server = RegistryServer(private_images_of=registry)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def _ask_every_registry() -> None:
    """No registry is left out because it told an earlier test to wait."""
    registries.PAUSES.clear()


@pytest.fixture(scope="session")
def standin(engine: DockerDaemon, registry: RegistryServer) -> Callable[..., str]:
    """`standin("app:1", ports=(8080,), revision=1, …)` puts an image into the registry; see `make_image`."""

    def make(name: str, *arguments: Any, **options: Any) -> str:
        return make_image(engine, registry, name, *arguments, **options)

    return make


@pytest.fixture(scope="session")
def queue_server() -> Iterator[QueueServer]:
    """A queue server, its address in `queue_server.url`; see `QueueServer`."""
    server = QueueServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; `postgres.create_database()` makes an empty database and returns its address."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def _database(request: pytest.FixtureRequest) -> Iterator[None]:
    """SQLite's file; tests marked `both_databases` run a second time, with their databases on PostgreSQL."""
    if getattr(request, "param", "") != "postgresql":
        yield
        return
    with database.use_postgres(request.getfixturevalue("postgres")):
        yield


@pytest.fixture(autouse=True)
def _apps() -> Iterator[None]:
    """What a test leaves of its applications ends with it."""
    yield
    reclaim_apps()


@pytest.fixture
def environ() -> dict[str, str]:
    """What `app` is configured by; a module that needs something else has a fixture of this name."""
    return {}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> Iterator[Flask]:
    """An application as it is served, with the account `ada`, an owner; its database can be used. No engine answers.

    The way to test a page: bring rows with `shelve`, `install` and the like of tests.support.app, then ask with
    `owner_client`. It costs about 10 ms; rows that a whole module needs are an autouse fixture of that module.
    """
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")  # that of this machine is none of ours
    app = make_app(tmp_path, **environ)
    with app.app_context():
        create_test_user()
        yield app


@pytest.fixture
def client(app: Flask) -> FormClient:
    """Somebody who is not logged in; `client.log_in("ada")` changes that without asking the login's page."""
    return new_visitor(app)


@pytest.fixture
def owner_client(client: FormClient) -> FormClient:
    """The owner, logged in."""
    return client.log_in("ada")


@pytest.fixture
def redis(app: Flask, queue_server: QueueServer) -> Iterator[Redis]:
    """A real queue's server for `app`, with nothing in it; without this, `app` has a stand-in in this process."""
    queue_server.flush_queue()
    connection = app.extensions["redis"] = Redis.from_url(queue_server.url)
    yield connection
    connection.close()
    queue_server.flush_queue()


@pytest.fixture
def instance(queue_server: QueueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """Operations on an instance without an engine: begun as pages do, run in this process as a worker does.

    The way to test a job: `instance.add` a rock-on, `submit` or `begin_change`, `instance.run`, look at the rows. What
    Docker does with it is for tests/docker, whose `instance` has an engine.
    """
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    queue_server.start()
    queue_server.flush_queue()
    made = Instance(tmp_path, queue_server.url, lend_app)
    made.asks_docker = False
    with made.app.app_context():
        yield made
        db.session.remove()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with launch_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page without cookies. Without JavaScript: `new_page(browser, javascript=False)`."""
    with new_page(browser) as page:
        yield page


@pytest.fixture
def metastore() -> Iterator[Callable[..., MetastoreServer]]:
    """`metastore(files_or_folder, delay=0)` serves them until the test ends; see `Metastore`."""
    with ExitStack() as stores:

        def serve(files: Mapping[str, Content] | Path, delay: float = 0) -> MetastoreServer:
            store = MetastoreServer(files, delay)
            stores.callback(store.close)
            return store

        yield serve


@pytest.fixture
def stack() -> Iterator[Callable[..., Stack]]:
    """`stack(docker_host, metastore_url, …)` starts the whole product until the test ends; see `Stack`.

    With `started=False` it is only prepared.
    """
    with ExitStack() as stacks:

        def run(*arguments: Any, started: bool = True, **options: Any) -> Stack:
            made = Stack(*arguments, **options)
            stacks.callback(made.close)
            if started:
                made.start()
            return made

        yield run


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """`command_line.run("plan", "Files", stdin="{}")` runs `rockonweb` in this process; see `CommandLine`.

    The way to test a command: a process of its own costs a second, this some milliseconds.
    """
    made = CommandLine(tmp_path)
    database.put_database(made.database)
    return made


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """`tell("…")` prints a line below all tests: figures that a run shows and not only asserts."""
    figures: list[str] = _told(pytestconfig)[_FIGURES]
    return figures.append


def _told(config: pytest.Config) -> dict[str, Any]:
    """What this process has to tell below all tests; a worker of xdist hands it to the one that prints."""
    handed = getattr(config, "workeroutput", None)  # blank at first
    told: dict[str, Any] = config.stash.setdefault(_TOLD, {}) if handed is None else handed
    told.setdefault(_FIGURES, [])
    return told


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which tests run: `--quick`, `--all`, or what lies between."""
    parser.addoption("--quick", action="store_true", help="only tests that need no other programs")
    parser.addoption("--all", action="store_true", help="run also the matrices: the tests marked slow")


def pytest_configure(config: pytest.Config) -> None:
    """Let hypothesis make the same examples in each run, so that a red run can be repeated; new ones with `--all`."""
    name = QUICK if config.getoption("--quick") else "all" if config.getoption("--all") else "always"
    hypothesis.settings.register_profile(name, deadline=None, derandomize=name != "all")
    hypothesis.settings.load_profile(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some tests on both databases."""
    if any(metafunc.definition.iter_markers("both_databases")):
        metafunc.parametrize("_database", ["sqlite", "postgresql"], indirect=True)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from what is there before the first test: its rounds took a tenth of the time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by the parts it needs, and leave out those for which this run has no material or time."""
    unwanted = set() if config.getoption("--all") else {"slow"}
    if config.getoption("--quick"):
        unwanted |= PARTS
    no_folder = pytest.mark.skip(reason="ROCKONWEB_TEST_REGISTRY is not set")
    left_out = 0
    for item in [*items]:
        assert isinstance(item, pytest.Function)
        needed = {*item.fixturenames} & PARTS
        if hasattr(item, "callspec") and "postgresql" in item.callspec.params.values():
            needed.add("postgres")
        for name in needed:
            item.add_marker(name)
        if item.get_closest_marker("registry") and not os.environ.get("ROCKONWEB_TEST_REGISTRY"):
            item.add_marker(no_folder)
            left_out += 1
        if any(item.get_closest_marker(name) for name in unwanted):
            items.remove(item)
    # Those that take longest first, or one process would be left with them at the end.
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in ("browser", "engine", "waits")))
    _told(config)[_LEFT_OUT] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of xdist has to tell; each has counted all tests that were left out."""
    told, more = _told(node.config), getattr(node, "workeroutput", {})
    told[_FIGURES] += more.get(_FIGURES, [])
    told[_LEFT_OUT] = more.get(_LEFT_OUT, 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how long the parts took and what tests tell; say loudly what was left out or failed before the tests."""
    write = terminalreporter.write_line
    seconds = defaultdict[str, float](float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0].rpartition("/")[0]] += report.duration
    terminalreporter.section("how long the parts took")
    for line in os.environ.get("ROCKONWEB_TEST_CHECKS", "").splitlines():
        write(line)
    for part, taken in sorted(seconds.items(), key=lambda item: -item[1]):
        write(f"{taken:7.1f} s  {part}")
    processes = config.getoption("numprocesses", None) or 1
    write(f"{sum(seconds.values()):7.1f} s  all tests, in {processes} processes side by side")
    told = _told(config)
    for line in told[_FIGURES]:
        write(line)
    if failed := os.environ.get("ROCKONWEB_TEST_FAILED_CHECKS", "").strip():
        terminalreporter.section("CHECKS FAILED", sep="!", red=True, bold=True)
        write(f"Failed before the tests, see above: {failed}", red=True, bold=True)
    if left_out := told.get(_LEFT_OUT, 0):
        terminalreporter.section("LEFT OUT", sep="!", yellow=True, bold=True)
        write(
            f"{left_out} tests with the published rock-ons did not run: set ROCKONWEB_TEST_REGISTRY to a "
            "folder that holds root.json and the definitions.",
            yellow=True,
            bold=True,
        )
