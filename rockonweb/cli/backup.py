"""The commands `backup`, `restore` and `export`."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.cli.rockons import CONFIRM_HINT, await_end
from rockonweb.config import VERSION, temporary_file
from rockonweb.core.errors import BadInput, Conflict, EngineUnreachable, RockonwebError
from rockonweb.core.formats import backup as core
from rockonweb.core.text import fill_template, join_texts, t
from rockonweb.models import Restore, db
from rockonweb.work import backup, export, restore
from rockonweb.work.restore_plan import RestorePlan, plan_restore

PASSPHRASE_VARIABLE = "ROCKONWEB_PASSPHRASE"  # noqa: S105 - the name of a variable
SHARES_WARNING = "BACKUPS OF SETTINGS DO NOT INCLUDE THE DATA IN YOUR SHARES. FOR THAT: rockonweb data backup"
EMPTY_SHARES_WARNING = "RESTORE YOUR DATA INTO THESE SHARES FIRST, OR NOW; THEY ARE CREATED EMPTY:"


@click.command("backup")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--secrets", "with_secrets", is_flag=True, help="Include the secrets, encrypted with a passphrase.")
@instance.with_instance
def make_backup(file: Path | None, with_secrets: bool) -> None:
    """Write everything but the data in the shares into FILE; `-` is standard output.

    Without FILE it gets a name with the date. The passphrase is read from ROCKONWEB_PASSPHRASE, a prompt or standard
    input.
    """
    settings = instance.get_settings()
    passphrase = _new_passphrase() if with_secrets else None
    text, trouble = backup.create_backup(settings, VERSION, passphrase)
    if trouble:
        click.echo("Docker does not answer: the volumes that it created for containers are not included.", err=True)
    audit.record("backup.make", "with secrets" if with_secrets else "")
    if str(file) == "-":
        click.echo(text)
    else:
        path = file or Path(f"rockonweb-backup-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json")
        _write_file(path, text, 0o600)
        click.echo(path)
    click.echo(SHARES_WARNING, err=True)
    if not with_secrets:
        click.echo("Passwords and other secrets are not included either; --secrets includes them, encrypted.", err=True)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--confirm", default="", metavar="CODE", help="Agree to the permissions that a refused restore printed.")
@click.option("--wait", is_flag=True, help="Wait for the end, and exit 1 when something could not be restored.")
@instance.with_instance
def restore_backup(file: Path, confirm: str, wait: bool) -> None:
    """Install the rock-ons of a backup again, as they were. What is already installed is not changed.

    The passphrase of its secrets is read from ROCKONWEB_PASSPHRASE, a prompt or standard input; without one, each
    secret must be entered on the page of the restore.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(core.MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"The file {file} can't be read: {error.strerror or error}.") from None
    sealed = core.read_backup(content).sealed
    passphrase = read_passphrase("Passphrase (blank: without the secrets): ") if sealed else ""
    restore_id = restore.create_restore(content, passphrase, audit.current_actor())
    restore_plan = plan_restore(restore.stored_backup(db.session.get_one(Restore, restore_id)))
    _refuse_unconfirmed(restore_plan, confirm)
    if restore_plan.created_shares:
        click.echo(EMPTY_SHARES_WARNING, err=True)
        for name in restore_plan.created_shares:
            click.echo(f"  {name}", err=True)
    db.session.rollback()
    restore.apply_restore(restore_id, {}, audit.current_actor())
    if wait:
        for item in _load_status(restore_id).items:
            if item.operation:
                await_end(item.operation.id)
    status = _load_status(restore_id)
    _print_outcome(status, f"{instance.get_settings().local_url}/backup/restore/{restore_id}")
    if wait and not status.complete:
        unreachable = any(item.operation and item.operation.notes.unreachable for item in status.items)
        error_class = EngineUnreachable if unreachable else RockonwebError
        raise error_class("Not everything could be restored; see above.")


@click.command("export")
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the files are written; by default a new folder with the name of the rock-on.",
)
@click.option(
    "--format",
    "export_format",
    type=click.Choice([export_format.value for export_format in export.ExportFormat]),
    default=export.ExportFormat.COMPOSE.value,
    show_default=True,
    help="For Docker Compose, or for Podman.",
)
@click.option("--reveal-secrets", is_flag=True, help="Write the secrets into the .env instead of blanks.")
@instance.with_instance
def export_rockon(name: str, directory: Path | None, export_format: str, reveal_secrets: bool) -> None:
    """Write an installed rock-on as files for Docker Compose or Podman.

    That is a compose.yaml with an .env, or the units of Quadlet with an .env for each container that has secrets.
    """
    exported = export.build_export(instance.find_rockon(name), export.ExportFormat(export_format))
    folder = directory or Path(export.folder_name(name))
    for file in exported.render_files(reveal=False):
        if os.path.lexists(folder / file):
            raise BadInput(f"The file {folder / file} already exists.", "Remove it, or choose another --directory.")
    if not directory:
        _make_folder(folder)
    if reveal_secrets:
        audit.record("secret.exported", name)
    for file, text in exported.render_files(reveal=reveal_secrets).items():
        _write_file(folder / file, text, 0o600 if export.has_secrets(file) else 0o644)
        click.echo(folder / file)


def _refuse_unconfirmed(restore_plan: RestorePlan, confirm: str) -> None:
    """Print what would run and raise Conflict with what the rock-ons may do to this host, unless it is confirmed."""
    if not restore_plan.privileges or confirm == restore_plan.confirmation:
        return
    for item in restore_plan.rockons:
        for line in item.commands:
            click.echo(line, err=True)
    raise Conflict(
        join_texts(
            "\n",
            (
                t("The rock-ons of this backup get permissions on this host, so nothing was done yet."),
                *(privilege.sentence for privilege in restore_plan.privileges),
            ),
        ),
        fill_template(CONFIRM_HINT, code=restore_plan.confirmation),
    )


def _load_status(restore_id: int) -> restore.RestoreStatus:
    return restore.restore_status(db.session.get_one(Restore, restore_id, populate_existing=True))


def _print_outcome(status: restore.RestoreStatus, address: str) -> None:
    """Print the outcome of each part and item of a restore."""
    for part in status.parts:
        click.echo(f"{part.kind:12} {part.name}: {part.sentence}")
    for item in status.items:
        if item.operation:
            outcome = str(item.operation.progress)
            notes = [item.operation.error, item.operation.hint, *item.notes]
        else:
            outcome = "skipped" if item.skip_reason else "waiting" if item.missing_secrets else "not started"
            notes = [item.skip_reason, *item.notes]
        click.echo(f"{outcome:12} {item.name}" + "".join(f"\n{'':13}{note}" for note in notes if note))
        if item.missing_secrets:
            click.echo(f"{'':13}must be entered again: {', '.join(core.secret_names(item.missing_secrets))}")
    click.echo(f"See {address}")


def read_passphrase(prompt: str) -> str:
    """Return the passphrase from the environment, a prompt, or the first line of standard input."""
    if PASSPHRASE_VARIABLE in os.environ:
        return os.environ[PASSPHRASE_VARIABLE]
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _new_passphrase() -> str:
    passphrase = read_passphrase("Passphrase: ")
    if (
        PASSPHRASE_VARIABLE not in os.environ
        and sys.stdin.isatty()
        and getpass.getpass("Confirm passphrase: ") != passphrase
    ):
        raise BadInput("The passphrases don't match.")
    return passphrase


def _make_folder(folder: Path) -> None:
    """Create a folder where there is none. Raises RockonwebError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RockonwebError(f"The folder {folder} could not be created: {error.strerror or error}.") from None


def _write_file(path: Path, text: str, mode: int) -> None:
    """Write a file atomically. Raises RockonwebError."""
    try:
        with temporary_file(path.with_name(f".{path.name}"), text.encode(), mode) as temporary:
            temporary.replace(path)
    except OSError as error:
        raise RockonwebError(f"The file {path} could not be written: {error.strerror or error}.") from None
