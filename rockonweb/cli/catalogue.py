"""The commands of `catalog`.

What fetches and checks definitions is imported by the commands that do so: `list` needs only the database.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.models import Installation, RockOn, Status, repository

_LIST_COLUMNS = (
    RockOn.name, RockOn.version, RockOn.website, RockOn.origin, RockOn.in_catalogue, RockOn.has_ui, Installation.name,
    Installation.state, Installation.status, Installation.problem, Installation.exit_code, Installation.status_error,
    Installation.error,
)  # fmt: skip


@click.group("catalog")
def catalogue() -> None:
    """The list of rock-ons."""


@catalogue.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@instance.with_instance
def refresh(as_json: bool) -> None:
    """Fetch the metastores; exit 1 when nothing could be loaded from any."""
    from rockonweb import catalog
    from rockonweb.work import icon_downloads, notification_queue

    with notification_queue.notify_newer_definitions():
        report = catalog.refresh_catalogue()
    audit.record("operation.refresh")
    click.echo(json.dumps(report.to_json()) if as_json else str(report))
    icon_downloads.enqueue_icon_fetch()
    sys.exit(0 if report.loaded else 1)


@catalogue.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@instance.with_instance
def list_rockons(as_json: bool) -> None:
    """List the rock-ons of the catalogue and their states."""
    rockons = sorted(
        repository.load_installations(select(RockOn), _LIST_COLUMNS),
        key=lambda installation: installation.name.lower(),
    )
    shown = [installation for installation in rockons if installation.entry.in_catalogue or installation.is_installed]
    if as_json:
        click.echo(json.dumps([_rockon_fields(installation) for installation in shown]))
        return
    for installation in shown:
        status = installation.status_text if installation.is_installed else ""
        if installation.status is not Status.EXITED and installation.status_error:  # else the text has it
            status += f": {installation.status_error}"
        status += "" if installation.entry.in_catalogue else "  (left the catalogue)"
        click.echo(f"{installation.name:40} {installation.state:18} {status}".rstrip())


def _rockon_fields(installation: Installation) -> dict[str, Any]:
    keys = ("id", "name", "version", "website", "origin", "in_catalogue", "state", "has_ui")
    fields = {key: getattr(installation if key in ("id", "name", "state") else installation.entry, key) for key in keys}
    problem = {"problem": str(installation.problem), "problem_detail": installation.status_error or None}
    return {**fields, "status": installation.status_text, **problem, "error": installation.error}


@catalogue.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), help="A root.json: check that it and the files fit together.")
@click.option("--images", is_flag=True, help="Ask the registries for the images; a missing one is an error.")
@click.option("--json", "as_json", is_flag=True, help="Print the errors as JSON.")
def lint(files: tuple[Path, ...], root: Path | None, images: bool, as_json: bool) -> None:
    """Check definition files; `-` is standard input. Without a file: those that root.json names.

    Exit 1 when there is a fault, 2 when a file can't be read. Advice, and images that a registry will not tell about,
    are printed and are no faults.
    """
    from rockonweb.catalog import linter
    from rockonweb.core.definition.parser import MAX_BYTES
    from rockonweb.remote import registry

    listed = linter.read_root(root) if root else None
    if not files and listed is None:
        raise click.MissingParameter(ctx=click.get_current_context(), param_type="argument", param_hint="'FILES...'")
    paths = dict.fromkeys(files or (listed.named_files if listed else ()))
    files = tuple(file for file in paths if root is None or file.resolve() != root.resolve())
    readable = [str(file) == "-" or (file.is_file() and os.access(file, os.R_OK)) for file in files]
    checked = [
        linter.check_file(file, sys.stdin.buffer.read(MAX_BYTES + 1) if str(file) == "-" else None) for file in files
    ]
    faults = [fault for result in checked for fault in result.faults]
    if listed:
        faults += linter.check_root(listed, linter.with_named_files(listed, checked))
        readable.append(not listed.fault)
    for image, outcome in registry.lookup_images(linter.requested_images(checked) if images else ()):
        click.echo(linter.describe_image(image, outcome), err=as_json)
        faults += linter.image_faults(checked, image, outcome)
    if as_json:
        click.echo(json.dumps([fault.to_json() for fault in faults]))
    else:
        for fault in faults:
            click.echo(str(fault))
        for advice in (item for result in checked for item in result.advice):
            click.echo(f"advice: {advice}")
        if faultless := len({result.file for result in checked} - {fault.file for fault in faults}):
            click.echo(f"{faultless} without errors")
    sys.exit(2 if not all(readable) else 1 if faults else 0)
