"""A Btrfs of a test's own on a loop device."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_SYSTEM_BYTES = 256 * 2**20  # bytes: Btrfs wants a little more than 100 MiB


def run_command(*command: str | Path) -> str:
    """Run a command that must work and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def mounted_btrfs(image: Path, folder: Path) -> Iterator[Path]:
    """An empty Btrfs at `folder`, until the end; its disk is the file `image`."""
    with image.open("wb") as file:
        file.truncate(FILE_SYSTEM_BYTES)
    run_command("mkfs.btrfs", "-q", image)
    device = run_command("losetup", "--find", "--show", image)
    try:
        run_command("mount", device, folder)
        try:
            yield folder
        finally:
            run_command("umount", folder)
    finally:
        run_command("losetup", "--detach", device)
