"""How an operation ends, whatever happens to it; no engine answers here."""

import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest
from flask import current_app

from rockonweb import catalog
from rockonweb.catalog import sources
from rockonweb.catalog.report import CatalogueReport
from rockonweb.core.errors import EngineUnreachable, RockonwebError
from rockonweb.core.operations.requests import UpdateRequest, blank_request
from rockonweb.models import Kind, Operation, Progress, State, Status, db, repository, transaction
from rockonweb.work import operations, runner
from tests.support.instance import Instance
from tests.support.odd_server import odd_server


@pytest.mark.both_databases
def test_without_an_engine_an_install_fails_with_its_sentence_and_docker_s_words(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": "example/app"}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with pytest.raises(EngineUnreachable):
        runner.run(operation_id)
    operation = db.session.get_one(Operation, operation_id, populate_existing=True)
    assert (operation.progress, operation.error) == ("failed", "Docker does not answer.")
    assert "systemctl start docker" in operation.hint
    assert "nowhere.sock" in operation.steps[0].output or "Connection" in operation.steps[0].output
    assert (rockon.state, rockon.error) == ("install_failed", "Docker does not answer.")
    assert operation.finished
    assert operation.started


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.START, "start_failed"), (Kind.RESTART, "start_failed"), (Kind.STOP, "stop_failed")]
)
def test_a_failed_start_or_stop_is_shown_as_that(instance: Instance, kind: Kind, status: str) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": "example/app"}})
    with transaction():
        rockon.state, rockon.installed_source = State.INSTALLED, rockon.entry.source
    instance.run_operation(operations.submit_operation(rockon, blank_request(kind), "me"))
    assert (rockon.state, rockon.status, rockon.error) == ("installed", status, "Docker does not answer.")


def test_a_failed_uninstall_leaves_it_installed(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": "example/app"}})
    with transaction():
        rockon.state, rockon.installed_source = State.INSTALLED, rockon.entry.source
    instance.run_operation(operations.submit_operation(rockon, blank_request(Kind.UNINSTALL), "me"))
    assert (rockon.state, rockon.installed_source) == ("installed", rockon.entry.source)


def test_a_mistake_of_ours_is_told_without_its_words_and_raised(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(_: object) -> CatalogueReport:
        raise ValueError("the token is t0ken-of-mine")

    monkeypatch.setattr(catalog, "refresh_catalogue", fall)
    operation_id = operations.submit_refresh("me")
    with pytest.raises(ValueError, match="token"):
        runner.run(operation_id)
    operation = db.session.get_one(Operation, operation_id, populate_existing=True)
    assert (operation.progress, operation.error) == ("failed", "Internal error in Rockonweb: ValueError.")
    assert [step.progress for step in operation.steps] == ["failed"]
    assert "t0ken" not in instance.rows_of()


def test_a_refresh_is_an_operation_with_its_report(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "refresh_catalogue", lambda _: CatalogueReport(added=["App"], loaded=True))
    operation = instance.run_operation(operations.submit_refresh("me"))
    assert (operation.progress, operation.installation) == ("done", None)
    assert "1 added: App" in operation.steps[0].output


def test_a_refresh_that_loads_nothing_fails_in_words(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "refresh_catalogue", lambda _: CatalogueReport())
    operation = instance.run_operation(operations.submit_refresh("me"))
    assert isinstance(instance.raised, RockonwebError)
    assert (operation.progress, operation.error) == ("failed", "No catalogue could be loaded.")
    assert operation.steps[0].progress == "failed"


def test_a_refresh_whose_metastore_trickles_ends_soon_after_a_cancel(instance: Instance) -> None:
    arrived = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(400):
            arrived.set()
            handler.wfile.write(b"y")
            time.sleep(0.05)

    with odd_server({"/root.json": trickle}) as url:
        sources.add_metastore(url)
        operation_id = operations.submit_refresh("me")
        app = current_app._get_current_object()  # type: ignore[attr-defined]

        def cancel() -> None:
            arrived.wait(60)
            with app.app_context():
                operations.cancel_operation(operation_id)

        canceller = threading.Thread(target=cancel)
        canceller.start()
        begun = time.monotonic()
        operation = instance.run_operation(operation_id)
        canceller.join()
        assert time.monotonic() - begun < 5
    assert (operation.progress, operation.error) == ("cancelled", "Cancelled.")


def test_a_failed_install_takes_up_a_definition_that_came_meanwhile(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": "example/app"}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    instance.add_rockon("App", {"app": {"image": "example/newer"}, "more": {"image": "example/more"}})
    assert [container.image for container in rockon.containers] == ["example/app:latest"]  # what waits stays as it was
    assert instance.run_operation(operation_id).progress is Progress.FAILED
    found = repository.find_installation(rockon.id)
    assert found
    assert [container.image for container in found.containers] == ["example/newer:latest", "example/more:latest"]


def test_a_rock_on_is_pending_while_anything_waits_also_between_two_operations(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": "example/app"}})
    with transaction():
        rockon.state, rockon.installed_source, rockon.status = State.INSTALLED, rockon.entry.source, Status.STARTED
    stop, start, update, uninstall = (
        operations.submit_operation(rockon, request, "me")
        for request in (
            blank_request(Kind.STOP), blank_request(Kind.START), UpdateRequest(), blank_request(Kind.UNINSTALL)
        )
    )  # fmt: skip
    seen = [(str(rockon.state), str(rockon.status))]
    for operation_id in (stop, start, update, uninstall):
        instance.run_operation(operation_id)
        seen.append((str(rockon.state), str(rockon.status)))
    assert seen == [
        ("installed", "pending_stop"),
        ("installed", "pending_start"),
        ("pending_update", "start_failed"),
        ("pending_uninstall", "start_failed"),
        ("installed", "start_failed"),
    ]


@pytest.mark.both_databases
def test_no_lock_is_left_whatever_the_end(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    for report in (CatalogueReport(loaded=True), CatalogueReport()):
        monkeypatch.setattr(catalog, "refresh_catalogue", lambda _, report=report: report)
        instance.run_operation(operations.submit_refresh("me"))
        assert not list(instance.settings.locks_folder.iterdir())


@pytest.mark.both_databases
@pytest.mark.parametrize("state", [State.INSTALLED, State.INSTALL_FAILED])
def test_an_uninstall_that_fails_leaves_the_state_that_was(instance: Instance, state: State) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": "example/app"}})
    with transaction():
        rockon.state, rockon.installed_source = state, rockon.entry.source
    failed = instance.run_operation(operations.submit_operation(rockon, blank_request(Kind.UNINSTALL), "me"))
    assert (failed.progress, rockon.state) == ("failed", state)
    instance.run_operation(operations.retry_operation(failed.id, "me"))
    assert rockon.state == state
