"""A Btrfs of a test's own on a loop device."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

A_BTRFS = 256 * 2**20  # bytes: Btrfs wants a little more than 100 MiB


def run(*command: str | Path) -> str:
    """Run a command that must work and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """An empty Btrfs at `folder`, until the end; its disk is the file `image`."""
    with image.open("wb") as file:
        file.truncate(A_BTRFS)
    run("mkfs.btrfs", "-q", image)
    device = run("losetup", "--find", "--show", image)
    try:
        run("mount", device, folder)
        try:
            yield folder
        finally:
            run("umount", folder)
    finally:
        run("losetup", "--detach", device)
