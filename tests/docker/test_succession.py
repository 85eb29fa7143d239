"""A newer definition, and a new name, taken over by containers that run."""

from collections.abc import Callable
from typing import Any

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import from_source
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.questions.migrate_answers import carry, with_new
from rockonweb.models import Installation, Operation, db, repository, writing
from rockonweb.work.review import prepare_review
from tests.support.apps import page
from tests.support.engine import Engine
from tests.support.instance import Instance, chosen_port

WEB = {"8080": {"label": "Web", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data"}}


def identities(engine: Engine, *names: str) -> dict[str, str]:
    return {name: engine.docker("inspect", "--type", "container", "-f", "{{.Id}}", name) for name in names}


def pair(image: str, **app: Any) -> dict[str, dict[str, Any]]:
    return {
        "heir-db": {"image": image, "tag": "", "volumes": DATA, "opts": [["-v", "/keep"]]},
        "heir-app": {"image": image, "tag": "", "ports": WEB, **app},
    }


def accept(instance: Instance, rockon: Installation, source: Installation, **environment: str) -> Operation:
    """Take over a definition of the catalogue, with answers to what heir-app asks anew."""
    new = from_source(source.name, source.entry.source)
    carried = carry(rockon.definition, repository.answers_of(rockon), new)
    wanted = with_new(carried, Answers(environment={"heir-app": environment} if environment else {}))
    successor = source.id if source is not rockon else None
    found = instance.look_at(rockon, ChangeRequest(wanted, source=source.entry.source, successor=successor))
    assert not found.blocked, found.blocked
    return instance.succeed(instance.submit(found))


def test_a_newer_definition_rebuilds_only_what_it_changes(engine: Engine, instance: Instance, app_image: str) -> None:
    rockon = instance.add("Heir", pair(app_image))
    port = chosen_port(instance.install(rockon), "heir-app")
    before = identities(engine, "heir-db", "heir-app")
    instance.add("Heir", pair(app_image, environment={"REALM": {"label": "Realm"}}))
    assert rockon.newer_definition
    assert identities(engine, "heir-db", "heir-app") == before
    accept(instance, rockon, rockon, REALM="home")
    after = identities(engine, "heir-db", "heir-app")
    assert (after["heir-db"] == before["heir-db"], after["heir-app"] == before["heir-app"]) == (True, False)
    shown = page(port)
    assert "REALM=home" in shown
    assert "None" not in shown
    assert not rockon.newer_definition
    assert repository.answers_of(rockon).environment == {"heir-app": {"REALM": "home"}}
    assert (rockon.state, rockon.status) == ("installed", "started")


def test_a_container_that_the_newer_definition_lacks_goes(engine: Engine, instance: Instance, app_image: str) -> None:
    rockon = instance.add("Heir", pair(app_image))
    port = chosen_port(instance.install(rockon), "heir-app")
    instance.add("Heir", {"heir-app": pair(app_image)["heir-app"]})
    accept(instance, rockon, rockon)
    assert "heir-db" not in engine.docker("ps", "-a", "--format", "{{.Names}}")
    assert page(port)
    assert [one.name for one in rockon.containers] == ["heir-app"]
    assert [volume.container for volume in rockon.kept_volumes] == ["heir-db"]


def test_a_new_name_is_taken_with_all_that_belongs_to_it(
    engine: Engine, instance: Instance, app_image: str, standin: Callable[..., str]
) -> None:
    rockon = instance.add("Old Name", pair(app_image))
    rockon_id = rockon.id
    port = chosen_port(instance.install(rockon), "heir-app")
    engine.docker("exec", "heir-db", "sh", "-c", "echo precious >/keep/file")
    with writing():
        rockon.entry.in_catalogue = False
    successor = instance.add("New Name", pair(app_image))
    operation = accept(instance, rockon, successor)
    db.session.expire_all()
    [only] = db.session.query(Installation).all()
    assert (only.id, only.name, only.state, only.status) == (rockon_id, "New Name", "installed", "started")
    assert operation.installation is only
    for name in ("heir-db", "heir-app"):
        label = '{{index .Config.Labels "rockonweb.rockon"}}'
        assert engine.docker("inspect", "--type", "container", "-f", label, name) == "New Name"
    assert engine.docker("exec", "heir-db", "cat", "/keep/file") == "precious"
    assert page(port)
    assert not prepare_review(only, ChangeRequest(), None).changes.plan.steps
