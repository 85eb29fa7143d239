"""The command line: `rockonweb`, or `flask --app wsgi`.

Exit status: 0 done, 1 the operation or check failed, 2 bad input (a line for each fault), 3 no engine or queue.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

import click
from flask import Flask, current_app
from flask.cli import FlaskGroup, with_appcontext
from sqlalchemy import inspect, select
from sqlalchemy.exc import DBAPIError

from rockonweb import __version__, audit, catalog, cli_accounts, cli_backup, cli_doctor, create_app, migrate, rows
from rockonweb.catalog import linter
from rockonweb.config import Settings, instance_id
from rockonweb.core import plan
from rockonweb.core.answers import Answers, load, read
from rockonweb.core.definition import MAX_BYTES
from rockonweb.core.errors import BadInput, EngineError, RockonwebError
from rockonweb.core.secret import reveal
from rockonweb.core.text import size
from rockonweb.core.visible import Plain
from rockonweb.host import disks, engine, image_facts, private, registry, shares, survey
from rockonweb.models import Kind, Operation, Progress, RockOn, db
from rockonweb.models.base import database_trouble
from rockonweb.work import icons, operations

POLL_SECONDS = 0.3


def main() -> NoReturn:
    """Run the command line; an error is a sentence and an exit status, never a traceback."""
    private.begin()
    sys.stdout, sys.stderr = cast(TextIO, Plain(sys.stdout)), cast(TextIO, Plain(sys.stderr))
    try:
        sys.exit(group.main(prog_name="rockonweb", standalone_mode=False) or 0)
    except RockonwebError as error:
        fail(error)
    except DBAPIError as error:
        fail(database_trouble(error))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


def fail(error: RockonwebError) -> NoReturn:
    """Print an error, a line for each fault, and end with its status."""
    for line in error.faults if isinstance(error, BadInput) else [str(error)]:
        click.echo(line, err=True)
    if error.output:
        click.echo(error.output, err=True)
    sys.exit(error.exit_status)


def _create_app() -> Flask:
    try:
        return create_app()
    except RockonwebError as error:
        fail(error)


def register(app: Flask) -> None:
    """Add the commands to `flask --app wsgi` too."""
    for command in COMMANDS:
        app.cli.add_command(command)


@click.group(
    cls=FlaskGroup,
    create_app=_create_app,
    add_default_commands=False,
    add_version_option=False,
    load_dotenv=False,
    set_debug_flag=False,
    help="Apps for a home server: pick a rock-on, answer a few questions, and it runs in Docker.",
)
@click.version_option(__version__, prog_name="rockonweb")
def group() -> None:
    """The commands; the pages do the same and more."""


# -- the roles ---------------------------------------------------------------------------------------------------------


@click.command()
@with_appcontext
def up() -> None:
    """Run everything: database, queue server, web server, workers, watcher."""
    from rockonweb.work import supervisor

    sys.exit(supervisor.up(_app()))


@click.command()
@with_appcontext
def web() -> None:
    """Serve the pages only."""
    from rockonweb.work import roles

    _prepare()
    roles.web(_app())


@click.command()
@with_appcontext
def worker() -> None:
    """Run one worker only."""
    from rockonweb.work import rehearsal, roles

    _prepare()
    rehearsal.rehearse()
    roles.worker(_app())


@click.command()
@with_appcontext
def watch() -> None:
    """Run the watcher only."""
    from rockonweb.work import roles

    _prepare()
    roles.watch(_app())


# -- the catalogue -----------------------------------------------------------------------------------------------------


@click.group("catalog")
def catalogue() -> None:
    """The list of rock-ons."""


@catalogue.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@with_appcontext
def refresh(as_json: bool) -> None:
    """Fetch the metastores; exit 1 when nothing could be loaded from any."""
    _prepare()
    report = catalog.refresh()
    audit.record("operation.refresh")
    click.echo(json.dumps(report.to_json()) if as_json else str(report))
    icons.begin()
    sys.exit(0 if report.loaded else 1)


@catalogue.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def list_rockons(as_json: bool) -> None:
    """List the rock-ons of the catalogue and their states."""
    _prepare()
    found = sorted(db.session.scalars(select(RockOn)), key=lambda rockon: rockon.name.lower())
    shown = [rockon for rockon in found if rockon.in_catalogue or rockon.installed]
    if as_json:
        keys = ("id", "name", "version", "website", "origin", "in_catalogue", "state", "has_ui")
        click.echo(
            json.dumps([{**{k: getattr(r, k) for k in keys}, "status": r.status_text, "error": r.error} for r in shown])
        )
        return
    for rockon in shown:
        status = rockon.status_text if rockon.installed else ""
        status += "" if rockon.in_catalogue else "  (left the catalogue)"
        click.echo(f"{rockon.name:40} {rockon.state:18} {status}".rstrip())


@catalogue.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), help="A root.json: check that it and the files fit together.")
@click.option("--images", is_flag=True, help="Ask the registries for the images; a missing one is a fault.")
@click.option("--json", "as_json", is_flag=True, help="Print the faults as JSON.")
def lint(files: tuple[Path, ...], root: Path | None, images: bool, as_json: bool) -> None:
    """Check definition files; `-` is standard input. Without a file: those that root.json names.

    Exit 1 when there is a fault, 2 when a file can't be read. Advice, and images that a registry will not tell about,
    are printed and are no faults.
    """
    listed = linter.read_root(root) if root else None
    if not files and listed is None:
        raise click.MissingParameter(ctx=click.get_current_context(), param_type="argument", param_hint="'FILES...'")
    given = dict.fromkeys(files or (listed.files if listed else ()))
    files = tuple(file for file in given if root is None or file.resolve() != root.resolve())
    readable = [str(file) == "-" or (file.is_file() and os.access(file, os.R_OK)) for file in files]
    checked = [linter.check(file, sys.stdin.buffer.read(MAX_BYTES + 1) if str(file) == "-" else None) for file in files]
    found = [fault for one in checked for fault in one.faults]
    if listed:
        found += linter.check_root(listed, linter.with_those_named(listed, checked))
        readable.append(not listed.fault)
    for image, outcome in registry.look_all(linter.images_of(checked) if images else ()):
        click.echo(linter.image_line(image, outcome), err=as_json)
        found += linter.image_faults(checked, image, outcome)
    if as_json:
        click.echo(json.dumps([fault.to_json() for fault in found]))
    else:
        for fault in found:
            click.echo(str(fault))
        for advice in (each for one in checked for each in one.advice):
            click.echo(f"advice: {advice}")
        if faultless := len({one.file for one in checked} - {fault.file for fault in found}):
            click.echo(f"{faultless} without a fault")
    sys.exit(2 if not all(readable) else 1 if found else 0)


# -- rock-ons ----------------------------------------------------------------------------------------------------------


@click.command("plan")
@click.argument("name")
@click.option("--answers", "file", type=click.Path(path_type=Path), help="An answers file; `-` is standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--reveal-secrets", is_flag=True, help="Do not mask secrets.")
@with_appcontext
def show_plan(name: str, file: Path | None, as_json: bool, reveal_secrets: bool) -> None:
    """Print what an install would do. Touches nothing, and needs neither engine nor queue.

    An engine that answers is asked what speaks against it.
    """
    _prepare()
    rockon = _rockon(name)
    found, trouble = _looked_at(rockon, _answers(rockon, file))
    if reveal_secrets:
        audit.record("secret.plan", rockon.name)
    if as_json:
        click.echo(json.dumps(found.to_json(reveal if reveal_secrets else list)))
        return
    for finding in found.findings:
        click.echo(f"{finding.level}: {finding}")
    if trouble:
        click.echo(f"note: {trouble.sentence} Containers, networks and images were not looked at.")
    for step in found.steps:
        click.echo(f"- {step}  ({step.why})")
    for line in found.revealed_lines if reveal_secrets else found.lines:
        click.echo(line)


@click.command()
@click.argument("name")
@click.option("--answers", "file", type=click.Path(path_type=Path), help="An answers file; `-` is standard input.")
@click.option("--wait", is_flag=True, help="Wait for the end, and exit 1 when it failed.")
@with_appcontext
def install(name: str, file: Path | None, wait: bool) -> None:
    """Install a rock-on with the answers of a file."""
    _prepare()
    rockon = _rockon(name)
    answers = survey.fixed_ports(rockon, _answers(rockon, file))
    docker = engine.connect(instance_id(_settings()))
    try:
        found = _plan(rockon, answers, docker)
    finally:
        docker.close()
    if found.blocked:
        raise RockonwebError("\n".join(str(finding) for finding in found.blocked))
    for finding in found.findings:
        if finding.level == "warn" or finding.confirm:
            click.echo(f"{finding.level}: {finding}", err=True)
    operation_id = operations.begin_install(rockon, answers, frozenset(), found.lines, _user())
    _report(operation_id, wait)


def _lifecycle(kind: Kind, sentence: str) -> click.Command:
    @click.command(str(kind), help=sentence)
    @click.argument("name")
    @click.option("--wait", is_flag=True, help="Wait for the end, and exit 1 when it failed.")
    @with_appcontext
    def command(name: str, wait: bool) -> None:
        _prepare()
        _report(operations.begin(kind, _rockon(name), _user()), wait)

    return command


@click.command()
@click.argument("name")
@with_appcontext
def answers(name: str) -> None:
    """Print the answers of a rock-on, as an answers file. Secrets are in it."""
    _prepare()
    found = rows.answers_of(_rockon(name)).to_json()
    audit.record("secret.answers", name)
    click.echo(json.dumps(found, indent=2))


# -- shares ------------------------------------------------------------------------------------------------------------


@click.group()
def share() -> None:
    """The folders that apps keep their data in."""


@share.command("add")
@click.argument("name")
@with_appcontext
def add_share(name: str) -> None:
    """Make a new share, on Btrfs a subvolume; says where, and prints its path alone on standard output."""
    where = shares.ground(_settings()).words
    path = shares.make(_settings(), name).path
    audit.record("shares.make", name)
    click.echo(where, err=True)
    click.echo(path)


@share.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def list_shares(as_json: bool) -> None:
    """List the shares."""
    found = shares.listing(_settings())
    if as_json:
        listed: list[dict[str, Any]] = [
            {"name": n, "path": s.path, "uid": s.uid, "gid": s.gid} for n, s in found.items()
        ]
        click.echo(json.dumps([{**row, "free": disks.room(Path(row["path"]))} for row in listed]))
        return
    for name, facts in found.items():
        free = disks.room(Path(facts.path))
        room = "" if free is None else f"  {size(free)} free"
        click.echo(f"{name:30} {facts.path}  {facts.uid}:{facts.gid}{room}")


COMMANDS: list[click.Command] = [
    *(up, web, worker, watch, catalogue, show_plan, install, answers, share),
    _lifecycle(Kind.START, "Start an installed rock-on."),
    _lifecycle(Kind.STOP, "Stop an installed rock-on."),
    _lifecycle(Kind.RESTART, "Stop and start an installed rock-on."),
    _lifecycle(Kind.UPDATE, "Get the newest images, and rebuild the containers whose image is newer."),
    _lifecycle(Kind.UNINSTALL, "Remove a rock-on's containers; shares, images and volumes stay."),
]
COMMANDS += cli_accounts.COMMANDS + cli_backup.COMMANDS + cli_doctor.COMMANDS
for one in COMMANDS:
    group.add_command(one)


# -- below -------------------------------------------------------------------------------------------------------------


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _user() -> str:
    return f"{getpass.getuser()} (command line)"


def _prepare() -> None:
    """Make the database on the first use of the command line; `up` and its migrations do it otherwise."""
    private.mend(_settings())
    if not inspect(db.engine).has_table("rockon"):
        migrate.upgrade()
        catalog.load_starter()


def _rockon(name: str) -> RockOn:
    rockon = db.session.scalar(select(RockOn).where(RockOn.name == name))
    if rockon is None:
        raise BadInput(f'There is no rock-on "{name}".', "rockonweb catalog list shows their exact names.")
    return rockon


def _answers(rockon: RockOn, file: Path | None) -> Answers:
    if file is None:
        if not rockon.installed_source:
            raise BadInput(f"{rockon.name} is not installed, so it has no answers yet.", "Give them by --answers FILE.")
        return rows.answers_of(rockon)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The answers file {file} can't be read: {error}.") from None
    given: Any = load(text)
    found = read(rockon.definition, given, rows.suggested_port(rockon))
    known = shares.listing(_settings())
    missing = [name for name in found.used_shares() if name not in known]
    if missing:
        faults = [f'There is no share "{name}". Make it: rockonweb share add {name}' for name in missing]
        raise BadInput("Shares are missing.", faults=faults)
    return found


def _plan(rockon: RockOn, found: Answers, docker: engine.Engine) -> plan.Plan:
    return plan.install(rockon.definition, found, survey.gather(rockon, found, engine=docker))


def _looked_at(rockon: RockOn, found: Answers) -> tuple[plan.Plan, EngineError | None]:
    """Return the plan with what an engine says to it, and why none could be asked, if that is so.

    The lines come from definition and answers alone, whichever volumes there are by now.
    """
    facts, trouble = survey.gather(rockon, found, engine=None), None
    try:
        with closing(engine.connect(instance_id(_settings()))) as docker:
            seen = replace(survey.gather(rockon, found, engine=docker), kept_volumes=facts.kept_volumes)
            facts = image_facts.added(seen, plan.images(rockon.definition), docker, _settings().registry_seconds)
    except EngineError as error:
        trouble = error
    return plan.install(rockon.definition, found, facts), trouble


def _report(operation_id: int, wait: bool) -> None:
    """Print the operation's number, or wait for its end and print its outcome."""
    if not wait:
        click.echo(f"operation {operation_id} is queued")
        return
    while True:
        operation = db.session.get_one(Operation, operation_id, populate_existing=True)
        if not operation.active:
            break
        db.session.rollback()
        time.sleep(POLL_SECONDS)
    for step in operation.steps:
        click.echo(f"{step.progress:12} {step.title}")
    if operation.progress is not Progress.DONE:
        output = next((step.output for step in operation.steps if step.progress is Progress.FAILED), "")
        raise EngineError(operation.error or str(operation.progress), operation.hint, output)
    click.echo("done")
