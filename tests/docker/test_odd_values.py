"""What users may choose and Docker accepts: shares with any name, values of several lines, and very long ones."""

from pathlib import Path

import pytest

from rockonweb.core.command_size import MAX_WORD_BYTES
from rockonweb.core.formats import backup as backup_format
from rockonweb.host import Host
from rockonweb.models import Kind, Restore, db
from rockonweb.work import backup, restore
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.samples import label_questions

SHARES = ("My Photos", "Übung", 'O\'Brien+ & "Sons" $HOME')
KEY = "-----BEGIN KEY-----\r\nab c\n-----END KEY-----\n"


def mounts(engine: DockerDaemon) -> list[str]:
    shown = engine.run_docker("inspect", "-f", "{{range .Mounts}}{{.Source}}:{{.Destination}}\n{{end}}", "odd")
    return sorted(line for line in shown.splitlines() if line and "localtime" not in line)


def variable(engine: DockerDaemon, name: str) -> str:
    return engine.run_docker("exec", "odd", "sh", "-c", f'printf "%s." "${name}"').rstrip("\n").removesuffix(".")


def test_shares_with_odd_names_are_used_changed_kept_and_restored(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    root = instance.settings.shares_root
    for name in SHARES:
        (root / name).mkdir()
    image, _, tag = app_image.rpartition(":")
    container = {"image": image, "tag": tag, "volumes": label_questions({"/data": ""})}
    rockon = instance.add_rockon("Odd", {"odd": container})
    instance.install_rockon(
        rockon, shares={"odd": {"/data": SHARES[0]}}, storage={"odd": {"/more": f"{SHARES[1]}/é 1"}}
    )
    assert mounts(engine) == [f"{root}/{SHARES[0]}:/data", f"{root}/{SHARES[1]}/é 1:/more"]
    changed = instance.submit_change(rockon, shares={"odd": {"/data": SHARES[2]}})
    instance.run_successfully(changed)
    assert mounts(engine)[0] == f"{root}/{SHARES[2]}:/data"
    engine.run_docker("exec", "odd", "touch", "/data/mine")
    content, _ = backup.create_backup(instance.settings, "1.0", None)
    instance.perform(Kind.UNINSTALL, rockon)
    assert (root / SHARES[2] / "mine").exists()
    (root / SHARES[2] / "mine").unlink()
    (root / SHARES[2]).rmdir()
    restore_id = restore.create_restore(content.encode(), "", "tester")
    restore.apply_restore(restore_id, {}, "tester")
    (line,) = restore.restore_status(db.session.get_one(Restore, restore_id)).items
    assert line.operation
    instance.run_successfully(line.operation.id)
    assert mounts(engine)[0] == f"{root}/{SHARES[2]}:/data"
    assert set(Host(instance.settings).shares.shares_by_name()) == set(SHARES)
    assert backup_format.read_backup(content).rockons[0].parse_answers().used_shares() == [SHARES[2], SHARES[1]]


@pytest.mark.parametrize("key", ["NOTE", "TLS_KEY"])
def test_a_container_gets_every_line_and_byte_of_a_value(
    engine: DockerDaemon, instance: Instance, app_image: str, key: str
) -> None:
    image, _, tag = app_image.rpartition(":")
    rockon = instance.add_rockon(
        "Odd", {"odd": {"image": image, "tag": tag, "environment": label_questions({key: ""})}}
    )
    instance.install_rockon(rockon, environment={"odd": {key: KEY}}, labels={"odd": [f"rule={KEY}"]})
    assert variable(engine, key) == KEY
    assert engine.run_docker("inspect", "-f", '{{index .Config.Labels "rule"}}', "odd").rstrip("\n") == KEY.rstrip("\n")
    longest = "x" * (MAX_WORD_BYTES - len(key) - 1)
    instance.run_successfully(instance.submit_change(rockon, environment={"odd": {key: longest}}))
    assert variable(engine, key) == longest
