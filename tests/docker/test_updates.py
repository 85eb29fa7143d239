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

from rockonweb.core.docker.disk_usage import Disk
from rockonweb.core.docker.image_diff import ImageDifference
from rockonweb.core.operations.requests import UpdateRequest
from rockonweb.core.status.health import HealthLimits
from rockonweb.core.status.updates import UpdateStatus
from rockonweb.host import disks
from rockonweb.models import ContainerImage, Installation, Operation, PulledImage, db, transaction
from rockonweb.models.image import rockon_images
from rockonweb.remote.registry import ARCHITECTURES
from rockonweb.work import operations, updates
from rockonweb.work.image_facts import CACHE
from tests.support.app import FakeQueueServer, FormClient, create_test_user
from tests.support.apps import fetch_app_page
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps
from tests.support.registry import RegistryServer

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}

Make = Callable[..., str]


def images(engine: DockerDaemon) -> set[str]:
    return set(engine.run_docker("images", "-aq", "--no-trunc").split())


def containers(engine: DockerDaemon) -> str:
    """What would change if a container were touched."""
    names = engine.run_docker("ps", "-aq", "--no-trunc").split()
    form = "{{.Id}} {{.Name}} {{.Image}} {{.State.StartedAt}} {{.State.Status}} {{.RestartCount}}"
    return engine.run_docker("inspect", "--type", "container", "-f", form, *names)


def add(instance: Instance, name: str, image: str, **keys: Any) -> Installation:
    container = name.lower()
    return instance.add_rockon(name, {container: {"image": image, "tag": "", "ports": WEB, "volumes": DATA, **keys}})


def seen(rockon: Installation) -> ContainerImage:
    """What is known of the image of a rock-on with one container."""
    db.session.rollback()
    (found,) = rockon_images(rockon.id)
    return found


def followed(instance: Instance, operation_id: int) -> Operation:
    """Run an operation as a worker does, with what comes after it."""
    found = instance.run_operation(operation_id)
    updates.refresh_after_operation(operation_id)
    return found


def test_a_newer_image_is_found_without_pulling_it(engine: DockerDaemon, instance: Instance, standin: Make) -> None:
    image = standin("updates/found:1", revision="1")
    rockon = add(instance, "Found", image)
    instance.install_rockon(rockon)
    updates.check_registries(rockon.id)
    assert (seen(rockon).outcome, seen(rockon).said, rockon.has_newer_image) == (UpdateStatus.CURRENT, "", False)
    standin("updates/found:1", revision="2")
    before, running = images(engine), containers(engine)
    updates.check_registries(rockon.id)
    found = seen(rockon)
    assert (found.outcome, found.has_update, rockon.has_newer_image) == (UpdateStatus.NEWER, True, True)
    assert found.digest.startswith("sha256:")
    assert found.remote_digest.startswith("sha256:")
    assert found.remote_digest != found.digest
    assert found.remote_size
    assert found.seen
    assert rockon.images_looked
    assert (images(engine), containers(engine)) == (before, running)


def test_getting_it_touches_nothing_that_runs_and_tells_what_differs(
    engine: DockerDaemon, instance: Instance, standin: Make
) -> None:
    image = standin("updates/got:1", revision="1")
    rockon = add(instance, "Got", image)
    port = chosen_port(instance.install_rockon(rockon), "got")
    standin("updates/got:1", (8080, 9090), revision="2", volumes=["/more"], environment={"API_TOKEN": "hush-hush"})
    updates.check_registries()
    wanted, running = seen(rockon).remote_digest, containers(engine)
    operation = followed(instance, operations.submit_operation(rockon, UpdateRequest(only_pull=True), "tester"))
    assert (operation.progress, operation.kind) == ("done", "update")
    assert [step.title for step in operation.steps] == [f"pull {image}"]
    assert containers(engine) == running
    assert "revision 1" in fetch_app_page(port)
    assert (rockon.state, rockon.status, rockon.has_newer_image) == ("installed", "started", True)
    found = seen(rockon)
    assert found.got_digest == wanted == found.new_digest
    assert found.got in images(engine)
    told_of = [one for one in found.image_differences if one.part != "created"]
    assert told_of == [
        ImageDifference("added", "port", after="9090/tcp"),
        ImageDifference("added", "volume", after="/more"),
        ImageDifference("added", "variable", after="API_TOKEN=********"),
        ImageDifference("changed", "variable", "STANDIN_PORTS=8080", "STANDIN_PORTS=8080 9090"),
        ImageDifference("changed", "variable", "STANDIN_REVISION=1", "STANDIN_REVISION=2"),
    ]
    assert "hush-hush" not in instance.rows_of("container_image")
    assert found.got in {one.id for one in db.session.query(PulledImage)}
    assert followed(instance, operations.submit_operation(rockon, UpdateRequest(), "tester")).progress == "done"
    assert "revision 2" in fetch_app_page(port)
    found = seen(rockon)
    assert (found.outcome, found.got, found.differences, rockon.has_newer_image) == (
        UpdateStatus.CURRENT,
        "",
        "",
        False,
    )
    updates.check_registries()
    assert (seen(rockon).outcome, rockon.has_newer_image) == (UpdateStatus.CURRENT, False)


def test_an_image_of_somebody_else_is_not_taken_for_one_of_ours(
    engine: DockerDaemon, instance: Instance, standin: Make
) -> None:
    image = standin("updates/theirs:1", environment={"THEIRS": "1"})
    engine.run_docker("pull", "-q", image)
    instance.install_rockon(add(instance, "Theirs", image))
    ours = standin("updates/ours:1", environment={"OURS": "1"})
    instance.install_rockon(add(instance, "Ours", ours))
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
def refusing(registry: RegistryServer) -> Iterator[type[Refusing]]:
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
    instance.install_rockon(rockon)
    return rockon


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_registry_that_refuses_gives_unknown(installed: Installation, refusing: type[Refusing], status: int) -> None:
    refusing.status = status
    updates.check_registries()
    found = seen(installed)
    assert (found.outcome, found.seen, installed.has_newer_image) == (UpdateStatus.UNKNOWN, None, False)
    assert "127.0.0.1" in found.said


def test_one_that_is_away_gives_unknown_and_takes_nothing_back(
    installed: Installation, standin: Make, registry: RegistryServer
) -> None:
    updates.check_registries()
    assert seen(installed).outcome is UpdateStatus.CURRENT
    registry.stop()
    try:
        updates.check_registries()
        assert seen(installed).outcome is UpdateStatus.UNKNOWN
        assert "can't be reached" in seen(installed).said
    finally:
        registry.start()
    standin("updates/refused:1", revision="9")
    updates.check_registries()
    assert (seen(installed).outcome, seen(installed).said) == (UpdateStatus.NEWER, "")
    registry.stop()
    try:
        updates.check_registries()
    finally:
        registry.start()
    assert seen(installed).outcome is UpdateStatus.NEWER  # it was seen, whoever is away now
    assert "can't be reached" in seen(installed).said


def test_who_has_no_container_is_not_compared(engine: DockerDaemon, installed: Installation) -> None:
    engine.run_docker("rm", "-f", "refused")
    updates.check_registries()
    found = seen(installed)
    assert (found.outcome, found.said, found.running) == (UpdateStatus.UNKNOWN, "there is no container", "")


def test_an_image_that_was_not_pulled_can_not_be_compared(
    engine: DockerDaemon, instance: Instance, standin: Make, registry: RegistryServer
) -> None:
    image = standin("updates/made:1", revision="1")
    own = standin("updates/own:1", revision="1", environment={"OWN": "1"})
    engine.run_docker("pull", "-q", own)
    whole = engine.run_docker("create", "--name", "source", own)
    engine.run_docker("commit", "--change", "ENV MINE=1", whole, image)
    engine.run_docker("rm", "source")
    rockon = add(instance, "Made", image)
    registry.stop()  # the install takes what is here
    try:
        instance.install_rockon(rockon)
    finally:
        registry.start()
    updates.check_registries()
    found = seen(rockon)
    assert (found.outcome, found.digest, rockon.has_newer_image) == (UpdateStatus.UNKNOWN, "", False)
    assert "was not pulled" in found.said


# -- what the newer image may be like --------------------------------------------------------------------------------


@pytest.fixture
def visitor(instance: Instance) -> Iterator[FormClient]:
    """The owner, at the pages; a replacement is watched for a moment."""
    instance.app.config["SETTINGS"] = replace(
        instance.settings, health=HealthLimits(steady_seconds=0.5, timeout_seconds=60)
    )
    instance.app.test_client_class = FormClient
    instance.app.extensions["redis"] = FakeQueueServer()
    create_test_user()
    yield instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    instance.app.extensions.pop("redis")


def exits(image: str, standin: Make, registry: RegistryServer) -> str:
    standin(image, revision="2", environment={"STANDIN_EXIT": "3"})
    return "keeps stopping and restarting"


def never_listens(image: str, standin: Make, registry: RegistryServer) -> str:
    standin(image, ports=(), revision="2")
    return "its page does not answer"


def is_gone(image: str, standin: Make, registry: RegistryServer) -> str:
    path, _, tag = image.partition(":")
    kinds = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    digest = requests.head(f"{registry.url}/v2/{path}/manifests/{tag}", headers=kinds, timeout=10).headers
    gone = requests.delete(f"{registry.url}/v2/{path}/manifests/{digest['Docker-Content-Digest']}", timeout=10)
    assert gone.status_code == 202
    return "was not found in its registry"


@pytest.mark.parametrize("become", [exits, never_listens, is_gone])
def test_an_update_that_can_not_work_leaves_the_old_app_with_its_data(
    engine: DockerDaemon,
    instance: Instance,
    visitor: FormClient,
    standin: Make,
    registry: RegistryServer,
    become: Callable[[str, Make, RegistryServer], str],
) -> None:
    name = f"updates/{become.__name__.replace('_', '-')}:1"
    rockon = add(instance, "Keeps", standin(name, revision="1"), opts=[["-v", "/kept"]])
    port = chosen_port(instance.install_rockon(rockon), "keeps")
    engine.run_docker("exec", "keeps", "sh", "-c", "echo precious >/data/file && echo mine >/kept/file")
    container = engine.run_docker("inspect", "-f", "{{.Id}}", "keeps")
    words = become(name, standin, registry)
    if become is never_listens:
        instance.app.config["SETTINGS"] = replace(
            instance.settings, health=HealthLimits(steady_seconds=0, timeout_seconds=1)
        )
    updates.check_registries()
    found = followed(instance, operations.submit_operation(rockon, UpdateRequest(), "tester"))
    assert found.progress == "failed", describe_steps(found)
    assert "revision 1" in fetch_app_page(port)
    assert engine.run_docker("exec", "keeps", "cat", "/data/file", "/kept/file").split() == ["precious", "mine"]
    assert engine.run_docker("inspect", "-f", "{{.Id}}", "keeps") == container
    assert engine.run_docker("ps", "-a", "--format", "{{.Names}}").split() == ["keeps"]
    db.session.rollback()
    assert (rockon.state, rockon.status) == ("installed", "started")
    assert words in found.error
    for path in (f"/operations/{found.id}", f"/rockons/{rockon.id}", f"/rockons/{rockon.id}/updates"):
        assert str(escape(found.error)) in visitor.get(path).text


def review(visitor: FormClient, rockon: Installation) -> str:
    """What the page before an update says, asking the registry anew."""
    CACHE.clear_answers()
    return unescape(visitor.get(f"/rockons/{rockon.id}/updates/review").text)


def test_before_an_update_it_is_said_what_is_known_of_the_newer_image(
    engine: DockerDaemon, instance: Instance, visitor: FormClient, standin: Make, registry: RegistryServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    image = standin("updates/before:1", revision="1")
    rockon = add(instance, "Before", image)
    port = chosen_port(instance.install_rockon(rockon), "before")
    standin("updates/before:1", revision="2", environment={"STANDIN_EXIT": "3"})
    updates.check_registries()
    shown = review(visitor, rockon)
    assert "recreated" in shown
    assert "It can't be updated until" not in shown
    with monkeypatch.context() as patch:
        patch.setattr(disks, "disk_of", lambda _folder: Disk(1000, 1000))
        patch.setitem(ARCHITECTURES, platform.machine(), "s390x")
        shown = review(visitor, rockon)
    assert "The images need about 0.0 GiB when unpacked" in shown
    assert "It can't run here." in shown
    is_gone("updates/before:1", standin, registry)
    shown = review(visitor, rockon)
    assert f"The image {image} does not exist: " in shown
    assert "It can't be updated until" in shown
    registry.stop()
    try:
        assert "It is not known whether the images are available" in review(visitor, rockon)
    finally:
        registry.start()
    assert "revision 1" in fetch_app_page(port)


def test_what_was_got_is_taken_also_while_its_registry_refuses(
    engine: DockerDaemon, instance: Instance, visitor: FormClient, standin: Make, registry: RegistryServer
) -> None:
    rockon = add(instance, "Kept", standin("updates/kept:1", revision="1"))
    port = chosen_port(instance.install_rockon(rockon), "kept")
    standin("updates/kept:1", revision="2")
    updates.check_registries()
    assert (
        followed(instance, operations.submit_operation(rockon, UpdateRequest(only_pull=True), "tester")).progress
        == "done"
    )
    registry.stop()
    try:
        assert "It can't be updated until" not in review(visitor, rockon)
        assert (
            instance.run_operation(
                operations.submit_operation(rockon, UpdateRequest(only_pull=True), "tester")
            ).progress
            == "failed"
        )
        found = followed(instance, operations.submit_operation(rockon, UpdateRequest(), "tester"))
    finally:
        registry.start()
    assert found.progress == "done", describe_steps(found)
    assert "The image that is on this host is used instead." in describe_steps(found)
    assert "revision 2" in fetch_app_page(port)


def test_an_update_by_itself_that_fails_is_not_tried_again_until_there_is_another_image(
    instance: Instance, visitor: FormClient, standin: Make, registry: RegistryServer
) -> None:
    at = datetime(2026, 3, 1, 4)
    rockon = add(instance, "Alone", standin("updates/alone:1", revision="1"))
    port = chosen_port(instance.install_rockon(rockon), "alone")
    with transaction():
        rockon.auto_update = True
    updates.check_registries()
    assert updates.due_updates(at) == []
    exits("updates/alone:1", standin, registry)
    updates.check_registries()
    assert updates.due_updates(at) == [rockon.id]
    updates._submit_automatic(rockon.id)
    operation = updates.last_automatic(rockon.id)
    assert operation
    assert followed(instance, operation.id).progress == "failed"
    assert "revision 1" in fetch_app_page(port)
    assert (rockon.has_newer_image, updates.due_updates(at)) == (True, [])
    assert "These images are not tried again automatically." in visitor.get(f"/rockons/{rockon.id}/updates").text
    updates.check_registries()
    assert updates.due_updates(at) == []
    standin("updates/alone:1", revision="3")
    updates.check_registries()
    assert updates.due_updates(at) == [rockon.id]
    updates._submit_automatic(rockon.id)
    operation = updates.last_automatic(rockon.id)
    assert operation
    assert followed(instance, operation.id).progress == "done"
    assert "revision 3" in fetch_app_page(port)
    assert (rockon.has_newer_image, updates.due_updates(at)) == (False, [])
