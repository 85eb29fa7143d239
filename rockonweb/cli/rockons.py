"""The commands for rock-ons: install, answers, start, stop, restart, update, uninstall."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.cli.plan import read_answers_file
from rockonweb.core.errors import BadInput, EngineError, EngineUnreachable, QueueUnreachable
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest, UpdateRequest, blank_request
from rockonweb.core.preflight.unsaved_files import check_choices
from rockonweb.core.text import join_texts, t
from rockonweb.models import Kind, Operation, Progress, db, repository
from rockonweb.work import heartbeat, operations, rehearsal
from rockonweb.work.submission import refuse_unconfirmed, review_or_refuse, submit_review

POLL_SECONDS = 0.3
UNSERVED_SECONDS = 30  # without a worker, one that died is started again within this time
WAIT_HELP = "Wait for the end, and exit 1 when it failed, 3 when Docker or the queue is away."
CONFIRM_HINT = t("If you agree, repeat the command with --confirm %(code)s.")


@click.command()
@click.argument("name")
@click.option("--answers", "file", type=click.Path(path_type=Path), help="An answers file; `-` is standard input.")
@click.option("--confirm", default="", metavar="CODE", help="Agree to what a refused install printed as new.")
@click.option("--wait", is_flag=True, help=WAIT_HELP)
@instance.with_instance
def install(name: str, file: Path | None, confirm: str, wait: bool) -> None:
    """Install a rock-on with the answers of a file."""
    installation = instance.find_rockon(name)
    review = review_or_refuse(installation, InstallRequest(read_answers_file(installation, file)))
    refuse_unconfirmed(review, confirm, CONFIRM_HINT, as_last_time=file is None)
    for finding in review.plan.findings:
        if finding.level == "warn" or finding.confirm:
            click.echo(f"{finding.level}: {finding}", err=True)
    operation_id = submit_review(review, audit.current_actor())
    report_operation(operation_id, wait)


def _lifecycle_command(kind: Kind, sentence: str) -> click.Command:
    @click.command(str(kind), help=sentence)
    @click.argument("name")
    @click.option("--wait", is_flag=True, help=WAIT_HELP)
    @instance.with_instance
    def command(name: str, wait: bool) -> None:
        report_operation(
            operations.submit_operation(instance.find_rockon(name), blank_request(kind), audit.current_actor()), wait
        )

    return command


start = _lifecycle_command(Kind.START, "Start an installed rock-on.")
stop = _lifecycle_command(Kind.STOP, "Stop an installed rock-on.")
restart = _lifecycle_command(Kind.RESTART, "Stop and start an installed rock-on.")
uninstall = _lifecycle_command(Kind.UNINSTALL, "Remove a rock-on's containers; shares, images and volumes stay.")


@click.command()
@click.argument("name")
@click.option(
    "--save",
    "saved",
    multiple=True,
    metavar="CONTAINER:FOLDER=SHARE",
    help="Copy a folder that is in no share to this share, or SHARE/FOLDER, which takes its place.",
)
@click.option("--lose", "lost", multiple=True, metavar="CONTAINER:FOLDER", help="Agree that its files are lost.")
@click.option("--move-data", is_flag=True, help="Take a database along to another major version, by a dump.")
@click.option("--rehearse", is_flag=True, help="Only start a copy of it with the newest images, in a closed room.")
@click.option("--copy", is_flag=True, help="For a rehearsal: copy shares that can't be cloned.")
@click.option("--wait", is_flag=True, help=WAIT_HELP)
@instance.with_instance
def update(
    name: str,
    saved: tuple[str, ...],
    lost: tuple[str, ...],
    move_data: bool,
    rehearse: bool,
    copy: bool,
    wait: bool,
) -> None:
    """Pull the newest images, and recreate the containers that have a newer image."""
    installation = instance.find_rockon(name)
    if (copy and not rehearse) or (rehearse and (saved or lost or move_data)):
        raise BadInput("--rehearse changes nothing, so only --copy goes with it; --copy is for a rehearsal.")
    if rehearse:
        report_operation(rehearsal.rehearse_update(installation, audit.current_actor(), copy=copy), wait)
        return
    parts = [choice.rpartition("=") for choice in saved]
    if not all(key and share for key, _, share in parts):
        raise BadInput("--save needs CONTAINER:FOLDER=SHARE or CONTAINER:FOLDER=SHARE/FOLDER.")
    unsaved = {**{key: share for key, _, share in parts}, **dict.fromkeys(lost, "")}
    check_choices(installation.current_definition, unsaved)
    if move_data:
        reviewed = review_or_refuse(installation, ChangeRequest(move_data=True, unsaved=unsaved))
        operation_id = submit_review(reviewed, audit.current_actor())
    else:
        operation_id = operations.submit_operation(installation, UpdateRequest(unsaved=unsaved), audit.current_actor())
    report_operation(operation_id, wait)


@click.command()
@click.argument("name")
@instance.with_instance
def answers(name: str) -> None:
    """Print the answers of a rock-on, as an answers file. Secrets are in it."""
    content = repository.load_answers(instance.find_rockon(name)).to_dict()
    audit.record("secret.answers", name)
    click.echo(json.dumps(content, indent=2))


# -- helpers -----------------------------------------------------------------------------------------------------------


def report_operation(operation_id: int, wait: bool) -> None:
    """Print the operation's id, or wait for its end and print its outcome.

    Raises EngineError where it failed, EngineUnreachable where it did because Docker is away, QueueUnreachable where
    nobody takes it from the queue.
    """
    if not wait:
        click.echo(f"operation {operation_id} is queued")
        return
    operation = await_end(operation_id)
    for step in operation.steps:
        click.echo(f"{step.progress:12} {step.title}")
    for sentence, hint in operation.notes.warnings:
        click.echo(f"warn: {join_texts(' ', (sentence, hint))}", err=True)
    if operation.progress is not Progress.DONE:
        failed = next((step for step in operation.steps if step.progress is Progress.FAILED), None)
        output = join_texts("\n", (failed.output, failed.app_output)) if failed else ""
        error_class = EngineUnreachable if operation.notes.unreachable else EngineError
        raise error_class(_describe_end(operation) or str(operation.progress), operation.hint, output)
    click.echo(_describe_end(operation) or "done")


def _describe_end(operation: Operation) -> str:
    """Return the error of an operation that has failed, and what a rehearsal has proved."""
    return rehearsal.describe_result(operation) if operation.kind is Kind.REHEARSE else operation.error


def await_end(operation_id: int) -> Operation:
    """Return an operation once it has ended. Raises QueueUnreachable where nobody takes it from the queue."""
    served_at = time.monotonic()
    while True:
        operation = db.session.get_one(Operation, operation_id, populate_existing=True)
        if not operation.is_active:
            return operation
        if operation.progress is not Progress.QUEUED or heartbeat.count_workers():
            served_at = time.monotonic()
        elif time.monotonic() - served_at > UNSERVED_SECONDS:
            raise QueueUnreachable(
                f"Nobody takes operation {operation_id} from the queue.",
                "It stays queued, and is run once Rockonweb runs again: start it with `rockonweb up`.",
            )
        db.session.rollback()
        time.sleep(POLL_SECONDS)
