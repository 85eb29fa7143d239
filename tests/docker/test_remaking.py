"""A start makes anew what was removed by hand, and leaves the rest as it is."""

from collections.abc import Callable

import pytest

from rockonweb.core.operations.requests import plain_request
from rockonweb.models import Installation, Kind, Operation
from rockonweb.work import operations
from tests.support.apps import eventually, page
from tests.support.engine import Engine
from tests.support.instance import Instance, chosen_port, told

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}


def identity(engine: Engine, name: str) -> str:
    """What tells a container from its successor."""
    return engine.docker("inspect", "--type", "container", "-f", "{{.Id}}", name)


def steps(operation: Operation) -> list[tuple[str, str]]:
    return [(step.title, step.why) for step in operation.steps]


def trio(instance: Instance, image: str) -> Installation:
    """Two that share a network, and one that stands alone."""
    return instance.add(
        "Anew",
        {
            "anew-db": {"image": image, "tag": "", "volumes": DATA},
            "anew-app": {"image": image, "tag": "", "ports": WEB},
            "anew-alone": {"image": image, "tag": ""},
        },
        container_links={"anew-app": [{"name": "AnewLink", "source_container": "anew-db"}]},
    )


@pytest.mark.parametrize("kind", [Kind.START, Kind.RESTART])
def test_a_start_makes_what_is_missing_from_its_answers_and_says_so(
    engine: Engine, instance: Instance, app_image: str, kind: Kind
) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install(rockon), "anew-app")
    kept = [identity(engine, name) for name in ("anew-db", "anew-alone")]
    before = engine.docker("inspect", "-f", "{{.HostConfig.PortBindings}}{{.Config.Labels}}", "anew-app")
    engine.docker("rm", "-f", "anew-app")
    operation = instance.do(kind, rockon)
    assert [one for one in steps(operation) if not one[0].startswith("stop")] == [
        ("start anew-db", "in launch order"),
        ("make container anew-app", "it was removed by hand and is made anew from its answers"),
        ("connect anew-app to network AnewLink", "so that names resolve"),
        ("start anew-app", "in launch order"),
        ("start anew-alone", "in launch order"),
    ]
    stopped = [title for title, _ in steps(operation) if title.startswith("stop")]
    assert stopped == (["stop anew-alone", "stop anew-app", "stop anew-db"] if kind is Kind.RESTART else [])
    assert [identity(engine, name) for name in ("anew-db", "anew-alone")] == kept
    after = engine.docker("inspect", "-f", "{{.HostConfig.PortBindings}}{{.Config.Labels}}", "anew-app")
    assert after.split("rockonweb.operation")[0] == before.split("rockonweb.operation")[0]
    assert rockon.status == "started"
    page(port)


def test_an_image_and_a_network_that_are_gone_too_are_got_again(
    engine: Engine, instance: Instance, app_image: str, standin: Callable[..., str]
) -> None:
    image = standin("remaking/app:1", padding=1000)
    rockon = trio(instance, image)
    instance.install(rockon)
    engine.docker("rm", "-f", "anew-db", "anew-app", "anew-alone")
    engine.docker("network", "rm", "AnewLink")
    engine.docker("rmi", image)
    titles = [title for title, _ in steps(instance.do(Kind.START, rockon))]
    assert titles[:2] == [f"pull {image}", "make network AnewLink"]
    assert rockon.status == "started"
    engine.docker("rm", "-f", "anew-alone")
    assert f"pull {image}" not in [title for title, _ in steps(instance.do(Kind.START, rockon))]


def test_what_a_removed_container_lent_is_lent_by_its_successor(
    engine: Engine, instance: Instance, app_image: str, ending_image: str
) -> None:
    rockon = instance.add(
        "Lender",
        {
            "lender": {"image": ending_image, "tag": "", "opts": [["-v", "/keys"], ["--restart", "no"]]},
            "borrower": {"image": app_image, "tag": "", "opts": [["--volumes-from", "lender"]]},
        },
    )
    instance.install(rockon)
    engine.docker("exec", "borrower", "sh", "-c", "echo mine >/keys/key")
    engine.docker("rm", "lender")
    operation = instance.do(Kind.START, rockon)
    assert ("make container borrower", "it refers to lender, which is made anew") in steps(operation)
    assert engine.docker("exec", "borrower", "cat", "/keys/key") == "mine"
    assert "/keys" in engine.docker("inspect", "-f", "{{range .Mounts}}{{.Destination}}{{end}}", "lender")


def test_a_stranger_who_took_the_name_is_left_alone(engine: Engine, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install(rockon)
    engine.docker("rm", "-f", "anew-alone")
    stranger = engine.docker("run", "-d", "--name", "anew-alone", app_image)
    operation = instance.run(operations.begin(rockon, plain_request(Kind.START), "tester"))
    assert operation.progress == "failed", told(operation)
    assert '"anew-alone" exists already' in operation.error
    assert identity(engine, "anew-alone") == stranger


def test_what_is_missing_can_still_be_stopped_and_uninstalled(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    instance.install(rockon)
    engine.docker("rm", "-f", "anew-app")
    instance.do(Kind.STOP, rockon)
    eventually(lambda: engine.docker("ps", "-q") == "")
    instance.do(Kind.UNINSTALL, rockon)
    assert rockon.state == "available"
    assert engine.docker("ps", "-aq") == ""
