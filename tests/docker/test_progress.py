"""How far a pull is, as the rows and the pages tell it while an engine pulls through a slow line."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from rockonweb.blueprints.operations import progress
from rockonweb.core.docker import pull_layers
from rockonweb.core.docker.pull_layers import Layer, LayerState, sum_layer_bytes
from rockonweb.models import OperationStep, Progress, db
from rockonweb.work import operations
from tests.support.instance import Instance
from tests.support.registry import RegistryServer

SIZE = 6_000_000


@contextmanager
def slow_line(registry: RegistryServer, bytes_per_second: int) -> Iterator[str]:
    """An address under which the registry answers slowly."""
    server = socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, target: socket.socket, pause: float) -> None:
        with suppress(OSError):
            while data := source.recv(32_768):
                target.sendall(data)
                time.sleep(len(data) * pause)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection(("127.0.0.1", registry.port))
                threading.Thread(target=carry, args=(near, far, 0), daemon=True).start()
                threading.Thread(target=carry, args=(far, near, 1 / bytes_per_second), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
def slow_image(standin: Callable[..., str], registry: RegistryServer) -> Iterator[str]:
    """An image whose pull takes some seconds."""
    name = standin("progress/slow:1", padding=SIZE).removeprefix(f"{registry.address}/")
    with slow_line(registry, 2_500_000) as address:
        yield f"{address}/{name}"


def test_the_rows_tell_of_each_layer_while_it_is_pulled(instance: Instance, slow_image: str) -> None:
    rockon = instance.add_rockon("Slow", {"slow": {"image": slow_image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    seen: list[tuple[int, int, list[Layer], str, int | None]] = []

    def watch() -> None:
        with instance.app.test_request_context():
            while not stopped.wait(0.2):
                db.session.rollback()
                query = db.session.query(OperationStep).filter_by(operation_id=operation_id, position=0)
                step = query.one_or_none()
                if step and step.progress is Progress.RUNNING and step.total:
                    line = progress.load_progress_line(operation_id)
                    assert line
                    words = (
                        step.current or 0,
                        step.total,
                        pull_layers.unpack_layers(step.layers),
                        line.summary,
                        line.percent,
                    )
                    seen.append(words)

    stopped = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    operation = instance.run_successfully(operation_id)
    stopped.set()
    watcher.join()
    loading = [one for one in seen if any(layer.state is LayerState.LOADING for layer in one[2])]
    currents = [current for current, *_ in loading]
    assert currents == sorted(currents)
    assert len(set(currents)) >= 2
    assert all(
        0 < total < 2 * SIZE and (current, total) == sum_layer_bytes(found) for current, total, found, _, _ in seen
    )
    assert any("step 1 of 4" in words and "MB of" in words for *_, words, _ in loading)
    assert any(percent for *_, percent in loading)
    assert all(percent is None or percent <= 25 for *_, percent in loading)  # the first of four steps
    step = operation.steps[0]
    assert {layer.state for layer in pull_layers.unpack_layers(step.layers)} == {LayerState.DONE}
    assert step.current == step.total
    assert step.total
    assert step.total > SIZE
    assert progress.build_top_bar().active_count == 0


@pytest.mark.parametrize("images", [1, 2])
def test_pulls_can_be_cancelled_in_their_middle(
    instance: Instance, slow_image: str, standin: Callable[..., str], images: int
) -> None:
    names = [slow_image, slow_image.replace(":1", ":2")][:images]
    standin("progress/slow:2", padding=SIZE, revision=2)
    rockon = instance.add_rockon("Slow", {f"slow{n}": {"image": name, "tag": ""} for n, name in enumerate(names)})
    operation_id = instance.submit_review(instance.prepare_install(rockon))

    def cancel() -> None:
        with instance.app.app_context():
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                db.session.rollback()
                step = db.session.query(OperationStep).filter_by(operation_id=operation_id, position=0).one_or_none()
                if step and step.current:
                    operations.cancel_operation(operation_id)
                    return
                time.sleep(0.1)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    began = time.monotonic()
    operation = instance.run_operation(operation_id)
    canceller.join()
    assert operation.progress == "cancelled"
    assert [step.progress for step in operation.steps[:images]] == ["cancelled"] * images
    assert time.monotonic() - began < 15
    assert rockon.state == "available"


def test_images_of_one_operation_are_pulled_at_the_same_time(
    instance: Instance, slow_image: str, standin: Callable[..., str]
) -> None:
    standin("progress/slow:2", padding=SIZE, revision=2)
    names = [slow_image, slow_image.replace(":1", ":2")]
    rockon = instance.add_rockon("Slow", {f"slow{n}": {"image": name, "tag": ""} for n, name in enumerate(names)})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    first, second = instance.run_successfully(operation_id).steps[:2]
    assert first.started
    assert second.started
    assert second.finished
    assert first.finished
    assert max(first.started, second.started) < min(first.finished, second.finished)
    for step in (first, second):
        assert {layer.state for layer in pull_layers.unpack_layers(step.layers)} <= {
            LayerState.DONE,
            LayerState.PRESENT,
        }
        assert "Downloaded newer image" in step.output
