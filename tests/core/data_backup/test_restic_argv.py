"""The command lines of restic, which have no secret."""

import fnmatch

import pytest

from rockonweb.core.data_backup import restic_argv
from rockonweb.core.data_backup.repository import Retention


def test_a_backup_names_its_paths_after_all_options() -> None:
    assert " ".join(restic_argv.backup_argv(["../notes", "-x"], ["rockonweb", "app=A b"], "host", 500)) == (
        "backup --json --host host --tag rockonweb --tag app=A b --exclude .rockonweb-* --limit-upload 500 "
        "-- ../notes -x"
    )


@pytest.mark.parametrize("name", ["plain", "a*b", "[a]", "back\\slash", "what?", "two\nlines"])
def test_a_path_is_a_pattern_that_matches_it_alone(name: str) -> None:
    pattern = restic_argv.escape_pattern(name)
    shell = "".join(f"[{c}]" if c in "*?[" else c for c in name)  # as Python's own rules have it
    assert fnmatch.fnmatchcase(name, shell)
    assert pattern.count("\\") == sum(name.count(c) for c in "*?[]") + 2 * name.count("\\")


def test_what_is_kept_is_said_for_one_app() -> None:
    assert " ".join(restic_argv.forget_argv(["rockonweb", "app=A"], Retention(0, 7, 0, 12))) == (
        "forget --json --tag rockonweb,app=A --group-by  --keep-daily 7 --keep-monthly 12"
    )
    assert not Retention(0, 0, 0, 0).keeps_any
