"""A newer definition, and a new name, taken over by containers that run."""

from collections.abc import Callable
from typing import Any

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.questions.migrate_answers import merge_new_answers, migrate_answers
from rockonweb.models import Installation, Operation, db, repository, transaction
from rockonweb.work.review import prepare_review
from tests.support.apps import fetch_app_page
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port

WEB = {"8080": {"label": "Web", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data"}}


def identities(engine: DockerDaemon, *names: str) -> dict[str, str]:
    return {name: engine.run_docker("inspect", "--type", "container", "-f", "{{.Id}}", name) for name in names}


def pair(image: str, **app: Any) -> dict[str, dict[str, Any]]:
    return {
        "heir-db": {"image": image, "tag": "", "volumes": DATA, "opts": [["-v", "/keep"]]},
        "heir-app": {"image": image, "tag": "", "ports": WEB, **app},
    }


def accept(instance: Instance, rockon: Installation, source: Installation, **environment: str) -> Operation:
    """Take over a definition of the catalogue, with answers to what heir-app asks anew."""
    new = definition_from_source(source.name, source.entry.source)
    carried = migrate_answers(rockon.current_definition, repository.load_answers(rockon), new)
    wanted = merge_new_answers(carried, Answers(environment={"heir-app": environment} if environment else {}))
    successor = source.id if source is not rockon else None
    found = instance.review_request(rockon, ChangeRequest(wanted, source=source.entry.source, successor=successor))
    assert not found.blocking_findings, found.blocking_findings
    return instance.run_successfully(instance.submit_review(found))


def test_a_newer_definition_rebuilds_only_what_it_changes(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Heir", pair(app_image))
    port = chosen_port(instance.install_rockon(rockon), "heir-app")
    before = identities(engine, "heir-db", "heir-app")
    instance.add_rockon("Heir", pair(app_image, environment={"REALM": {"label": "Realm"}}))
    assert rockon.has_newer_definition
    assert identities(engine, "heir-db", "heir-app") == before
    accept(instance, rockon, rockon, REALM="home")
    after = identities(engine, "heir-db", "heir-app")
    assert (after["heir-db"] == before["heir-db"], after["heir-app"] == before["heir-app"]) == (True, False)
    shown = fetch_app_page(port)
    assert "REALM=home" in shown
    assert "None" not in shown
    assert not rockon.has_newer_definition
    assert repository.load_answers(rockon).environment == {"heir-app": {"REALM": "home"}}
    assert (rockon.state, rockon.status) == ("installed", "started")


def test_a_container_that_the_newer_definition_lacks_goes(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Heir", pair(app_image))
    port = chosen_port(instance.install_rockon(rockon), "heir-app")
    instance.add_rockon("Heir", {"heir-app": pair(app_image)["heir-app"]})
    accept(instance, rockon, rockon)
    assert "heir-db" not in engine.run_docker("ps", "-a", "--format", "{{.Names}}")
    assert fetch_app_page(port)
    assert [one.name for one in rockon.containers] == ["heir-app"]
    assert [volume.container for volume in rockon.kept_volumes] == ["heir-db"]


def test_a_new_name_is_taken_with_all_that_belongs_to_it(
    engine: DockerDaemon, instance: Instance, app_image: str, standin: Callable[..., str]
) -> None:
    rockon = instance.add_rockon("Old Name", pair(app_image))
    rockon_id = rockon.id
    port = chosen_port(instance.install_rockon(rockon), "heir-app")
    engine.run_docker("exec", "heir-db", "sh", "-c", "echo precious >/keep/file")
    with transaction():
        rockon.entry.in_catalogue = False
    successor = instance.add_rockon("New Name", pair(app_image))
    operation = accept(instance, rockon, successor)
    db.session.expire_all()
    [only] = db.session.query(Installation).all()
    assert (only.id, only.name, only.state, only.status) == (rockon_id, "New Name", "installed", "started")
    assert operation.installation is only
    for name in ("heir-db", "heir-app"):
        label = '{{index .Config.Labels "rockonweb.rockon"}}'
        assert engine.run_docker("inspect", "--type", "container", "-f", label, name) == "New Name"
    assert engine.run_docker("exec", "heir-db", "cat", "/keep/file") == "precious"
    assert fetch_app_page(port)
    assert not prepare_review(only, ChangeRequest(), None).planned_change.plan.steps
