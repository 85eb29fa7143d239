"""What is said of files that would go with a container, and of what was chosen for them."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import BadInput
from rockonweb.core.facts import LayerFacts, SharePathFacts, UnsavedFolder
from rockonweb.core.preflight.finding import FindingLevel
from rockonweb.core.preflight.unsaved_files import check_choices, check_unsaved_files, with_saved_folders
from tests.support.samples import build_definition

NOTES = build_definition({"notes": {}}, "Notes")
FOLDER = UnsavedFolder("notes", "/app/data", 312, 1_400_000)
KEY = "notes:/app/data"


def found(
    *folders: UnsavedFolder,
    place: SharePathFacts | None = None,
    unknown: str = "",
    level: FindingLevel = "block",
    **choices: str,
) -> list[str]:
    chosen = {KEY: choices["data"]} if choices else {}
    places = {choices["data"]: place} if place else {}
    layers = {"notes": LayerFacts(folders or (() if unknown else (FOLDER,)), unknown)}
    return [f"{one.level}: {one.sentence}" for one in check_unsaved_files(NOTES, layers, chosen, places, level)]


def test_nothing_is_removed_before_somebody_has_decided():
    assert found() == ["block: Notes has 312 files (1.4 MB) in /app/data, which is in no share; they would be lost."]
    assert found(UnsavedFolder("notes", "/app", 1)) == [
        "block: Notes has a file in /app, which is in no share; it would be lost."
    ]
    assert found(UnsavedFolder("notes", "/app", 2), level="warn") == [
        "warn: Notes has 2 files in /app, which is in no share; they would be lost."
    ]


def test_what_was_chosen_holds_for_folders_inside_too():
    inside = UnsavedFolder("notes", "/app/data/deep", 1)
    assert found(FOLDER, inside, data="share/kept") == [
        "note: The files in /app/data are copied to share/kept first.",
        "note: The files in /app/data/deep are copied to share/kept first.",
    ]
    assert [one[:5] for one in found(FOLDER, inside, data="")] == ["warn:", "warn:"]
    assert found(UnsavedFolder("notes", "/app/database", 1), data="share/kept") == [
        "block: Notes has a file in /app/database, which is in no share; it would be lost."
    ]


def test_a_place_that_is_not_empty_or_too_small_and_a_folder_of_the_image_are_refused():
    assert found(data="kept", place=SharePathFacts(True, empty=False)) == [
        "block: kept can't take the files of /app/data: it is not an empty folder."
    ]
    assert found(data="kept/file", place=SharePathFacts(empty=False)) == [
        "block: kept/file can't take the files of /app/data: it is not an empty folder."
    ]
    assert found(data="kept", place=SharePathFacts(True, free=1000)) == [
        "block: The files of /app/data need 1.4 MB, but the disk of kept has only 1.0 kB free."
    ]
    assert found(UnsavedFolder("notes", "/app/data", 1, 1, mixed=True), data="kept") == [
        "block: /app/data can't be put into a share."
    ]


def test_what_docker_can_not_tell_is_said():
    assert found(unknown="It took too long.") == [
        "warn: Docker can't tell whether Notes has files that are in no share."
    ]


def test_the_share_takes_the_place_of_the_folder():
    answers = with_saved_folders(Answers(storage={"notes": {"/more": "films"}}), {KEY: "kept", "notes:/x": ""})
    assert answers.storage == {"notes": {"/more": "films", "/app/data": "kept"}}


@pytest.mark.parametrize(
    ("key", "share"),
    [("other:/app", "kept"), ("notes", "kept"), ("notes:app", "kept"), (KEY, "../etc"), (KEY, "a/../b")],
)
def test_a_choice_that_makes_no_sense_is_bad_input(key: str, share: str):
    with pytest.raises(BadInput):
        check_choices(NOTES, {key: share})
    check_choices(NOTES, {KEY: "kept/data", "other:/of-another-app": ""})
