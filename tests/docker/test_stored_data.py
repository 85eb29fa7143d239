"""An image that has another version of a database than the one that wrote the data, on a real engine and registry."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rockonweb.core.errors import Conflict
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest, UpdateRequest
from rockonweb.models import Installation
from rockonweb.work import operations, rollback, updates
from rockonweb.work.image_facts import CACHE
from rockonweb.work.review import review_or_refuse, review_request
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

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
