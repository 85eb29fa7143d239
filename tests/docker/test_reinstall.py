"""What an uninstall leaves and offers to remove, and installing again with the answers of last time."""

from collections.abc import Callable

import pytest

from rockonweb.core.operations.requests import UninstallRequest
from rockonweb.models import Kind, Operation, db, repository
from rockonweb.work import operations
from tests.support.app import Visitor, add_user
from tests.support.apps import page
from tests.support.engine import Engine
from tests.support.instance import Instance, chosen_port

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
BODY = {"ports": WEB, "opts": [["-v", "/keep"]], "environment": {"COLOUR": {"label": "Colour", "description": ""}}}


@pytest.fixture
def owner(instance: Instance) -> Visitor:
    """The owner of the instance, logged in."""
    instance.app.test_client_class = Visitor
    add_user()
    client = instance.app.test_client()
    assert isinstance(client, Visitor)
    return client.log_in("ada")


def newest() -> int:
    """The operation that was begun last."""
    return db.session.query(Operation).order_by(Operation.id.desc()).first().id  # type: ignore[union-attr]


def test_uninstall_lists_what_stays_and_removes_the_images_that_were_ticked(
    engine: Engine, instance: Instance, owner: Visitor, app_image: str, standin: Callable[..., str]
) -> None:
    image = standin("reinstall/app:1")
    rockon = instance.add("Goes", {"goes": {"image": image, "tag": "", **BODY}, "too": {"image": app_image, "tag": ""}})
    other = instance.add("Stays", {"stays": {"image": app_image, "tag": ""}})
    for one in (rockon, other):
        instance.install(one)
    volume = engine.docker("inspect", "-f", "{{range .Mounts}}{{.Name}}{{end}}", "goes")
    text = owner.get(f"/rockons/{rockon.id}/uninstall").text
    assert volume in text.split("What stays")[1]
    assert f'value="{image}"' in text
    assert f'value="{app_image}"' not in text  # the other one uses it
    path = f"/rockons/{rockon.id}/uninstall"
    answer = owner.post(path, data={"csrf_token": owner.token(path), "images": [image, app_image, "elsewhere:1"]})
    assert answer.status_code == 303
    instance.succeed(newest())
    assert engine.docker("images", "-q", image) == ""
    assert engine.docker("images", "-q", app_image)
    assert engine.docker("volume", "ls", "-q", "--filter", f"name={volume}") == volume


def test_one_click_installs_again_with_the_answers_and_the_volume_of_last_time(
    engine: Engine, instance: Instance, owner: Visitor, app_image: str
) -> None:
    rockon = instance.add("Again", {"again": {"image": app_image, "tag": "", **BODY}})
    assert "Install as last time" not in owner.get(f"/rockons/{rockon.id}").text
    port = chosen_port(instance.install(rockon, environment={"again": {"COLOUR": "mauve"}}), "again")
    engine.docker("exec", "again", "sh", "-c", "echo mine >/keep/file")
    instance.do(Kind.UNINSTALL, rockon)
    assert "Install as last time" in owner.get(f"/rockons/{rockon.id}").text
    assert owner.send(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}").status_code == 303
    instance.succeed(newest())
    assert "COLOUR=mauve" in page(port)
    assert engine.docker("exec", "again", "cat", "/keep/file") == "mine"
    before = engine.docker("inspect", "-f", "{{.Id}}", "again")
    assert owner.send(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}").status_code == 303
    instance.succeed(newest())  # of one that is installed: the containers are made anew
    assert engine.docker("inspect", "-f", "{{.Id}}", "again") != before
    assert engine.docker("exec", "again", "cat", "/keep/file") == "mine"


def test_what_stands_against_it_is_said_and_what_is_new_is_asked(
    engine: Engine, instance: Instance, owner: Visitor, app_image: str
) -> None:
    rockon = instance.add("Again", {"again": {"image": app_image, "tag": "", **BODY}})
    port = chosen_port(instance.install(rockon), "again")
    instance.do(Kind.UNINSTALL, rockon)
    engine.docker("run", "-d", "--name", "thief", "-p", f"{port}:8080", app_image)
    answer = owner.send(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}")
    assert answer.status_code == 409
    assert f"Port {port} (tcp) is in use by the container thief." in answer.text
    assert rockon.state == "available"
    more = {**BODY["environment"], "NEW": {"label": "", "description": ""}}  # type: ignore[dict-item]
    instance.add("Again", {"again": {"image": app_image, "tag": "", **BODY, "environment": more}})
    assert "Install as last time" not in owner.get(f"/rockons/{rockon.id}").text
    answer = owner.send(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}")
    assert answer.location == f"/rockons/{rockon.id}/install"


def test_what_was_added_later_is_forgotten_at_the_uninstall(instance: Instance, app_image: str) -> None:
    rockon = instance.add("Again", {"again": {"image": app_image, "tag": "", **BODY}})
    instance.install(rockon)
    added = {"labels": {"again": ["a=b"]}, "variables": {"again": {"X": "1"}}, "networks": {"again": ["rocknet"]}}
    instance.succeed(instance.begin_change(rockon, **added))
    instance.succeed(operations.begin(rockon, UninstallRequest(), "tester"))
    left = repository.answers_of(rockon)
    assert (left.labels, left.variables, left.networks) == ({}, {}, {})
    assert left.environment == {"again": {"COLOUR": "COLOUR-value"}}
