"""The doctor: every part is looked at alone, nothing is written, no secret is told."""

import fcntl
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from rockonweb import config
from rockonweb.core.instance.diagnosis.results import CheckResult
from rockonweb.host import Host, certificate
from rockonweb.models import (
    Environment,
    Kind,
    Operation,
    Progress,
    RefreshReport,
    State,
    Status,
    db,
    transaction,
    utc_now,
)
from rockonweb.work import doctor
from tests.support.claims import free_port
from tests.support.command_line import CommandLine
from tests.support.instance import Instance
from tests.support.metastore import MetastoreServer
from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.queue_server import QueueServer
from tests.support.samples import label_questions, port_question

NOWHERE = "tcp://127.0.0.1:1"
PARTS = {
    *("program", "files", "room", "database", "queue", "web", "workers", "watcher", "Docker", "clock", "ports"),
    *("containers", "copies", "operations", "catalogue", "secrets", "stored data", "data backups"),
}
Examine = Callable[..., subprocess.CompletedProcess[str]]
SPEC = {"image": "box.example/app", "environment": label_questions(KEY="")}


def look(instance: Instance, **changes: str) -> dict[str, CheckResult]:
    found = doctor.examine_instance(config.load_config({**instance.environ, **changes}), "1.2")
    return {one.about: one for one in found}


def levels(found: Mapping[str, CheckResult]) -> dict[str, str]:
    return {about: one.level for about, one in found.items()}


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    """`examine("--json", DATABASE_URL=…)` runs the command beside no instance at all."""
    return partial(CommandLine(tmp_path).run, "doctor", DOCKER_HOST=NOWHERE, ROCKONWEB_BIND=f"127.0.0.1:{free_port()}")


def listing(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for path in (folder, *folder.rglob("*")))


# -- everything is down ------------------------------------------------------------------------------------------------


def test_where_there_is_nothing_each_part_says_so_and_nothing_is_made(examine: Examine, tmp_path: Path) -> None:
    answer = examine()
    assert answer.returncode == 1
    assert answer.stderr == ""
    assert list(tmp_path.iterdir()) == []
    told = {line[7:].partition(":")[0] for line in answer.stdout.splitlines() if line.startswith("[")}
    assert told == PARTS
    assert "[FAIL] database: " in answer.stdout
    assert "[FAIL] Docker: " in answer.stdout
    assert "\033" not in answer.stdout, "the marks do not depend on colours"


def test_in_json_it_says_the_same_and_no_password(examine: Examine) -> None:
    answer = examine(
        "--json",
        DATABASE_URL="postgresql+psycopg://joe:hunter2@127.0.0.1:1/x?password=hunter3",
        REDIS_URL="redis://:hunter4@127.0.0.1:1/0",
    )
    assert answer.returncode == 1
    told = json.loads(answer.stdout)
    assert not told["ok"]
    assert {one["about"] for one in told["findings"]} == PARTS
    assert "hunter" not in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL can't be read."),
        ({"DATABASE_URL": "mysql://a:hunter2@b/c"}, 'DATABASE_URL names "mysql", which is not supported.'),
        ({"ROCKONWEB_BIND": "nonsense"}, 'ROCKONWEB_BIND is "nonsense".'),
        ({"REDIS_URL": "hunter2"}, "queue: It can't be checked: ValueError."),
    ],
)
def test_settings_that_can_not_be_used_are_findings(examine: Examine, environ: dict[str, str], words: str) -> None:
    answer = examine(**environ)
    assert (answer.returncode, answer.stderr) == (1, "")
    assert words in answer.stdout
    assert "hunter2" not in answer.stdout


def test_a_file_that_is_no_database(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir(mode=0o700)
    (tmp_path / "instance" / "rockonweb.db").write_text("this is no database at all, but it is long enough" * 100)
    before = listing(tmp_path)
    answer = examine()
    assert "[FAIL] database: " in answer.stdout
    assert answer.returncode == 1
    assert listing(tmp_path) == before


# -- a living instance -------------------------------------------------------------------------------------------------


def test_what_is_well_is_well_and_nothing_is_written(instance: Instance) -> None:
    db.session.remove()
    db.engine.dispose()
    before = listing(instance.settings.instance)
    found = look(instance)
    assert listing(instance.settings.instance) == before
    well = ("program", "files", "room", "database", "schema", "queue", "clock", "operations", "secrets")
    assert {about: one.level for about, one in found.items() if about in well} == dict.fromkeys(well, "ok")
    assert str(instance.settings.instance) in found["database"].sentence
    assert found["program"].sentence.startswith("Rockonweb 1.2, Python 3")


def test_what_is_in_the_log_of_a_database_in_use_counts_too(instance: Instance) -> None:
    with closing(sqlite3.connect(instance.settings.instance / "rockonweb.db")) as other:
        other.execute("UPDATE alembic_version SET version_num = '0003'")
        other.commit()
        found = look(instance)
        assert found["schema"].level == "fail"
        assert "It is at 0003" in found["schema"].sentence


def test_a_damaged_database_is_found(instance: Instance) -> None:
    with transaction() as session:
        session.add_all(RefreshReport(content="x" * 3000) for _ in range(20))
    db.session.remove()
    db.engine.dispose()
    path = instance.settings.instance / "rockonweb.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode=DELETE")
        (root,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_installation_state'").fetchone()
        (size,) = file.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as raw:
        raw.seek((root - 1) * size)
        raw.write(b"\xff" * 64)
    found = look(instance)["database"]
    assert (found.level, "damaged" in found.sentence or "can't be opened" in found.sentence) == ("fail", True)


def test_damage_that_reads_well_is_found_too(instance: Instance) -> None:
    with closing(sqlite3.connect(instance.settings.instance / "rockonweb.db")) as file:
        file.executescript(
            "CREATE TABLE odd (x); INSERT INTO odd VALUES (NULL); PRAGMA writable_schema = ON;"
            "UPDATE sqlite_master SET sql = 'CREATE TABLE odd (x NOT NULL)' WHERE name = 'odd';"
        )
    found = look(instance)["database"]
    assert found.level == "fail"
    assert "is damaged: NULL value in odd.x." in found.sentence


def test_rows_that_refer_to_nothing_are_found(instance: Instance) -> None:
    with closing(sqlite3.connect(instance.settings.instance / "rockonweb.db")) as file:
        file.execute(
            "INSERT INTO kept_volume (installation_id, container, volume, destination) VALUES (99, 'a', 'b', '/c')"
        )
        file.commit()
    assert "Rows refer to rows that do not exist: 1" in look(instance)["database"].sentence


def test_rows_that_can_not_be_read_are_named_without_what_they_say(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": SPEC})
    with transaction() as session:
        operation = Operation(kind=Kind.REFRESH, progress=Progress.DONE)
        session.add(operation)
        variable = rockon.containers[0].environment[0]
        variable.value = "a secret"
    assert look(instance)["stored data"].sentence == "All of it can be read."
    with transaction() as session:
        for statement in (
            "UPDATE installation SET installed_source = '{hunter2', state = 'HUNTER2', secret_choices = '[2]'",
            "UPDATE operation SET kind = 'HUNTER2', noted = 'hunter2', finished = 'hunter2'",
            "UPDATE environment SET value = 'hunter2'",
        ):
            session.execute(text(statement))
    found = look(instance)
    assert found["secrets"].level == "fail"
    assert (
        f"1 of 2 can't be read with the instance's key. Affected: environment {variable.id}"
        in found["secrets"].sentence
    )
    stored = found["stored data"]
    assert stored.level == "warn"
    assert stored.facts == {
        "unreadable": [
            *(f"installation {rockon.id} ({column})" for column in ("installed_source", "secret_choices", "state")),
            *(f"operation {operation.id} ({column})" for column in ("kind", "finished", "noted")),
        ]
    }
    assert "hunter2" not in str([*found.values()]).lower()


def test_another_key_than_the_databases_is_found(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": SPEC})
    with transaction():
        rockon.containers[0].environment[0].value = "a secret"
    assert db.session.query(Environment).count() == 1
    assert look(instance)["secrets"].sentence == "All 1 can be read with the instance's key."
    (instance.settings.instance / "secret.key").write_text("another")  # damaged
    assert look(instance)["secrets"].level == "fail"
    (instance.settings.instance / "secret.key").unlink()
    assert "key, secret.key, is missing" in look(instance)["secrets"].sentence
    assert not (instance.settings.instance / "secret.key").exists()


def test_operations_that_nobody_works_on_and_those_that_failed(instance: Instance) -> None:
    names = ("Runs", "Left", "Waits", "Forgotten", "Failed", "Mended")
    rockons = {name: instance.add_rockon(name, {name: SPEC}) for name in names}
    old = utc_now() - timedelta(hours=1)
    kinds = {
        "Runs": Progress.RUNNING,
        "Left": Progress.RUNNING,
        "Waits": Progress.QUEUED,
        "Forgotten": Progress.QUEUED,
        "Failed": Progress.FAILED,
        "Mended": Progress.FAILED,
    }
    with transaction() as session:
        made = {
            name: Operation(
                kind=Kind.STOP,
                installation=rockons[name],
                progress=progress,
                created=utc_now() if name == "Waits" else old,
            )
            for name, progress in kinds.items()
        }
        session.add_all(made.values())
        session.flush()
        session.add(Operation(kind=Kind.STOP, installation=rockons["Mended"], progress=Progress.DONE))
        removal = Operation(kind=Kind.REMOVE_NETWORK, network="media", progress=Progress.FAILED, created=old)
        waiting = Operation(kind=Kind.CHANGE_NETWORK, network="home", progress=Progress.QUEUED, created=old)
        session.add_all([removal, waiting])  # the latter for who runs
    instance.settings.locks_folder.mkdir(exist_ok=True)
    with open(instance.settings.locks_folder / f"operation-{made['Runs'].id}.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = look(instance)["operations"]
    assert found.facts == {"stuck": [made["Left"].id, made["Forgotten"].id], "failed": [made["Failed"].id, removal.id]}
    assert found.level == "fail"


def test_apps_that_should_run_and_do_not_are_named(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": SPEC})
    with transaction() as session:
        rockon.state, rockon.status = State.INSTALLED, Status.STARTED
        session.add(Operation(kind=Kind.START, installation=rockon, progress=Progress.DONE))
    assert "apps" not in look(instance)
    with transaction():
        rockon.status, rockon.exit_code, rockon.status_error = Status.EXITED, 2, "it has no room"
    found = look(instance)["apps"]
    assert (found.level, found.sentence) == ("warn", "App should be running, but is not: exit code 2: it has no room")
    assert found.facts == {"name": "App", "exit_code": 2}


def test_loose_files_are_told(instance: Instance) -> None:
    (instance.settings.instance / "elsewhere").symlink_to("/")  # says nothing of permissions
    assert look(instance)["files"].level == "ok"
    (instance.settings.instance / "secret.key").chmod(0o644)
    found = look(instance)["files"]
    assert (found.level, "secret.key" in found.sentence) == ("warn", True)


@pytest.mark.parametrize(("behind", "level"), [(0, "ok"), (20, "warn"), (-20, "warn"), (120, "fail")])
def test_a_clock_that_is_not_dockers_is_told(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, behind: int, level: str
) -> None:
    docker = SimpleNamespace(system_time=lambda: time.time() - behind)
    monkeypatch.setattr(doctor._InstanceProbe, "_connect_docker", lambda _visit: docker)
    monkeypatch.setattr(Host, "clock_is_synchronised", lambda _: None)
    found = look(instance)["clock"]
    assert found.level == level
    assert not behind or f"{abs(behind)} seconds apart" in found.sentence


def test_the_password_of_the_queue_is_masked(instance: Instance) -> None:
    address = instance.environ["REDIS_URL"]
    found = look(instance, REDIS_URL=address.replace("://", "://default:hunter2@", 1))["queue"]
    assert found.level == "ok", found
    assert "default:***@" in found.sentence
    assert "hunter2" not in json.dumps(vars(found))


def test_without_its_queue_the_rest_is_looked_at(instance: Instance, queue_server: QueueServer) -> None:
    queue_server.stop()
    found = levels(look(instance))
    assert found["queue"] == "fail"
    assert (found["workers"], found["watcher"], found["database"]) == ("warn", "warn", "ok")


def test_another_program_at_our_address_is_told(instance: Instance) -> None:
    other = MetastoreServer({"healthz": b"hello"})
    try:
        found = look(instance, ROCKONWEB_BIND=other.url.removeprefix("http://"))["web"]
    finally:
        other.close()
    assert (found.level, "Another program answers at" in found.sentence) == ("fail", True)


def test_a_port_that_a_stranger_has_is_told(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        number = stranger.getsockname()[1]
        rockon = instance.add_rockon(
            "Wiki", {"wiki": {"image": "box.example/app", "ports": {"80": port_question(number)}}}
        )
        with transaction():
            rockon.state, rockon.status = State.INSTALLED, Status.STOPPED
            rockon.containers[0].ports[0].host = number
        found = look(instance)["ports"]
    assert found.level == "warn"
    assert f"{number}/tcp of Wiki (the program" in found.sentence
    assert look(instance)["ports"].level == "ok"


@pytest.mark.parametrize("secrets", ["joe:hunter2@box.example/a.json?key=hunter2", "box.example/a.json?key=hunter2"])
def test_the_last_refresh_and_what_it_could_not_use(instance: Instance, secrets: str) -> None:
    assert look(instance)["catalogue"].sentence == "It has never been refreshed."
    report = {"faulty": [{"file": f"https://{secrets}", "reasons": ["x"]}]}
    with transaction() as session:
        session.add(RefreshReport(content=json.dumps(report)))
    found = look(instance)["catalogue"]
    assert "box.example/a.json?***" in found.sentence
    assert "hunter2" not in str(vars(found))


def test_the_hosts_certificate(instance: Instance, tmp_path: Path) -> None:
    assert "certificate" not in look(instance)
    key, pem = certificate.create_self_signed("host")
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "pem").write_bytes(pem)
    names = {"ROCKONWEB_TLS_KEY": str(tmp_path / "key"), "ROCKONWEB_TLS_CERT": str(tmp_path / "pem")}
    assert look(instance, **names)["certificate"].level == "ok"
    (tmp_path / "key").write_bytes(certificate.create_self_signed("host")[0])
    assert "the key does not match the certificate" in look(instance, **names)["certificate"].sentence
    (tmp_path / "pem").write_text("nonsense")
    assert look(instance, **names)["certificate"].level == "fail"
    (tmp_path / "pem").unlink()
    assert "No such file" in look(instance, **names)["certificate"].sentence


def test_on_postgresql_the_password_is_masked(instance: Instance, postgres: PostgresServer) -> None:
    found = look(instance, DATABASE_URL=postgres.create_database())
    assert found["database"].level == "ok"
    assert "PostgreSQL" in found["database"].sentence
    assert found["schema"].sentence == "The database is empty."
    assert PASSWORD not in str({about: vars(one) for about, one in found.items()})
    assert look(instance, DATABASE_URL=postgres.create_database("SQL_ASCII"))["database"].level == "fail"


def test_a_folder_that_it_may_not_read_is_told(instance: Instance, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("needs to become another user")
    copy = tmp_path / "copy"
    shutil.copytree(instance.settings.instance, copy)
    copy.chmod(0o700)
    program = (
        "import os, sys; from rockonweb import config; from rockonweb.work import doctor; "
        "settings = config.load_config({'ROCKONWEB_INSTANCE': sys.argv[1], 'REDIS_URL': 'unix:///x'}); "
        "os.setgid(65534); os.setuid(65534); print(*doctor.examine_instance(settings, '1'), sep=chr(10))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(copy)], capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert "Traceback" not in said.stderr
    assert "[FAIL] files: " in said.stdout, said.stderr
