"""Newer images under the same name, on a real engine with a real registry: found, got, taken, and taken back."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests
from markupsafe import escape

from rockonweb.core.docker.daemon_settings import Disk
from rockonweb.core.docker.image_diff import Difference
from rockonweb.core.operations.requests import UpdateRequest
from rockonweb.core.status.health import Limits
from rockonweb.core.status.updates import Outcome
from rockonweb.host import disks
from rockonweb.models import ContainerImage, Installation, Operation, PulledImage, db, writing
from rockonweb.remote.registry import MACHINES
from rockonweb.work import operations, updates
from rockonweb.work.image_facts import DESK
from tests.support.app import QueueStandIn, Visitor, add_user
from tests.support.apps import page
from tests.support.engine import Engine
from tests.support.instance import Instance, chosen_port, told
from tests.support.registry import Registry

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}

Make = Callable[..., str]


def images(engine: Engine) -> set[str]:
    return set(engine.docker("images", "-aq", "--no-trunc").split())


def containers(engine: Engine) -> str:
    """What would change if a container were touched."""
    names = engine.docker("ps", "-aq", "--no-trunc").split()
    form = "{{.Id}} {{.Name}} {{.Image}} {{.State.StartedAt}} {{.State.Status}} {{.RestartCount}}"
    return engine.docker("inspect", "--type", "container", "-f", form, *names)


def add(instance: Instance, name: str, image: str, **keys: Any) -> Installation:
    container = name.lower()
    return instance.add(name, {container: {"image": image, "tag": "", "ports": WEB, "volumes": DATA, **keys}})


def seen(rockon: Installation) -> ContainerImage:
    """What is known of the image of a rock-on with one container."""
    db.session.rollback()
    (found,) = updates.images_of(rockon.id)
    return found


def followed(instance: Instance, operation_id: int) -> Operation:
    """Run an operation as a worker does, with what comes after it."""
    found = instance.run(operation_id)
    updates.follow(operation_id)
    return found


def test_a_newer_image_is_found_without_pulling_it(engine: Engine, instance: Instance, standin: Make) -> None:
    image = standin("updates/found:1", revision="1")
    rockon = add(instance, "Found", image)
    instance.install(rockon)
    updates.look(rockon.id)
    assert (seen(rockon).outcome, seen(rockon).said, rockon.update_known) == (Outcome.CURRENT, "", False)
    standin("updates/found:1", revision="2")
    before, running = images(engine), containers(engine)
    updates.look(rockon.id)
    found = seen(rockon)
    assert (found.outcome, found.newer, rockon.update_known) == (Outcome.NEWER, True, True)
    assert found.digest.startswith("sha256:")
    assert found.remote_digest.startswith("sha256:")
    assert found.remote_digest != found.digest
    assert found.remote_size
    assert found.seen
    assert rockon.images_looked
    assert (images(engine), containers(engine)) == (before, running)


def test_getting_it_touches_nothing_that_runs_and_tells_what_differs(
    engine: Engine, instance: Instance, standin: Make
) -> None:
    image = standin("updates/got:1", revision="1")
    rockon = add(instance, "Got", image)
    port = chosen_port(instance.install(rockon), "got")
    standin("updates/got:1", (8080, 9090), revision="2", volumes=["/more"], environment={"API_TOKEN": "hush-hush"})
    updates.look()
    wanted, running = seen(rockon).remote_digest, containers(engine)
    operation = followed(instance, operations.begin(rockon, UpdateRequest(only_pull=True), "tester"))
    assert (operation.progress, operation.kind) == ("done", "update")
    assert [step.title for step in operation.steps] == [f"pull {image}"]
    assert containers(engine) == running
    assert "revision 1" in page(port)
    assert (rockon.state, rockon.status, rockon.update_known) == ("installed", "started", True)
    found = seen(rockon)
    assert found.got_digest == wanted == found.new_digest
    assert found.got in images(engine)
    told_of = [one for one in found.found if one.part != "created"]
    assert told_of == [
        Difference("added", "port", after="9090/tcp"),
        Difference("added", "volume", after="/more"),
        Difference("added", "variable", after="API_TOKEN=********"),
        Difference("changed", "variable", "STANDIN_PORTS=8080", "STANDIN_PORTS=8080 9090"),
        Difference("changed", "variable", "STANDIN_REVISION=1", "STANDIN_REVISION=2"),
    ]
    assert "hush-hush" not in instance.rows_of("container_image")
    assert found.got in {one.id for one in db.session.query(PulledImage)}
    assert followed(instance, operations.begin(rockon, UpdateRequest(), "tester")).progress == "done"
    assert "revision 2" in page(port)
    found = seen(rockon)
    assert (found.outcome, found.got, found.differences, rockon.update_known) == (Outcome.CURRENT, "", "", False)
    updates.look()
    assert (seen(rockon).outcome, rockon.update_known) == (Outcome.CURRENT, False)


def test_an_image_of_somebody_else_is_not_taken_for_one_of_ours(
    engine: Engine, instance: Instance, standin: Make
) -> None:
    image = standin("updates/theirs:1", environment={"THEIRS": "1"})
    engine.docker("pull", "-q", image)
    instance.install(add(instance, "Theirs", image))
    ours = standin("updates/ours:1", environment={"OURS": "1"})
    instance.install(add(instance, "Ours", ours))
    pulled = [one.reference for one in db.session.query(PulledImage)]
    assert ours in pulled
    assert image not in pulled


class Refusing(BaseHTTPRequestHandler):
    """A registry that answers with one status."""

    status = 429

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Keep quiet."""


@pytest.fixture
def refusing(registry: Registry) -> Iterator[type[Refusing]]:
    """A registry that refuses, at the address of the real one, which is away meanwhile."""
    registry.stop()
    server = ThreadingHTTPServer(("127.0.0.1", registry.port), Refusing)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Refusing
    finally:
        server.shutdown()
        server.server_close()
        registry.start()


@pytest.fixture
def installed(instance: Instance, standin: Make) -> Installation:
    """A rock-on that is installed, of which nothing was asked yet."""
    rockon = add(instance, "Refused", standin("updates/refused:1", revision="1"))
    instance.install(rockon)
    return rockon


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_registry_that_refuses_gives_unknown(installed: Installation, refusing: type[Refusing], status: int) -> None:
    refusing.status = status
    updates.look()
    found = seen(installed)
    assert (found.outcome, found.seen, installed.update_known) == (Outcome.UNKNOWN, None, False)
    assert "127.0.0.1" in found.said


def test_one_that_is_away_gives_unknown_and_takes_nothing_back(
    installed: Installation, standin: Make, registry: Registry
) -> None:
    updates.look()
    assert seen(installed).outcome is Outcome.CURRENT
    registry.stop()
    try:
        updates.look()
        assert seen(installed).outcome is Outcome.UNKNOWN
        assert "can't be reached" in seen(installed).said
    finally:
        registry.start()
    standin("updates/refused:1", revision="9")
    updates.look()
    assert (seen(installed).outcome, seen(installed).said) == (Outcome.NEWER, "")
    registry.stop()
    try:
        updates.look()
    finally:
        registry.start()
    assert seen(installed).outcome is Outcome.NEWER  # it was seen, whoever is away now
    assert "can't be reached" in seen(installed).said


def test_who_has_no_container_is_not_compared(engine: Engine, installed: Installation) -> None:
    engine.docker("rm", "-f", "refused")
    updates.look()
    found = seen(installed)
    assert (found.outcome, found.said, found.running) == (Outcome.UNKNOWN, "there is no container", "")


def test_an_image_that_was_not_pulled_can_not_be_compared(
    engine: Engine, instance: Instance, standin: Make, registry: Registry
) -> None:
    image = standin("updates/made:1", revision="1")
    own = standin("updates/own:1", revision="1", environment={"OWN": "1"})
    engine.docker("pull", "-q", own)
    whole = engine.docker("create", "--name", "source", own)
    engine.docker("commit", "--change", "ENV MINE=1", whole, image)
    engine.docker("rm", "source")
    rockon = add(instance, "Made", image)
    registry.stop()  # the install takes what is here
    try:
        instance.install(rockon)
    finally:
        registry.start()
    updates.look()
    found = seen(rockon)
    assert (found.outcome, found.digest, rockon.update_known) == (Outcome.UNKNOWN, "", False)
    assert "was not pulled" in found.said


# -- what the newer image may be like --------------------------------------------------------------------------------


@pytest.fixture
def visitor(instance: Instance) -> Iterator[Visitor]:
    """The owner, at the pages; a replacement is watched for a moment."""
    instance.app.config["SETTINGS"] = replace(instance.settings, health=Limits(steady=0.5, timeout=60))
    instance.app.test_client_class = Visitor
    instance.app.extensions["redis"] = QueueStandIn()
    add_user()
    yield instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    instance.app.extensions.pop("redis")


def exits(image: str, standin: Make, registry: Registry) -> str:
    standin(image, revision="2", environment={"STANDIN_EXIT": "3"})
    return "ends again and again"


def never_listens(image: str, standin: Make, registry: Registry) -> str:
    standin(image, ports=(), revision="2")
    return "its page does not answer"


def is_gone(image: str, standin: Make, registry: Registry) -> str:
    path, _, tag = image.partition(":")
    kinds = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    digest = requests.head(f"{registry.url}/v2/{path}/manifests/{tag}", headers=kinds, timeout=10).headers
    gone = requests.delete(f"{registry.url}/v2/{path}/manifests/{digest['Docker-Content-Digest']}", timeout=10)
    assert gone.status_code == 202
    return "was not found in its registry"


@pytest.mark.parametrize("become", [exits, never_listens, is_gone])
def test_an_update_that_can_not_work_leaves_the_old_app_with_its_data(
    engine: Engine,
    instance: Instance,
    visitor: Visitor,
    standin: Make,
    registry: Registry,
    become: Callable[[str, Make, Registry], str],
) -> None:
    name = f"updates/{become.__name__.replace('_', '-')}:1"
    rockon = add(instance, "Keeps", standin(name, revision="1"), opts=[["-v", "/kept"]])
    port = chosen_port(instance.install(rockon), "keeps")
    engine.docker("exec", "keeps", "sh", "-c", "echo precious >/data/file && echo mine >/kept/file")
    container = engine.docker("inspect", "-f", "{{.Id}}", "keeps")
    words = become(name, standin, registry)
    if become is never_listens:
        instance.app.config["SETTINGS"] = replace(instance.settings, health=Limits(steady=0, timeout=1))
    updates.look()
    found = followed(instance, operations.begin(rockon, UpdateRequest(), "tester"))
    assert found.progress == "failed", told(found)
    assert "revision 1" in page(port)
    assert engine.docker("exec", "keeps", "cat", "/data/file", "/kept/file").split() == ["precious", "mine"]
    assert engine.docker("inspect", "-f", "{{.Id}}", "keeps") == container
    assert engine.docker("ps", "-a", "--format", "{{.Names}}").split() == ["keeps"]
    db.session.rollback()
    assert (rockon.state, rockon.status) == ("installed", "started")
    assert words in found.error
    for path in (f"/operations/{found.id}", f"/rockons/{rockon.id}", f"/rockons/{rockon.id}/updates"):
        assert str(escape(found.error)) in visitor.get(path).text


def review(visitor: Visitor, rockon: Installation) -> str:
    """What the page before an update says, asking the registry anew."""
    DESK.forget()
    return unescape(visitor.get(f"/rockons/{rockon.id}/updates/review").text)


def test_before_an_update_it_is_said_what_is_known_of_the_newer_image(
    engine: Engine, instance: Instance, visitor: Visitor, standin: Make, registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    image = standin("updates/before:1", revision="1")
    rockon = add(instance, "Before", image)
    port = chosen_port(instance.install(rockon), "before")
    standin("updates/before:1", revision="2", environment={"STANDIN_EXIT": "3"})
    updates.look()
    shown = review(visitor, rockon)
    assert "rebuilt" in shown
    assert "It can't be updated before" not in shown
    with monkeypatch.context() as patch:
        patch.setattr(disks, "disk_of", lambda _folder: Disk(1000, 1000))
        patch.setitem(MACHINES, platform.machine(), "s390x")
        shown = review(visitor, rockon)
    assert "The images need about 0.0 GiB once they are unpacked" in shown
    assert "It can't run here." in shown
    is_gone("updates/before:1", standin, registry)
    shown = review(visitor, rockon)
    assert f"The image {image} does not exist: " in shown
    assert "It can't be updated before" in shown
    registry.stop()
    try:
        assert "Whether the images can be had is not known" in review(visitor, rockon)
    finally:
        registry.start()
    assert "revision 1" in page(port)


def test_what_was_got_is_taken_also_while_its_registry_refuses(
    engine: Engine, instance: Instance, visitor: Visitor, standin: Make, registry: Registry
) -> None:
    rockon = add(instance, "Kept", standin("updates/kept:1", revision="1"))
    port = chosen_port(instance.install(rockon), "kept")
    standin("updates/kept:1", revision="2")
    updates.look()
    assert followed(instance, operations.begin(rockon, UpdateRequest(only_pull=True), "tester")).progress == "done"
    registry.stop()
    try:
        assert "It can't be updated before" not in review(visitor, rockon)
        assert instance.run(operations.begin(rockon, UpdateRequest(only_pull=True), "tester")).progress == "failed"
        found = followed(instance, operations.begin(rockon, UpdateRequest(), "tester"))
    finally:
        registry.start()
    assert found.progress == "done", told(found)
    assert "The image that is on this host is used instead." in told(found)
    assert "revision 2" in page(port)


def test_an_update_by_itself_that_fails_is_not_tried_again_until_there_is_another_image(
    instance: Instance, visitor: Visitor, standin: Make, registry: Registry
) -> None:
    at = datetime(2026, 3, 1, 4)
    rockon = add(instance, "Alone", standin("updates/alone:1", revision="1"))
    port = chosen_port(instance.install(rockon), "alone")
    with writing():
        rockon.auto_update = True
    updates.look()
    assert updates.due_updates(at) == []
    exits("updates/alone:1", standin, registry)
    updates.look()
    assert updates.due_updates(at) == [rockon.id]
    updates._begin_automatic(rockon.id)
    operation = updates.last_automatic(rockon.id)
    assert operation
    assert followed(instance, operation.id).progress == "failed"
    assert "revision 1" in page(port)
    assert (rockon.update_known, updates.due_updates(at)) == (True, [])
    assert "These images are not tried again without you." in visitor.get(f"/rockons/{rockon.id}/updates").text
    updates.look()
    assert updates.due_updates(at) == []
    standin("updates/alone:1", revision="3")
    updates.look()
    assert updates.due_updates(at) == [rockon.id]
    updates._begin_automatic(rockon.id)
    operation = updates.last_automatic(rockon.id)
    assert operation
    assert followed(instance, operation.id).progress == "done"
    assert "revision 3" in page(port)
    assert (rockon.update_known, updates.due_updates(at)) == (False, [])
