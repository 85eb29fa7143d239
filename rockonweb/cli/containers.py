"""The commands for containers that Rockonweb did not create, and for those whose place an app has taken."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.cli.rockons import WAIT_HELP, report_operation
from rockonweb.core.errors import EngineError, wrap_os_error
from rockonweb.work import kept_containers, watched
from rockonweb.work.adoption import describe_unmanaged
from rockonweb.work.rockstor_move import find_rockstor_apps, read_backup, take_over


@click.group()
def container() -> None:
    """Containers that Rockonweb did not create.

    `rockonweb import` adopts them.
    """


@container.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@instance.with_instance
def list_containers(as_json: bool) -> None:
    """List them; those on one line belong together."""
    groups = describe_unmanaged()
    if as_json:
        click.echo(json.dumps(groups))
        return
    for group in groups:
        click.echo("  ".join(f"{one['name']} ({one['state']})" for one in group["containers"]))


@container.command()
@click.argument("name")
@click.option("--off", is_flag=True, help="Watch it no longer.")
@instance.with_instance
def watch(name: str, off: bool) -> None:
    """Show a container among the apps, without ever changing it."""
    if off:
        watched.stop_watching(name)
    else:
        watched.watch_container(name)
    audit.record("adoption.unwatch" if off else "adoption.watch", name)
    for status in watched.list_watched():
        click.echo(f"{status.name}: {status.state or 'gone'}")


@container.command()
@click.option("--backup", type=click.Path(path_type=Path), help="A configuration backup of Rockstor.")
@click.option("--take", "names", multiple=True, metavar="NAME", help="Take over this rock-on; --take all: all.")
@click.option("--wait", is_flag=True, help=WAIT_HELP)
@instance.with_instance
def rockstor(backup: Path | None, names: tuple[str, ...], wait: bool) -> None:
    """Print the rock-ons of Rockstor that are found here or in its backup, or take them over one after another."""
    try:
        saved = read_backup(backup.read_bytes()) if backup else []
    except OSError as error:
        raise wrap_os_error(error) from None
    finds = find_rockstor_apps(saved)
    wanted = [find.name for find in finds] if names == ("all",) else [*names]
    for find in finds if not names else ():
        click.echo(f"{find.name}: {find.problem or ('runs here' if find.runs_here else 'from the backup')}")
    problems = []
    for result in take_over(wanted, finds, audit.current_actor()):
        click.echo(f"{result.name}: {result.problem or f'operation {result.operation}'}")
        if result.operation is None:
            problems.append(result.name)
        elif wait:
            report_operation(result.operation, wait)
    if problems:
        raise EngineError(f"Not taken over: {', '.join(problems)}.")


@container.command()
@click.argument("app")
@click.option("--remove", "what", flag_value="remove", help="Remove them now; their volumes stay.")
@click.option("--back", "what", flag_value="back", help="Uninstall the app, and let them run as before.")
@click.option("--days", type=click.IntRange(0, 3650), help="Remove them after so many days; 0: never by themselves.")
@click.option("--wait", is_flag=True, help=WAIT_HELP)
@instance.with_instance
def old(app: str, what: str | None, days: int | None, wait: bool) -> None:
    """Print the containers whose place an app has taken, or decide on them."""
    installation = instance.find_rockon(app)
    if what or days is not None:
        operation = kept_containers.settle(installation, what or "later", audit.current_actor(), days or 0)
        if operation:
            report_operation(operation, wait)
            return
        installation = instance.find_rockon(app)
    for kept in installation.old_containers:
        if kept.kept_name:
            until = f", removed after {kept.remove_after:%Y-%m-%d}" if kept.remove_after else ""
            click.echo(f"{kept.name}: {kept.kept_name}{until}")
