"""Rockonweb in a container of the engine that it uses: what it can't see it says, and its own container it leaves."""

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from rockonweb.core.containers.argv import INSTANCE_LABEL, ROCKON_LABEL
from rockonweb.core.errors import BadInput, Conflict, EngineError
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.host import Host, get_host, host_root, own_container
from rockonweb.models import Installation
from rockonweb.work import doctor, host_images
from tests.support.app import FakeQueueServer, FormClient, create_test_user
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.pages import visible_text

VOLUME = {"/data": {"label": "Data", "description": "x"}}
# Nothing in the image listens there: a health check that asks for the page would fail.
WEB = {"80": {"label": "Web", "description": "x", "host_default": 8080, "protocol": "tcp", "ui": True}}
GPU = {"GPU": {"label": "GPU", "description": "x"}}


@pytest.fixture
def contain(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """`contain("--network", "host", …)` lets this process take itself for a container of these options; returns its id.

    Only what tells a process in which container it runs is made up.
    """

    def run(*options: str) -> str:
        container_id = engine.run_docker("run", "-d", "--name", "me", *options, app_image)
        table = tmp_path / "mountinfo"
        table.write_text(f"1 1 0:1 {engine.folder}/data/containers/{container_id}/hosts /etc/hosts rw - ext4 sda rw\n")
        monkeypatch.setattr(host_root, "OWN_MOUNTS", table)
        monkeypatch.setattr(own_container, "_inspected", {})
        return container_id

    return run


@pytest.fixture
def visitor(instance: Instance) -> FormClient:
    instance.app.test_client_class = FormClient
    instance.app.extensions["redis"] = FakeQueueServer()
    create_test_user("ada")
    client: FormClient = instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    return client


def add_app(instance: Instance, image: str) -> Installation:
    body = {"image": image, "tag": "", "volumes": VOLUME, "ports": WEB, "devices": GPU}
    return instance.add_rockon("Box", {"box": body})


def test_in_a_bare_container_each_page_says_what_it_can_not_see(
    instance: Instance, visitor: FormClient, contain: Callable[..., str], app_image: str
) -> None:
    rockon = add_app(instance, app_image)
    (instance.settings.shares_root / "films").mkdir()
    pages = {
        "shares": "/shares",
        "programs": "/docker",
        "ports": f"/rockons/{rockon.id}/install/ports",
        "devices": f"/rockons/{rockon.id}/install/devices",
    }
    before = {subject: unescape(visitor.get(page).text) for subject, page in pages.items()}
    assert visitor.get("/healthz").json["unseen"] == []
    assert [one for one in doctor.examine_instance(instance.settings, "0") if one.about == "container"] == []
    contain()
    spots = get_host().blind_spots
    assert spots.keys() == {"instance", "shares", "devices", "users", "groups", "certificate", "ports", "programs"}
    for subject, page in pages.items():
        text = visible_text(visitor.get(page).text)
        assert spots[subject].sentence in text  # type: ignore[index]
        assert " ".join(spots[subject].hint.split()) in text  # type: ignore[index]
        assert spots[subject].sentence not in before[subject]  # type: ignore[index]
    root = instance.settings.shares_root
    assert f"can't see the host's folder {root}" in unescape(visitor.get("/shares").text)
    assert f"- {root}:{root}:rslave" in visitor.get("/shares").text
    assert "films" in before["shares"]
    for absent in ("films", "No shares yet", "Create a share"):
        assert absent not in visitor.get("/shares").text
    assert visitor.get("/healthz").json["unseen"] == sorted(spots)
    home = unescape(visitor.get("/").text)
    assert [spot.subject for spot in spots.values() if spot.sentence in home] == ["instance", "shares", "ports"]
    assert "The suggested ports are free." in before["ports"]
    assert "The suggested ports are free." not in visitor.get(pages["ports"]).text
    told = [one for one in doctor.examine_instance(instance.settings, "0") if one.about == "container"]
    assert {one.facts["unseen"]: one.level for one in told if one.facts} == {
        spot.subject: "fail" if spot.breaks else "warn" for spot in spots.values()
    }
    assert all(one.sentence in unescape(visitor.get("/doctor").text) for one in told)


def test_a_share_of_the_container_alone_is_neither_made_nor_given_to_an_app(
    engine: DockerDaemon, instance: Instance, contain: Callable[..., str], app_image: str
) -> None:
    rockon = add_app(instance, app_image)
    reviewed = instance.prepare_install(rockon)
    assert not reviewed.blocking_findings
    contain()
    sentence = str(get_host().blind_spots["shares"].sentence)
    with pytest.raises(BadInput, match="can't see the host's folder"):
        get_host().shares.create_share("more")
    again = instance.review_request(rockon, InstallRequest(reviewed.final_answers))
    assert [str(one.sentence) for one in again.blocking_findings] == [sentence]
    with pytest.raises(Conflict, match="can't see the host's folder"):
        get_host().shares.refuse_links([f"{instance.settings.shares_root}/films"])


def test_a_share_that_is_mounted_at_its_own_path_is_used_and_a_page_out_of_reach_is_not_waited_for(
    engine: DockerDaemon, instance: Instance, contain: Callable[..., str], app_image: str
) -> None:
    root = instance.settings.shares_root
    contain("-v", f"{root}:{root}")
    rockon = add_app(instance, app_image)
    instance.install_rockon(rockon)
    mounts = json.loads(engine.run_docker("inspect", "-f", "{{json .Mounts}}", "box"))
    assert f"{root}/box-data" in [mount["Source"] for mount in mounts]


def test_what_can_not_be_seen_is_not_said_to_be_missing(
    instance: Instance, visitor: FormClient, contain: Callable[..., str], app_image: str
) -> None:
    rockon = add_app(instance, app_image)
    answer = {"devices-box-GPU": "/dev/no-such-thing", "Next": "Next"}
    path = f"/rockons/{rockon.id}/install/devices"
    assert "This host has no" in visitor.submit_form(path, answer, page="/shares").text
    contain()
    assert visitor.submit_form(path, answer, page="/shares").status_code == 303
    assert get_host().find_missing_paths(["/dev/no-such-thing", "/lib/nothing"]) == frozenset()
    assert get_host().collect_listeners((), {}) == ()
    assert get_host().shares.missing_paths([f"{instance.settings.shares_root}/gone"]) == []


def test_the_own_container_is_never_changed_whatever_its_labels_say(
    engine: DockerDaemon, instance: Instance, contain: Callable[..., str], app_image: str
) -> None:
    host = Host(instance.settings, "Box")
    labels = ("--label", f"{INSTANCE_LABEL}={host.instance}", "--label", f"{ROCKON_LABEL}=Box")
    container_id = contain(*labels)
    state = engine.run_docker("inspect", "-f", "{{.State.StartedAt}} {{.Name}} {{.State.Running}}", container_id)
    with host.connect_docker() as docker:
        for change in (docker.stop_container, docker.remove_container, docker.rename_old, docker.start_container):
            with pytest.raises(EngineError, match="not changed"):
                change("me")
        with pytest.raises(EngineError, match="not changed"):
            docker.exec_command("me", ("true",))
    assert engine.run_docker("inspect", "-f", "{{.State.StartedAt}} {{.Name}} {{.State.Running}}", "me") == state


def test_the_image_of_the_own_container_is_in_use_and_stays(
    engine: DockerDaemon, instance: Instance, contain: Callable[..., str]
) -> None:
    contain()
    [usage] = [one for one in host_images.list_images() if "me" in one.unmanaged_containers]
    assert not usage.is_unused
    host_images.remove_images({usage.image.id})
    assert usage.image.id in {one.image.id for one in host_images.list_images()}


def test_a_container_of_another_engine_is_none_of_the_products_business(
    engine: DockerDaemon, instance: Instance, contain: Callable[..., str]
) -> None:
    engine.run_docker("rm", "-f", contain())
    assert get_host().own_container is None
    assert get_host().blind_spots == {}


def test_while_docker_is_away_nothing_is_claimed_and_it_is_asked_again(
    engine: DockerDaemon, instance: Instance, contain: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    contain()
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
        assert get_host().blind_spots == {}
    assert "shares" in get_host().blind_spots
