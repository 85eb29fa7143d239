"""A fresh Debian in a folder, by debootstrap, from the mirror that this machine's own apt uses."""

import subprocess
from pathlib import Path

import pytest

RELEASES = ("bookworm", "trixie")  # Debian 12 and 13


def run_debootstrap(root: Path, release: str, *packages: str) -> None:
    """Make a minimal Debian of a release in a folder, with these packages; skips the test where apt has no mirror."""
    included = [f"--include={','.join(packages)}"] if packages else []
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", *included, release, str(root), _find_mirror()],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr}")


def _find_mirror() -> str:
    """Return the mirror of Debian: it has all releases, whichever this machine's apt uses."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
    )
    for line in listed.stdout.splitlines():
        address, release, component = line.split()
        if component == "main" and release in RELEASES:
            return address
    pytest.skip("the sources of this machine's apt have no release of Debian")
