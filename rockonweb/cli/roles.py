"""The commands that run services: `up` runs all of them, `web`, `worker` and `watch` one each."""

from __future__ import annotations

import sys
from functools import partial

import click

from rockonweb.cli import instance
from rockonweb.work import instance_files, roles, supervisor, warm_up


@click.command()
@partial(instance.check_first, instance_files.create_folder)
def up() -> None:
    """Run everything: database, queue server, web server, workers, watcher."""
    sys.exit(supervisor.run_supervisor(instance.get_app()))


@click.command()
@instance.with_new_instance
def web() -> None:
    """Serve the pages only."""
    roles.serve_web(instance.get_app())


@click.command()
@click.option("--quick", is_flag=True, help="Only start, stop, restart and uninstall, so that these never wait long.")
@instance.with_new_instance
def worker(quick: bool) -> None:
    """Run one worker only."""
    warm_up.warm_up()
    roles.run_worker(instance.get_app(), quick_only=quick)


@click.command()
@instance.with_new_instance
def watch() -> None:
    """Run the watcher only."""
    roles.run_watcher(instance.get_app())
