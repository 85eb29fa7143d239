"""The commands `backup`, `restore` and `export` of the command line."""

from __future__ import annotations

import getpass
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.config import VERSION, fresh
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.formats import backup as core
from rockonweb.models import Restore, db
from rockonweb.work import backup, export, restore

PASSPHRASE = "ROCKONWEB_PASSPHRASE"  # noqa: S105 - the name of a variable
POLL_SECONDS = 0.5
NOT_IN_IT = "THE DATA IN YOUR SHARES IS NOT IN A BACKUP. BACK THE SHARES UP IN ANOTHER WAY."
PUT_BACK = "PUT YOUR DATA BACK INTO THESE SHARES FIRST, OR NOW; THEY ARE MADE NEW, AND EMPTY:"


@click.command("backup")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--secrets", "with_secrets", is_flag=True, help="Put the secrets in, encrypted with a passphrase.")
@instance.prepared
def make_backup(file: Path | None, with_secrets: bool) -> None:
    """Write everything but the data in the shares into FILE; `-` is standard output.

    Without FILE it gets a name with the date. The passphrase is read from ROCKONWEB_PASSPHRASE, a prompt or standard
    input.
    """
    settings = instance.settings()
    passphrase = _new_passphrase() if with_secrets else None
    text, trouble = backup.make(settings, VERSION, passphrase)
    if trouble:
        click.echo("Docker does not answer: the volumes that it made for containers are not in it.", err=True)
    audit.record("backup.make", "with secrets" if with_secrets else "")
    if str(file) == "-":
        click.echo(text)
    else:
        path = file or Path(f"rockonweb-backup-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json")
        _write(path, text, 0o600)
        click.echo(path)
    click.echo(NOT_IN_IT, err=True)
    if not with_secrets:
        click.echo("Passwords and other secrets are not in it either; --secrets puts them in, encrypted.", err=True)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--wait", is_flag=True, help="Wait for the end, and exit 1 when something could not be restored.")
@instance.prepared
def restore_backup(file: Path, wait: bool) -> None:
    """Install the rock-ons of a backup again, as they were. What is installed already stays as it is.

    The passphrase of its secrets is read from ROCKONWEB_PASSPHRASE, a prompt or standard input; without one, each
    secret must be entered on the page of the restore.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(core.MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"The file {file} can't be read: {error.strerror or error}.") from None
    sealed = core.read(content).sealed
    passphrase = _passphrase("Passphrase (blank: without the secrets): ") if sealed else ""
    restore_id = restore.take(content, passphrase, audit.actor())
    outlook = restore.look(restore.content_of(db.session.get_one(Restore, restore_id)))
    if outlook.new_shares:
        click.echo(PUT_BACK, err=True)
        for name in outlook.new_shares:
            click.echo(f"  {name}", err=True)
    db.session.rollback()
    restore.begin(restore_id, {}, audit.actor())
    while wait and _standing(restore_id).active:
        db.session.rollback()
        time.sleep(POLL_SECONDS)
    standing = _standing(restore_id)
    _tell(standing, f"{instance.settings().url}/backup/restore/{restore_id}")
    if wait and not standing.complete:
        raise RockonwebError("Not everything could be restored; see above.")


@click.command("export")
@click.argument("name")
@click.option("--directory", type=click.Path(path_type=Path), help="Where the two files go; the present folder.")
@click.option("--reveal-secrets", is_flag=True, help="Write the secrets into the .env instead of blanks.")
@instance.prepared
def export_rockon(name: str, directory: Path | None, reveal_secrets: bool) -> None:
    """Write an installed rock-on as compose.yaml with an .env, for Docker Compose."""
    found = export.export(instance.find_rockon(name))
    folder = directory or Path()
    for file in export.files(found, reveal=False):
        if (folder / file).exists():
            raise BadInput(f"There is a file {folder / file} already.", "Remove it, or choose another --directory.")
    if reveal_secrets:
        audit.record("secret.exported", name)
    for file, text in export.files(found, reveal=reveal_secrets).items():
        _write(folder / file, text, 0o600 if file == export.ENVIRONMENT else 0o644)
        click.echo(folder / file)


def _standing(restore_id: int) -> restore.Standing:
    return restore.standing(db.session.get_one(Restore, restore_id, populate_existing=True))


def _tell(standing: restore.Standing, address: str) -> None:
    """Print what became of each part."""
    for part in standing.parts:
        click.echo(f"{part.kind:12} {part.name}: {part.sentence}")
    for line in standing.lines:
        if line.operation:
            outcome = str(line.operation.progress)
            told = [line.operation.error, line.operation.hint, *line.told]
        else:
            outcome = "left alone" if line.left else "waits" if line.hidden else "not begun"
            told = [line.left, *line.told]
        click.echo(f"{outcome:12} {line.name}" + "".join(f"\n{'':13}{one}" for one in told if one))
        if line.hidden:
            click.echo(f"{'':13}must be entered again: {', '.join(core.names(line.hidden))}")
    click.echo(f"See {address}")


def _passphrase(prompt: str) -> str:
    """Return the passphrase of the environment, of a prompt, or of the first line of standard input."""
    if PASSPHRASE in os.environ:
        return os.environ[PASSPHRASE]
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _new_passphrase() -> str:
    found = _passphrase("Passphrase: ")
    if PASSPHRASE not in os.environ and sys.stdin.isatty() and getpass.getpass("Passphrase again: ") != found:
        raise BadInput("The two passphrases differ.")
    return found


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file, whole or not at all. Raises RockonwebError."""
    try:
        with fresh(path.with_name(f".{path.name}"), text.encode(), mode) as made:
            made.replace(path)
    except OSError as error:
        raise RockonwebError(f"The file {path} could not be written: {error.strerror or error}.") from None
