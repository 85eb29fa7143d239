"""A stand-in for the official Python image, which the registries at hand do not have."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from .engine import DockerDaemon

_PACKAGES = "python3,python3-venv,ca-certificates"
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
        log = Path(folder) / "log"
        with log.open("wb") as output:
            made = subprocess.run(
                [
                    "debootstrap",
                    "--variant=minbase",
                    f"--include={_PACKAGES}",
                    name.rpartition("-")[2],
                    root,
                    _find_mirror(),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if made.returncode:
            raise RuntimeError(f"debootstrap failed:\n{log.read_text(errors='replace')[-2000:]}")
        for file in filter(Path.exists, map(Path, _PIP_FILES)):
            shutil.copy(file, root / file.relative_to("/"))
        tar = subprocess.run(
            ["tar", "-C", root, "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "-c", "."],
            stdout=subprocess.PIPE,
            check=True,
        )
        engine.run_docker("import", "-", name, stdin=tar.stdout)


def _find_mirror() -> str:
    """Return the mirror of Debian that this machine's apt uses."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    return next(line.split()[0] for line in listed.stdout.splitlines() if line.endswith(" main"))
