"""Backup, wipe, restore on a real engine: the same containers run with the same `docker run` lines."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rockonweb import config
from rockonweb.catalog import local, sources
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.formats.backup import Hidden
from rockonweb.core.plan import plan
from rockonweb.host import engine as host_engine
from rockonweb.models import Installation, Kind, Network, Restore, db
from rockonweb.models.repository import answers_of
from rockonweb.work import backup, restore, rocknets
from rockonweb.work.collect_facts import gather_facts
from tests.support import samples
from tests.support.apps import page
from tests.support.engine import Engine
from tests.support.instance import Instance, chosen_port
from tests.support.person import Person
from tests.support.stack import Stack

PASSPHRASE = "a long enough passphrase"
WEB = {"8080": {"label": "Web", "description": "", "host_default": 8080, "protocol": "tcp", "ui": True}}


@pytest.fixture(scope="session")
def keeping_image(standin: Callable[..., str]) -> str:
    """An app whose image declares a volume of its own."""
    return standin("backup/keeps:1", (8080,), volumes=("/inside",))


def made(instance: Instance, passphrase: str | None = PASSPHRASE) -> bytes:
    """A backup of an instance."""
    text, trouble = backup.make(instance.settings, "1.0", passphrase)
    assert trouble is None
    return text.encode()


def lines(instance: Instance) -> dict[str, list[str]]:
    """The revealed `docker run` lines of everything that is installed, without the mark of the instance."""
    docker = host_engine.connect(config.instance_id(instance.settings))
    found = {}
    for rockon in db.session.query(Installation).filter(Installation.installed_source.is_not(None)):
        answers = answers_of(rockon)
        planned = plan.install(rockon.definition, answers, gather_facts(rockon, answers, docker))
        found[rockon.name] = [re.sub(r"rockonweb\.instance=\w+", "", line) for line in planned.revealed_lines]
    docker.close()
    return found


def containers(engine: Engine) -> dict[str, Any]:
    """What Docker was told of each container, and whether it runs."""
    names = engine.docker("ps", "-a", "--format", "{{.Names}}").split()
    found = {}
    for one in json.loads(engine.docker("inspect", *names)):
        labels = {
            k: v for k, v in one["Config"]["Labels"].items() if k not in ("rockonweb.instance", "rockonweb.operation")
        }
        found[one["Name"]] = {
            "image": one["Config"]["Image"],
            "environment": sorted(one["Config"]["Env"]),
            "user": one["Config"]["User"],
            "command": one["Config"]["Cmd"],
            "labels": labels,
            "mounts": sorted((m["Type"], m.get("Name", ""), m["Source"], m["Destination"]) for m in one["Mounts"]),
            "ports": one["HostConfig"]["PortBindings"],
            "restart": one["HostConfig"]["RestartPolicy"],
            "networks": sorted(one["NetworkSettings"]["Networks"]),
            "runs": one["State"]["Running"],
        }
    return found


def wiped(instance: Instance, engine: Engine, tmp_path: Path, *, shares: bool = True) -> Instance:
    """Take everything away but volumes and images, and begin with an empty instance in the same place."""
    names = engine.docker("ps", "-aq").split()
    engine.docker("rm", "--force", *names)
    engine.docker("network", "prune", "--force")
    db.session.remove()
    shutil.rmtree(tmp_path / "instance")
    if shares:
        shutil.rmtree(instance.settings.shares_root)
        return Instance(tmp_path, instance.settings.redis_url)
    kept = tmp_path / "kept"
    instance.settings.shares_root.rename(kept)
    fresh = Instance(tmp_path, instance.settings.redis_url)
    fresh.settings.shares_root.rmdir()
    kept.rename(fresh.settings.shares_root)
    return fresh


def run_all(instance: Instance, restore_id: int) -> restore.Standing:
    """Do the installs of a restore as workers would."""
    for line in restore.standing(db.session.get_one(Restore, restore_id)).lines:
        if line.operation and line.active:
            instance.run(line.operation.id)
    return restore.standing(db.session.get_one(Restore, restore_id))


def filled(instance: Instance, app_image: str, keeping_image: str) -> int:
    """Install what has something of everything; returns the port of its page."""
    image = app_image
    box = instance.add(
        "Box",
        {
            "box-store": {
                "image": image,
                "tag": "",
                "uid": -1,
                "gid": -1,
                "volumes": {"/data": {"label": "Data", "description": ""}},
                "environment": {"STORE_PASSWORD": {"label": "Password", "description": ""}},
            },
            "box": {
                "image": image,
                "tag": "",
                "ports": WEB,
                "volumes": {"/config": {"label": "Config", "description": ""}},
                "environment": {"OWNER": {"label": "Owner", "description": ""}},
                "devices": {"NULL": {"label": "", "description": ""}},
                "opts": [["--shm-size", "8m"]],
                "cmd_arguments": [["serve", "two words"]],
            },
        },
        container_links={"box": [{"name": "BoxToStore", "source_container": "box-store"}]},
        custom_config={"nickname": {"label": "", "description": ""}},
    )
    rocknets.make(NetworkSpec("mine", subnet="10.213.77.0/24", comment="for all"))
    instance.review(box)  # makes the shares
    os.chown(instance.settings.shares_root / "box-store-data", 1234, 4321)
    reviewed = instance.install(
        box,
        environment={"box-store": {"STORE_PASSWORD": "s3cret $'\""}, "box": {"OWNER": "ada"}},
        devices={"box": {"NULL": "/dev/null:/dev/mine"}},
        storage={"box": {"/films": "films"}},
        variables={"box": {"EXTRA_TOKEN": "t0ken", "EXTRA": "plain"}},
        labels={"box": ["team=home", "bare"]},
        networks={"box": ["mine"]},
    )
    keeper = instance.add("Keeper", {"keeper": {"image": keeping_image, "tag": "", "ports": WEB}})
    instance.install(keeper)
    sleeper = instance.add("Sleeper", {"sleeper": {"image": image, "tag": "", "ports": WEB}})
    instance.install(sleeper)
    instance.do(Kind.STOP, sleeper)
    return chosen_port(reviewed, "box")


def test_the_same_containers_run_with_the_same_lines(
    engine: Engine, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    port = filled(instance, app_image, keeping_image)
    engine.docker("exec", "keeper", "touch", "/inside/mine")
    local.put_back(instance.settings, samples.source({"own": {}}, "Own"), "own.json")
    sources.add("https://example.org/more")
    sources.add("https://me:pass-word@example.org/mine")
    before, seen = lines(instance), containers(engine)
    assert set(before) == {"Box", "Keeper", "Sleeper"}
    content = made(instance)
    assert all(secret not in content.decode() for secret in ("s3cret", "t0ken", "pass-word", "nickname.example"))

    fresh = wiped(instance, engine, tmp_path)
    with fresh.app.app_context():
        assert lines(fresh) == {}
        restore_id = restore.take(content, PASSPHRASE, "tester")
        outlook = restore.look(restore.content_of(db.session.get_one(Restore, restore_id)))
        assert outlook.new_shares == ["box-config", "box-store-data", "films"]
        assert [(one.name, one.running, one.left, one.hidden) for one in outlook.rockons] == [
            ("Box", True, "", ()),
            ("Keeper", True, "", ()),
            ("Sleeper", False, "", ()),
        ]
        restore.begin(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        assert [(line.name, line.done, line.told) for line in standing.lines] == [
            ("Box", True, ()),
            ("Keeper", True, ()),
            ("Sleeper", True, ()),
        ], [line.operation and line.operation.error for line in standing.lines]
        assert standing.complete
        assert lines(fresh) == before
        after = containers(engine)
        assert after == seen
        assert not after["/sleeper"]["runs"]
        assert fresh.do(Kind.START, db.session.query(Installation).filter_by(name="Sleeper").one())
        page(port)
        assert engine.docker("exec", "keeper", "ls", "/inside") == "mine"
        assert (fresh.settings.shares_root / "box-store-data").stat().st_uid == 1234
        assert db.session.query(Network).one().subnet == "10.213.77.0/24"
        assert "10.213.77.0/24" in engine.docker("network", "inspect", "mine")
        assert local.read(fresh.settings, "own.json") == samples.source({"own": {}}, "Own")
        assert [source.place for source in sources.listed(fresh.settings)[1:-1]] == [
            "https://example.org/more",
            "https://me:pass-word@example.org/mine",
        ]


def test_without_secrets_each_must_be_entered_again(
    engine: Engine, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    filled(instance, app_image, keeping_image)
    (instance.settings.shares_root / "films" / "kept").write_text("data")
    before = lines(instance)
    content = made(instance, None)
    assert json.loads(content)["secrets"] is None
    fresh = wiped(instance, engine, tmp_path, shares=False)
    with fresh.app.app_context():
        restore_id = restore.take(content, "", "tester")
        restore.begin(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        assert [(line.name, line.done) for line in standing.lines] == [
            ("Box", False),
            ("Keeper", True),
            ("Sleeper", True),
        ]
        assert standing.hidden == [
            Hidden("Box", "environment", "box-store", "STORE_PASSWORD"),
            Hidden("Box", "variables", "box", "EXTRA_TOKEN"),
            Hidden("Box", "custom_config", "", "nickname"),
        ]
        assert "/box" not in containers(engine)
        typed = dict(zip(standing.hidden, ("s3cret $'\"", "t0ken", "nickname.example"), strict=True))
        restore.begin(restore_id, typed, "tester")
        assert run_all(fresh, restore_id).complete
        assert lines(fresh) == before
        assert (fresh.settings.shares_root / "films" / "kept").read_text() == "data"


def test_what_is_there_is_left_alone(
    engine: Engine, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    filled(instance, app_image, keeping_image)
    content = made(instance)
    engine.docker("rm", "--force", "sleeper")
    fresh = wiped(instance, engine, tmp_path)
    engine.docker("run", "-d", "--name", "keeper", app_image)
    with fresh.app.app_context():
        sleeper = fresh.add("Sleeper", {"sleeper": {"image": app_image, "tag": ""}})
        fresh.install(sleeper)
        first = containers(engine)
        restore_id = restore.take(content, PASSPHRASE, "tester")
        restore.begin(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        told = {line.name: line for line in standing.lines}
        assert told["Sleeper"].left == "It is installed here already, and is left as it is."
        assert 'a container "keeper"' in told["Keeper"].told[0]
        assert standing.lines[0].done
        after = containers(engine)
        assert {name: after[name] for name in first} == first
        engine.docker("rm", "--force", "keeper")
        restore.begin(restore_id, {}, "tester")
        assert run_all(fresh, restore_id).complete


def test_a_volume_that_is_gone_is_told(
    engine: Engine, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    keeper = instance.add("Keeper", {"keeper": {"image": keeping_image, "tag": "", "ports": WEB}})
    instance.install(keeper)
    content = made(instance)
    fresh = wiped(instance, engine, tmp_path)
    engine.docker("volume", "rm", *engine.docker("volume", "ls", "--quiet").split())
    with fresh.app.app_context():
        restore_id = restore.take(content, PASSPHRASE, "tester")
        restore.begin(restore_id, {}, "tester")
        (line,) = run_all(fresh, restore_id).lines
        assert line.done
        assert line.told == (
            "The volume that Docker made for keeper at /inside is not on this machine: it begins empty.",
        )


def test_a_newer_definition_in_the_catalogue_does_not_change_what_is_restored(
    engine: Engine, instance: Instance, tmp_path: Path, app_image: str
) -> None:
    old = {"plain": {"image": app_image, "tag": "", "ports": WEB}}
    instance.install(instance.add("Plain", old))
    before = lines(instance)
    content = made(instance)
    fresh = wiped(instance, engine, tmp_path)
    with fresh.app.app_context():
        rockon = fresh.add("Plain", {"plain": {**old["plain"], "opts": [["--init", ""]]}})
        newest = rockon.entry.source
        restore_id = restore.take(content, PASSPHRASE, "tester")
        restore.begin(restore_id, {}, "tester")
        assert run_all(fresh, restore_id).complete
        db.session.refresh(rockon)
        assert rockon.entry.source == newest
        assert rockon.installed_source != newest
        assert lines(fresh) == before


def test_a_failure_is_told_and_can_be_tried_again(
    engine: Engine, instance: Instance, tmp_path: Path, app_image: str
) -> None:
    rockon = instance.add("Plain", {"plain": {"image": app_image, "tag": "", "ports": WEB}})
    port = chosen_port(instance.install(rockon), "plain")
    content = made(instance)
    fresh = wiped(instance, engine, tmp_path)
    engine.docker("run", "-d", "--name", "stranger", "-p", f"{port}:8080", app_image)
    with fresh.app.app_context():
        restore_id = restore.take(content, PASSPHRASE, "tester")
        restore.begin(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        (line,) = standing.open
        assert str(port) in line.told[0]
        assert line.operation is None
        engine.docker("rm", "--force", "stranger")
        restore.begin(restore_id, {}, "tester")
        assert run_all(fresh, restore_id).complete
        page(port)


def test_the_command_line_restores_on_an_empty_machine(
    engine: Engine, instance: Instance, stack: Callable[..., Stack], app_image: str, tmp_path: Path
) -> None:
    """The whole product: workers install what `rockonweb restore --wait` begins; a failure is told by its status."""
    for name, more in (("Shown", {"ports": WEB}), ("Still", {})):
        spec = {"image": app_image, "environment": {"ADMIN_PASSWORD": {"label": "", "description": ""}}, **more}
        rockon = instance.add(name, {name.lower(): spec})
        local.put_back(instance.settings, json.dumps({name: json.loads(rockon.entry.source)}), f"{name}.json")
        instance.install(rockon, environment={name.lower(): {"ADMIN_PASSWORD": "s3cret"}})
    instance.do(Kind.STOP, rockon)
    seen = containers(engine)
    file = tmp_path / "backup.json"
    file.write_bytes(made(instance))
    engine.docker("rm", "--force", *engine.docker("ps", "-aq").split())

    limits = {"ROCKONWEB_HEALTH_SECONDS": "0", "ROCKONWEB_HEALTH_TIMEOUT": "60"}
    second = stack(engine.host, environment={"ROCKONWEB_PASSPHRASE": PASSPHRASE, **limits})
    done = second.run("restore", str(file), "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"done +Shown\n", done.stdout)
    assert re.search(r"definition +Shown.json: It was put back.", done.stdout)
    assert "s3cret" not in done.stdout + done.stderr
    assert containers(engine) == seen
    person = Person(second.url, second.user, second.password)
    assert "All is done." in person.get("/backup/restore/1").text

    taken = json.loads(file.read_text())
    taken["rockons"] = [{**taken["rockons"][1], "name": "Gone", "running": True}]
    taken["rockons"][0]["definition"]["containers"] = {
        "gone": {**taken["rockons"][0]["definition"]["containers"]["still"], "image": "127.0.0.1:1/no/such:1"}
    }
    taken["rockons"][0]["answers"] = {"environment": {"gone": {"ADMIN_PASSWORD": "s3cret"}}}
    file.write_text(json.dumps({**taken, "secrets": None}))
    done = second.run("restore", str(file), "--wait")
    assert done.returncode == 1
    assert re.search(r"failed +Gone\n", done.stdout)
    assert "Not everything could be restored" in done.stderr
