"""The first start on a machine that lacks something: it ends with what to do, and soon."""

import os
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.docker.error_messages import unreachable_hint
from rockonweb.core.errors import BadInput, EngineUnreachable
from rockonweb.host import connection, docker_errors
from rockonweb.work import queue_server, supervisor
from tests.support.command_line import CommandLine

ROOT = Path(__file__).parents[1]
NEEDED = (
    *(
        "sh",
        "cat",
        "cksum",
        "cp",
        "cut",
        "dirname",
        "env",
        "grep",
        "head",
        "id",
        "mkdir",
        "mktemp",
        "rm",
        "sed",
        "stat",
    ),
    *("tail", "touch", "uname"),
)
SECONDS = 10  # in which each of these must end

# What stands for a Python: its version, whether it has venv, and whether pip finds what it looks for.
PYTHON = """#!/bin/sh
case "$*" in
    *"sys.exit(sys.version_info"*) exit {too_old} ;;
    --version) echo "Python {version}" ;;
    *"import ensurepip"*) exit {no_venv} ;;
    *python%d*) echo "python{version}-venv" ;;
    "-m venv "*)
        [ {no_room} = 0 ] || {{ echo "Error: [Errno 28] No space left on device" >&2; exit 1; }}
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/rockonweb" ;;
    *"pip --version"*) exit 0 ;;
    *" install "*) [ {no_index} = 0 ] || {{ echo "ERROR: No matching distribution found for alembic" >&2; exit 1; }} ;;
esac
"""


class Machine:
    """A machine with a copy of Rockonweb, and nothing on the path but what is given to it."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "rockonweb"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.checkout / "script").mkdir(parents=True)
        for name in ("_debian", "_venv", "run"):
            shutil.copy(ROOT / "script" / name, self.checkout / "script")
        (self.checkout / "script" / "docker-engine").symlink_to("/bin/true")  # this machine's is none of ours
        for name in ("pyproject.toml", "requirements.txt"):
            shutil.copy(ROOT / name, self.checkout)
        for name in NEEDED:
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def put(self, name: str, script: str) -> None:
        """Put a program on the path."""
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def put_python(self, version: str = "3.12", *, name: str = "python3", **faults: bool) -> None:
        """Put a Python on the path, with these faults: `too_old`, `no_venv`, `no_index`, `no_room`."""
        values = {fault: int(faults.get(fault, False)) for fault in ("too_old", "no_venv", "no_index", "no_room")}
        self.put(name, PYTHON.format(version=version, **values))

    def run(self, *, user: str = "", allowed: bool = False) -> subprocess.CompletedProcess[str]:
        """Run script/run; `allowed`: it may install packages; `user`: as whom. Fails where it takes too long."""
        environ = {"PATH": str(self.bin), "HOME": str(self.checkout.parent)}
        if not allowed:
            environ["ROCKONWEB_SYSTEM_PACKAGES"] = "no"
        begun = time.monotonic()
        done = subprocess.run(
            # _debian appends the folders of root's programs, which would have this machine's own apt-get.
            ["/bin/sh", str(self.checkout / "script" / "run")],
            env=environ,
            capture_output=True,
            text=True,
            **({"user": user, "group": user, "extra_groups": ()} if user else {}),
            timeout=60,
        )
        assert time.monotonic() - begun < SECONDS
        assert "not found" not in done.stderr, done.stderr
        return done


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_no_python(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 1
    assert "Rockonweb needs Python 3.11 or newer, and found no Python." in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_an_old_python_is_named_with_its_version(machine: Machine) -> None:
    machine.put_python("3.9.2", too_old=True)
    done = machine.run(allowed=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer, and found Python 3.9.2." in done.stderr
    machine.put_python("3.14.0", name="python3.14")
    assert "making .venv with Python 3.14.0" in machine.run().stderr, "one beside it is found"


def test_no_venv_module_names_the_package_of_this_python(machine: Machine) -> None:
    machine.put_python("3.12", no_venv=True)
    done = machine.run()
    assert done.returncode == 1
    assert (
        "cannot make virtual environments. On Debian or Ubuntu, as root: apt-get install python3.12-venv" in done.stderr
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_python_and_its_parts_are_installed_where_that_is_allowed(machine: Machine) -> None:
    machine.put("apt-get", f'#!/bin/sh\necho "$*" >>{machine.bin}/calls\n')
    done = machine.run(allowed=True)
    assert "installing python3" in done.stderr
    assert "found no Python" in done.stderr, "it was not installed after all"
    machine.put_python(no_venv=True)
    assert machine.run(allowed=True).returncode == 0
    installed = [line for line in (machine.bin / "calls").read_text().splitlines() if "install" in line]
    assert [line.split("--no-install-recommends ")[1] for line in installed] == [
        "python3 python3-venv",
        "python3.12-venv",
    ]
    shutil.rmtree(machine.checkout / ".venv")
    machine.put("apt-get", '#!/bin/sh\necho "E: Unable to fetch some archives" >&2; exit 100\n')
    done = machine.run(allowed=True)
    assert "Unable to fetch some archives" in done.stderr
    assert (
        "python3.12-venv could not be installed: see apt-get's message above. Is its server reachable?" in done.stderr
    )


def test_a_package_index_that_is_away(machine: Machine) -> None:
    machine.put_python(no_index=True)
    done = machine.run()
    assert done.returncode == 1
    assert "No matching distribution found" in done.stderr
    assert "Is the package index reachable?" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr


def test_pip_gives_an_index_up_soon(machine: Machine) -> None:
    """An index that refuses connections: pip's own waits between its attempts are the time it takes."""
    script = ". script/_debian; . script/_venv; root=$PWD; python=$PYTHON; run_pip --no-deps flask"
    (machine.checkout / "target").mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHON": str(shutil.which("python3")),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_NO_INDEX": "0",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_TARGET": str(machine.checkout / "target"),
    }
    begun = time.monotonic()
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=machine.checkout, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert time.monotonic() - begun < SECONDS
    assert "No matching distribution found for flask" in done.stderr


def test_no_room_for_the_environment(machine: Machine) -> None:
    machine.put_python(no_room=True)
    done = machine.run()
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "could not be made: see the message above." in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_copy_of_another_user_names_its_owner(machine: Machine) -> None:
    for folder in (machine.checkout, *machine.checkout.parents):
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    machine.put_python()
    for path in (machine.checkout, *machine.checkout.rglob("*"), *machine.bin.iterdir()):
        if not path.is_symlink():
            path.chmod(0o755)
    done = machine.run(user="daemon")
    assert done.returncode == 1
    assert f"daemon can't write to {machine.checkout}, where the packages belong." in done.stderr
    assert "Run this as its owner, root," in done.stderr
    assert "Traceback" not in done.stderr


# -- the program itself ------------------------------------------------------------------------------------------------


def test_a_port_in_use_ends_it_with_another_choice(command_line: CommandLine) -> None:
    settings = config.load_config(command_line.environ)
    with supervisor._open_listener(settings):
        begun = time.monotonic()
        done = command_line.run("up")
        assert time.monotonic() - begun < SECONDS
    assert (done.returncode, done.stdout) == (2, "")
    assert "can't be used: Address already in use. Choose another one by ROCKONWEB_BIND" in done.stderr


def test_a_processor_without_an_embedded_queue_server(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_server, "_server_programs", lambda: iter(()))
    monkeypatch.setattr(queue_server.platform, "machine", lambda: "riscv64")
    done = command_line.run("up")
    assert (done.returncode, done.stdout) == (3, "")
    assert "There is no queue server for this machine (riscv64" in done.stderr
    assert "apt-get install redis-server" in done.stderr
    assert "REDIS_URL" in done.stderr


@pytest.mark.parametrize(
    ("message", "installed", "said"),
    [
        ("PermissionError(13, 'Permission denied')", True, "usermod -aG docker anna"),
        ("dial unix /var/run/docker.sock: connect: permission denied", False, "usermod -aG docker anna"),
        ("FileNotFoundError(2, 'No such file or directory')", False, "apt-get install docker.io"),
        ("FileNotFoundError(2, 'No such file or directory')", True, "systemctl start docker"),
        ("ConnectionRefusedError(111, 'Connection refused')", True, "systemctl start docker"),
    ],
)
def test_what_to_do_about_docker_depends_on_what_is_wrong(message: str, installed: bool, said: str) -> None:
    assert said in unreachable_hint(message, user="anna", is_installed=installed)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_socket_without_permission_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    """A socket that only root may use, asked by somebody else, in a process of its own."""

    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        listener.listen()
        (tmp_path / "docker.sock").chmod(0o600)
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.setgid(1)
                os.setuid(1)
                os.environ["DOCKER_HOST"] = f"unix://{tmp_path}/docker.sock"
                try:
                    with docker_errors.translate_errors():
                        connection.create_docker_client(2)
                except EngineUnreachable as error:
                    status = 0 if "usermod -aG docker daemon" in error.hint else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_bad_setting_ends_it_at_once(command_line: CommandLine) -> None:
    with pytest.raises(BadInput, match="ADDRESS:PORT"):
        config.load_config({"ROCKONWEB_BIND": "8000"})
    assert command_line.run("up", ROCKONWEB_BIND="8000").returncode == 2
