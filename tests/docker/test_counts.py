"""How much an operation asks of others: counts, since these do not drift with the machine."""

import math
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from docker.api.client import APIClient
from sqlalchemy import event

from rockonweb.core.operations.requests import blank_request
from rockonweb.models import Kind, db
from rockonweb.work import image_actions, operations, warm_up
from rockonweb.work.review import review_request
from tests.support.instance import Instance
from tests.support.stack import Stack

BEGINNINGS = (
    "BEGIN",
    "SET TRANSACTION",
    "SELECT pg_advisory",
    "PRAGMA synchronous",
)  # of a transaction, which commits and reads count


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count what is asked meanwhile: processes, requests to Docker, statements and commits.

    A pull tells of its progress once, however long it takes.
    """
    found: Counter[str] = Counter()
    send, start, look = APIClient.send, subprocess.Popen.__init__, psutil.net_connections

    def sending(self: APIClient, *arguments: Any, **options: Any) -> Any:
        found["requests"] += 1
        return send(self, *arguments, **options)

    def starting(self: Any, *arguments: Any, **options: Any) -> None:
        found["processes"] += 1
        start(self, *arguments, **options)

    def looking(*arguments: Any) -> Any:
        found["looks at all processes"] += 1
        return look(*arguments)

    def executing(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        found["statements"] += not statement.startswith(BEGINNINGS)

    def committing(_connection: Any) -> None:
        found["commits"] += 1

    engine = db.engine
    with monkeypatch.context() as patched:
        patched.setattr(image_actions, "PROGRESS_SECONDS", math.inf)
        patched.setattr(APIClient, "send", sending)
        patched.setattr(subprocess.Popen, "__init__", starting)
        patched.setattr(psutil, "net_connections", looking)
        event.listen(engine, "before_cursor_execute", executing)
        event.listen(engine, "commit", committing)
        try:
            yield found
        finally:
            event.remove(engine, "before_cursor_execute", executing)
            event.remove(engine, "commit", committing)


def assert_at_most(found: Counter[str], **most: int) -> None:
    """None of what was counted is more than this; what is not named did not happen."""
    too_many = {what: f"{count} > {most.get(what, 0)}" for what, count in found.items() if count > most.get(what, 0)}
    assert not too_many, dict(found)


def test_an_install_starts_no_process_and_asks_little(
    instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": app_image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with counted(monkeypatch) as found:
        instance.run_successfully(operation_id)
    assert_at_most(found, requests=17, statements=70, commits=12)


def test_a_review_asks_little(instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": app_image, "tag": ""}})
    request = instance.prepare_install(rockon).request
    with counted(monkeypatch) as found:
        review_request(rockon, request)
    assert_at_most(found, requests=4, statements=8)


def test_each_further_container_adds_a_handful_of_questions(
    instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for number in (1, 3):
        bodies = {f"n{number}-{place}": {"image": app_image, "tag": ""} for place in range(number)}
        operation_id = instance.submit_review(instance.prepare_install(instance.add_rockon(f"App {number}", bodies)))
        with counted(monkeypatch) as found:
            instance.run_successfully(operation_id)
        counts.append(found)
    few, many = counts
    assert_at_most(many - few, requests=14, statements=20, commits=4)


def test_a_start_and_a_stop_start_no_process(
    instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    for kind in (Kind.STOP, Kind.START):
        operation_id = operations.submit_operation(rockon, blank_request(kind), "tester")
        with counted(monkeypatch) as found:
            instance.run_successfully(operation_id)
        assert_at_most(found, requests=11, statements=56, commits=7)


def test_a_job_compiles_few_statements_that_its_worker_has_not(
    instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": app_image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    cache: Any = db.engine._compiled_cache  # type: ignore[attr-defined]
    cache.clear()
    warm_up.warm_up()
    warm = {*cache}
    instance.run_successfully(operation_id)
    assert len({*cache} - warm) <= 5


def test_at_rest_two_processes_of_python_run(stack: Callable[..., Stack]) -> None:
    running = stack().list_processes()
    assert sorted(process.name() for process in running) == ["rockonweb", "rockonweb", "valkey-server"]
