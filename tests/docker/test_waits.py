"""Whatever is waited for, a cancel ends it, and a cancelled operation ends as cancelled."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rockonweb.core.docker import pull_layers
from rockonweb.host import get_host
from rockonweb.models import db
from rockonweb.work import operations
from rockonweb.work.step_actions import Cancelled
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance


class StallingRegistry:
    """A registry with one image, whose layer stops in the middle for good."""

    def __init__(self) -> None:
        released = self.released = threading.Event()
        layer = b"x" * 2_000_000
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(layer).hexdigest()]},
            }
        ).encode()
        types = ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip")
        parts = [
            {"mediaType": media_type, "size": len(body), "digest": f"sha256:{sha256(body).hexdigest()}"}
            for media_type, body in zip(types, (config, layer), strict=True)
        ]
        media_type = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": media_type, "config": parts[0], "layers": [parts[1]]}
        ).encode()
        bodies = {parts[0]["digest"]: config, parts[1]["digest"]: layer}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = bodies.get(self.path.rpartition("/")[2], manifest if "/manifests/" in self.path else b"{}")
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                if body is manifest:
                    self.send_header("Content-Type", media_type)
                    self.send_header("Docker-Content-Digest", f"sha256:{sha256(manifest).hexdigest()}")
                self.end_headers()
                if self.command == "HEAD":
                    return
                with suppress(OSError):
                    self.wfile.write(body[: len(body) // 2] if body is layer else body)
                if body is layer:
                    released.wait()

            do_HEAD = do_GET  # noqa: N815 - the name of the base class

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def image(self) -> str:
        """The name of an image that never comes."""
        return f"127.0.0.1:{self.server.server_port}/half/comes:1"

    def close(self) -> None:
        """Let go whoever waits."""
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class HangingRegistry:
    """A registry that answers /v2/ and then says nothing; `asked` is set once a manifest was asked for."""

    def __init__(self) -> None:
        asked, released = self.asked, self.released = threading.Event(), threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "/manifests/" in self.path:
                    asked.set()
                    released.wait()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET  # noqa: N815 - the name of the base class

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def image(self) -> str:
        """The name of an image that never comes."""
        return f"127.0.0.1:{self.server.server_port}/never/comes:1"

    def close(self) -> None:
        """Let go whoever waits."""
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hanging_registry() -> Iterator[HangingRegistry]:
    """A registry that hangs."""
    registry = HangingRegistry()
    yield registry
    registry.close()


@pytest.fixture
def stalling_registry() -> Iterator[StallingRegistry]:
    """A registry that stalls."""
    registry = StallingRegistry()
    yield registry
    registry.close()


@pytest.mark.parametrize("kind", ["hanging_registry", "stalling_registry"])
def test_a_pull_that_brings_nothing_new_says_so_and_is_given_up(
    engine: DockerDaemon,
    instance: Instance,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry: HangingRegistry | StallingRegistry = request.getfixturevalue(kind)
    monkeypatch.setattr(pull_layers, "MINUTE", 1)
    instance.app.config["SETTINGS"] = replace(instance.settings, pull_timeout=4)
    rockon = instance.add_rockon("Never", {"never": {"image": registry.image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    begun = time.monotonic()
    operation = instance.run_operation(operation_id)
    assert time.monotonic() - begun < 30
    assert (operation.progress, rockon.state) == ("failed", "install_failed")
    assert "can't be reached" in operation.error
    [pull] = [step for step in operation.steps if step.kind == "pull"]
    assert "The registry has sent nothing new for 3 min." in pull.output
    assert "nothing new for 4 seconds" in pull.output


def cancel_when(instance: Instance, happened: Callable[[], object], operation_id: int) -> threading.Thread:
    """Cancel an operation, from another thread, once something has happened."""

    def run() -> None:
        happened()
        with instance.app.app_context():
            operations.cancel_operation(operation_id)
            db.session.remove()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_registry_that_hangs_holds_nobody_who_cancels(
    engine: DockerDaemon, instance: Instance, hanging_registry: HangingRegistry
) -> None:
    rockon = instance.add_rockon("Never", {"never": {"image": hanging_registry.image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    cancelling = cancel_when(instance, hanging_registry.asked.wait, operation_id)
    operation = instance.run_operation(operation_id)
    cancelling.join()
    assert (operation.progress, rockon.state) == ("cancelled", "available")
    assert {step.progress for step in operation.steps} <= {"cancelled", "undone", "skipped"}


def test_a_run_that_never_ends_is_left_by_who_cancels(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str]
) -> None:
    """As `docker create` is, which may pull by itself."""
    image = standin("waits/ends:1", kind="ends")
    asked: list[None] = []

    def give_up() -> None:
        asked.append(None)
        if engine.run_docker("ps", "-q", "--filter", "name=endless"):
            raise Cancelled

    with get_host().connect_docker() as docker:
        docker.waiter.on_wait = give_up
        with pytest.raises(Cancelled):
            docker.run_once(("docker", "run", "--rm", "--name", "endless", image, "sleep", "600"))
    assert asked
    assert engine.run_docker("ps", "-aq", "--filter", "name=endless") == ""
