"""Measures folders for a comparison: each file is counted, and a sample is read, as far as that is bounded."""

from __future__ import annotations

import hashlib
import heapq
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rockonweb.core.folder_comparison import FolderMeasure, SampledFile

SAMPLE_FILES = 200
UNREAD = SampledFile(0, 0, 0, "")
PART_BYTES = 2**20  # that are read at the beginning, and at the end, of a file of the sample


def measure_folders(
    original: Path, copy: Path, on_file: Callable[[], None] = lambda: None
) -> tuple[FolderMeasure, FolderMeasure]:
    """Return the measures of a folder and of its copy; `on_file` is called again and again, and may raise.

    Both have the same sample: those of the names in either whose hash is lowest. No link is followed, and what is no
    file is not opened. Raises OSError where a folder itself can't be read.
    """
    measures = [_count_files(original, on_file), _count_files(copy, on_file)]
    paths = sorted({path for measure in measures for path in measure.sample})
    return _with_sample(original, measures[0], paths, on_file), _with_sample(copy, measures[1], paths, on_file)


def _count_files(root: Path, on_file: Callable[[], None]) -> FolderMeasure:
    """Return the measure of a folder, with the paths of its sample alone."""
    files = size = 0
    unreadable: list[OSError] = []
    lowest: list[tuple[int, str]] = []  # a heap of negated hashes: the highest one first
    for folder, _, names, descriptor in os.fwalk(root, onerror=unreadable.append):
        for name in names:
            on_file()
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except OSError:
                continue  # removed meanwhile
            if not stat.S_ISREG(status.st_mode):
                continue
            files, size = files + 1, size + status.st_size
            path = os.path.join(os.path.relpath(folder, root), name).removeprefix("./")
            item = (-_hash_path(path), path)
            (heapq.heappush if len(lowest) < SAMPLE_FILES else heapq.heappushpop)(lowest, item)
    return FolderMeasure(files, size, dict.fromkeys((path for _, path in lowest), UNREAD), len(unreadable))


def _with_sample(
    root: Path, measure: FolderMeasure, paths: Iterable[str], on_file: Callable[[], None]
) -> FolderMeasure:
    sample = {}
    for path in paths:
        on_file()
        if (sampled := _read_sample(root, path)) is not None:
            sample[path] = sampled
    return replace(measure, sample=sample)


def _hash_path(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=8).digest())


def _read_sample(root: Path, path: str) -> SampledFile | None:
    """Return a file of the sample; None where there is none."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *folders, name = path.split("/")
        for folder in folders:
            child = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = child
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return None
        checksum = ""
        with suppress(OSError):
            checksum = _checksum(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor))
        return SampledFile(status.st_size, status.st_mtime_ns, status.st_ctime_ns, checksum)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _checksum(descriptor: int) -> str:
    """Return a checksum of the beginning and the end of a file, which is closed. Raises OSError."""
    with open(descriptor, "rb", buffering=0) as file:
        digest = hashlib.sha256(file.read(PART_BYTES))
        end = max(PART_BYTES, file.seek(0, os.SEEK_END) - PART_BYTES)
        file.seek(end)
        digest.update(file.read(PART_BYTES))
    return digest.hexdigest()
