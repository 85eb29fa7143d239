"""The images of the host, on a real engine: who uses each, and which go."""

import re
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete

from rockonweb.core.docker.images import ROLLBACK_TAG, HoldReason, ImageUsage
from rockonweb.core.operations.requests import UninstallRequest
from rockonweb.models import Kind, PulledImage, Role, RollbackPoint, db, transaction
from rockonweb.work import host_images, operations
from tests.support.app import FakeQueueServer, FormClient, create_test_user
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

Make = Callable[..., str]


@pytest.fixture
def visitor(instance: Instance) -> Iterator[FormClient]:
    """The owner, at the pages."""
    instance.app.test_client_class = FormClient
    instance.app.extensions["redis"] = FakeQueueServer()
    create_test_user()
    create_test_user("op", Role.OPERATOR)
    yield instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    instance.app.extensions.pop("redis")


def known(engine: DockerDaemon, image: str) -> ImageUsage:
    """What the page knows of an image."""
    image_id = engine.run_docker("image", "inspect", "-f", "{{.Id}}", image)
    return next(one for one in host_images.list_images() if one.image.id == image_id)


def there(engine: DockerDaemon, image_id: str) -> bool:
    return image_id in engine.run_docker("images", "-aq", "--no-trunc").split()


@pytest.fixture
def everything(engine: DockerDaemon, instance: Instance, standin: Make) -> dict[str, str]:
    """Images of all sorts, by what they are; each of them differs from all others."""
    made = {
        sort: standin(f"images/{sort}:1", environment={"SORT": sort})
        for sort in ("used", "left", "theirs", "busy", "halted", "back")
    }
    for sort in ("used", "left", "back"):
        rockon = instance.add_rockon(sort.title(), {sort: {"image": made[sort], "tag": ""}})
        instance.install_rockon(rockon)
        if sort != "used":
            instance.perform(Kind.STOP, rockon)
            instance.run_successfully(operations.submit_operation(rockon, UninstallRequest(), "tester"))
    for sort in ("theirs", "busy", "halted"):
        engine.run_docker("pull", "-q", made[sort])
    engine.run_docker("run", "-d", "--name", "stranger", made["busy"])
    engine.run_docker("create", "--name", "halted", made["halted"])
    engine.run_docker("tag", made["back"], "rockonweb/rollback-abc:1-back")
    return made


def test_who_uses_each_is_told(engine: DockerDaemon, everything: dict[str, str]) -> None:
    found = {sort: known(engine, image) for sort, image in everything.items()}
    assert {sort: (one.pulled, one.rockons, one.unmanaged_containers, one.hold) for sort, one in found.items()} == {
        "used": (True, ("Used",), (), HoldReason.CONTAINER),
        "left": (True, (), (), None),
        "theirs": (False, (), (), None),
        "busy": (False, (), ("stranger",), HoldReason.CONTAINER),
        "halted": (False, (), ("halted",), HoldReason.CONTAINER),
        "back": (True, (), (), HoldReason.ROLLBACK),
    }
    assert [sort for sort, one in found.items() if one.removal_suggested] == ["left"]
    assert all(one.image.size > 0 for one in found.values())
    assert all(one.image.shared_bytes for one in found.values())  # they have the same base


def test_only_what_nothing_uses_goes_whatever_was_chosen(
    engine: DockerDaemon, visitor: FormClient, everything: dict[str, str]
) -> None:
    ids = {sort: known(engine, image).image.id for sort, image in everything.items()}
    page = visitor.get("/images").text
    ticked = re.findall(r'value="([^"]+)" id="image-[^"]+" checked', page)
    assert ids["left"] in ticked
    assert not set(ticked) & {image_id for sort, image_id in ids.items() if sort != "left"}
    assert f'value="{ids["theirs"]}"' in page  # may be ticked
    for sort in ("used", "busy", "halted", "back"):
        assert f'value="{ids[sort]}"' not in page
    query = "&".join(f"image={one}" for one in ids.values())
    asked = visitor.get(f"/images/remove?{query}").text
    assert "Remove 2 images?" in asked
    assert set(re.findall(r'name="image" value="([^"]+)"', asked)) == {ids["left"], ids["theirs"]}
    assert all(there(engine, one) for one in ids.values())  # asking removes nothing
    ticks = {
        "csrf_token": visitor.csrf_token(f"/images/remove?{query}"),
        "image": [ids[s] for s in ids if s != "theirs"],
    }
    answer = visitor.post("/images/remove", data=ticks)
    assert (answer.status_code, answer.location) == (303, "/images")
    assert {sort for sort, one in ids.items() if not there(engine, one)} == {"left"}
    page = visitor.get("/images").text
    assert f"Removed: {everything['left']}." in page
    assert "Not removed because they are in use:" in page
    db.session.rollback()
    assert db.session.get(PulledImage, ids["left"]) is None
    assert engine.run_docker("ps", "--format", "{{.Names}}").split()


def test_an_old_image_without_a_tag_goes_by_its_id(engine: DockerDaemon, instance: Instance, standin: Make) -> None:
    image = standin("images/old:1", revision="1")
    rockon = instance.add_rockon("Old", {"old": {"image": image, "tag": ""}})
    instance.install_rockon(rockon)
    old = engine.run_docker("image", "inspect", "-f", "{{.Id}}", image)
    engine.run_docker("tag", image, "rockonweb/rollback-abc:1-old")
    standin("images/old:1", revision="2")
    instance.perform(Kind.UPDATE, rockon)
    (kept,) = [one for one in host_images.list_images() if one.image.id == old]
    assert (kept.pulled, kept.hold) == (True, HoldReason.ROLLBACK)
    assert host_images.remove_images([old]).remaining
    assert there(engine, old)
    with transaction() as session:  # nobody goes back to it any more
        session.execute(delete(RollbackPoint))
    engine.run_docker("rmi", *[tag for tag in kept.image.tags if tag.startswith(ROLLBACK_TAG)])
    if there(engine, old):
        assert host_images.remove_images([old]).removed
    assert not there(engine, old)
    assert "STANDIN_REVISION=2" in engine.run_docker("inspect", "-f", "{{.Config.Env}}", "old")


def test_an_operator_looks_and_only_an_owner_removes(instance: Instance, visitor: FormClient) -> None:
    operator = instance.app.test_client().log_in("op")  # type: ignore[attr-defined]
    assert operator.get("/images").status_code == 200
    assert operator.get("/images/remove").status_code == 403
    assert operator.submit_form("/images/remove", page="/updates").status_code == 403


def test_without_docker_the_page_says_so(visitor: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert "Docker does not answer." in visitor.get("/images").text
