"""The real parts that tests ask for by name; a run that asks for none starts none."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support import database
from tests.support.browser import chromium, new_page
from tests.support.engine import Engine
from tests.support.metastore import Content, Metastore
from tests.support.postgres import Postgres
from tests.support.queue_server import QueueServer
from tests.support.registry import Registry
from tests.support.stack import Stack
from tests.support.standin import make_image

ON_BOTH_DATABASES = {
    *("tests.test_rows", "tests.test_backup", "tests.catalog.test_catalog", "tests.catalog.test_sources"),
    *("tests.work.test_operations", "tests.work.test_planners", "tests.work.test_runner", "tests.work.test_sequence"),
    "tests.web.test_shelf",
}
_TOLD = pytest.StashKey[dict[str, Any]]()
_FIGURES = "rockonweb_figures"
_LEFT_OUT = "rockonweb_left_out"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A Docker Engine of this session's own; see `Engine`."""
    engine = Engine()
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """An image registry; see `Registry`."""
    registry = Registry()
    try:
        registry.start()
        yield registry
    finally:
        registry.close()


@pytest.fixture(scope="session")
def standin(engine: Engine, registry: Registry) -> Callable[..., str]:
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
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; `postgres.database()` makes an empty database and returns its address."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def _database(request: pytest.FixtureRequest) -> Iterator[None]:
    """The tests of some modules run twice, also with their instances' databases on PostgreSQL."""
    if getattr(request, "param", "") != "postgresql":
        yield
        return
    with database.on(request.getfixturevalue("postgres")):
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page without cookies. Without JavaScript: `new_page(browser, javascript=False)`."""
    with new_page(browser) as page:
        yield page


@pytest.fixture
def metastore() -> Iterator[Callable[..., Metastore]]:
    """`metastore(files_or_folder, delay=0)` serves them until the test ends; see `Metastore`."""
    with ExitStack() as stores:

        def serve(files: Mapping[str, Content] | Path, delay: float = 0) -> Metastore:
            store = Metastore(files, delay)
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
    """`--all`: the slow tests too."""
    parser.addoption("--all", action="store_true", help="run also the tests marked slow")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of some modules on both databases."""
    if metafunc.module.__name__ in ON_BOTH_DATABASES:
        metafunc.parametrize("_database", ["sqlite", "postgresql"], indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker that belongs to `--all`."""
    config.addinivalue_line("markers", "slow: runs only with --all")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by the parts it asks for, and leave out what this run has no material or time for."""
    no_registry = pytest.mark.skip(reason="ROCKONWEB_TEST_REGISTRY is not set")
    too_slow = pytest.mark.skip(reason="slow: runs with --all")
    left_out = 0
    for item in items:
        for name in ("engine", "browser"):
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
        if item.get_closest_marker("registry") and not os.environ.get("ROCKONWEB_TEST_REGISTRY"):
            item.add_marker(no_registry)
            left_out += 1
        elif item.get_closest_marker("slow") and not config.getoption("--all"):
            item.add_marker(too_slow)
    _told(config)[_LEFT_OUT] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of xdist has to tell; each has counted all tests that were left out."""
    told, more = _told(node.config), getattr(node, "workeroutput", {})
    told[_FIGURES] += more.get(_FIGURES, [])
    told[_LEFT_OUT] = more.get(_LEFT_OUT, 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say it loudly when the published definitions were not tested, or a check before the tests failed."""
    if failed := os.environ.get("ROCKONWEB_TEST_FAILED_CHECKS", "").strip():
        terminalreporter.section("CHECKS FAILED", sep="!", red=True, bold=True)
        terminalreporter.write_line(f"Failed before the tests, see above: {failed}", red=True, bold=True)
    told = _told(config)
    for line in told[_FIGURES]:
        terminalreporter.write_line(line)
    if left_out := told.get(_LEFT_OUT, 0):
        terminalreporter.section("LEFT OUT", sep="!", yellow=True, bold=True)
        terminalreporter.write_line(
            f"{left_out} tests with the published rock-ons did not run: set ROCKONWEB_TEST_REGISTRY to a "
            "folder that holds root.json and the definitions.",
            yellow=True,
            bold=True,
        )
