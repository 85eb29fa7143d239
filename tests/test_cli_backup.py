"""`rockonweb backup`, `restore` and `export` where nothing runs: files, passphrases, sentences, exit statuses."""

import json
import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from rockonweb import backup, rows
from rockonweb.core import backup as core
from rockonweb.core.answers import Answers
from rockonweb.models import writing
from tests.support.app import install, make_app, shelve
from tests.test_cli import PROGRAM, Shell

PASSPHRASE = "a long enough passphrase"
SECRET = "s3cret-value"
LOUD = "THE DATA IN YOUR SHARES IS NOT IN A BACKUP."


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A terminal beside an instance with an app that has a secret."""
    shell = Shell(tmp_path)
    app = make_app(tmp_path, ROCKONWEB_REMOTE_METASTORE="")
    with app.app_context():
        rockon = install(shelve("Notes", {"notes": {"environment": {"ADMIN_PASSWORD": {"label": ""}}}}))
        with writing():
            rows.store(rockon, Answers(environment={"notes": {"ADMIN_PASSWORD": SECRET}}))
    return shell


def test_a_backup_is_its_owners_alone_and_says_what_is_not_in_it(shell: Shell) -> None:
    done = shell.run("backup", "mine.json")
    assert (done.returncode, done.stdout) == (0, "mine.json\n")
    assert LOUD in done.stderr
    assert "secrets are not in it" in done.stderr
    assert "Docker does not answer" in done.stderr
    path = shell.folder / "mine.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert SECRET not in path.read_text()
    assert core.read(path.read_bytes()).rockons[0].name == "Notes"
    assert shell.run("backup", "mine.json").returncode == 0  # a newer one takes its place
    assert [one.name for one in shell.folder.iterdir() if "mine.json" in one.name] == ["mine.json"]


def test_without_a_name_the_file_gets_one_with_the_date(shell: Shell) -> None:
    done = shell.run("backup")
    assert done.stdout.startswith("rockonweb-backup-2")
    assert (shell.folder / done.stdout.strip()).exists()


def test_a_backup_to_standard_output(shell: Shell) -> None:
    done = shell.run("backup", "-")
    assert json.loads(done.stdout)["rockonweb_backup"] == 1
    assert LOUD in done.stderr


@pytest.mark.parametrize("way", ["standard input", "environment"])
def test_secrets_with_a_passphrase(shell: Shell, way: str) -> None:
    if way == "environment":
        shell.environ["ROCKONWEB_PASSPHRASE"] = PASSPHRASE
    done = shell.run("backup", "--secrets", "mine.json", stdin="" if way == "environment" else f"{PASSPHRASE}\n")
    assert done.returncode == 0, done.stderr
    text = (shell.folder / "mine.json").read_text()
    assert SECRET not in text
    found = backup.unseal(core.read(text), PASSPHRASE)
    assert found.rockons[0].given["environment"] == {"notes": {"ADMIN_PASSWORD": SECRET}}


def test_a_passphrase_is_asked_for_twice_at_a_terminal(shell: Shell) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "backup", "--secrets", "mine.json"],
        cwd=shell.folder,
        env=shell.environ,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(slave)
    assert process.stderr is not None
    told = ""
    for prompt, typed in (("Passphrase: ", PASSPHRASE), ("Passphrase again: ", "another one, wrong")):
        while not told.endswith(prompt):  # what is typed before it asks is thrown away
            told += process.stderr.read(1)
        os.write(master, f"{typed}\n".encode())
    told += process.communicate(timeout=60)[1]
    os.close(master)
    assert PASSPHRASE not in told
    assert process.returncode == 2
    assert "The two passphrases differ." in told
    assert not (shell.folder / "mine.json").exists()


def test_a_short_passphrase_is_refused(shell: Shell) -> None:
    done = shell.run("backup", "--secrets", "mine.json", stdin="short\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "at least 10 characters" in done.stderr
    assert not (shell.folder / "mine.json").exists()


def test_a_folder_that_is_not_there(shell: Shell) -> None:
    done = shell.run("backup", "nowhere/mine.json")
    assert done.returncode == 1
    assert "nowhere/mine.json could not be written" in done.stderr


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (None, 2, "can't be read"),
        ("", 2, "This is no backup of Rockonweb"),
        ('{"rockonweb_backup": 1, "shares": [{}]}', 2, "shares.0: it is not as a backup has it."),
        ('{"rockonweb_backup": 9, "program": "9.9"}', 2, "a newer Rockonweb, 9.9"),
        ('{"rockonweb_backup": 1}', 3, "Docker"),
    ],
)
def test_what_can_not_be_restored(shell: Shell, content: str | None, status: int, sentence: str) -> None:
    if content is not None:
        (shell.folder / "it.json").write_text(content)
    done = shell.run("restore", "it.json")
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_passphrase(shell: Shell) -> None:
    shell.run("backup", "--secrets", "mine.json", stdin=f"{PASSPHRASE}\n")
    done = shell.run("restore", "mine.json", stdin="not the right one\n")
    assert done.returncode == 2
    assert "The passphrase is not the one" in done.stderr
    assert "not the right one" not in done.stderr


def test_a_rockon_is_exported(shell: Shell) -> None:
    (shell.folder / "out").mkdir()
    done = shell.run("export", "Notes", "--directory", "out")
    assert (done.returncode, done.stdout) == (0, "out/compose.yaml\nout/.env\n")
    environment = shell.folder / "out" / ".env"
    assert environment.stat().st_mode & 0o777 == 0o600
    assert "\nADMIN_PASSWORD=\n" in environment.read_text()
    assert "container_name: notes" in (shell.folder / "out" / "compose.yaml").read_text()
    again = shell.run("export", "Notes", "--directory", "out")
    assert again.returncode == 2
    assert "There is a file out/compose.yaml already." in again.stderr
    revealed = shell.run("export", "Notes", "--reveal-secrets")
    assert revealed.returncode == 0
    assert f"ADMIN_PASSWORD='{SECRET}'" in (shell.folder / ".env").read_text()
    shell.run("answers", "Notes")
    shell.run("plan", "Notes", "--reveal-secrets")
    shell.run("plan", "Notes")
    shell.run("backup", "--secrets", "kept.json", stdin="a long passphrase\n")
    with closing(sqlite3.connect(shell.folder / "instance" / "rockonweb.db")) as file:
        written = file.execute("SELECT action, about, address FROM audit WHERE action NOT LIKE 'user.%' ORDER BY id")
        assert [line for line in written if line[0].startswith(("secret.", "backup."))] == [
            ("secret.exported", "Notes", "command line"),
            ("secret.answers", "Notes", "command line"),
            ("secret.plan", "Notes", "command line"),
            ("backup.make", "with secrets", "command line"),
        ]


def test_what_can_not_be_exported(shell: Shell) -> None:
    assert shell.run("export", "Nobody").returncode == 2
    done = shell.run("export", "Notes", "--directory", "nowhere")
    assert done.returncode == 1
    assert "could not be written" in done.stderr
