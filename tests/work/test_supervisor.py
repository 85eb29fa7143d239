"""The parts of `rockonweb up`: each role ends with it, and one that dies is started again."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from flask import Flask

from rockonweb import config
from rockonweb.core.errors import BadInput, Conflict, QueueUnreachable
from rockonweb.core.text import TranslatableText
from rockonweb.work import supervisor
from rockonweb.work.failing_roles import read_failing_roles
from rockonweb.work.supervisor import RoleProcess
from tests.support.apps import wait_for
from tests.support.claims import free_port

pytestmark = pytest.mark.waits


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    made = config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path / "i"), "ROCKONWEB_BIND": f"127.0.0.1:{free_port()}"})
    config.make_private_folder(made.instance)
    return made


def child(code: str) -> Callable[[], int]:
    """A function that starts a role: a Python program."""
    return lambda: subprocess.Popen([sys.executable, "-S", "-c", f"import signal, time; {code}"]).pid


SLEEPS = "time.sleep(60)"


@pytest.fixture
def over(settings: config.Config) -> Iterator[Any]:
    """A function that makes a supervisor of these roles, and ends what it left."""
    made = []

    def make(*roles: RoleProcess) -> Any:
        with socket.socket() as listener:
            one = supervisor._Supervisor(Flask("none"), settings, listener)
        one.roles = list(roles)
        made.append(one)
        return one

    yield make
    for one in made:
        one._stop_all()


def alive(pid: int) -> bool:
    """Whether a process is there and not only its remains."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_roles_are_web_workers_and_the_queues_server_unless_there_is_one(
    settings: config.Config,
) -> None:
    with socket.socket() as listener:
        ours = supervisor._Supervisor(Flask("none"), replace(settings, workers=2), listener)
        theirs = supervisor._Supervisor(Flask("none"), replace(settings, redis_url="redis://x"), listener)
    assert [role.name for role in ours.roles] == ["queue server", "web"]
    assert [role.name for role in ours.workers] == ["worker 1", "worker 2", "quick worker"]
    assert [role.name for role in theirs.roles] == ["web"]


def test_a_role_that_dies_is_started_again_with_a_growing_pause(
    over: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    dying, steady = RoleProcess("dying", child("raise SystemExit(1)")), RoleProcess("steady", child(SLEEPS))
    one = over(dying, steady)
    pauses = []
    one._start_role(steady)
    for _ in range(8):
        one._start_role(dying)
        while dying.pid:
            one._reap_roles()
            time.sleep(0.005)
        pauses.append(dying.due - time.monotonic())
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30], abs=0.2)
    assert alive(steady.pid)
    assert "dying ended" in capfd.readouterr().out
    dying.started -= supervisor.STEADY_SECONDS  # one that lived for long begins anew
    dying.pid = child("raise SystemExit(1)")()
    while dying.pid:
        one._reap_roles()
    assert dying.due - time.monotonic() == pytest.approx(0.5, abs=0.2)


def test_a_role_that_dies_at_each_start_is_told_once_with_its_reason_until_it_runs(
    over: Callable[..., Any], settings: config.Config, capfd: pytest.CaptureFixture[str]
) -> None:
    reasons = ["the file is too new"] * 3 + ["the disk is full", ""]

    def start() -> int:
        if reason := reasons.pop(0):
            raise QueueUnreachable(reason, "Its log is in /x.")
        return child(SLEEPS)()

    role = RoleProcess("queue server", start)
    one = over(role)
    told, known = [], []
    while reasons:
        one._start_role(role)
        told.append(capfd.readouterr().out)
        known.append(read_failing_roles(settings).get("queue server", ""))
    assert known == ["", *["the file is too new Its log is in /x."] * 2, *["the disk is full Its log is in /x."] * 2]
    assert ["the file is too new" in line for line in told] == [True, False, False, False, False]
    assert ["the disk is full" in line for line in told] == [False, False, False, True, False]
    assert told[1] == told[2] == ""
    role.started -= supervisor.SETTLED_SECONDS
    one._reap_roles()
    assert "queue server is running again" in capfd.readouterr().out
    assert read_failing_roles(settings) == {}


def test_a_role_that_raises_gives_its_reason_and_a_bug_its_traceback_once(
    settings: config.Config, capfd: pytest.CaptureFixture[str], over: Callable[..., Any]
) -> None:
    def fail() -> None:
        raise redis.ConnectionError("no")

    def stumble() -> None:
        raise ValueError("secret")

    app = Flask("none")
    app.config["SETTINGS"] = settings
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor.roles, "forget_connections", lambda app: None)
        expected, bug = supervisor._forked_role(app, "worker 1", fail), supervisor._forked_role(app, "web", stumble)
        one = over(expected, bug)
        for _ in range(3):
            for role in (expected, bug):
                one._start_role(role)
            while expected.pid or bug.pid:
                one._reap_roles()
                time.sleep(0.01)
    printed = capfd.readouterr()
    told = printed.out + printed.err
    assert told.count("Traceback") == 1
    assert told.count("worker 1 ended") == told.count("The job queue does not answer.") == 1
    known = read_failing_roles(settings)
    assert known["web"] == "ValueError; the log of Rockonweb has more."
    assert isinstance(known["worker 1"], TranslatableText)


def test_what_a_supervisor_that_is_gone_stored_counts_no_longer(settings: config.Config) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    path = settings.instance / "failing-roles-supervisor.json"
    path.write_text(json.dumps({"process": process.pid, "roles": {"web": "x"}}))
    assert read_failing_roles(settings) == {}
    for damaged in ("", "[]", "{}", '{"process": 1, "roles": 3}'):
        path.write_text(damaged)
        assert read_failing_roles(settings) == {}


def test_at_the_end_all_roles_end_the_queues_server_last_and_the_deaf_are_killed(
    over: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor, "END_SECONDS", 1)
    mark = tmp_path / "ready"
    deaf = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(mark)!r}, 'w'); time.sleep(60)"
    roles = [
        RoleProcess("queue server", child(SLEEPS)),
        RoleProcess("web", child(SLEEPS)),
        RoleProcess("deaf", child(deaf)),
    ]
    one = over(*roles)
    for role in roles:
        one._start_role(role)
    pids = [role.pid for role in roles]
    wait_for(mark.exists)
    ended: list[str] = []
    send = supervisor._signal_role

    def note(role: RoleProcess, number: int) -> None:
        if role.pid:
            ended.append(role.name)
        send(role, number)

    monkeypatch.setattr(supervisor, "_signal_role", note)
    one._stop_all()
    assert not any(alive(pid) for pid in pids)
    assert ended == ["web", "deaf", "deaf", "queue server"]


def test_the_next_look_is_when_a_role_that_ended_is_due(over: Callable[..., Any]) -> None:
    one = over(RoleProcess("web", lambda: 0, due=time.monotonic() + 0.7))
    assert 0 < one._next_round() <= 0.7
    one.roles[0].due = time.monotonic() + 60
    assert one._next_round() == supervisor.ROUND_SECONDS
    one.roles[0].due = time.monotonic() - 1  # it is started in this round
    assert one._next_round() == supervisor.ROUND_SECONDS


def test_a_role_forgets_its_parents_signals_and_ends_with_it(tmp_path: Path) -> None:
    report = tmp_path / "pid"
    script = f"""
import os, signal, time
from flask import Flask
from rockonweb.work import roles, supervisor
roles.forget_connections = lambda app: None
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def work():
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert os.getpgid(0) == os.getpid()
    open({str(report)!r}, "w").write(str(os.getpid()))
    time.sleep(600)
supervisor._fork_role(Flask("none"), work)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_for(lambda: report.exists() and report.read_text())
        role = int(report.read_text())
        assert alive(role)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not alive(role))


@pytest.mark.parametrize(
    ("raised", "status"), [("SystemExit(3)", 3), ("BadInput('bad')", 2), ("ValueError('x')", 1), ("SystemExit('x')", 1)]
)
def test_what_a_child_raises_is_its_exit_status(raised: str, status: int) -> None:
    def work() -> None:
        raise eval(raised)

    assert supervisor._run_in_child(work) == status
    assert supervisor._run_in_child(lambda: None) == 0


def test_two_at_once_on_one_instance_are_refused(settings: config.Config) -> None:
    with supervisor.lock_instance(settings), pytest.raises(Conflict) as caught:
        supervisor.lock_instance(settings)
    assert str(settings.instance) in str(caught.value)
    assert "ROCKONWEB_INSTANCE" in caught.value.hint
    supervisor.lock_instance(settings).close()


def test_an_address_that_is_in_use_or_not_ours_is_named_with_a_way_out(settings: config.Config) -> None:
    with supervisor._open_listener(settings), pytest.raises(BadInput) as caught:
        supervisor._open_listener(settings)
    assert f"127.0.0.1:{settings.port}" in caught.value.sentence
    assert "ROCKONWEB_BIND" in caught.value.hint
    supervisor._open_listener(settings).close()
    with pytest.raises(BadInput, match=r"192\.0\.2\.1"):
        supervisor._open_listener(replace(settings, host="192.0.2.1"))
    with supervisor._open_listener(replace(settings, host="::1")) as listener:
        assert listener.family == socket.AF_INET6


def test_how_to_reach_it_is_told_on_loopback_without_a_screen_alone(
    settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    told = "\n".join(supervisor.how_to_reach(settings))
    assert f"ssh -L {settings.port}:127.0.0.1:{settings.port} {socket.gethostname()}" in told
    assert f"ROCKONWEB_BIND=0.0.0.0:{settings.port}" in told
    assert "unencrypted" in told
    encrypted = supervisor.how_to_reach(replace(settings, tls_key=Path("key"), tls_certificate=Path("certificate")))
    assert "unencrypted" not in "\n".join(encrypted)
    assert encrypted[-1].endswith("reaches the login page.")
    assert supervisor.how_to_reach(replace(settings, host="0.0.0.0")) == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert supervisor.how_to_reach(settings) == []


class Health:
    """What `/healthz` answers."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def json(self) -> dict[str, Any]:
        return self.content


@pytest.mark.parametrize(
    ("health", "late", "said"),
    [
        (
            {"status": "ok", "workers": 1, "docker": "ok"},
            False,
            "Rockonweb is ready: http://127.0.0.1:",
        ),
        (
            {"status": "degraded", "workers": 1, "docker": "down"},
            False,
            "Docker does not answer yet",
        ),
        ({"status": "ok", "workers": 0, "docker": "ok"}, False, ""),
        ({"status": "degraded", "workers": 1, "docker": "unknown"}, False, ""),
        ({"status": "degraded", "workers": 1, "docker": "unknown"}, True, "Rockonweb is ready"),
        ({"status": "down"}, False, ""),
        ({"status": "down"}, True, "Not everything answers"),
    ],
)
def test_it_is_ready_when_all_answer(
    over: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    health: dict[str, Any],
    late: bool,
    said: str,
) -> None:
    monkeypatch.setattr(requests, "get", lambda *_, **__: Health(health))
    assert over()._announce_ready(late) is bool(said)
    printed = capfd.readouterr().out
    assert said in printed
    assert bool(printed) is bool(said)


def test_a_web_server_that_does_not_answer_is_waited_for(over: Callable[..., Any], settings: config.Config) -> None:
    assert over()._announce_ready(False) is False
