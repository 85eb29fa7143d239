"""A machine with nothing on it: a fresh Debian in a folder, in which commands run as they would there.

It has the network and the kernel of this machine, and processes, mounts and files of its own. Nothing of it is left
when its command has ended, and none of it outlives the tests.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from .debian import run_debootstrap
from .process import ROOT, start_process, stop_process, wait_until

CHECKOUT = "/srv/rockonweb"  # the copy of the sources in each root
# $1: the fresh root, $2: a folder for what is written, $3: the socket of an engine, then the folders to show in /shown.
_ENTER = """\
set -eu
base=$1 changes=$2 socket=$3
shift 3
mount -t tmpfs tmpfs "$changes"
mkdir "$changes/written" "$changes/work" "$changes/root"
mount -t overlay -o "lowerdir=$base,upperdir=$changes/written,workdir=$changes/work" overlay "$changes/root"
cd "$changes/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
: >run/docker.sock
mount --bind "$socket" run/docker.sock
for folder in "$@"; do
    mkdir -p "./shown$folder"
    mount --bind "$folder" "./shown$folder"
    mount -o remount,bind,ro "./shown$folder"
done
exec chroot . /bin/sh -c "$COMMAND"
"""


def make_clean_root(folder: Path, release: str) -> Path:
    """Make a minimal Debian in a folder, from the mirror of this machine's own apt; skips the test without one.

    It has the sources of this checkout, and how this machine reaches the indexes of packages; nothing else.
    """
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip("a clean root needs root and debootstrap: apt-get install debootstrap")
    root = folder / "root"
    run_debootstrap(root, release)
    shutil.copy("/etc/resolv.conf", root / "etc")
    shutil.copytree("/etc/apt/apt.conf.d", root / "etc/apt/apt.conf.d", dirs_exist_ok=True)
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    for name in filter(None, files.stdout.split("\0")):
        target = root / CHECKOUT.lstrip("/") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target)
    return root


class CleanMachine:
    """A machine that was just installed, in which one command runs."""

    def __init__(self, root: Path, docker_host: str) -> None:
        """Prepare it; `docker_host` is the engine that it has."""
        self._root, self._socket = root, docker_host.removeprefix("unix://")
        self._changes = Path(tempfile.mkdtemp(prefix="rwt-clean-"))
        self.log = self._changes.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """What its command has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self, command: str, **environ: str) -> None:
        """Start a line for the shell, as root in the copy of the sources, with these variables."""
        settings, folders = _pip_settings()
        self._process = start_process(
            [
                *("unshare", "--mount", "--pid", "--cgroup", "--fork", "--kill-child", "sh", "-c", _ENTER, "enter"),
                *(str(self._root), str(self._changes), self._socket, *folders),
            ],
            self.log,
            {
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "LC_ALL": "C.UTF-8",
                "COMMAND": f"cd {CHECKOUT} && {command}",
                **settings,
                **environ,
            },
        )

    def await_line(self, pattern: str, seconds: float) -> str:
        """Wait until it prints what a pattern matches; return the first group."""
        assert self._process is not None
        wait_until(
            lambda: re.search(pattern, self.output) is not None, self._process, self.log, "the command", timeout=seconds
        )
        match = re.search(pattern, self.output)
        assert match is not None
        return match[1]

    def stop(self) -> int:
        """End its command by SIGTERM, and return its exit status."""
        assert self._process is not None
        for process in psutil.Process(self._process.pid).children():  # setpriv has become unshare
            process.terminate()
        return self._process.wait(60)

    def close(self) -> None:
        """End it, whatever runs, and remove it."""
        if self._process is not None:
            stop_process(self._process, 10)
        shutil.rmtree(self._changes, ignore_errors=True)
        self.log.unlink(missing_ok=True)


def _pip_settings() -> tuple[dict[str, str], list[str]]:
    """Return how this machine's pip finds packages, as variables, and the folders that these need."""
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True).stdout
    settings = dict(re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    folders: dict[str, None] = {}

    def show(match: re.Match[str]) -> str:
        if not Path(match[2]).exists():
            return match[0]
        folders[str(Path(match[2]).parent)] = None  # an index refers to the files beside it
        return f"{match[1]}/shown{match[2]}"

    variables = {
        f"PIP_{key.replace('-', '_').upper()}": re.sub(r"(?:(?<=\s)|^)(file://|)(/\S+)", show, value)
        for key, value in settings.items()
    }
    return variables, sorted(folders)
