"""The command that imports an app from elsewhere."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.core.errors import BadInput, wrap_os_error
from rockonweb.core.imports.formats import MAX_FILES, decode_files
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, Outcome
from rockonweb.work.imports import import_app, read_input, save_import


@click.command("import")
@click.option("--line", "lines", multiple=True, metavar="TEXT", help="A docker run line, or several.")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file, or a folder with an app's files; `-` is standard input.",
)
@click.option("--container", "containers", multiple=True, metavar="NAME", help="A container that runs here.")
@click.option("--as", "name", default="", metavar="APP", help="The app's name here.")
@click.option("--dry-run", is_flag=True, help="Show what it would be, and save nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@instance.with_instance
def import_source(
    lines: tuple[str, ...],
    files: tuple[Path, ...],
    containers: tuple[str, ...],
    name: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import an app: docker run lines, a file of another program, or containers.

    It gets a definition in the catalogue, with its questions answered; `install` installs it.
    """
    if sum(map(bool, (lines, files, containers))) != 1:
        raise BadInput("Give --line TEXT, --file FILE or --container NAME.")
    app = import_app(read_input({"": "\n".join(lines)} if lines else _read_files(files), containers), name)
    if as_json:
        click.echo(json.dumps(app.to_json_data()))
    else:
        for entry in app.imported.report:
            if entry.outcome is not Outcome.TAKEN:
                click.echo(f"{entry.outcome}: {entry.what}: {entry.message}")
        for finding in app.review.plan.findings:
            click.echo(f"{finding.level}: {finding}")
        for line in app.review.plan.masked_lines:
            click.echo(line)
    if dry_run:
        return
    installation = save_import(app)
    audit.record("imports.save", installation.name)
    if not as_json:
        quoted_name = shlex.quote(installation.name)
        for share in sorted(app.imported.new_shares):
            click.echo(f"Create its share: rockonweb share add {share}")
        if app.has_open_answers:
            click.echo(f"Complete its answers: rockonweb answers {quoted_name} > FILE")
        options = " --answers FILE" if app.has_open_answers else ""
        click.echo(f"{installation.name} is in the catalogue. Install it: rockonweb install {quoted_name}{options}")


def _read_files(paths: tuple[Path, ...]) -> dict[str, str]:
    """Return the texts of the files, and of those in the folders. Raises BadInput."""
    try:
        if paths == (Path("-"),):
            return decode_files({"": sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1)})
        found = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
        contents: dict[str, bytes] = {}
        for path in [path for path in found if path in paths or path.is_file()][: MAX_FILES + 1]:
            with path.open("rb") as file:
                contents[path.name] = file.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise BadInput(wrap_os_error(error).sentence) from None
    return decode_files(contents)
