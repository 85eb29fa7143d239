"""The commands of `data`: backups of apps' data, and the repositories that they go to."""

from __future__ import annotations

import json

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.cli.backup import PASSPHRASE_VARIABLE, read_passphrase
from rockonweb.cli.rockons import WAIT_HELP, report_operation
from rockonweb.core.data_backup.repository import restore_commands
from rockonweb.core.data_backup.schedule import BackupSchedule
from rockonweb.core.text import format_size
from rockonweb.models import DataRepository, db
from rockonweb.work import data_repositories, data_restores, data_schedule
from rockonweb.work.data_descriptions import describe_repository, describe_snapshot, describe_status
from rockonweb.work.data_repositories import RepositorySettings

REPOSITORY_HELP = "The name of a data repository; needed where there are several."


@click.group()
def data() -> None:
    """Backups of apps' data, with restic."""


@data.command("backup")
@click.argument("name")
@click.option("--repository", default="", help="The name of another data repository than that of the app.")
@click.option("--live", is_flag=True, help="Do not stop the app for it; what it writes meanwhile may be incomplete.")
@click.option("--wait", is_flag=True, help=WAIT_HELP)
@instance.with_instance
def back_up(name: str, repository: str, live: bool, wait: bool) -> None:
    """Back up the data of the installed rock-on NAME now."""
    app = instance.find_rockon(name)
    target = data_repositories.find_repository(repository).id if repository else None
    report_operation(data_schedule.submit_backup(app, audit.current_actor(), target, live or None), wait)


@data.command("list")
@click.argument("name", required=False)
@click.option("--repository", default="", help=REPOSITORY_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@instance.with_instance
def list_backups(name: str | None, repository: str, as_json: bool) -> None:
    """List the apps with their last data backup; with NAME, the snapshots of that app in a repository."""
    if name:
        row = data_repositories.find_repository(repository)
        snapshots = [describe_snapshot(snapshot) for snapshot in data_repositories.list_snapshots(row, name)]
        click.echo(json.dumps(snapshots) if as_json else "\n".join(f"{one['time']}  {one['id']}" for one in snapshots))
        return
    statuses = [describe_status(status) for status in data_schedule.list_statuses()]
    if as_json:
        click.echo(json.dumps(statuses))
        return
    for status in statuses:
        size = format_size(status["size"]) if status["taken"] else ""
        click.echo(f"{status['name']:30} {status['taken'] or 'no backup yet':25} {size}".rstrip())
        for sentence in status["remarks"]:
            click.echo(f"{'':31}{sentence}")


@data.command("restore")
@click.argument("name")
@click.option("--repository", default="", help=REPOSITORY_HELP)
@click.option("--snapshot", default="", help="The beginning of a snapshot's id; the newest one of the app otherwise.")
@click.option("--path", "paths", multiple=True, metavar="SHARE/PATH", help="Only this share, folder or file.")
@click.option("--to", default="", metavar="SHARE", help="Into a new share, instead of in the place of what is there.")
@click.option("--wait", is_flag=True, help=WAIT_HELP)
@instance.with_instance
def restore(name: str, repository: str, snapshot: str, paths: tuple[str, ...], to: str, wait: bool) -> None:
    """Restore data of the rock-on NAME; what is there now is kept.

    Of one that is not installed, the data comes back, and its settings as a restore that waits for your review.
    """
    row = data_repositories.find_repository(repository)
    chosen = data_restores.find_snapshot(row, name, snapshot)
    row = db.session.get_one(DataRepository, row.id)
    installed = next((status.app for status in data_schedule.list_statuses() if status.app.name == name), None)
    if installed:
        operation_id = data_restores.submit_restore(installed, row, chosen.id, audit.current_actor(), paths, to)
        report_operation(operation_id, wait)
        return
    restore_id, begun = data_restores.bring_back(row, {name: chosen.id}, audit.current_actor())
    for operation_id in begun:
        report_operation(operation_id, wait)
    click.echo(f"Review and start its install: {instance.get_settings().local_url}/backup/restore/{restore_id}")


@data.command("check")
@click.argument("repository", required=False, default="")
@instance.with_instance
def check(repository: str) -> None:
    """Check each byte of a data REPOSITORY; exit 1 when it is damaged."""
    row = data_repositories.find_repository(repository)
    name, repository_id = row.name, row.id
    data_repositories.check_repository(repository_id)
    click.echo(f"{name}: no errors")


@data.group("repository")
def repository_group() -> None:
    """The repositories that data is backed up to."""


@repository_group.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(0), help="Between two backups; 0: never.")
@click.option("--not-all-apps", is_flag=True, help="Only apps that choose it are backed up here.")
@click.option(
    "--existing",
    is_flag=True,
    help=f"Use one that is there; its passphrase is read from {PASSPHRASE_VARIABLE}, a prompt or standard input.",
)
@instance.with_instance
def add_repository(name: str, url: str, hours: int, not_all_apps: bool, existing: bool) -> None:
    """Create the data repository NAME at URL, as restic writes it: a folder, sftp:…, rest:…, s3:….

    Keys for a server are entered on its page. Its passphrase is generated and printed once.
    """
    passphrase = read_passphrase("Passphrase of the repository: ") if existing else ""
    settings = RepositorySettings(name, url, passphrase, all_apps=not not_all_apps, schedule=BackupSchedule(hours))
    row, passphrase = data_repositories.add_repository(settings)
    for command in restore_commands(row.url):
        click.echo(command, err=True)
    click.echo("Write this passphrase down, with the address. Without it nobody can read the data:", err=True)
    click.echo(passphrase)


@repository_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@instance.with_instance
def list_all_repositories(as_json: bool) -> None:
    """List the data repositories, without their passphrases."""
    rows = [describe_repository(row) for row in data_repositories.list_repositories()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:20} {row['url']} {row['error']}".rstrip())


@repository_group.command("unlock")
@click.argument("name", required=False, default="")
@instance.with_instance
def unlock(name: str) -> None:
    """Remove the locks that programs have left which have ended."""
    data_repositories.unlock_repository(data_repositories.find_repository(name))
