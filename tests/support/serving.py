"""An application of this process on a port, for a browser, and a worker of this process that does its jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from flask import Flask
from playwright.sync_api import Browser, Page
from rq import Queue, Worker
from rq.exceptions import DequeueTimeout
from werkzeug.serving import make_server

from rockonweb.core.errors import RockonwebError
from rockonweb.work import heartbeat, queue

from .app import new_visitor
from .apps import wait_for
from .browser import new_page


@dataclass(frozen=True)
class ServedApp:
    """An application that is served, and a browser in which its owner, the account `ada`, is logged in."""

    app: Flask
    url: str
    browser: Browser

    @contextmanager
    def open_page(self, path: str = "/", *, javascript: bool = True, **options: Any) -> Iterator[Page]:
        """A page at `path`, of the owner's; `options` as for `Browser.new_context`. `page.goto` takes a path too."""
        with new_page(self.browser, javascript=javascript, base_url=self.url, **options) as page:
            self.log_in(page)
            page.goto(path)
            yield page

    def log_in(self, page: Page) -> None:
        """Let the owner be logged in, without a form."""
        name = self.app.config["SESSION_COOKIE_NAME"]
        cookie = new_visitor(self.app).log_in("ada").get_cookie(name)
        assert cookie
        page.context.add_cookies([{"name": name, "value": cookie.value, "url": self.url}])


@contextmanager
def serve_app(app: Flask) -> Iterator[str]:
    """Its address while it is served; nothing of it is asked any more afterwards."""
    open_requests = list[object]()

    def handle_request(*request: Any) -> Any:
        open_requests.append(request)
        try:
            return app(*request)
        finally:
            open_requests.pop()

    server = make_server("127.0.0.1", 0, handle_request, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        wait_for(lambda: not open_requests)


@contextmanager
def run_worker(app: Flask) -> Iterator[None]:
    """Its jobs are done, one at a time, by a thread that the pages count as a worker; they hear that Docker answers."""
    with app.app_context():
        redis = queue.redis_connection()
    job_queues, stopped = [Queue(name, connection=redis) for name in queue.QUEUE_NAMES], threading.Event()

    def perform_jobs() -> None:
        while not stopped.is_set():
            # What became of an operation stands on its rows.
            with app.app_context(), suppress(DequeueTimeout, RockonwebError):
                if dequeued := Queue.dequeue_any(job_queues, 1, connection=redis):
                    dequeued[0].perform()

    heartbeat.publish_status(redis, heartbeat.EngineStatus(True, "", "29.0.1"))
    worker = Worker(job_queues, connection=redis)
    worker.register_birth()  # type: ignore[no-untyped-call]
    thread = threading.Thread(target=perform_jobs, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        job_queues[0].enqueue("time.time")  # it waits for a job
        thread.join(60)
        worker.register_death()  # type: ignore[no-untyped-call]
