"""Compares a folder with a copy of it that was made earlier, by what was measured of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rockonweb.core.invisible import one_line
from rockonweb.core.text import TranslatableText, format_size, join_texts, t

MAX_FAULTS = 20  # that are told


@dataclass(frozen=True)
class SampledFile:
    """A file that was looked at closely: its size, when its content and when its name or owner last changed (both in
    nanoseconds), and a checksum of its content, blank where that can't be read.
    """

    size: int
    modified: int
    changed: int
    checksum: str


@dataclass(frozen=True)
class FolderMeasure:
    """What was measured of a folder: how many files with how many bytes, a sample of them by path, and how many files
    and folders can't be read. In a path, bytes that are no UTF-8 are surrogates.
    """

    files: int
    size: int
    sample: Mapping[str, SampledFile] = field(default_factory=dict)
    unreadable: int = 0


@dataclass(frozen=True)
class FolderComparison:
    """How many sampled files are the same, how many the app has changed since the copy, and what is wrong."""

    same: int
    changed: int
    faults: tuple[TranslatableText, ...]


def compare_folders(original: FolderMeasure, copy: FolderMeasure, taken: int) -> FolderComparison:
    """Return what differs between a folder in use and a copy that was taken at a time (Unix nanoseconds).

    Both samples have the same paths, as far as they exist. A file that was changed, removed or added since then is no
    fault; one of the same size and time with another content is, and so is one that was there before and is missing.
    """
    same = changed = 0
    faults: list[TranslatableText] = []
    for path in sorted(original.sample.keys() | copy.sample.keys()):
        before, copied = original.sample.get(path), copy.sample.get(path)
        if copied and not copied.checksum:
            faults.append(t("%(path)s of the copy can't be read.", path=display_path(path)))
        elif before is None or (copied is None and before.changed >= taken):
            changed += 1
        elif copied is None:
            faults.append(t("%(path)s is missing in the copy.", path=display_path(path)))
        elif (before.size, before.modified) != (copied.size, copied.modified) or not before.checksum:
            changed += 1
        elif before.checksum != copied.checksum:
            faults.append(t("%(path)s is damaged in the copy.", path=display_path(path)))
        else:
            same += 1
    if copy.unreadable:
        faults.append(t("Files and folders of the copy that can't be read: %(number)s.", number=copy.unreadable))
    return FolderComparison(same, changed, tuple(faults))


def describe_comparison(original: FolderMeasure, copy: FolderMeasure, comparison: FolderComparison) -> str:
    """Return the figures of a comparison, and its faults, for a user."""
    return join_texts(
        "\n",
        (
            t(
                "In the copy: %(files)s files, %(size)s; in the share now: %(now_files)s files, %(now_size)s.",
                files=copy.files,
                size=format_size(copy.size),
                now_files=original.files,
                now_size=format_size(original.size),
            ),
            t(
                "Of a sample, the same: %(same)s files; changed since: %(changed)s; wrong: %(wrong)s.",
                same=comparison.same,
                changed=comparison.changed,
                wrong=len(comparison.faults),
            ),
            *(
                [t("In the share, %(number)s files and folders can't be read.", number=original.unreadable)]
                if original.unreadable
                else []
            ),
            *comparison.faults[:MAX_FAULTS],
        ),
    )


def display_path(path: str) -> str:
    r"""Return a path for display in one line; bytes that are no UTF-8 are written as `\xff`."""
    return one_line(path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
