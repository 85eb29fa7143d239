"""A household of Rockstor is taken over in one go: its containers have no labels, and all of them run on."""

import gzip
import json
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb.core.errors import BadInput
from rockonweb.models import Installation, Operation, db
from rockonweb.work import rockstor_move
from tests.support.app import FormClient, create_test_user, new_visitor
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps

NAMES = [f"App {letter}" for letter in "ABCDEFGH"]


def start_household(engine: DockerDaemon, instance: Instance, image: str) -> dict[str, str]:
    """Eight rock-ons as Rockstor starts them, two of them with a linked second container; ids by container."""
    ids = {}
    for number, name in enumerate(NAMES):
        key = name[-1].lower() * 3
        spec: dict[str, Any] = {
            "image": image.rpartition(":")[0],
            "tag": "1",
            "ports": {"8080": {"label": "Page", "description": "", "host_default": 8200 + number, "ui": True,
                               "protocol": "tcp"}},
            "volumes": {"/data": {"label": "Data", "description": ""}},
            "environment": {"API_TOKEN": {"label": "Token", "description": ""}},
        }  # fmt: skip
        containers = {key: spec}
        if number < 2:
            containers = {
                f"{key}-db": {"image": spec["image"], "tag": "1"},
                key: {**spec, "opts": [["--link", f"{key}-db:db"]]},
            }
        instance.add_rockon(name, containers)
        (instance.settings.shares_root / key).mkdir()
        run = ("run", "-d", "--restart=unless-stopped", "-v", "/etc/localtime:/etc/localtime:ro")
        if number < 2:
            ids[f"{key}-db"] = engine.run_docker(*run, "--name", f"{key}-db", image)
            run = (*run, "--link", f"{key}-db:db")
        share = f"{instance.settings.shares_root / key}:/data"
        ids[key] = engine.run_docker(
            *run, "--name", key, "-v", share, "-p", f"{8200 + number}:8080", "-e", f"API_TOKEN=quiet-{key}", image
        )
    return ids


def test_a_household_of_eight_is_taken_over_in_one_go_and_runs(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = start_household(engine, instance, app_image)
    monkeypatch.setattr(instance.app, "test_client_class", FormClient)
    create_test_user()
    client = new_visitor(instance.app).log_in("ada")
    page = client.get("/import/rockstor").text
    assert page.count("runs here") == len(NAMES)
    assert "quiet-" not in page
    answer = client.post("/import/rockstor/take", data={"csrf_token": client.csrf_token(), "backup": "", "name": NAMES})
    assert answer.text.count("being taken over") == len(NAMES), answer.text
    for operation in db.session.scalars(select(Operation).order_by(Operation.id)).all():
        done = instance.run_operation(operation.id)
        assert done.progress == "done", describe_steps(done)
    states = {(app.name, app.state, app.status) for app in db.session.scalars(select(Installation))}
    assert states == {(name, "installed", "started") for name in NAMES}
    for name, old in ids.items():
        assert engine.run_docker("inspect", "-f", "{{.State.Running}}", name) == "true"
        assert engine.run_docker("inspect", "-f", "{{.Id}}", f"{name}.before-rockonweb") == old
    assert rockstor_move.find_rockstor_apps() == []


def backup_of(rows: list[tuple[str, int, dict[str, Any]]]) -> bytes:
    """A configuration backup as Rockstor writes it: two arrays, a line each, gzipped."""
    models = [{"model": f"storageadmin.{model}", "pk": key, "fields": fields} for model, key, fields in rows]
    return gzip.compress(f"{json.dumps(models)}\n[]".encode())


def test_a_backup_is_installed_from_where_nothing_runs(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    image = app_image.rpartition(":")[0]
    volume = {"/data": {"label": "", "description": ""}}
    instance.add_rockon("Saved", {"saved": {"image": image, "tag": "1", "volumes": volume}})
    (instance.settings.shares_root / "kept").mkdir()
    data = backup_of(
        [
            ("rockon", 3, {"name": "Saved", "state": "installed", "status": "started"}),
            ("rockon", 4, {"name": "Unknown", "state": "installed", "status": "started"}),
            ("rockon", 5, {"name": "Other", "state": "available", "status": "stopped"}),
            ("dcontainer", 7, {"rockon": 3, "name": "saved"}),
            ("dvolume", 1, {"container": 7, "share": 9, "dest_dir": "/data", "uservol": False}),
            ("share", 9, {"name": "kept"}),
        ]
    )
    finds = rockstor_move.find_rockstor_apps(rockstor_move.read_backup(data))
    assert [(find.name, bool(find.app), find.runs_here) for find in finds] == [
        ("Saved", True, False),
        ("Unknown", False, False),
    ]
    [result] = rockstor_move.take_over(["Saved"], finds, "tester")
    assert result.operation, result.problem
    instance.run_successfully(result.operation)
    assert "kept:/data" in engine.run_docker("inspect", "-f", "{{json .HostConfig.Binds}}", "saved")


@pytest.mark.parametrize("data", [b"", b"\x1f\x8bbroken", b"[]x", b'{"a": 1}', b'[{"model": 1}]', b"\xff\xfe"])
def test_what_is_no_backup_has_a_sentence(data: bytes) -> None:
    if data:
        with pytest.raises(BadInput):
            rockstor_move.read_backup(data)
    else:
        assert rockstor_move.read_backup(data) == []
