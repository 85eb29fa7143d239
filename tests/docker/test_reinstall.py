"""What an uninstall leaves and offers to remove, and installing again with the answers of last time."""

from collections.abc import Callable

import pytest

from rockonweb.core.operations.requests import UninstallRequest
from rockonweb.models import Kind, Operation, db, repository
from rockonweb.work import operations
from tests.support.app import FormClient, create_test_user
from tests.support.apps import fetch_app_page
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
BODY = {"ports": WEB, "opts": [["-v", "/keep"]], "environment": {"COLOUR": {"label": "Colour", "description": ""}}}


@pytest.fixture
def owner(instance: Instance) -> FormClient:
    """The owner of the instance, logged in."""
    instance.app.test_client_class = FormClient
    create_test_user()
    client = instance.app.test_client()
    assert isinstance(client, FormClient)
    return client.log_in("ada")


def newest() -> int:
    """The operation that was begun last."""
    return db.session.query(Operation).order_by(Operation.id.desc()).first().id  # type: ignore[union-attr]


def test_uninstall_lists_what_stays_and_removes_the_images_that_were_ticked(
    engine: DockerDaemon, instance: Instance, owner: FormClient, app_image: str, standin: Callable[..., str]
) -> None:
    image = standin("reinstall/app:1")
    rockon = instance.add_rockon(
        "Goes", {"goes": {"image": image, "tag": "", **BODY}, "too": {"image": app_image, "tag": ""}}
    )
    other = instance.add_rockon("Stays", {"stays": {"image": app_image, "tag": ""}})
    for one in (rockon, other):
        instance.install_rockon(one)
    volume = engine.run_docker("inspect", "-f", "{{range .Mounts}}{{.Name}}{{end}}", "goes")
    text = owner.get(f"/rockons/{rockon.id}/uninstall").text
    assert volume in text.split("What is kept")[1]
    assert f'value="{image}"' in text
    assert f'value="{app_image}"' not in text  # the other one uses it
    path = f"/rockons/{rockon.id}/uninstall"
    answer = owner.post(path, data={"csrf_token": owner.csrf_token(path), "images": [image, app_image, "elsewhere:1"]})
    assert answer.status_code == 303
    instance.run_successfully(newest())
    assert engine.run_docker("images", "-q", image) == ""
    assert engine.run_docker("images", "-q", app_image)
    assert engine.run_docker("volume", "ls", "-q", "--filter", f"name={volume}") == volume


def test_one_click_installs_again_with_the_answers_and_the_volume_of_last_time(
    engine: DockerDaemon, instance: Instance, owner: FormClient, app_image: str
) -> None:
    rockon = instance.add_rockon("Again", {"again": {"image": app_image, "tag": "", **BODY}})
    assert "Install with the last answers" not in owner.get(f"/rockons/{rockon.id}").text
    port = chosen_port(instance.install_rockon(rockon, environment={"again": {"COLOUR": "mauve"}}), "again")
    engine.run_docker("exec", "again", "sh", "-c", "echo mine >/keep/file")
    instance.perform(Kind.UNINSTALL, rockon)
    assert "Install with the last answers" in owner.get(f"/rockons/{rockon.id}").text
    assert owner.submit_form(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}").status_code == 303
    instance.run_successfully(newest())
    assert "COLOUR=mauve" in fetch_app_page(port)
    assert engine.run_docker("exec", "again", "cat", "/keep/file") == "mine"
    before = engine.run_docker("inspect", "-f", "{{.Id}}", "again")
    assert owner.submit_form(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}").status_code == 303
    instance.run_successfully(newest())  # of one that is installed: the containers are made anew
    assert engine.run_docker("inspect", "-f", "{{.Id}}", "again") != before
    assert engine.run_docker("exec", "again", "cat", "/keep/file") == "mine"


def test_what_stands_against_it_is_said_and_what_is_new_is_asked(
    engine: DockerDaemon, instance: Instance, owner: FormClient, app_image: str
) -> None:
    rockon = instance.add_rockon("Again", {"again": {"image": app_image, "tag": "", **BODY}})
    port = chosen_port(instance.install_rockon(rockon), "again")
    instance.perform(Kind.UNINSTALL, rockon)
    engine.run_docker("run", "-d", "--name", "thief", "-p", f"{port}:8080", app_image)
    answer = owner.submit_form(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}")
    assert answer.status_code == 409
    assert f"Port {port} (tcp) is in use by the container thief." in answer.text
    assert rockon.state == "available"
    more = {**BODY["environment"], "NEW": {"label": "", "description": ""}}  # type: ignore[dict-item]
    instance.add_rockon("Again", {"again": {"image": app_image, "tag": "", **BODY, "environment": more}})
    assert "Install with the last answers" not in owner.get(f"/rockons/{rockon.id}").text
    answer = owner.submit_form(f"/rockons/{rockon.id}/reinstall", page=f"/rockons/{rockon.id}")
    assert answer.location == f"/rockons/{rockon.id}/install"


def test_what_was_added_later_is_forgotten_at_the_uninstall(instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Again", {"again": {"image": app_image, "tag": "", **BODY}})
    instance.install_rockon(rockon)
    added = {"labels": {"again": ["a=b"]}, "variables": {"again": {"X": "1"}}, "networks": {"again": ["rocknet"]}}
    instance.run_successfully(instance.submit_change(rockon, **added))
    instance.run_successfully(operations.submit_operation(rockon, UninstallRequest(), "tester"))
    left = repository.load_answers(rockon)
    assert (left.labels, left.variables, left.networks) == ({}, {}, {})
    assert left.environment == {"again": {"COLOUR": "COLOUR-value"}}
