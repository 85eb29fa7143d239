"""An operation that an older version left in the middle of a step is brought to its end after an upgrade.

Its rows then say of a step no more than its title, and keep what was asked for beside what was noted.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, event, update
from sqlalchemy.orm.attributes import set_committed_value

from rockonweb.core.answers.answers import Answers
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.operations.steps import Step
from rockonweb.migrations import upgrade
from rockonweb.models import Installation, Operation, OperationStep, Progress, db, transaction
from rockonweb.work import executor, operations, recovery, step_actions
from rockonweb.work.executor import Executor
from tests.support import aged
from tests.support.apps import fetch_app_page
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps

PORT = {"label": "Page", "description": "", "host_default": 8080, "protocol": "tcp", "ui": True}
VOLUME = {"/data": {"label": "Data", "description": ""}}
STEPS = {"install": 10, "change": 13}
DISCARD = {"install": 99, "change": 11}  # from this step on there is only forward
ALWAYS = [("install", 0, False), ("install", 5, True), ("change", 3, True), ("change", 7, True), ("change", 11, True)]

OLDER_TITLES = {  # as the version before worded them; by these alone a step is known after the upgrade
    "create share %(share)s": "make share %(share)s",
    "create network %(network)s": "make network %(network)s",
    "create container %(container)s": "make container %(container)s",
    "rename the old container %(container)s": "set container %(container)s aside",
}


@pytest.fixture
def numbers_as_labels() -> Iterator[None]:
    """Operations are known outside of the database by their number, as in the version before."""

    def use_number(_mapper: object, connection: Connection, operation: Operation) -> None:
        number = str(operation.id)
        connection.execute(update(Operation).where(Operation.id == operation.id).values(uid=number))
        set_committed_value(operation, "uid", number)

    event.listen(Operation, "after_insert", use_number)
    yield
    event.remove(Operation, "after_insert", use_number)


class Died(BaseException):
    """The process has ended here."""


@dataclass(frozen=True)
class Moment:
    """A step, at its beginning or when it was done and not written yet."""

    kind: str
    step: int
    done: bool

    def __str__(self) -> str:
        return f"{self.kind}-{self.step}-{'done' if self.done else 'begun'}"


def moments() -> Iterator[object]:
    """All; those that do not run always are slow."""
    for kind, count in STEPS.items():
        for step in range(count):
            for done in (False, True):
                marks = () if (kind, step, done) in ALWAYS else pytest.mark.slow
                moment = Moment(kind, step, done)
                yield pytest.param(moment, id=str(moment), marks=marks)


def run_until(instance: Instance, operation_id: int, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run an operation in a process that ends at a moment."""
    count = iter(range(99))

    class Dying(step_actions.StepAction[Step]):
        def __init__(self, step: Step) -> None:
            self.action = step_actions.action_of(step)

        def prepare_undo(self, context: step_actions.StepContext, step: Step) -> step_actions.UndoState | None:
            return self.action.prepare_undo(context, step)

        def do(self, context: step_actions.StepContext, step: Step, row_id: int) -> str:
            dies = next(count) == moment.step
            if dies and not moment.done:
                raise Died
            words = self.action.do(context, step, row_id)
            if dies:
                raise Died
            return words

    with monkeypatch.context() as patch:
        patch.setattr(executor, "action_of", Dying)
        patch.setattr(Executor, "roll_back_steps", lambda _: None)
        with pytest.raises(Died):
            instance.run_operation(operation_id)


def make_older(instance: Instance, operation_id: int) -> None:
    """Bring the database to what the version before wrote for this operation."""
    operation = db.session.get_one(Operation, operation_id)
    request, noted = operation.request, operation.notes
    options: dict[str, object] = {"new_shares": sorted(getattr(request, "new_shares", ())), "give": {}}
    if isinstance(request, ChangeRequest):
        options |= {"wanted": (request.answers or Answers()).to_dict(), "source": request.source, "successor": None}
        options |= {"rebuild": False, "asked": [], "point": None, "data": False, "names": ["Middle"]}
    if noted.running is not None:
        options["running"] = [*noted.running]
    with transaction() as session:
        session.get_one(Operation, operation_id).parameters = json.dumps(options)
    db.session.remove()
    db.engine.dispose()
    path = instance.settings.instance / "rockonweb.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    newer = path.rename(path.with_name("newer.db"))
    aged.upgrade_to("0018")
    with closing(sqlite3.connect(path)) as file:
        file.execute("ATTACH ? AS newer", (str(newer),))
        for (table,) in file.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if table != "alembic_version":
                copy_back(file, table)
        for newer_title, older_title in OLDER_TITLES.items():
            file.execute("UPDATE operation_step SET title = replace(title, ?, ?)", (newer_title, older_title))
        file.commit()


def copy_back(file: sqlite3.Connection, table: str) -> None:
    """Fill a table of the older schema, where the catalogue's entry and the app were one, from the newer database."""
    wanted, theirs = columns_of(file, "main", table), columns_of(file, "newer", table)
    source, given = f"newer.{table}", {name: f'{table}."{name}"' for name in theirs}
    if table == "rockon":
        source += " JOIN newer.installation ON installation.entry_id = rockon.id"
        given = {name: f"installation.{name}" for name in columns_of(file, "newer", "installation")} | given
    elif "installation_id" in theirs and table != "draft":
        given["rockon_id"] = f"{table}.installation_id"
    names = ", ".join(f'"{name}"' for name in wanted)
    values = ", ".join(given[name] for name in wanted)
    file.execute(f"INSERT INTO main.{table} ({names}) SELECT {values} FROM {source}")


def columns_of(file: sqlite3.Connection, schema: str, table: str) -> list[str]:
    """The columns of a table."""
    return [row[1] for row in file.execute(f"PRAGMA {schema}.table_info({table})")]


def add(instance: Instance, image: str) -> Installation:
    """Two containers on a link network, with a share that the install makes."""
    bodies = {
        "middle-db": {"image": image, "tag": "", "volumes": VOLUME},
        "middle-app": {"image": image, "tag": "", "ports": {"8080": PORT}},
    }
    link = {"name": "MiddleLink", "source_container": "middle-db"}
    return instance.add_rockon("Middle", bodies, container_links={"middle-app": [link]})


def begin_change(instance: Instance, rockon: Installation) -> int:
    """Begin a change that makes both containers anew."""
    more = {"middle-db": {"/more": "middle-db-data/more"}}
    return instance.submit_change(rockon, variables={"middle-app": {"NEW": "1"}}, storage=more)


@pytest.mark.usefixtures("numbers_as_labels")
@pytest.mark.parametrize("moment", list(moments()))
def test_what_was_left_in_the_middle_is_recovered(
    engine: DockerDaemon, instance: Instance, app_image: str, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = add(instance, app_image)
    rockon_id = rockon.id
    reviewed = instance.prepare_install(rockon, new_shares=["middle-db-data"])
    port = chosen_port(reviewed, "middle-app")
    if moment.kind == "install":
        operation_id = instance.submit_review(reviewed)
    else:
        instance.run_successfully(instance.submit_review(reviewed))
        operation_id = begin_change(instance, rockon)
    run_until(instance, operation_id, moment, monkeypatch)
    make_older(instance, operation_id)

    upgrade.upgrade_database()
    assert recovery.recover_operations() == [operation_id]
    operation = db.session.get_one(Operation, operation_id)
    rockon = db.session.get_one(Installation, rockon_id)
    forward = moment.step >= DISCARD[moment.kind]
    assert operation.progress == ("done" if forward else "interrupted"), describe_steps(operation)
    names = {*engine.run_docker("ps", "-a", "--format", "{{.Names}}").split()}
    if moment.kind == "install":
        assert (names, rockon.state) == (set(), "install_failed")
        assert not (instance.settings.shares_root / "middle-db-data").exists()
        assert "MiddleLink" not in engine.run_docker("network", "ls", "--format", "{{.Name}}")
    else:
        assert (names, rockon.state, rockon.status) == ({"middle-db", "middle-app"}, "installed", "started")
        assert ("NEW=1" in fetch_app_page(port)) is forward
    assert recovery.recover_operations() == []
    if not forward:
        instance.run_successfully(operations.retry_operation(operation_id, "tester"))
        assert ("NEW=1" in fetch_app_page(port)) is (moment.kind == "change")


def test_the_moments_go_through_each_step(instance: Instance, app_image: str) -> None:
    rockon = add(instance, app_image)
    install = instance.submit_review(instance.prepare_install(rockon, new_shares=["middle-db-data"]))
    instance.run_successfully(install)
    change = begin_change(instance, rockon)
    instance.run_successfully(change)
    for kind, number in (("install", install), ("change", change)):
        rows = db.session.query(OperationStep).filter_by(operation_id=number).order_by(OperationStep.position)
        kinds = [one.kind for one in rows]
        assert len(kinds) == STEPS[kind], kinds
        assert kinds.index("discard") == DISCARD[kind] if kind == "change" else "discard" not in kinds


@pytest.mark.parametrize("kind", [*STEPS])
def test_a_step_is_known_by_its_kind_whatever_its_title_says(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that words a title differently goes on where the one before it ended."""
    rockon = add(instance, app_image)
    reviewed = instance.prepare_install(rockon, new_shares=["middle-db-data"])
    operation_id = instance.submit_review(reviewed)
    moment = Moment("install", 7, done=True)
    if kind == "change":
        instance.run_successfully(operation_id)
        changed = {
            "variables": {"middle-app": {"NEW": "1"}},
            "storage": {"middle-db": {"/more": "middle-db-data/more"}},
        }
        operation_id, moment = instance.submit_change(rockon, **changed), Moment("change", DISCARD["change"], done=True)
    run_until(instance, operation_id, moment, monkeypatch)
    with transaction() as session:
        for step in session.query(OperationStep).filter_by(operation_id=operation_id):
            step.title = "something is done"
    assert recovery.recover_operations() == [operation_id]
    progress = db.session.get_one(Operation, operation_id).progress
    assert progress is (Progress.DONE if kind == "change" else Progress.INTERRUPTED)
    there = engine.run_docker("ps", "-a", "--format", "{{.Names}}").split()
    assert sorted(there) == (["middle-app", "middle-db"] if kind == "change" else [])
