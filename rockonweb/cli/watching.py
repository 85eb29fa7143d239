"""The commands `maintenance` and `watching`."""

from __future__ import annotations

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.models import maintenance_until
from rockonweb.work.episodes import set_watching
from rockonweb.work.maintenance import set_maintenance


@click.command()
@click.argument("minutes", type=int, required=False)
@instance.with_instance
def maintenance(minutes: int | None) -> None:
    """Hold notifications and automatic restarts for MINUTES; print until when."""
    until = maintenance_until() if minutes is None else set_maintenance(minutes, audit.current_actor())
    click.echo(f"until {until.astimezone():%Y-%m-%d %H:%M}" if until else "no maintenance")


@click.command()
@click.argument("name")
@click.option("--mend/--no-mend", default=None, help="Restart it automatically when it is down.")
@click.option("--ask-page/--no-ask-page", default=None, help="Notice when its page does not answer.")
@instance.with_instance
def watching(name: str, mend: bool | None, ask_page: bool | None) -> None:
    """Change what is done when a rock-on is down, and print it."""
    installation = instance.find_rockon(name)
    if (mend, ask_page) != (None, None):
        set_watching(installation.id, mend=mend, ask_page=ask_page)
        audit.record("rockon.watch", name)
        installation = instance.find_rockon(name)
    click.echo(f"mend: {'yes' if installation.mend else 'no'}")
    click.echo(f"ask-page: {'yes' if installation.ask_page else 'no'}")
