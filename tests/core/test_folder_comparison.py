"""What is a fault of a copy, and what an app has changed since."""

from dataclasses import replace

import pytest

from rockonweb.core.folder_comparison import FolderMeasure, SampledFile, compare_folders, display_path

TAKEN = 1000
FILE = SampledFile(5, 100, 100, "sum")


@pytest.mark.parametrize(
    ("original", "copied", "expected"),
    [
        (FILE, FILE, (1, 0, [])),
        (replace(FILE, modified=2000, checksum="other"), FILE, (0, 1, [])),
        (replace(FILE, size=6, checksum="other"), FILE, (0, 1, [])),
        (None, FILE, (0, 1, [])),
        (replace(FILE, changed=2000), None, (0, 1, [])),
        (FILE, None, (0, 0, ["a is missing in the copy."])),
        (FILE, replace(FILE, checksum="other"), (0, 0, ["a is damaged in the copy."])),
        (FILE, replace(FILE, checksum=""), (0, 0, ["a of the copy can't be read."])),
        (replace(FILE, checksum=""), FILE, (0, 1, [])),
    ],
)
def test_a_file_is_the_same_or_changed_since_or_wrong(
    original: SampledFile | None, copied: SampledFile | None, expected: tuple[int, int, list[str]]
) -> None:
    found = compare_folders(
        FolderMeasure(1, 5, {"a": original} if original else {}),
        FolderMeasure(1, 5, {"a": copied} if copied else {}),
        TAKEN,
    )
    assert (found.same, found.changed, [*map(str, found.faults)]) == expected


def test_what_can_not_be_read_in_the_copy_is_a_fault() -> None:
    found = compare_folders(FolderMeasure(0, 0), FolderMeasure(0, 0, unreadable=2), TAKEN)
    assert [*map(str, found.faults)] == ["Files and folders of the copy that can't be read: 2."]


def test_a_name_that_is_no_text_is_one_line_on_a_page() -> None:
    assert display_path("a\udcff\nb") == r"a\xff\nb"
