"""A stand-in for the official Python image, which the registries at hand do not have."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from .debian import run_debootstrap
from .engine import DockerDaemon

_PACKAGES = ("python3", "python3-venv", "ca-certificates")
# How this machine reaches the package index, where it has ways of its own.
_PIP_FILES = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


def make_base_image(engine: DockerDaemon, name: str) -> None:
    """Give the engine an image `python:VERSION-slim-SUITE`: that suite of Debian with its own python3, unless it has
    one of this name. It takes about 40 seconds, as Debian's packages are unpacked.
    """
    if engine.run_docker("images", "--quiet", name):
        return
    if shutil.which("debootstrap") is None:
        raise RuntimeError("The tests of the container need debootstrap")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # devices can't be made everywhere in memory
        root = Path(folder) / "root"
        run_debootstrap(root, name.rpartition("-")[2], *_PACKAGES)
        for file in filter(Path.exists, map(Path, _PIP_FILES)):
            shutil.copy(file, root / file.relative_to("/"))
        tar = subprocess.run(
            ["tar", "-C", root, "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "-c", "."],
            stdout=subprocess.PIPE,
            check=True,
        )
        engine.run_docker("import", "-", name, stdin=tar.stdout)
