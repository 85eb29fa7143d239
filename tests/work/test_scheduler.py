"""Whose turn it is, on a real queue; no engine is asked."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from rq import Queue, SimpleWorker
from rq.job import Job

from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.operations.requests import ChangeNetworkRequest, TaskRequest, UpdateRequest, blank_request
from rockonweb.models import Installation, Kind, Operation, Progress, State, Status, db, transaction
from rockonweb.work import operations, queue, roles, scheduler
from tests.support.instance import Instance


def installed(instance: Instance, name: str, *opts: list[str]) -> Installation:
    rockon = instance.add_rockon(name, {name.lower(): {"image": "example/app", "opts": [*opts]}})
    with transaction():
        rockon.state, rockon.installed_source = State.INSTALLED, rockon.entry.source
    return rockon


def end(operation_id: int) -> None:
    with transaction() as session:
        session.get_one(Operation, operation_id).mark_finished(Progress.DONE)
    scheduler.dispatch_next()


def jobs() -> set[str]:
    return queue.waiting_jobs()


@pytest.mark.both_databases
def test_presses_in_a_row_run_one_after_another_in_their_order(instance: Instance) -> None:
    rockon = installed(instance, "App")
    pressed = [operations.submit_operation(rockon, blank_request(kind), "me") for kind in (Kind.STOP, Kind.START) * 5]
    assert len({*pressed}) == 10
    assert jobs() == {scheduler.job_id(pressed[0])}
    for n, operation_id in enumerate(pressed):
        assert not any(scheduler.claim_operation(later) for later in pressed[n + 1 :])
        assert scheduler.claim_operation(operation_id)
        end(operation_id)
        if pressed[n + 1 :]:
            assert scheduler.job_id(pressed[n + 1]) in jobs()
    assert rockon.status == "pending_start"  # as the last one says


@pytest.mark.both_databases
@pytest.mark.parametrize("opts", [["--net", "lan"], ["--volumes-from", "data"]])
def test_of_two_that_share_something_one_runs_whoever_asks_first(instance: Instance, opts: list[str]) -> None:
    ids = [
        operations.submit_operation(installed(instance, name, opts), blank_request(Kind.STOP), "me")
        for name in ("One", "Two")
    ]
    together = threading.Barrier(2)

    def claim(operation_id: int) -> bool:
        with instance.app.app_context():
            together.wait()
            return bool(scheduler.claim_operation(operation_id))

    with ThreadPoolExecutor(2) as pool:
        claimed = dict(zip(ids, pool.map(claim, ids), strict=True))
    assert sorted(claimed.values()) == [False, True]
    first, second = sorted(ids, key=lambda one: not claimed[one])
    end(first)
    assert scheduler.claim_operation(second)


def work_off(*, quick_only: bool) -> list[str]:
    """Do the waiting jobs as a worker does, in its order; returns their ids."""
    done: list[str] = []

    class Noting(SimpleWorker):
        def execute_job(self, job: Job, queue: Queue) -> None:
            done.append(job.id)
            super().execute_job(job, queue)

    names = roles.served_queues(quick_only=quick_only)
    Noting(names, connection=queue.redis_connection()).work(burst=True, logging_level="ERROR")
    return done


def test_what_ends_soon_finds_a_worker_while_downloads_hold_all_others(instance: Instance) -> None:
    for n in range(3):
        operations.submit_operation(installed(instance, f"Stuck-{n}"), UpdateRequest(), "me")
    operations.submit_refresh("me")
    quick = [
        operations.submit_operation(installed(instance, f"App-{kind}"), blank_request(kind), "me")
        for kind in (Kind.START, Kind.STOP, Kind.RESTART, Kind.UNINSTALL)
    ]
    assert len(jobs()) == 8
    assert work_off(quick_only=True) == [scheduler.job_id(operation_id) for operation_id in quick]


def test_a_worker_serves_both_queues_and_what_ends_soon_first(instance: Instance) -> None:
    update = operations.submit_operation(installed(instance, "One"), UpdateRequest(), "me")
    stop = operations.submit_operation(installed(instance, "Two"), blank_request(Kind.STOP), "me")
    assert work_off(quick_only=False) == [scheduler.job_id(stop), scheduler.job_id(update)]


@pytest.mark.both_databases
def test_rock_ons_that_share_nothing_run_side_by_side(instance: Instance) -> None:
    ids = [
        operations.submit_operation(installed(instance, name), blank_request(Kind.STOP), "me")
        for name in ("One", "Two")
    ]
    assert [scheduler.claim_operation(one) for one in ids] == [True, True]


def test_a_rehearsal_leaves_the_state_of_its_app_and_everything_else_of_it_as_it_is(instance: Instance) -> None:
    rockon = installed(instance, "App", ["--net", "lan"])
    with transaction():
        rockon.status, rockon.error = Status.STARTED, "It failed before."
    rehearsal = operations.submit_operation(rockon, blank_request(Kind.REHEARSE), "me")
    assert scheduler.claim_operation(rehearsal)
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", "It failed before.")
    assert not scheduler.is_changing(rockon.id)
    other = operations.submit_operation(installed(instance, "Other", ["--net", "lan"]), blank_request(Kind.STOP), "me")
    assert scheduler.claim_operation(other)
    stop = operations.submit_operation(rockon, blank_request(Kind.STOP), "me")
    assert not scheduler.claim_operation(stop)
    assert scheduler.is_changing(rockon.id)
    end(rehearsal)
    end(other)
    assert scheduler.claim_operation(stop)


@pytest.mark.both_databases
def test_a_cancel_of_what_waits_ends_it_at_once_and_lets_the_next_go_on(instance: Instance) -> None:
    rockon = installed(instance, "App")
    first, second = (
        operations.submit_operation(rockon, UpdateRequest(), "me"),
        operations.submit_operation(rockon, blank_request(Kind.STOP), "me"),
    )
    assert rockon.state == "pending_update"
    operations.cancel_operation(first)
    db.session.rollback()
    assert (rockon.state, db.session.get_one(Operation, first).progress) == ("installed", "cancelled")
    assert scheduler.job_id(second) in jobs()
    assert scheduler.claim_operation(second)


@pytest.mark.both_databases
def test_after_a_cancel_of_what_waits_the_pending_state_is_that_of_the_next(instance: Instance) -> None:
    rockon = installed(instance, "App")
    with transaction():
        rockon.status = Status.STARTED
    restart, start = (
        operations.submit_operation(rockon, blank_request(kind), "me") for kind in (Kind.RESTART, Kind.START)
    )
    operations.cancel_operation(start)  # the other one, which waits too, has the same pending status
    assert rockon.status == "pending_start"
    stop = operations.submit_operation(rockon, blank_request(Kind.STOP), "me")
    operations.cancel_operation(restart)
    assert rockon.status == "pending_stop"
    operations.cancel_operation(stop)
    assert rockon.status == "started"


@pytest.mark.both_databases
def test_what_waits_behind_a_task_is_shown_as_pending(instance: Instance) -> None:
    rockon = installed(instance, "App")
    task = operations.submit_operation(rockon, TaskRequest("anything"), "me")
    assert not rockon.is_pending
    assert scheduler.claim_operation(task)
    operations.submit_operation(rockon, blank_request(Kind.STOP), "me")
    assert (rockon.state, rockon.status) == ("installed", "pending_stop")


@pytest.mark.both_databases
def test_what_does_not_fit_any_more_ends_with_a_sentence(instance: Instance) -> None:
    rockon = installed(instance, "App")
    first, second = (
        operations.submit_operation(rockon, blank_request(Kind.STOP), "me"),
        operations.submit_operation(rockon, blank_request(Kind.START), "me"),
    )
    end(first)
    with transaction():
        rockon.state = State.AVAILABLE
    assert not scheduler.claim_operation(second)
    found = db.session.get_one(Operation, second)
    assert (found.progress, found.error) == ("failed", "App is not installed.")


def change_network(members: list[Installation]) -> int:
    """Submit the change of a network that these rock-ons are on, as its page does after it has asked Docker."""
    with transaction() as session:
        operation = Operation(
            kind=Kind.CHANGE_NETWORK,
            network="media",
            members=members,
            parameters=ChangeNetworkRequest(NetworkSpec("media")).to_json(),
        )
        session.add(operation)
    return scheduler.dispatch_operation(operation.id)


@pytest.mark.both_databases
def test_a_network_and_the_rock_ons_on_it_take_turns_in_the_order_of_submission(instance: Instance) -> None:
    one, two, other = (installed(instance, name) for name in ("One", "Two", "Other"))
    before = operations.submit_operation(one, blank_request(Kind.STOP), "me")
    network = change_network([one, two])
    after = operations.submit_operation(two, blank_request(Kind.STOP), "me")
    elsewhere = operations.submit_operation(other, blank_request(Kind.STOP), "me")
    assert jobs() == {scheduler.job_id(before), scheduler.job_id(elsewhere)}
    assert not scheduler.claim_operation(network)
    assert not scheduler.claim_operation(after)
    assert scheduler.claim_operation(before)
    end(before)
    assert scheduler.job_id(network) in jobs()
    assert not scheduler.claim_operation(after)
    assert scheduler.claim_operation(network)
    assert not scheduler.claim_operation(after)
    end(network)
    assert scheduler.claim_operation(after)


def test_who_joins_a_network_waits_for_what_is_done_to_it(instance: Instance) -> None:
    network = change_network([])
    assert scheduler.claim_operation(network)
    newcomer = installed(instance, "New", ["--net", "media"])
    install = operations.submit_operation(newcomer, blank_request(Kind.STOP), "me")
    assert not scheduler.claim_operation(install)
    end(network)
    assert scheduler.claim_operation(install)
