"""The commands for containers that Rockonweb did not create, and for those whose place an app has taken."""

from __future__ import annotations

import json

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.cli.rockons import WAIT_HELP, report_operation
from rockonweb.work import kept_containers, watched
from rockonweb.work.adoption import describe_unmanaged


@click.group()
def container() -> None:
    """Containers that Rockonweb did not create: `import --container NAME` adopts them."""


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
