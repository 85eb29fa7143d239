"""What browser tests look at, quick to start: an application of this process, with or without an engine below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser

from rockonweb.host import engine as host_engine
from rockonweb.models import Operation, Progress, db
from rockonweb.work.notification_queue import is_operation_active
from tests.browser.notes import SECRET, notes
from tests.support.app import create_test_user, lend_app
from tests.support.apps import wait_for
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps
from tests.support.queue_server import QueueServer
from tests.support.serving import ServedApp, run_worker, serve_app


@pytest.fixture
def site(app: Flask, browser: Browser) -> Iterator[ServedApp]:
    """`app`, served: `with site.visit("/shares") as page:` is a browser that is logged in and looks at that page.

    The way to test what only a browser shows. A test or a module's `app` brings the rows, as for a test of a page;
    what changes meanwhile is written while the page is open. Without JavaScript: `site.visit(path, javascript=False)`.
    A page that asks again each second need not be waited for: `page.clock.install()`, then `page.clock.run_for(1000)`.
    """
    with serve_app(app) as url:
        yield ServedApp(app, url, browser)


@dataclass(frozen=True)
class Product(ServedApp):
    """A site whose operations are done, on an engine; with `instance`, rock-ons are added and installed at once."""

    instance: Instance

    def install(
        self, name: str, containers: dict[str, Any], keys: Mapping[str, Any] | None = None, **answers: Any
    ) -> None:
        """Put a rock-on into the catalogue and install it; `answers`: see `Instance.prepare_install`."""
        rockon = self.instance.add_rockon(name, containers, **(keys or {}))
        operation_id = self.instance.submit_review(self.instance.prepare_install(rockon, **answers))
        wait_for(lambda: not is_operation_active(operation_id))
        operation = db.session.get_one(Operation, operation_id)
        assert operation.progress is Progress.DONE, f"{operation.error}\n{describe_steps(operation)}"


@pytest.fixture
def product(
    browser: Browser, engine: DockerDaemon, queue_server: QueueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Product]:
    """Like `site`, on the tests' engine and with a worker: for what pages show while Docker does something.

    All of it runs in this process. What needs the processes of `rockonweb up` asks for `stack`, which takes seconds.
    """
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, engine.environ[name])
    monkeypatch.setattr(host_engine, "PORT_PAUSE", 0.05)
    queue_server.flush_queue()
    instance = Instance(tmp_path, queue_server.url, lend_app)
    try:
        with instance.app.app_context(), run_worker(instance.app), serve_app(instance.app) as url:
            create_test_user()
            yield Product(instance.app, url, browser, instance)
    finally:
        engine.remove_everything()
        queue_server.flush_queue()


@pytest.fixture
def notes_port(product: Product, standin: Callable[..., str]) -> int:
    """Family Notes, an app of two containers, is installed on `product`; returns the port that it runs on."""
    port = free_port()
    product.install(
        *notes(standin),
        shares={"family-notes": {"/data": "notes"}, "family-notes-db": {"/var/lib/db": "notes-db"}},
        ports={"family-notes": {"8080": port}},
        environment={"family-notes": {"NOTES_TITLE": "Our notes", "NOTES_PASSWORD": SECRET}},
    )
    return port
