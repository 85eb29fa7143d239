"""Backup, wipe, restore on a real engine: the same containers run with the same `docker run` lines."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb import config
from rockonweb.catalog import local, sources
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.formats.restored import SecretLocation
from rockonweb.core.plan import plan
from rockonweb.host import engine as host_engine
from rockonweb.models import Installation, Kind, Network, Operation, Progress, Restore, db
from rockonweb.models.repository import load_answers
from rockonweb.work import backup, network_operations, restore
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.restore_plan import plan_restore
from tests.support import samples
from tests.support.apps import fetch_app_page
from tests.support.engine import DockerDaemon
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
    text, trouble = backup.create_backup(instance.settings, "1.0", passphrase)
    assert trouble is None
    return text.encode()


def lines(instance: Instance) -> dict[str, list[str]]:
    """The revealed `docker run` lines of everything that is installed, without the mark of the instance."""
    docker = host_engine.connect_engine(config.instance_id(instance.settings))
    found = {}
    for rockon in db.session.query(Installation).filter(Installation.installed_source.is_not(None)):
        answers = load_answers(rockon)
        planned = plan.plan_install(rockon.current_definition, answers, gather_facts(rockon, answers, docker))
        found[rockon.name] = [re.sub(r"rockonweb\.instance=\w+", "", line) for line in planned.revealed_lines]
    docker.close()
    return found


def containers(engine: DockerDaemon) -> dict[str, Any]:
    """What Docker was told of each container, and whether it runs."""
    names = engine.run_docker("ps", "-a", "--format", "{{.Names}}").split()
    found = {}
    for one in json.loads(engine.run_docker("inspect", *names)):
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


def wiped(instance: Instance, engine: DockerDaemon, tmp_path: Path, *, shares: bool = True) -> Instance:
    """Take everything away but volumes and images, and begin with an empty instance in the same place."""
    names = engine.run_docker("ps", "-aq").split()
    engine.run_docker("rm", "--force", *names)
    engine.run_docker("network", "prune", "--force")
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


def run_all(instance: Instance, restore_id: int) -> restore.RestoreStatus:
    """Do the operations of a restore as workers would: networks before the rock-ons on them."""
    waiting = select(Operation.id).where(Operation.network.is_not(None), Operation.progress == Progress.QUEUED)
    for operation_id in db.session.scalars(waiting).all():
        instance.run_successfully(operation_id)
    for line in restore.restore_status(db.session.get_one(Restore, restore_id)).items:
        if line.operation and line.in_progress:
            instance.run_operation(line.operation.id)
    return restore.restore_status(db.session.get_one(Restore, restore_id))


def subnet_of(engine: DockerDaemon) -> str:
    """A subnet for a network of the user's, in the range that is this engine's alone."""
    return f"10.{engine.subnet_number}.213.0/24"


def filled(engine: DockerDaemon, instance: Instance, app_image: str, keeping_image: str) -> int:
    """Install what has something of everything; returns the port of its page."""
    image = app_image
    box = instance.add_rockon(
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
    spec = NetworkSpec("mine", subnet=subnet_of(engine), comment="for all")
    instance.run_successfully(network_operations.submit_creation(spec, "tester"))
    instance.prepare_install(box)  # makes the shares
    os.chown(instance.settings.shares_root / "box-store-data", 1234, 4321)
    reviewed = instance.install_rockon(
        box,
        environment={"box-store": {"STORE_PASSWORD": "s3cret $'\""}, "box": {"OWNER": "ada"}},
        devices={"box": {"NULL": "/dev/null:/dev/mine"}},
        storage={"box": {"/films": "films"}},
        variables={"box": {"EXTRA_TOKEN": "t0ken", "EXTRA": "plain"}},
        labels={"box": ["team=home", "bare"]},
        networks={"box": ["mine"]},
    )
    keeper = instance.add_rockon("Keeper", {"keeper": {"image": keeping_image, "tag": "", "ports": WEB}})
    instance.install_rockon(keeper)
    sleeper = instance.add_rockon("Sleeper", {"sleeper": {"image": image, "tag": "", "ports": WEB}})
    instance.install_rockon(sleeper)
    instance.perform(Kind.STOP, sleeper)
    return chosen_port(reviewed, "box")


def test_the_same_containers_run_with_the_same_lines(
    engine: DockerDaemon, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    port = filled(engine, instance, app_image, keeping_image)
    engine.run_docker("exec", "keeper", "touch", "/inside/mine")
    local.restore_file(instance.settings, samples.definition_source({"own": {}}, "Own"), "own.json")
    sources.add_metastore("https://example.org/more")
    sources.add_metastore("https://me:pass-word@example.org/mine")
    before, seen = lines(instance), containers(engine)
    assert set(before) == {"Box", "Keeper", "Sleeper"}
    content = made(instance)
    assert all(secret not in content.decode() for secret in ("s3cret", "t0ken", "pass-word", "nickname.example"))

    fresh = wiped(instance, engine, tmp_path)
    with fresh.app.app_context():
        assert lines(fresh) == {}
        restore_id = restore.create_restore(content, PASSPHRASE, "tester")
        outlook = plan_restore(restore.stored_backup(db.session.get_one(Restore, restore_id)))
        assert outlook.created_shares == ["box-config", "box-store-data", "films"]
        assert [(one.name, one.running, one.skip_reason, one.missing_secrets) for one in outlook.rockons] == [
            ("Box", True, "", ()),
            ("Keeper", True, "", ()),
            ("Sleeper", False, "", ()),
        ]
        restore.apply_restore(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        assert [(line.name, line.done, line.notes) for line in standing.items] == [
            ("Box", True, ()),
            ("Keeper", True, ()),
            ("Sleeper", True, ()),
        ], [line.operation and line.operation.error for line in standing.items]
        assert standing.complete
        assert lines(fresh) == before
        after = containers(engine)
        assert after == seen
        assert not after["/sleeper"]["runs"]
        assert fresh.perform(Kind.START, db.session.query(Installation).filter_by(name="Sleeper").one())
        fetch_app_page(port)
        assert engine.run_docker("exec", "keeper", "ls", "/inside") == "mine"
        assert (fresh.settings.shares_root / "box-store-data").stat().st_uid == 1234
        assert db.session.query(Network).one().subnet == subnet_of(engine)
        assert subnet_of(engine) in engine.run_docker("network", "inspect", "mine")
        assert local.read_local_file(fresh.settings, "own.json") == samples.definition_source({"own": {}}, "Own")
        assert [source.place for source in sources.list_sources(fresh.settings)[1:-1]] == [
            "https://example.org/more",
            "https://me:pass-word@example.org/mine",
        ]


def test_without_secrets_each_must_be_entered_again(
    engine: DockerDaemon, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    filled(engine, instance, app_image, keeping_image)
    (instance.settings.shares_root / "films" / "kept").write_text("data")
    before = lines(instance)
    content = made(instance, None)
    assert json.loads(content)["secrets"] is None
    fresh = wiped(instance, engine, tmp_path, shares=False)
    with fresh.app.app_context():
        restore_id = restore.create_restore(content, "", "tester")
        restore.apply_restore(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        assert [(line.name, line.done) for line in standing.items] == [
            ("Box", False),
            ("Keeper", True),
            ("Sleeper", True),
        ]
        assert standing.missing_secrets == [
            SecretLocation("Box", "environment", "box-store", "STORE_PASSWORD"),
            SecretLocation("Box", "variables", "box", "EXTRA_TOKEN"),
            SecretLocation("Box", "custom_config", "", "nickname"),
        ]
        assert "/box" not in containers(engine)
        typed = dict(zip(standing.missing_secrets, ("s3cret $'\"", "t0ken", "nickname.example"), strict=True))
        restore.apply_restore(restore_id, typed, "tester")
        assert run_all(fresh, restore_id).complete
        assert lines(fresh) == before
        assert (fresh.settings.shares_root / "films" / "kept").read_text() == "data"


def test_what_is_there_is_left_alone(
    engine: DockerDaemon, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    filled(engine, instance, app_image, keeping_image)
    content = made(instance)
    engine.run_docker("rm", "--force", "sleeper")
    fresh = wiped(instance, engine, tmp_path)
    engine.run_docker("run", "-d", "--name", "keeper", app_image)
    with fresh.app.app_context():
        sleeper = fresh.add_rockon("Sleeper", {"sleeper": {"image": app_image, "tag": ""}})
        fresh.install_rockon(sleeper)
        first = containers(engine)
        restore_id = restore.create_restore(content, PASSPHRASE, "tester")
        restore.apply_restore(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        told = {line.name: line for line in standing.items}
        assert told["Sleeper"].skip_reason == "It is already installed here and is not changed."
        assert 'A container "keeper" already exists' in told["Keeper"].notes[0]
        assert standing.items[0].done
        after = containers(engine)
        assert {name: after[name] for name in first} == first
        engine.run_docker("rm", "--force", "keeper")
        restore.apply_restore(restore_id, {}, "tester")
        assert run_all(fresh, restore_id).complete


def test_a_volume_that_is_gone_is_told(
    engine: DockerDaemon, instance: Instance, tmp_path: Path, app_image: str, keeping_image: str
) -> None:
    keeper = instance.add_rockon("Keeper", {"keeper": {"image": keeping_image, "tag": "", "ports": WEB}})
    instance.install_rockon(keeper)
    content = made(instance)
    fresh = wiped(instance, engine, tmp_path)
    engine.run_docker("volume", "rm", *engine.run_docker("volume", "ls", "--quiet").split())
    with fresh.app.app_context():
        restore_id = restore.create_restore(content, PASSPHRASE, "tester")
        restore.apply_restore(restore_id, {}, "tester")
        (line,) = run_all(fresh, restore_id).items
        assert line.done
        assert line.notes == (
            "The volume that Docker created for keeper at /inside is not on this machine: it starts empty.",
        )


def test_a_newer_definition_in_the_catalogue_does_not_change_what_is_restored(
    engine: DockerDaemon, instance: Instance, tmp_path: Path, app_image: str
) -> None:
    old = {"plain": {"image": app_image, "tag": "", "ports": WEB}}
    instance.install_rockon(instance.add_rockon("Plain", old))
    before = lines(instance)
    content = made(instance)
    fresh = wiped(instance, engine, tmp_path)
    with fresh.app.app_context():
        rockon = fresh.add_rockon("Plain", {"plain": {**old["plain"], "opts": [["--init", ""]]}})
        newest = rockon.entry.source
        restore_id = restore.create_restore(content, PASSPHRASE, "tester")
        restore.apply_restore(restore_id, {}, "tester")
        assert run_all(fresh, restore_id).complete
        db.session.refresh(rockon)
        assert rockon.entry.source == newest
        assert rockon.installed_source != newest
        assert lines(fresh) == before


def test_a_failure_is_told_and_can_be_tried_again(
    engine: DockerDaemon, instance: Instance, tmp_path: Path, app_image: str
) -> None:
    rockon = instance.add_rockon("Plain", {"plain": {"image": app_image, "tag": "", "ports": WEB}})
    port = chosen_port(instance.install_rockon(rockon), "plain")
    content = made(instance)
    fresh = wiped(instance, engine, tmp_path)
    engine.run_docker("run", "-d", "--name", "stranger", "-p", f"{port}:8080", app_image)
    with fresh.app.app_context():
        restore_id = restore.create_restore(content, PASSPHRASE, "tester")
        restore.apply_restore(restore_id, {}, "tester")
        standing = run_all(fresh, restore_id)
        (line,) = standing.retryable
        assert str(port) in line.notes[0]
        assert line.operation is None
        engine.run_docker("rm", "--force", "stranger")
        restore.apply_restore(restore_id, {}, "tester")
        assert run_all(fresh, restore_id).complete
        fetch_app_page(port)


def test_the_command_line_restores_on_an_empty_machine(
    engine: DockerDaemon, instance: Instance, stack: Callable[..., Stack], app_image: str, tmp_path: Path
) -> None:
    """The whole product: workers install what `rockonweb restore --wait` begins; a failure is told by its status."""
    for name, more in (("Shown", {"ports": WEB}), ("Still", {})):
        spec = {"image": app_image, "environment": {"ADMIN_PASSWORD": {"label": "", "description": ""}}, **more}
        rockon = instance.add_rockon(name, {name.lower(): spec})
        local.restore_file(instance.settings, json.dumps({name: json.loads(rockon.entry.source)}), f"{name}.json")
        instance.install_rockon(rockon, environment={name.lower(): {"ADMIN_PASSWORD": "s3cret"}})
    instance.perform(Kind.STOP, rockon)
    seen = containers(engine)
    file = tmp_path / "backup.json"
    file.write_bytes(made(instance))
    engine.run_docker("rm", "--force", *engine.run_docker("ps", "-aq").split())

    limits = {"ROCKONWEB_HEALTH_SECONDS": "0", "ROCKONWEB_HEALTH_TIMEOUT": "60"}
    second = stack(engine.host, environment={"ROCKONWEB_PASSPHRASE": PASSPHRASE, **limits})
    done = second.run("restore", str(file), "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"done +Shown\n", done.stdout)
    assert re.search(r"definition +Shown.json: It was restored.", done.stdout)
    assert "s3cret" not in done.stdout + done.stderr
    assert containers(engine) == seen
    person = Person(second.url, second.user, second.password)
    assert "Done." in person.get("/backup/restore/1").text

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
