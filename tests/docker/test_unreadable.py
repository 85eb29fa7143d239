"""An app whose stored definition or answers can't be read: what is done with it by its containers on a real engine."""

import json

import pytest
import yaml
from sqlalchemy import text

from rockonweb.core.errors import UnreadableDefinition
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.questions.migrate_answers import migrate_answers
from rockonweb.models import Container, Installation, Kind, db, repository, transaction
from rockonweb.work import backup, export
from rockonweb.work.doctor import examine_instance
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

WEB = {"8080": {"label": "Web", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data"}}


def own_containers(engine: DockerDaemon, *options: str) -> list[str]:
    """The names of the app's containers in Docker."""
    listed = engine.run_docker("ps", *options, "--filter", "label=rockonweb.rockon=Plain", "--format", "{{.Names}}")
    return sorted(listed.split())


def spoil(column: str, value: str) -> None:
    """Put a value into a column of the app's row, past the code that writes it."""
    with transaction() as session:
        session.execute(text(f"UPDATE installation SET {column} = :value"), {"value": value})
    db.session.expire_all()


@pytest.fixture
def plain(instance: Instance, app_image: str) -> Installation:
    """An app of two containers that runs."""
    body = {"image": app_image[:-2], "tag": "1"}
    containers = {"plain": {**body, "ports": WEB, "volumes": DATA, "opts": [["-e", "A=1"]]}, "plain-db": body}
    rockon = instance.add_rockon("Plain", containers)
    instance.install_rockon(rockon)
    return rockon


@pytest.mark.parametrize("rows_too", [False, True])
def test_it_is_stopped_started_and_uninstalled_by_its_containers(
    engine: DockerDaemon, instance: Instance, plain: Installation, rows_too: bool
) -> None:
    spoil("installed_source", "{broken")
    if rows_too:  # then only the labels in Docker tell of them
        with transaction() as session:
            for container in session.query(Container):
                session.delete(container)
    instance.perform(Kind.STOP, plain)
    assert own_containers(engine) == []
    instance.perform(Kind.START, plain)
    assert own_containers(engine) == ["plain", "plain-db"]
    instance.perform(Kind.UNINSTALL, plain)
    assert own_containers(engine, "-a") == []
    assert plain.state == "available"


def test_a_state_that_can_not_be_read_counts_as_installed(
    engine: DockerDaemon, instance: Instance, plain: Installation
) -> None:
    spoil("state", "SOMETHING")
    assert "Plain" in [saved.name for saved in backup.collect_backup(instance.settings, "1", None).rockons]
    instance.perform(Kind.STOP, plain)
    assert own_containers(engine) == []
    instance.perform(Kind.UNINSTALL, plain)
    assert own_containers(engine, "-a") == []


def test_it_is_changed_to_the_newest_definition_alone(
    engine: DockerDaemon, instance: Instance, plain: Installation
) -> None:
    spoil("installed_source", "{broken")
    with pytest.raises(UnreadableDefinition, match=r"can't be read in the database.*newest definition"):
        instance.review_request(plain, ChangeRequest(rebuild=True))
    source = plain.entry.source
    migrated = migrate_answers(plain.current_definition, repository.load_answers(plain), plain.parse_definition(source))
    assert migrated.new_questions == ()
    before = engine.run_docker("inspect", "-f", "{{.Id}}", "plain", "plain-db").split()
    review = instance.review_request(plain, ChangeRequest(migrated.answers, source=source))
    instance.run_successfully(instance.submit_review(review))
    after = engine.run_docker("inspect", "-f", "{{.Id}}", "plain", "plain-db").split()
    assert not {*before} & {*after}
    assert plain.current_definition.unreadable == ""
    assert "A=1" in engine.run_docker("inspect", "-f", "{{.Config.Env}}", "plain")


def test_it_is_backed_up_exported_and_named_by_the_doctor(instance: Instance, plain: Installation) -> None:
    spoil("installed_source", "{broken")
    content, _ = backup.create_backup(instance.settings, "1", None)
    (saved,) = json.loads(content)["rockons"]
    assert [*saved["definition"]["containers"]] == ["plain", "plain-db"]
    assert saved["answers"]["shares"] == {"plain": {"/data": "plain-data"}}
    document = export.build_export(plain).document
    assert document.startswith("# The definition of this rock-on can't be read")
    assert [*yaml.safe_load(document)["services"]] == ["plain", "plain-db"]
    findings = {finding.about: finding for finding in examine_instance(instance.settings, "1")}
    assert findings["stored data"].level == "warn"
    assert f"installation {plain.id} (installed_source)" in findings["stored data"].sentence
