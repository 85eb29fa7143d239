"""`rockonweb service`: what it writes, what it calls, and what it says where it can't."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from rockonweb import config, program
from rockonweb.core.errors import RockonwebError
from rockonweb.core.instance.systemd_unit import format_docker_dropin
from rockonweb.host import disks
from rockonweb.work import service, supervisor
from tests.support.command_line import CommandLine

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root writes units")
# Notes how it is called; the service is active once it was started.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$(dirname "$0")/calls"
state=$(dirname "$0")/active
case $1 in
    is-active) [ -e "$state" ] || exit 3 ;;
    restart) [ ! -e "$(dirname "$0")/broken" ] || { echo "Job failed." >&2; exit 1; }; touch "$state" ;;
    disable) rm -f "$state" ;;
esac
"""


class Machine:
    """A machine that is run by systemd, as far as this product sees: units go to a folder, systemctl is a stand-in."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.unit = folder / "rockonweb.service"
        self.docker_dropin = folder / "docker.service.d" / "rockonweb.conf"
        self.fstab: dict[Path, bool] = {}
        self.bin.mkdir()
        (self.bin / "systemctl").write_text(SYSTEMCTL)
        (self.bin / "systemctl").chmod(0o755)

    def list_fstab(self) -> dict[Path, bool]:
        """The mount points in /etc/fstab, and whether the machine does not start without each."""
        return self.fstab

    @property
    def calls(self) -> list[str]:
        """How systemctl was called, but for questions."""
        calls = (self.bin / "calls").read_text().splitlines() if (self.bin / "calls").exists() else []
        return [call for call in calls if not call.startswith("is-active")]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setattr(service, "SYSTEMD_FOLDER", tmp_path)
    monkeypatch.setattr(program, "UNIT_FILE", made.unit)
    monkeypatch.setattr(program, "DOCKER_DROPIN_FILE", made.docker_dropin)
    monkeypatch.setattr(disks, "list_fstab", made.list_fstab)
    monkeypatch.setattr(service, "READY_SECONDS", 0)
    return made


@pytest.fixture
def terminal(machine: Machine, tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    made.environ["PATH"] = f"{machine.bin}:{os.environ['PATH']}"
    return made


@ROOT_ONLY
def test_it_is_written_enabled_and_started_with_the_settings_of_the_call(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "await_service", lambda _: True)
    done = terminal.run(
        "service",
        "install",
        ROCKONWEB_BIND="127.0.0.1:8123",
        ROCKONWEB_SHARES_ROOT="shares",
        ROCKONWEB_PASSPHRASE="of a backup",
        DATABASE_URL="postgresql://rockonweb:top-secret@db/rockonweb",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls == ["daemon-reload", "enable rockonweb.service", "restart rockonweb.service"]
    unit = machine.unit.read_text()
    assert stat.S_IMODE(machine.unit.stat().st_mode) == 0o644
    assert f'Environment="ROCKONWEB_INSTANCE={terminal.instance}"' in unit
    assert f'RequiresMountsFor="{terminal.folder}/shares" "{terminal.instance}"' in unit
    assert "top-secret" not in unit + done.stdout
    settings_file = terminal.instance / ".env"
    kept = dotenv_values(settings_file)
    assert kept["ROCKONWEB_BIND"] == "127.0.0.1:8123"
    assert kept["ROCKONWEB_SHARES_ROOT"] == f"{terminal.folder}/shares", "the service has another working folder"
    assert kept["DATABASE_URL"] == "postgresql://rockonweb:top-secret@db/rockonweb"
    assert stat.S_IMODE((terminal.folder / "shares").stat().st_mode) == 0o755, "apps are other users"
    assert {"ROCKONWEB_PASSPHRASE", "ROCKONWEB_INSTANCE"} & {*kept} == set()
    assert stat.S_IMODE(settings_file.stat().st_mode) == 0o600
    assert "Rockonweb is ready: http://127.0.0.1:8123" in done.stdout
    assert "journalctl -u rockonweb" in done.stdout


@ROOT_ONLY
def test_docker_waits_for_the_disks_of_shares_while_the_service_is_there(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "await_service", lambda _: True)
    shares = terminal.folder / "shares"
    machine.fstab = {Path("/"): True, shares / "usb": False, shares.parent: True, Path("/home/other"): True}
    done = terminal.run("service", "install", "--dry-run", ROCKONWEB_SHARES_ROOT=str(shares))
    assert f"And this to {machine.docker_dropin}." in done.stderr
    assert not machine.docker_dropin.exists()
    done = terminal.run("service", "install", ROCKONWEB_SHARES_ROOT=str(shares))
    assert "Docker waits for the disks of the shares" in done.stdout
    assert machine.docker_dropin.read_text() == format_docker_dropin([f"{shares}/usb", str(shares.parent)])
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (machine.docker_dropin.parent, machine.docker_dropin)]
    assert modes == [0o755, 0o644]
    machine.fstab = {}
    assert terminal.run("service", "install", ROCKONWEB_SHARES_ROOT=str(shares)).returncode == 0
    assert not machine.docker_dropin.exists(), "nothing to wait for any more"
    machine.fstab = {shares / "usb": False}
    terminal.run("service", "install", ROCKONWEB_SHARES_ROOT=str(shares))
    assert terminal.run("service", "remove").returncode == 0
    assert not machine.docker_dropin.exists()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted disk; the folder below it is immutable since a start without the disk."""
    folder = tmp_path / 'my "disk" $0'
    folder.mkdir()
    if subprocess.run(["chattr", "+i", folder], capture_output=True).returncode:
        pytest.skip("this file system knows no immutable folders")
    subprocess.run(["mount", "-t", "tmpfs", "disk-of-a-test", folder], check=True)
    yield folder
    if folder.is_mount():
        subprocess.run(["umount", folder], check=True)
    subprocess.run(["chattr", "-i", folder], check=True)


@ROOT_ONLY
@pytest.mark.parametrize("command", ["remove", "install"])
def test_what_docker_protected_for_it_is_writable_again_below_its_disk_too(
    terminal: CommandLine, machine: Machine, disk: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(service, "await_service", lambda _: True)
    machine.fstab = {disk: True}
    environ = {"ROCKONWEB_SHARES_ROOT": str(disk.parent)}
    assert terminal.run("service", "install", **environ).returncode == 0
    machine.fstab = {}
    assert terminal.run("service", command, **environ).returncode == 0
    assert disk.is_mount()
    subprocess.run(["umount", disk], check=True)
    (disk / "written").touch()


@ROOT_ONLY
def test_the_service_reads_what_was_kept_for_it(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "await_service", lambda _: True)
    terminal.run("service", "install", ROCKONWEB_WORKERS="7")
    monkeypatch.setenv("ROCKONWEB_INSTANCE", str(terminal.instance))
    monkeypatch.chdir("/")
    assert config.load_config().workers == 7


@ROOT_ONLY
def test_it_can_be_installed_again_and_is_taken_back_with_the_data_kept(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "await_service", lambda _: True)
    for _ in range(2):
        assert terminal.run("service", "install").returncode == 0
    done = terminal.run("service", "remove", ROCKONWEB_INSTANCE="")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls[-2:] == ["disable --now rockonweb.service", "daemon-reload"]
    assert not machine.unit.exists()
    assert terminal.instance.is_dir()
    assert f"the data stays in {terminal.instance}" in done.stdout
    done = terminal.run("service", "remove")
    assert (done.returncode, "There is no service of Rockonweb" in done.stderr) == (1, True)


@ROOT_ONLY
def test_one_that_does_not_start_is_told_with_the_place_of_its_reason(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = terminal.run("service", "install")
    assert (done.returncode, "journalctl -u rockonweb.service -n 30" in done.stderr) == (1, True)
    (machine.bin / "broken").touch()
    done = terminal.run("service", "install")
    assert done.returncode == 1
    assert "systemctl restart rockonweb.service failed." in done.stderr
    assert "Job failed." in done.stderr


def test_a_dry_run_prints_the_unit_and_changes_nothing(terminal: CommandLine, machine: Machine) -> None:
    before = sorted(terminal.folder.rglob("*"))
    done = terminal.run("service", "install", "--dry-run", ROCKONWEB_BIND="127.0.0.1:8123")
    assert done.returncode == 0
    assert done.stdout.startswith("# Written by")
    assert f"would be written to {machine.unit}" in done.stderr
    assert "ROCKONWEB_BIND" in done.stderr
    assert sorted(terminal.folder.rglob("*")) == before


@ROOT_ONLY
def test_the_owner_of_an_instance_runs_it_and_nobody_else(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "await_service", lambda _: True)
    monkeypatch.setattr(service, "_refuse_unreachable_program", lambda _: None)
    done = terminal.run("service", "install", "--user", "daemon", ROCKONWEB_WORKERS="7")
    assert (done.returncode, done.stderr) == (0, "")
    assert "User=daemon" in machine.unit.read_text()
    assert terminal.instance.owner() == (terminal.instance / ".env").owner() == "daemon"
    (terminal.instance / "secret.key").touch()
    assert terminal.run("service", "install").returncode == 0
    assert "User=daemon" in machine.unit.read_text()
    done = terminal.run("service", "install", "--user", "root")
    assert (done.returncode, "belongs to daemon, and the service would run as root" in done.stderr) == (2, True)
    done = terminal.run("service", "install", "--user", "no-such-user")
    assert (done.returncode, 'There is no user "no-such-user".' in done.stderr) == (2, True)


@ROOT_ONLY
def test_a_user_who_can_not_run_the_program_is_refused(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = terminal.folder / "root's home"
    (home / "bin").mkdir(parents=True)
    home.chmod(0o700)
    monkeypatch.setattr(program, "find_checkout", lambda: None)
    monkeypatch.setattr(sys, "executable", str(home / "bin" / "python"))
    done = terminal.run("service", "install", "--user", "daemon")
    assert (done.returncode, "daemon can't run" in done.stderr) == (2, True)
    assert machine.calls == []


@ROOT_ONLY
def test_units_that_others_wrote_and_instances_that_run_are_left_alone(terminal: CommandLine, machine: Machine) -> None:
    machine.unit.write_text("[Service]\nExecStart=/opt/rockonweb/script/run\n")
    for command in ("install", "remove"):
        done = terminal.run("service", command)
        assert (done.returncode, "that this command has not written" in done.stderr) == (1, True)
    machine.unit.unlink()
    terminal.instance.mkdir()
    with supervisor.lock_instance(config.load_config({"ROCKONWEB_INSTANCE": str(terminal.instance)})):
        done = terminal.run("service", "install")
    assert (done.returncode, "Rockonweb is already running with the instance" in done.stderr) == (1, True)
    assert machine.calls == []


@pytest.mark.parametrize("command", ["install", "remove"])
def test_without_systemd_or_without_root_it_says_what_to_do(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = terminal.run("service", command)
    assert done.returncode == 2
    assert "Only root can change the services" in done.stderr
    assert f"sudo {program.command_path()} service {command}" in done.stderr
    monkeypatch.setattr(service, "SYSTEMD_FOLDER", terminal.folder / "nothing")
    done = terminal.run("service", command)
    assert (done.returncode, "This machine is not run by systemd." in done.stderr) == (2, True)
    assert machine.calls == []


def test_who_became_root_is_asked_what_becomes_of_their_own_instance(
    terminal: CommandLine, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Account:
        pw_dir = str(terminal.folder / "home")

    own = terminal.folder / "home" / ".local/share/rockonweb"
    own.mkdir(parents=True)
    (own / "rockonweb.db").touch()
    monkeypatch.setattr(program, "find_checkout", lambda: None)
    monkeypatch.setattr(program, "SYSTEM_INSTANCE", terminal.folder / "var")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(service.pwd, "getpwnam", lambda _: Account)
    done = terminal.run("service", "install", "--dry-run", ROCKONWEB_INSTANCE="", SUDO_USER="anna")
    assert done.returncode == 2
    assert f"You have an instance already: {own}." in done.stderr
    assert f"sudo ROCKONWEB_INSTANCE={own}" in done.stderr
    done = terminal.run("service", "install", "--dry-run", ROCKONWEB_INSTANCE=str(own), SUDO_USER="anna")
    assert done.returncode == 0


def test_it_is_awaited_while_it_is_active(terminal: CommandLine, machine: Machine, monkeypatch) -> None:
    settings = config.load_config({"ROCKONWEB_INSTANCE": str(terminal.instance), "ROCKONWEB_BIND": "127.0.0.1:1"})
    monkeypatch.setattr(service, "READY_SECONDS", 30)
    monkeypatch.setenv("PATH", terminal.environ["PATH"])
    assert not service.await_service(settings), "it has ended"
    assert subprocess.run([machine.bin / "systemctl", "restart"]).returncode == 0
    monkeypatch.setattr(service, "READY_SECONDS", 0.6)
    assert not service.await_service(settings), "it does not answer"
    monkeypatch.setattr(service.requests, "get", lambda *_, **__: None)
    assert service.await_service(settings)


def test_a_failure_of_systemctl_is_a_sentence(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.bin / "broken").touch()
    monkeypatch.setenv("PATH", f"{machine.bin}:{os.environ['PATH']}")
    with pytest.raises(RockonwebError, match=r"systemctl restart rockonweb\.service failed\."):
        service._run_systemctl("restart", "rockonweb.service")
