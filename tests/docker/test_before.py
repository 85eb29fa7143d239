"""What is found out and done before an app is made, on a real engine with a real registry."""

import json
import os
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight.images import check_images
from rockonweb.host import Host
from rockonweb.host.engine import connect_engine
from rockonweb.models import db
from rockonweb.work import image_facts
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

DATA = {"/data": {"label": "Data", "description": ""}}
USER = {"PUID": {"label": "UID", "description": ""}, "PGID": {"label": "GID", "description": ""}}


def owner(path: Path) -> tuple[int, int]:
    """User and group of a file or folder."""
    return path.stat().st_uid, path.stat().st_gid


def test_a_new_share_and_a_new_folder_belong_to_the_apps_user(instance: Instance, app_image: str) -> None:
    root = instance.settings.shares_root
    body = {"image": app_image, "tag": "", "volumes": {**DATA, "/more": DATA["/data"]}, "environment": USER}
    rockon = instance.add_rockon("Own", {"own": body})
    Host(instance.settings).shares.create_share("films")
    instance.install_rockon(
        rockon,
        new_shares=["own-data"],
        shares={"own": {"/data": "own-data", "/more": "films/new/deep"}},
        environment={"own": {"PUID": "1234", "PGID": "1235"}},
    )
    assert owner(root / "own-data") == owner(root / "films/new/deep") == (1234, 1235)
    assert owner(root / "films") == (0, 0)


def test_a_share_with_files_changes_hands_at_its_top_and_back_when_the_install_fails(
    instance: Instance, app_image: str
) -> None:
    root = instance.settings.shares_root
    body = {"image": app_image, "tag": "", "volumes": DATA, "environment": USER}
    rockon = instance.add_rockon("Given", {"given": body})
    Host(instance.settings).shares.create_share("films")
    (root / "films" / "old").write_text("mine")
    reviewed = instance.prepare_install(
        rockon, shares={"given": {"/data": "films"}}, environment={"given": {"PUID": "1234", "PGID": "1235"}}
    )
    assert [one.owner for one in reviewed.plan.ownership_offers] == [(1234, 1235)]
    assert any("can't write to films" in str(finding) for finding in reviewed.plan.findings)

    gone = instance.add_rockon("Gone", {"gone": {**body, "image": f"{app_image}-of-nobody"}})
    lost = instance.prepare_install(
        gone, shares={"gone": {"/data": "films"}}, environment={"gone": {"PUID": "7", "PGID": "7"}}
    )
    give = {"films": (7, 7)}
    instance.run_operation(instance.submit_review(lost.with_choices(give=give)))
    assert owner(root / "films") == (0, 0)

    give = {one.place: one.owner for one in reviewed.plan.ownership_offers}
    instance.run_successfully(instance.submit_review(reviewed.with_choices(give=give)))
    assert owner(root / "films") == (1234, 1235)
    assert owner(root / "films" / "old") == (0, 0)
    assert instance.review_request(rockon, reviewed.request).plan.ownership_offers == ()


def test_what_warns_only_when_the_job_begins_is_told_by_the_operation(instance: Instance, app_image: str) -> None:
    films = instance.settings.shares_root / "films"
    rockon = instance.add_rockon(
        "Late", {"late": {"image": app_image, "tag": "", "volumes": DATA, "environment": USER}}
    )
    Host(instance.settings).shares.create_share("films")
    (films / "old").write_text("mine")
    os.chown(films, 1234, 1235)
    reviewed = instance.prepare_install(
        rockon, shares={"late": {"/data": "films"}}, environment={"late": {"PUID": "1234", "PGID": "1235"}}
    )
    assert not any("can't write to" in str(finding) for finding in reviewed.plan.findings)
    os.chown(films, 0, 0)
    done = instance.run_successfully(instance.submit_review(reviewed))
    assert len([sentence for sentence, _ in done.notes.warnings if "can't write to films" in sentence]) == 1


def test_a_registry_tells_whether_an_image_exists_for_which_machines_and_how_large(
    instance: Instance, app_image: str
) -> None:
    absent = f"{app_image}-of-nobody"
    rockon = instance.add_rockon(
        "Two", {"there": {"image": app_image, "tag": ""}, "absent": {"image": absent, "tag": ""}}
    )
    definition = rockon.current_definition
    db.session.rollback()
    docker = connect_engine(config.instance_id(instance.settings))
    try:
        facts = image_facts.add_image_facts(HostFacts(), [app_image, absent], docker, 10)
    finally:
        docker.close()
    there = facts.images[app_image]
    assert there.platforms == (f"linux/{facts.machine}",)
    assert there.size
    assert facts.images[absent].missing
    assert facts.image_room
    (finding,) = check_images(definition, facts)
    assert finding.level == "block"
    assert finding.sentence.startswith(f"The image {absent} does not exist: ")


def everything(engine: DockerDaemon) -> list[set[str]]:
    """What Docker has. It lists images of the same second in any order."""
    containers = ("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}")
    wanted = (containers, ("network", "ls", "-q"), ("images", "-aq"))
    return [set(engine.run_docker(*words).splitlines()) for words in wanted]


def test_a_plan_on_the_command_line_says_what_an_engine_that_answers_knows(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = f"{app_image}-of-nobody"
    containers = {
        "planned": {"image": app_image, "tag": "", "opts": [["--link", "nobody:db"]]},
        "planned-absent": {"image": absent, "tag": "", "opts": [["--net", "planned-lan"]]},
    }
    instance.add_rockon("Planned", containers)
    answers = tmp_path / "answers.json"
    answers.write_text("{}")
    words = ("plan", "Planned", "--answers", str(answers))
    engine.run_docker("run", "-d", "--name", "planned", app_image)
    before = everything(engine)
    done = instance.app.test_cli_runner().invoke(args=[*words, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["findings"]
    blocks = " ".join(one["message"] for one in found if one["level"] == "block")
    assert 'A container named "planned" already exists; it was not created by this Rockonweb' in blocks
    assert 'planned links to a container "nobody", which does not exist.' in blocks
    assert f"The image {absent} does not exist" in blocks
    assert any(one["level"] == "warn" and '"planned-lan", which does not exist' in one["message"] for one in found)
    assert everything(engine) == before
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    done = instance.app.test_cli_runner().invoke(args=words)
    assert done.exit_code == 0, done.output
    assert "note: Docker does not answer. Containers, networks and images were not checked." in done.stdout
    assert "already exists" not in done.stdout
