"""The embedded queue server: it goes on with its data, and what it can't read does not keep it from starting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from rockonweb import config, create_app
from rockonweb.core.errors import QueueUnreachable
from rockonweb.models import ACTIVE_PROGRESS, Kind, Operation, Progress, db, transaction
from rockonweb.work import queue_server
from tests.support.apps import wait_for
from tests.support.stack import Stack
from tests.work.test_supervisor import alive

pytestmark = pytest.mark.waits
NEWER = b"REDIS9999\xff" + bytes(8)  # what a server of the future might write


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    made = config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path / "i")})
    config.make_private_folder(made.instance)
    return made


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def program(folder: Path, script: str, name: str = "redis-server") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def progress_of(operation_id: int) -> Progress:
    db.session.rollback()
    return db.session.get_one(Operation, operation_id).progress


def write_unreadable(settings: config.Config) -> None:
    """Put in the server's folder what it can't read."""
    data = settings.instance / "redis" / "appendonlydir"
    data.mkdir(parents=True)
    (data / "appendonly.aof.1.base.rdb").write_bytes(NEWER)
    (data / "appendonly.aof.1.incr.aof").touch()
    (data / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
    )


def test_the_queues_server_is_private_keeps_its_data_and_can_be_started_again(settings: config.Config) -> None:
    for value in (None, b"kept"):
        pid = queue_server.start_queue_server(settings)
        try:
            with redis.Redis.from_url(settings.queue_url) as connection:
                assert connection.get("key") == value
                connection.set("key", "kept")
                assert connection.config_get("port")["port"] == "0"
            assert settings.redis_socket.stat().st_mode & 0o777 == 0o700
            assert settings.redis_socket.parent.stat().st_mode & 0o777 == 0o700
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_the_queues_server_ends_with_whoever_started_it(settings: config.Config) -> None:
    script = (
        "import sys, time; from rockonweb import config; from rockonweb.work import queue_server; "
        f"settings = config.load_config({{'ROCKONWEB_INSTANCE': {str(settings.instance)!r}}}); "
        "print(queue_server.start_queue_server(settings), flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    server = int(parent.stdout.readline())
    assert alive(server)
    parent.kill()
    parent.wait()
    wait_for(lambda: not alive(server), 30)


def test_without_a_server_that_runs_here_it_says_what_to_install(
    settings: config.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(queue_server, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    for script in ("", "exit 1"):
        if script:
            program(tmp_path, script)
        with pytest.raises(QueueUnreachable) as caught:
            queue_server.start_queue_server(settings)
        assert "apt-get install redis-server" in caught.value.hint
        assert "REDIS_URL" in caught.value.hint


def test_a_server_that_is_installed_later_does_not_replace_the_one_that_wrote_the_data(
    settings: config.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    end(queue_server.start_queue_server(settings))
    program(tmp_path, "exit 1 # an older one, which can't read it")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    end(queue_server.start_queue_server(settings))
    assert not list((settings.instance / "redis").glob("unreadable-*"))


def test_data_that_can_not_be_read_is_renamed_and_said(
    settings: config.Config, caplog: pytest.LogCaptureFixture
) -> None:
    write_unreadable(settings)
    end(queue_server.start_queue_server(settings))
    (aside,) = (settings.instance / "redis").glob("unreadable-*")
    assert (aside / "appendonlydir" / "appendonly.aof.1.base.rdb").read_bytes() == NEWER
    assert str(aside) in caplog.text
    assert not list((settings.instance / "redis").glob("trial-*"))


def test_data_stays_where_the_server_fails_for_another_reason(
    settings: config.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_unreadable(settings)
    line = "1:M 30 Nov 2026 18:20:11.9 # No memory"
    script = f'test "$1" = --version || {{ for log; do :; done; echo "{line}" >>$log; exit 1; }}'
    program(tmp_path, script)
    monkeypatch.setattr(queue_server, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(QueueUnreachable) as caught:
        queue_server.start_queue_server(settings)
    assert caught.value.sentence == "It ended at once: No memory."
    assert str(settings.instance / "redis" / "server.log") in caught.value.hint
    assert (settings.instance / "redis" / "appendonlydir").is_dir()


def test_all_of_it_starts_beside_data_that_can_not_be_read_and_does_what_waits(stack: Callable[..., Stack]) -> None:
    whole = stack()
    whole.stop()
    next((whole.instance / "redis").glob("appendonlydir/*.base.rdb")).write_bytes(NEWER)
    app = create_app(config.load_config(whole.environ))
    with app.app_context(), transaction() as session:
        session.add(Operation(kind=Kind.REFRESH, user="ada"))
    whole.start()
    with app.app_context():
        wait_for(lambda: progress_of(1) not in ACTIVE_PROGRESS, 60)
    assert "does not understand its data" in whole.output
    assert "Traceback" not in whole.output
