"""An instance that uses the tests' own engine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rockonweb.core.status import health
from rockonweb.host import engine as host_engine
from rockonweb.work import heartbeat
from tests.support.app import lend_app
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.process import stop_process
from tests.support.queue_server import QueueServer


@pytest.fixture
def instance(
    engine: DockerDaemon, queue_server: QueueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Instance]:
    """An instance on `engine`, within its application's context; the engine is empty afterwards.

    An engine test takes this, `engine` to look at Docker with (`engine.run_docker("inspect", …)`), and `app_image` or
    `standin(…)`. It puts a rock-on into the catalogue (`instance.add_rockon`), installs it (`instance.install_rockon`),
    acts (`instance.perform`, `instance.submit_change`, or `operations.submit…` and `instance.run_operation`), and looks
    at the rows and at Docker. It costs about a third of a second, and as much for each container that it starts; a
    whole `rockonweb up` (`stack`) costs ten times that, and is for what needs processes.
    """
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, engine.environ[name])
    monkeypatch.setattr(host_engine, "PORT_PAUSE", 0.05)
    monkeypatch.setattr(health, "MAX_RESTARTS", 2)  # what ends again and again is given up soon
    monkeypatch.setattr(health, "RESTART_GRACE", 0.001)
    made = Instance(tmp_path, queue_server.url, lend_app)
    try:
        with made.app.app_context():
            yield made
    finally:
        engine.start()
        engine.remove_everything()
        queue_server.start()
        queue_server.flush_queue()


@pytest.fixture(scope="session")
def app_image(standin: Callable[..., str]) -> str:
    """An app that serves its page on port 8080."""
    return standin("lifecycle/app:1")


@pytest.fixture(scope="session")
def ending_image(standin: Callable[..., str]) -> str:
    """An image whose container ends at once with status 0."""
    return standin("lifecycle/ends:1", (), kind="ends")


WATCH = """
import sys
from rockonweb import cli
from rockonweb.core.status import episodes, status
from rockonweb.work import engine_monitor, keep_running, page_checks, watcher
watcher.ROUND_SECONDS = engine_monitor.PAUSE_SECONDS = 0.5
keep_running.GRACE_SECONDS = 2
page_checks.ASK_SECONDS, page_checks.CONFIRM_SECONDS = 1, 0.5
episodes.MEND_PAUSES = (1, 10, 12)
episodes.WELL_SECONDS = status.SETTLED_SECONDS = 3
watcher.TRIM_SECONDS = 1
sys.argv = ["rockonweb", "watch"]
cli.main()
"""


@pytest.fixture
def watcher(instance: Instance, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`rockonweb watch`, as soon as it has looked at Docker for the first time."""
    with (tmp_path / "watcher.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WATCH],
            env={**os.environ, **instance.environ},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(lambda: heartbeat.engine_status().reachable is not None)
        yield process
    finally:
        stop_process(process, 10)
