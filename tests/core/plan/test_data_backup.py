"""The plans of backups and restores of data, as text."""

from collections.abc import Iterable

from rockonweb.core.facts import ContainerFacts
from rockonweb.core.operations.steps import Step
from rockonweb.core.plan.data_backup import RepositoryName, data_paths, find_uncovered, plan_backup, plan_restore

DISK = RepositoryName(1, "disk")


def text(steps: Iterable[Step]) -> list[str]:
    return [str(step) for step in steps]


def test_where_each_share_has_a_snapshot_the_app_runs_again_before_the_data_is_saved() -> None:
    planned = plan_backup(DISK, ["notes", "media/books"], ["db", "web"], ["notes", "media"], live=False, prunes=True)
    assert text(planned.steps) == [
        "stop web", "stop db", "take snapshots of the shares notes, media", "start db", "start web",
        "back up the data to disk", "remove old snapshots from disk",
    ]  # fmt: skip


def test_where_one_has_none_the_app_is_stopped_until_all_is_saved() -> None:
    planned = plan_backup(DISK, ["notes", "media"], ["web"], ["notes"], live=False, prunes=False)
    assert text(planned.steps) == [
        "stop web", "take snapshots of the shares notes", "back up the data to disk", "start web",
    ]  # fmt: skip


def test_live_nothing_is_stopped_and_a_stopped_app_is_not_started() -> None:
    assert text(plan_backup(DISK, ["notes"], ["web"], [], live=True, prunes=False).steps) == [
        "back up the data to disk"
    ]
    assert text(plan_backup(DISK, ["notes"], [], [], live=False, prunes=False).steps) == ["back up the data to disk"]


def test_data_is_there_before_the_app_is_stopped_for_it() -> None:
    planned = plan_restore(DISK, "ab", {"notes": "notes", "media/a": "older"}, ["db", "web"], [])
    assert text(planned.steps) == [
        "restore notes from disk beside what is there", "restore media/a from disk beside what is there",
        "stop web", "stop db", "put the restored data of notes to notes", "put the restored data of media/a to older",
        "start db", "start web", "remove the folder of the restore",
    ]  # fmt: skip


def test_beside_nothing_is_stopped() -> None:
    planned = plan_restore(DISK, "ab", {"notes": "older"}, ["web"], [])
    assert text(planned.steps) == [
        "restore notes from disk beside what is there", "put the restored data of notes to older",
        "remove the folder of the restore",
    ]  # fmt: skip


def test_data_that_is_restored_inside_a_share_is_written_while_the_app_is_stopped() -> None:
    planned = plan_restore(DISK, "ab", {"notes": "notes"}, ["web"], ["notes"])
    assert text(planned.steps)[:2] == ["stop web", "restore notes from disk beside what is there"]


def test_a_folder_of_a_share_that_is_saved_whole_is_not_saved_twice() -> None:
    assert data_paths(["notes", "notes/inner", "notes-b", "media/db", "notes"]) == ("media/db", "notes", "notes-b")


def test_what_no_backup_has_is_told() -> None:
    web = ContainerFacts("web", bind_mounts=("/mnt2/notes", "/etc/localtime"))
    found = find_uncovered([web], {"web": ["/cache"]}, "/mnt2", {"notes": ("Wiki",), "media": ()})
    assert [str(sentence) for sentence in found] == [
        "/cache of web is in a volume of Docker, not in a share.",
        "/etc/localtime, which web uses, is outside the shares.",
        "Wiki goes on writing to the share notes during a backup.",
    ]
