"""Old operations are removed, but not what somebody or something still needs."""

from datetime import timedelta

import pytest
from flask import Flask

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, NetworkFacts
from rockonweb.core.operations.requests import Notes
from rockonweb.models import (
    Episode,
    Installation,
    Kind,
    Operation,
    OperationMember,
    OperationStep,
    Problem,
    Progress,
    RollbackPoint,
    db,
    transaction,
    utc_now,
)
from rockonweb.work import history, runner
from tests.support.app import add_rockon, mark_installed
from tests.support.docker_stand_in import FakeDocker

OLD, YOUNG = timedelta(days=366), timedelta(days=364)


@pytest.fixture
def films(app: Flask) -> Installation:
    """An installed app."""
    return mark_installed(add_rockon("Films", {"films": {}}))


def add(
    count: int,
    kind: Kind = Kind.RESTART,
    progress: Progress = Progress.DONE,
    age: timedelta = OLD,
    **columns: object,
) -> list[int]:
    """Operations that ended that long ago, each with a step; returns their ids."""
    with transaction() as session:
        rows = [
            Operation(
                kind=kind,
                progress=progress,
                finished=utc_now() - age,
                steps=[OperationStep(position=0, title="start films", output="a lot")],
                **columns,
            )
            for _ in range(count)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def trim(docker: FakeDocker | None = None) -> set[int]:
    """Trim the history, and return the operations that are left."""
    history.trim_operations(docker or FakeDocker())  # type: ignore[arg-type]
    db.session.rollback()
    return {number for (number,) in db.session.query(Operation.id)}


@pytest.mark.both_databases
def test_what_ended_long_ago_goes_with_its_steps_and_the_last_fifty_stay(films: Installation) -> None:
    old = add(70, installation_id=films.id)
    assert trim() == {*old[20:]}
    assert db.session.query(OperationStep).count() == 50
    assert trim() == {*old[20:]}


def test_what_ended_within_the_time_stays(films: Installation) -> None:
    add(5, installation_id=films.id)
    young = add(60, age=YOUNG, installation_id=films.id)
    assert trim() == {*young}


def test_each_app_and_each_network_has_its_own_fifty(films: Installation) -> None:
    music = mark_installed(add_rockon("Music", {"music": {}}))
    lists = [
        add(60, installation_id=films.id),
        add(60, installation_id=music.id),
        add(60, Kind.CHANGE_NETWORK, network="media"),
        add(60, Kind.CHANGE_NETWORK, network="home"),
        add(60, Kind.REFRESH),
    ]
    with transaction() as session:
        session.add_all(OperationMember(operation_id=number, installation_id=music.id) for number in lists[2])
    assert trim() == {number for numbers in lists for number in numbers[10:]}
    assert db.session.query(OperationMember).count() == 50


def test_the_last_of_each_kind_and_outcome_stays(films: Installation) -> None:
    [install] = add(1, Kind.INSTALL, installation_id=films.id)
    [failed] = add(1, Kind.START, Progress.FAILED, installation_id=films.id)
    add(60, installation_id=films.id)
    assert {install, failed} < trim()


def test_the_last_one_that_changed_something_stays(films: Installation) -> None:
    def fail(count: int, notes: Notes) -> list[int]:
        return add(count, Kind.CHANGE, Progress.FAILED, installation_id=films.id, notes=notes)

    first, effective = fail(2, Notes(running=(), owes=True))
    fail(60, Notes())
    left = trim()
    assert effective in left
    assert first not in left
    last = runner.last_effective_operation(films.id)
    assert last is not None
    assert last.id == effective


def test_those_with_a_rollback_point_stay(films: Installation) -> None:
    old = add(60, installation_id=films.id)
    with transaction() as session:
        session.add(RollbackPoint(installation_id=films.id, operation_id=old[3], definition="{}", answers="{}"))
    assert trim() == {old[3], *old[10:]}


def test_those_that_made_what_docker_has_stay(films: Installation) -> None:
    old = add(60, installation_id=films.id)
    uids = [db.session.get_one(Operation, number).uid for number in old]
    docker = FakeDocker()
    docker.known_containers["films"] = ContainerFacts("films", rockon="Films", operation=uids[2])
    docker.known_networks["media"] = NetworkFacts("media", ours=True, operation=uids[4])
    assert trim(docker) == {old[2], old[4], *old[10:]}


def test_nothing_is_removed_while_something_is_done(films: Installation) -> None:
    old = add(60, installation_id=films.id)
    [active] = add(1, progress=Progress.RUNNING, installation_id=films.id)
    assert trim() == {*old, active}


def test_nothing_is_removed_that_docker_could_not_be_asked_about(
    films: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = add(60, installation_id=films.id)
    docker = FakeDocker()
    docker.is_down = True
    monkeypatch.setattr(docker, "list_containers", docker.connect)
    with pytest.raises(EngineError):
        trim(docker)
    assert {number for (number,) in db.session.query(Operation.id)} == {*old}


def test_episodes_that_ended_long_ago_go_and_one_that_lasts_stays(films: Installation) -> None:
    began = utc_now() - timedelta(days=400)
    with transaction() as session:
        for ended in (began, utc_now(), None):
            session.add(
                Episode(
                    installation_id=films.id, problem=Problem.ENDED, reason="it ended", began=began, ended=ended, log=""
                )
            )
    history.trim_episodes()
    assert db.session.query(Episode).count() == 2
