"""What is said of a repository, and the tags of its snapshots."""

import pytest

from rockonweb.core.data_backup import repository
from rockonweb.core.data_backup.repository import RepositoryAccess
from rockonweb.core.errors import BadInput


@pytest.mark.parametrize(
    "url", ["/mnt/usb/backup", "sftp:me@nas:/backup", "rest:https://me:secret@nas:8000/", "s3:https://s3.example.org/b"]
)
def test_an_address_is_a_folder_or_begins_with_a_word_of_restics(url: str) -> None:
    assert repository.parse_url(f" {url} ") == url


@pytest.mark.parametrize("url", ["", "backup", "./backup", "--repo", "sftp me@nas", "/mnt/usb\nx"])
def test_anything_else_is_no_address(url: str) -> None:
    with pytest.raises(BadInput):
        repository.parse_url(url)


def test_an_address_is_shown_without_its_password() -> None:
    assert repository.shown_url("rest:https://me:secret@nas:8000/x") == "rest:https://nas:8000/x"
    assert repository.shown_url("sftp:me@nas:/backup") == "sftp:me@nas:/backup"
    assert "secret" not in repr(RepositoryAccess("/x", "secret words", {"AWS_SECRET_ACCESS_KEY": "secret"}))


def test_the_keys_of_a_server_are_lines() -> None:
    text = "AWS_ACCESS_KEY_ID=abc\n\n AWS_SECRET_ACCESS_KEY=a=b \n"
    assert repository.parse_environment(text) == {"AWS_ACCESS_KEY_ID": "abc", "AWS_SECRET_ACCESS_KEY": "a=b"}


@pytest.mark.parametrize("line", ["AWS", "=x", "A B=c", "1A=b", "RESTIC_PASSWORD=x", "LD_PRELOAD=x", "PATH=/tmp"])
def test_what_is_no_variable_or_ours_is_refused(line: str) -> None:
    with pytest.raises(BadInput):
        repository.parse_environment(line)


@pytest.mark.parametrize("name", ["Notes", "Home Assistant (new)", "A, B & 100 %", "Übung"])
def test_the_app_of_a_snapshot_is_known_by_its_tags(name: str) -> None:
    tags = repository.snapshot_tags(name, "abc")
    assert not [tag for tag in tags if "," in tag]
    assert repository.app_of_tags([*reversed(tags)]) == name
    assert repository.app_of_tags(["app=Notes"]) == ""


def test_the_address_in_a_command_is_one_word_of_a_shell() -> None:
    first, second = repository.restore_commands("/mnt/My disk")
    assert first == "restic --repo '/mnt/My disk' snapshots"
    assert second == "restic --repo '/mnt/My disk' restore SNAPSHOT --target /tmp/restored"
    assert repository.restore_commands("/it's")[0] == """restic --repo '/it'"'"'s' snapshots"""
