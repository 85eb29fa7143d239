"""The command line's part for what goes on running: everything, or one part of it."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from rockonweb.cli import instance
from rockonweb.work import roles, supervisor, warm_up


@click.command()
@with_appcontext
def up() -> None:
    """Run everything: database, queue server, web server, workers, watcher."""
    sys.exit(supervisor.up(instance.app()))


@click.command()
@instance.prepared
def web() -> None:
    """Serve the pages only."""
    roles.web(instance.app())


@click.command()
@instance.prepared
def worker() -> None:
    """Run one worker only."""
    warm_up.rehearse()
    roles.worker(instance.app())


@click.command()
@instance.prepared
def watch() -> None:
    """Run the watcher only."""
    roles.watch(instance.app())
