"""The command line's part for what goes on running: everything, or one part of it."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from rockonweb.cli import instance


@click.command()
@with_appcontext
def up() -> None:
    """Run everything: database, queue server, web server, workers, watcher."""
    from rockonweb.work import supervisor

    sys.exit(supervisor.up(instance.app()))


@click.command()
@with_appcontext
def web() -> None:
    """Serve the pages only."""
    from rockonweb.work import roles

    instance.prepare()
    roles.web(instance.app())


@click.command()
@with_appcontext
def worker() -> None:
    """Run one worker only."""
    from rockonweb.work import rehearsal, roles

    instance.prepare()
    rehearsal.rehearse()
    roles.worker(instance.app())


@click.command()
@with_appcontext
def watch() -> None:
    """Run the watcher only."""
    from rockonweb.work import roles

    instance.prepare()
    roles.watch(instance.app())
