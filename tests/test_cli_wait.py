"""`--wait` ends as the operation ends: 0 done, 1 failed, 3 where Docker or the queue is away."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from rockonweb import config
from rockonweb.cli import rockons
from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import EngineError, EngineUnreachable, RockonwebError
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.models import Operation, Progress, db, transaction
from rockonweb.work import operations, runner
from tests.support.app import add_rockon, lend_app, mark_installed
from tests.support.command_line import CommandLine
from tests.support.queue_server import QueueServer

LIFECYCLE = ("start", "stop", "restart", "update", "uninstall")
PLAN = SimpleNamespace(findings=())
WorkAs = Callable[[Callable[[int], object]], None]


@pytest.fixture
def command_line(command_line: CommandLine, queue_server: QueueServer) -> CommandLine:
    """A terminal beside an instance with an installed app, and a queue without workers. No Docker answers."""
    queue_server.start()
    queue_server.flush_queue()
    command_line.environ["REDIS_URL"] = queue_server.url
    with lend_app(config.load_config(command_line.environ)).app_context():
        mark_installed(add_rockon("Notes", {"notes": {}}))
    return command_line


@pytest.fixture
def work_as(monkeypatch: pytest.MonkeyPatch) -> WorkAs:
    """`work_as(function)` calls a function with the operation's id, as its worker, at the first pause of `--wait`."""

    def work_as(function: Callable[[int], object]) -> None:
        def work(_seconds: float) -> None:
            operation = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
            assert operation is not None
            with suppress(RockonwebError):
                function(operation.id)

        monkeypatch.setattr(rockons.time, "sleep", work)

    return work_as


@pytest.mark.parametrize("command", LIFECYCLE)
def test_with_docker_away_it_is_status_3(command_line: CommandLine, work_as: WorkAs, command: str) -> None:
    work_as(runner.run)
    done = command_line.run(command, "Notes", "--wait")
    assert (done.returncode, "Docker does not answer." in done.stderr) == (3, True)


def test_an_install_during_which_docker_goes_away_is_status_3(
    command_line: CommandLine, work_as: WorkAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def submit(*_: object) -> int:
        request = InstallRequest(Answers())
        return operations.submit_operation(rockons.instance.find_rockon("Fresh"), request, "ada")

    with lend_app(config.load_config(command_line.environ)).app_context():
        add_rockon("Fresh", {"fresh": {}})
    monkeypatch.setattr(rockons, "review_or_refuse", lambda *_: SimpleNamespace(plan=PLAN))  # Docker answered then
    monkeypatch.setattr(rockons, "refuse_unconfirmed", lambda *_, **__: None)
    monkeypatch.setattr(rockons, "submit_review", submit)
    work_as(runner.run)
    done = command_line.run("install", "Fresh", "--answers", "-", "--wait", stdin="{}")
    assert (done.returncode, "Docker does not answer." in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("error", "status"), [(EngineUnreachable("Docker does not answer."), 3), (EngineError("No such image."), 1)]
)
def test_what_became_of_it_decides_and_not_how_docker_is_now(
    command_line: CommandLine,
    work_as: WorkAs,
    monkeypatch: pytest.MonkeyPatch,
    error: EngineError,
    status: int,
) -> None:
    def fail(_operation_id: int) -> None:
        raise error

    monkeypatch.setattr(runner, "_perform_operation", fail)
    work_as(runner.run)
    done = command_line.run("start", "Notes", "--wait")
    assert (done.returncode, error.sentence in done.stderr) == (status, True)


def test_one_that_ends_well_is_status_0(command_line: CommandLine, work_as: WorkAs) -> None:
    def finish(operation_id: int) -> None:
        with transaction() as session:
            session.get_one(Operation, operation_id).mark_finished(Progress.DONE)

    work_as(finish)
    done = command_line.run("start", "Notes", "--wait")
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_one_that_nobody_takes_from_the_queue_is_status_3(
    command_line: CommandLine, work_as: WorkAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(0, 5)
    monkeypatch.setattr(rockons.time, "monotonic", lambda: next(seconds))
    work_as(lambda _: None)
    done = command_line.run("start", "Notes", "--wait")
    assert (done.returncode, "Nobody takes operation 1 from the queue. It stays queued" in done.stderr) == (3, True)
