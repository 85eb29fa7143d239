"""The command line's part for shares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from rockonweb.accounts import audit
from rockonweb.core.text import size
from rockonweb.host import host_of


@click.group()
def share() -> None:
    """The folders that apps keep their data in."""


@share.command("add")
@click.argument("name")
@with_appcontext
def add_share(name: str) -> None:
    """Make a new share, on Btrfs a subvolume; says where, and prints its path alone on standard output."""
    where = host_of().shares.ground().words
    path = host_of().shares.make(name).path
    audit.record("shares.make", name)
    click.echo(where, err=True)
    click.echo(path)


@share.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def list_shares(as_json: bool) -> None:
    """List the shares."""
    found = host_of().shares.listing()
    if as_json:
        listed: list[dict[str, Any]] = [
            {"name": n, "path": s.path, "uid": s.uid, "gid": s.gid} for n, s in found.items()
        ]
        click.echo(json.dumps([{**row, "free": host_of().free_bytes(Path(row["path"]))} for row in listed]))
        return
    for name, facts in found.items():
        free = host_of().free_bytes(Path(facts.path))
        room = "" if free is None else f"  {size(free)} free"
        click.echo(f"{name:30} {facts.path}  {facts.uid}:{facts.gid}{room}")
