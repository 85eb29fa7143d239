"""`rockonweb backup`, `restore` and `export` where nothing runs: files, passphrases, sentences, exit statuses."""

import json
import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.formats import backup as core
from rockonweb.models import repository, transaction
from rockonweb.work import backup_encryption
from tests.support.app import add_rockon, make_app, mark_installed
from tests.support.command_line import PROGRAM, CommandLine
from tests.support.samples import label_questions

PASSPHRASE = "a long enough passphrase"
SECRET = "s3cret-value"
LOUD = "BACKUPS OF SETTINGS DO NOT INCLUDE THE DATA IN YOUR SHARES."


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """A terminal beside an instance with an app that has a secret."""
    app = make_app(tmp_path, ROCKONWEB_REMOTE_METASTORE="")
    with app.app_context():
        rockon = mark_installed(add_rockon("Notes", {"notes": {"environment": label_questions(ADMIN_PASSWORD="")}}))
        with transaction():
            repository.store_answers(rockon, Answers(environment={"notes": {"ADMIN_PASSWORD": SECRET}}))
    return CommandLine(tmp_path)


def test_a_backup_is_its_owners_alone_and_says_what_is_not_in_it(command_line: CommandLine) -> None:
    done = command_line.run("backup", "mine.json")
    assert (done.returncode, done.stdout) == (0, "mine.json\n")
    assert LOUD in done.stderr
    assert "secrets are not included" in done.stderr
    assert "Docker does not answer" in done.stderr
    path = command_line.folder / "mine.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert SECRET not in path.read_text()
    assert core.read_backup(path.read_bytes()).rockons[0].name == "Notes"
    assert command_line.run("backup", "mine.json").returncode == 0  # a newer one takes its place
    assert [one.name for one in command_line.folder.iterdir() if "mine.json" in one.name] == ["mine.json"]


def test_without_a_name_the_file_gets_one_with_the_date(command_line: CommandLine) -> None:
    done = command_line.run("backup")
    assert done.stdout.startswith("rockonweb-backup-2")
    assert (command_line.folder / done.stdout.strip()).exists()


def test_a_backup_to_standard_output(command_line: CommandLine) -> None:
    done = command_line.run("backup", "-")
    assert json.loads(done.stdout)["rockonweb_backup"] == 1
    assert LOUD in done.stderr


@pytest.mark.parametrize("way", ["standard input", "environment"])
def test_secrets_with_a_passphrase(command_line: CommandLine, way: str) -> None:
    if way == "environment":
        command_line.environ["ROCKONWEB_PASSPHRASE"] = PASSPHRASE
    done = command_line.run("backup", "--secrets", "mine.json", stdin="" if way == "environment" else f"{PASSPHRASE}\n")
    assert done.returncode == 0, done.stderr
    text = (command_line.folder / "mine.json").read_text()
    assert SECRET not in text
    found = backup_encryption.unseal_secrets(core.read_backup(text), PASSPHRASE)
    assert found.rockons[0].given["environment"] == {"notes": {"ADMIN_PASSWORD": SECRET}}


def test_a_passphrase_is_asked_for_twice_at_a_terminal(command_line: CommandLine) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "backup", "--secrets", "mine.json"],
        cwd=command_line.folder,
        env=command_line.environ,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(slave)
    assert process.stderr is not None
    told = ""
    for prompt, typed in (("Passphrase: ", PASSPHRASE), ("Confirm passphrase: ", "another one, wrong")):
        while not told.endswith(prompt):  # what is typed before it asks is thrown away
            told += process.stderr.read(1)
        os.write(master, f"{typed}\n".encode())
    told += process.communicate(timeout=60)[1]
    os.close(master)
    assert PASSPHRASE not in told
    assert process.returncode == 2
    assert "The passphrases don't match." in told
    assert not (command_line.folder / "mine.json").exists()


def test_a_short_passphrase_is_refused(command_line: CommandLine) -> None:
    done = command_line.run("backup", "--secrets", "mine.json", stdin="short\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "at least 10 characters" in done.stderr
    assert not (command_line.folder / "mine.json").exists()


def test_a_folder_that_is_not_there(command_line: CommandLine) -> None:
    done = command_line.run("backup", "nowhere/mine.json")
    assert done.returncode == 1
    assert "nowhere/mine.json could not be written" in done.stderr


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (None, 2, "can't be read"),
        ("", 2, "This is not a Rockonweb backup"),
        ('{"rockonweb_backup": 1, "shares": [{}]}', 2, "shares.0.name: is required"),
        ('{"rockonweb_backup": 9, "program": "9.9"}', 2, "a newer version of Rockonweb, 9.9"),
        ('{"rockonweb_backup": 1}', 3, "Docker"),
    ],
)
def test_what_can_not_be_restored(command_line: CommandLine, content: str | None, status: int, sentence: str) -> None:
    if content is not None:
        (command_line.folder / "it.json").write_text(content)
    done = command_line.run("restore", "it.json")
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_passphrase(command_line: CommandLine) -> None:
    command_line.run("backup", "--secrets", "mine.json", stdin=f"{PASSPHRASE}\n")
    done = command_line.run("restore", "mine.json", stdin="not the right one\n")
    assert done.returncode == 2
    assert "The passphrase does not match this backup" in done.stderr
    assert "not the right one" not in done.stderr


def test_a_rockon_is_exported(command_line: CommandLine) -> None:
    (command_line.folder / "out").mkdir()
    done = command_line.run("export", "Notes", "--directory", "out")
    assert (done.returncode, done.stdout) == (0, "out/compose.yaml\nout/.env\n")
    environment = command_line.folder / "out" / ".env"
    assert environment.stat().st_mode & 0o777 == 0o600
    assert "\nADMIN_PASSWORD=\n" in environment.read_text()
    assert "container_name: notes" in (command_line.folder / "out" / "compose.yaml").read_text()
    again = command_line.run("export", "Notes", "--directory", "out")
    assert again.returncode == 2
    assert "The file out/compose.yaml already exists." in again.stderr
    before = {*command_line.folder.iterdir()}
    revealed = command_line.run("export", "Notes", "--reveal-secrets")
    assert (revealed.returncode, revealed.stdout) == (0, "Notes/compose.yaml\nNotes/.env\n")
    assert {*command_line.folder.iterdir()} - before == {command_line.folder / "Notes"}
    assert f"ADMIN_PASSWORD='{SECRET}'" in (command_line.folder / "Notes" / ".env").read_text()
    (command_line.folder / "Notes" / "compose.yaml").unlink()
    (command_line.folder / "Notes" / ".env").unlink()
    (command_line.folder / "Notes" / ".env").symlink_to("elsewhere")
    assert command_line.run("export", "Notes").returncode == 2
    assert not (command_line.folder / "Notes" / "compose.yaml").exists()
    command_line.run("answers", "Notes")
    command_line.run("plan", "Notes", "--reveal-secrets")
    command_line.run("plan", "Notes")
    command_line.run("backup", "--secrets", "kept.json", stdin="a long passphrase\n")
    with closing(sqlite3.connect(command_line.database)) as file:
        written = file.execute("SELECT action, about, address FROM audit WHERE action NOT LIKE 'user.%' ORDER BY id")
        assert [line for line in written if line[0].startswith(("secret.", "backup."))] == [
            ("secret.exported", "Notes", "command line"),
            ("secret.answers", "Notes", "command line"),
            ("secret.plan", "Notes", "command line"),
            ("backup.make", "with secrets", "command line"),
        ]


def test_a_rockon_is_exported_for_podman(command_line: CommandLine) -> None:
    done = command_line.run("export", "Notes", "--format", "quadlet")
    assert (done.returncode, done.stdout) == (0, "Notes/notes.container\nNotes/notes.env\n")
    assert (command_line.folder / "Notes" / "notes.env").stat().st_mode & 0o777 == 0o600
    assert "\nADMIN_PASSWORD=\n" in (command_line.folder / "Notes" / "notes.env").read_text()


def test_what_can_not_be_exported(command_line: CommandLine) -> None:
    assert command_line.run("export", "Nobody").returncode == 2
    done = command_line.run("export", "Notes", "--directory", "nowhere")
    assert done.returncode == 1
    assert "could not be written" in done.stderr
