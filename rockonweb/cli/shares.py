"""The commands of `share`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.core.preflight.mounts import absent_share_finding
from rockonweb.core.text import format_size
from rockonweb.host import get_host
from rockonweb.models import db
from rockonweb.work import known_shares


@click.group()
def share() -> None:
    """The folders that apps keep their data in."""


@share.command("add")
@click.argument("name")
@partial(instance.check_first, instance.require_instance)
def add_share(name: str) -> None:
    """Create a share, on Btrfs a subvolume; says where, and prints its path alone on standard output."""
    location = get_host().shares.new_share_constraints().description
    path = get_host().shares.create_share(name).path
    audit.record("shares.make", name)
    click.echo(location, err=True)
    click.echo(path)


@share.command("confirm")
@click.argument("name")
@partial(instance.check_first, instance.require_instance)
def confirm_share(name: str) -> None:
    """Take the folder that is there now as the share that apps have used; they start by themselves."""
    known_shares.confirm_share(name)
    audit.record("shares.confirm", name)


@share.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@partial(instance.check_first, instance.require_instance)
def list_shares(as_json: bool) -> None:
    """List the shares."""
    shares = get_host().shares.shares_by_name()
    if spot := get_host().blind_spots.get("shares"):
        click.echo(f"{spot.sentence} {spot.hint}", err=True)
    absent = known_shares.find_absent_shares(db.session(), get_host().shares)
    if as_json:
        records: list[dict[str, Any]] = [
            {
                "name": share_name,
                "path": share_facts.path,
                "uid": share_facts.uid,
                "gid": share_facts.gid,
                "absent": absent.get(share_name),
            }
            for share_name, share_facts in shares.items()
        ]
        click.echo(json.dumps([{**row, "free": get_host().free_bytes(Path(row["path"]))} for row in records]))
        return
    for name, facts in shares.items():
        free = get_host().free_bytes(Path(facts.path))
        free_text = "" if free is None else f"  {format_size(free)} free"
        click.echo(f"{name:30} {facts.path}  {facts.uid}:{facts.gid}{free_text}")
    for name, absence in absent.items():
        click.echo(absent_share_finding(name, absence).full_message, err=True)
    for sentence in get_host().shares.unusable_folders():
        click.echo(sentence, err=True)
