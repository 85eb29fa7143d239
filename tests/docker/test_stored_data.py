"""An image that has another version of a database than the one that wrote the data, on a real engine and registry."""

import json
import os
import re
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb.core.errors import Conflict
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest, UpdateRequest
from rockonweb.core.operations.steps import LoadDatabase
from rockonweb.host import Engine
from rockonweb.models import Installation, Kind, Operation, OperationStep, db, repository
from rockonweb.work import operations, recovery, rollback, updates
from rockonweb.work.image_facts import CACHE
from rockonweb.work.review import review_request
from rockonweb.work.submission import review_or_refuse, submit_review
from tests.docker.test_recovery import working
from tests.support.app import PASSWORD, FakeQueueServer, FormClient, create_test_user
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps

Make = Callable[..., str]
WONT_START = (
    "notes-db has data of PostgreSQL 15 in pgdata, and its image has PostgreSQL 17, which does not start with it."
)


def add_notes(instance: Instance, image: str) -> Installation:
    return instance.add_rockon("Notes", {"notes-db": {"image": image, "tag": "", "volumes": {"/data": {}}}})


def prepare_share(instance: Instance, **files: str) -> Path:
    """Make the share with the data of a database."""
    share = instance.settings.shares_root / "pgdata"
    share.mkdir()
    for name, content in files.items():
        (share / name).write_text(content)
    return share


def install_notes(instance: Instance, image: str) -> Installation:
    CACHE.clear_answers()
    rockon = add_notes(instance, image)
    instance.install_rockon(rockon, shares={"notes-db": {"/data": "pgdata"}})
    return rockon


def find_serious(instance: Instance, rockon: Installation, request: UpdateRequest | ChangeRequest) -> list[str]:
    CACHE.clear_answers()
    return [one.sentence for one in review_request(rockon, request).plan.findings if one.level in ("block", "warn")]


def container_id(engine: DockerDaemon) -> str:
    return engine.run_docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "notes-db")


def test_an_update_to_another_major_version_is_stopped_before_anything_is(
    engine: DockerDaemon, instance: Instance, standin: Make
) -> None:
    prepare_share(instance, PG_VERSION="15\n")
    image = standin("stored/notes:1", environment={"PG_MAJOR": "15"})
    rockon = install_notes(instance, image)
    assert find_serious(instance, rockon, UpdateRequest()) == []
    before = container_id(engine)
    standin("stored/notes:1", revision=2, environment={"PG_MAJOR": "17"})
    updates.check_registries(rockon.id)
    assert find_serious(instance, rockon, UpdateRequest()) == [WONT_START]
    operation = instance.run_operation(operations.submit_operation(rockon, UpdateRequest(), "tester"))
    assert (operation.progress, operation.error) == ("failed", WONT_START)
    assert container_id(engine) == before
    # It was pulled: a change of settings keeps the image of the container, and says nothing of the other one.
    assert find_serious(instance, rockon, ChangeRequest(rebuild=True)) == []


def test_an_automatic_update_does_not_convert_data_and_says_why(
    engine: DockerDaemon, instance: Instance, standin: Make
) -> None:
    share = prepare_share(instance, mysql_upgrade_info="8.0.36")
    rockon = install_notes(instance, standin("stored/notes:2", environment={"MYSQL_MAJOR": "8.0"}))
    before = container_id(engine)
    standin("stored/notes:2", revision=2, environment={"MYSQL_MAJOR": "8.4"})
    updates.check_registries(rockon.id)
    updates._submit_automatic(rockon.id)
    automatic = updates.last_automatic(rockon.id)
    assert automatic
    operation = instance.run_operation(automatic.id)
    assert (operation.progress, container_id(engine)) == ("failed", before)
    assert "Its image has MySQL 8.4, which converts it" in (operation.error or "")
    assert "An automatic update does not do this. Update it yourself." in (operation.hint or "")
    assert instance.run_operation(operations.submit_operation(rockon, UpdateRequest(), "tester")).progress == "done"
    # From then on the data is that of the new version, and a rollback of the image alone is refused.
    (share / "mysql_upgrade_info").write_text("8.4.0")
    [point] = rollback.list_points(rockon)
    back = ChangeRequest(rollback.load_point(point)[1], source=point.definition, point=point.id)
    assert find_serious(instance, rockon, back) == [
        "notes-db has data of MySQL 8.4 in pgdata, and its image has MySQL 8.0, which can't read it."
    ]


def test_a_newer_definition_and_an_install_onto_older_data_are_stopped_too(instance: Instance, standin: Make) -> None:
    prepare_share(instance, PG_VERSION="15\n")
    rockon = install_notes(instance, standin("stored/notes:15", environment={"PG_MAJOR": "15"}))
    newer = standin("stored/notes:17", environment={"PG_MAJOR": "17"})
    rockon = add_notes(instance, newer)
    assert find_serious(instance, rockon, ChangeRequest(source=rockon.entry.source)) == [WONT_START]
    with pytest.raises(Conflict, match="does not start with it"):
        review_or_refuse(rockon, ChangeRequest(source=rockon.entry.source))
    other = instance.add_rockon("Other", {"notes-db": {"image": newer, "tag": "", "volumes": {"/data": {}}}})
    reviewed = instance.prepare_install(other, shares={"notes-db": {"/data": "pgdata"}})
    with pytest.raises(Conflict, match="does not start with it"):
        review_or_refuse(other, InstallRequest(reviewed.final_answers))


def test_a_version_that_can_not_be_read_is_said_and_keeps_an_automatic_update_away(
    instance: Instance, standin: Make
) -> None:
    share = prepare_share(instance)
    (share / "PG_VERSION").symlink_to("/etc/passwd")
    rockon = install_notes(instance, standin("stored/notes:3", environment={"PG_MAJOR": "15"}))
    standin("stored/notes:3", revision=2, environment={"PG_MAJOR": "15"})
    updates.check_registries(rockon.id)
    assert find_serious(instance, rockon, UpdateRequest()) == [
        "notes-db has data of PostgreSQL in pgdata, but which version wrote it can't be read."
    ]
    updates._submit_automatic(rockon.id)
    automatic = updates.last_automatic(rockon.id)
    assert automatic
    assert instance.run_operation(automatic.id).progress == "failed"


def install_database(
    instance: Instance, standin: Make, *, old: dict[str, str], new: dict[str, str], share_made: bool = False
) -> Installation:
    """Install an app with the data of PostgreSQL 15, whose image then has PostgreSQL 17."""
    if not share_made:
        prepare_share(instance, PG_VERSION="15\n")
    environment = {"PG_MAJOR": "15", "STANDIN_READY": "0", **old}
    rockon = install_notes(instance, standin("stored/db:1", kind="postgres", environment=environment))
    environment = {"PG_MAJOR": "17", "STANDIN_READY": "0", **new}
    standin("stored/db:1", revision=2, kind="postgres", environment=environment)
    updates.check_registries(rockon.id)
    CACHE.clear_answers()
    return rockon


def test_what_does_not_start_is_offered_to_be_taken_along(
    engine: DockerDaemon, instance: Instance, standin: Make
) -> None:
    rockon = install_database(instance, standin, old={}, new={})
    assert review_request(rockon, UpdateRequest()).plan.movable_data == ("notes-db",)
    reviewed = review_or_refuse(rockon, ChangeRequest(move_data=True))
    share = instance.settings.shares_root / "pgdata"
    os.chown(share, 70, 71)
    share.chmod(0o700)
    assert [step.title for step in reviewed.plan.steps] == [
        "create folder pgdata/postgresql-17",
        f"pull {rockon.current_definition.containers['notes-db'].image_reference}",
        "stop notes-db",
        "start notes-db",
        "wait until notes-db is ready",
        "dump the databases of notes-db to pgdata/postgresql-17.sql",
        "stop notes-db",
        "rename the old container notes-db",
        "create container notes-db",
        "start notes-db",
        "wait until notes-db is ready",
        "load pgdata/postgresql-17.sql into notes-db and compare",
        "wait until notes-db is healthy",
        "remove the old container notes-db",
    ]
    instance.run_successfully(submit_review(reviewed, "tester"))
    status = (share / "postgresql-17").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (70, 71, 0o700)
    assert (share / "postgresql-17.sql").read_bytes() == b"-- the beginning of a dump\n\n-- tables by database: {}\n"
    assert f"{share}/postgresql-17:/data" in engine.run_docker("inspect", "-f", "{{.HostConfig.Binds}}", "notes-db")
    with pytest.raises(Conflict, match="no database whose data can be taken along"):
        review_or_refuse(rockon, ChangeRequest(move_data=True))


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ({"STANDIN_DUMP": "1"}, {}, "A command in notes-db broke off with exit code 1."),
        ({}, {"STANDIN_PSQL": "2"}, "A command in notes-db broke off with exit code 2."),
        (
            {},
            {"STANDIN_PSQL_SAYS": "psql:<stdin>:9: ERROR:  53100: could not extend file: No space left on device"},
            "notes-db did not take all of the dump: psql:<stdin>:9: ERROR:  53100: could not extend file: "
            "No space left on device",
        ),
    ],
)
def test_a_dump_that_breaks_off_leaves_everything_as_it_was(
    engine: DockerDaemon,
    instance: Instance,
    standin: Make,
    old: dict[str, str],
    new: dict[str, str],
    error: str,
) -> None:
    rockon = install_database(instance, standin, old=old, new=new)
    before = engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "notes-db")
    reviewed = review_or_refuse(rockon, ChangeRequest(move_data=True))
    operation = instance.run_operation(submit_review(reviewed, "tester"))
    assert (operation.progress, operation.error) == ("failed", error)
    assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "notes-db") == before
    assert [path.name for path in (instance.settings.shares_root / "pgdata").iterdir()] == ["PG_VERSION"]
    assert repository.load_answers(rockon).shares == {"notes-db": {"/data": "pgdata"}}


@pytest.fixture
def small_share(instance: Instance) -> Iterator[Path]:
    """The share, on a disk of two megabytes."""
    folder = instance.settings.shares_root / "pgdata"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", folder], check=True)
    (folder / "PG_VERSION").write_text("15\n")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_full_before_the_dump_ends_is_told_and_everything_is_as_it_was(
    engine: DockerDaemon, instance: Instance, standin: Make, small_share: Path
) -> None:
    rockon = install_database(instance, standin, old={"STANDIN_DUMP_BYTES": "9000000"}, new={}, share_made=True)
    before = engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "notes-db")
    operation = instance.run_operation(submit_review(review_or_refuse(rockon, ChangeRequest(move_data=True)), "tester"))
    assert (operation.progress, operation.error) == ("failed", "The disk of pgdata is full.")
    assert not operation.notes.owes
    assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "notes-db") == before
    assert [path.name for path in small_share.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("exit_code", ["0", "3"])
def test_mariadb_is_taken_along_to_a_share_of_its_own_which_goes_if_that_fails(
    instance: Instance, standin: Make, visitor: FormClient, exit_code: str
) -> None:
    share = prepare_share(instance, mariadb_upgrade_info="10.11.6-MariaDB")
    shares = share.parent
    old = {"MARIADB_VERSION": "1:10.11.6+maria", "STANDIN_READY": "0", "STANDIN_DUMP": exit_code}
    rockon = install_notes(instance, standin("stored/maria:1", kind="postgres", environment=old))
    standin("stored/maria:1", revision=2, kind="postgres", environment={**old, "MARIADB_VERSION": "1:11.8.2+maria"})
    updates.check_registries(rockon.id)
    CACHE.clear_answers()
    page = visitor.get(f"/rockons/{rockon.id}/updates/review").text
    assert 'href="/rockons/1/updates/data"' in page  # beside the button that lets the new version convert it
    assert page.count('type="submit" class="btn btn-outline-secondary btn-lg"') == 1
    reviewed = review_or_refuse(rockon, ChangeRequest(move_data=True))
    assert [step.title for step in reviewed.plan.steps][:2] == [
        "create share pgdata-mariadb",
        "create folder pgdata-mariadb/mariadb-11.8",
    ]
    operation = instance.run_operation(submit_review(reviewed, "tester"))
    assert [path.name for path in share.iterdir()] == ["mariadb_upgrade_info"]
    if exit_code == "0":
        assert operation.progress == "done", describe_steps(operation)
        assert repository.load_answers(rockon).shares == {"notes-db": {"/data": "pgdata-mariadb/mariadb-11.8"}}
        assert (shares / "pgdata-mariadb" / "mariadb-11.8.sql").is_file()
    else:
        assert operation.error == "A command in notes-db broke off with exit code 1."
        assert not (shares / "pgdata-mariadb").exists()


def test_a_stopped_app_is_to_be_started_first(instance: Instance, standin: Make) -> None:
    rockon = install_database(instance, standin, old={}, new={})
    instance.perform(Kind.STOP, rockon)
    with pytest.raises(Conflict, match="notes-db is not running, so its data can't be taken along"):
        review_or_refuse(rockon, ChangeRequest(move_data=True))


@pytest.fixture
def visitor(instance: Instance) -> Iterator[FormClient]:
    """The owner, at the pages."""
    instance.app.test_client_class = FormClient
    instance.app.extensions["redis"] = FakeQueueServer()
    create_test_user()
    yield instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    instance.app.extensions.pop("redis")


def last_operation(rockon: Installation) -> Operation:
    db.session.rollback()
    operation = db.session.scalar(select(Operation).order_by(Operation.id.desc()))
    assert operation
    assert operation.installation == rockon
    return operation


def test_the_pages_lead_from_the_update_that_can_not_be_to_the_one_with_the_data(
    instance: Instance, standin: Make, visitor: FormClient
) -> None:
    rockon = install_database(instance, standin, old={}, new={})
    path = f"/rockons/{rockon.id}/updates/data"
    review = unescape(visitor.get(f"/rockons/{rockon.id}/updates/review").text)
    assert WONT_START in review
    assert f'href="{path}"' in review
    page = unescape(visitor.get(path).text)
    assert "dump the databases of notes-db to pgdata/postgresql-17.sql" in page
    assert "/pgdata/postgresql-17:/data" in page
    stale = visitor.submit_form(path, {"reviewed": "of another page"}, page=path)
    assert stale.status_code == 409
    assert "Something has changed since your review" in stale.text
    digest = re.search('name="reviewed" value="([^"]+)"', page)
    assert digest
    taken = visitor.submit_form(path, {"reviewed": digest[1]}, page=path)
    assert taken.status_code == 303
    assert instance.run_operation(last_operation(rockon).id).progress == "done"
    assert visitor.get(path).status_code == 409  # there is nothing to take along any more


def test_a_newer_definition_takes_the_data_along_where_that_is_ticked(
    instance: Instance, standin: Make, visitor: FormClient
) -> None:
    prepare_share(instance, PG_VERSION="15\n")
    environment = {"PG_MAJOR": "15", "STANDIN_READY": "0"}
    rockon = install_notes(instance, standin("stored/old:15", kind="postgres", environment=environment))
    rockon = add_notes(
        instance, standin("stored/new:17", kind="postgres", environment={**environment, "PG_MAJOR": "17"})
    )
    path = f"/rockons/{rockon.id}/definition"
    page = unescape(visitor.get(path).text)
    assert WONT_START in page
    assert visitor.submit_form(path, {"Accept": "Accept"}, page=path).status_code == 422
    looked = visitor.submit_form(path, {"Look": "Look", "move_data": "1"}, page=path)
    assert looked.status_code == 200
    assert WONT_START not in unescape(looked.text)
    assert visitor.submit_form(path, {"Accept": "Accept", "move_data": "1"}, page=path).status_code == 303
    operation = instance.run_operation(last_operation(rockon).id)
    assert operation.progress == "done", describe_steps(operation)
    assert rockon.installed_source == rockon.entry.source


def test_the_api_and_the_command_line_take_it_along_too(instance: Instance, standin: Make, visitor: FormClient) -> None:
    rockon = install_database(instance, standin, old={}, new={})
    token = {"Authorization": "Basic " + b64encode(b"ada:" + PASSWORD.encode()).decode()}
    answer = instance.app.test_client().post(
        f"/api/rockons/{rockon.id}/update", data=json.dumps({"move_data": True}), headers=token
    )
    assert answer.status_code == 200, answer.text
    operation = last_operation(rockon)
    operations.cancel_operation(operation.id)
    done = instance.app.test_cli_runner().invoke(args=["update", "Notes", "--move-data"])
    assert done.exit_code == 0, done.output
    assert instance.run_operation(last_operation(rockon).id).progress == "done"
    done = instance.app.test_cli_runner().invoke(args=["update", "Notes", "--move-data"])
    assert done.exit_code == 1
    assert "no database whose data can be taken along" in str(done.exception)


def hang_while_loading() -> None:
    """Make this process hang for ever once the dump is being loaded."""
    execute = Engine.exec_with_files

    def hang(self: Engine, name: str, command: tuple[str, ...], **files: Any) -> str:
        if files.get("stdin"):
            time.sleep(600)
        return execute(self, name, command, **files)

    Engine.exec_with_files = hang  # type: ignore[method-assign]


def test_a_process_that_dies_in_between_leaves_everything_as_it_was_too(
    engine: DockerDaemon, instance: Instance, standin: Make
) -> None:
    rockon = install_database(instance, standin, old={}, new={})
    before = engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "notes-db")
    operation_id = submit_review(review_or_refuse(rockon, ChangeRequest(move_data=True)), "tester")
    share = instance.settings.shares_root / "pgdata"
    with working(instance, operation_id, hang_while_loading):
        wait_for(lambda: any(is_loading(step) for step in read_steps(operation_id)))
        assert (share / "postgresql-17.sql").exists()
    assert recovery.recover_operations() == [operation_id]
    assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "notes-db") == before
    assert [path.name for path in share.iterdir()] == ["PG_VERSION"]
    retried = operations.retry_operation(operation_id, "tester")
    assert instance.run_operation(retried).progress == "done"


def read_steps(operation_id: int) -> list[OperationStep]:
    db.session.rollback()
    return list(db.session.get_one(Operation, operation_id).steps)


def is_loading(step: OperationStep) -> bool:
    return step.kind == LoadDatabase.kind and step.started is not None
