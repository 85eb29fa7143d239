"""The command `plan`, and the answers files that it and `install` read.

It submits nothing, so that it needs no client of the queue.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from rockonweb.accounts import audit
from rockonweb.cli import instance
from rockonweb.core.answers.answers import Answers, flatten_answers, parse_answers_json, read_answers
from rockonweb.core.errors import BadInput
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.questions.wizard import all_questions
from rockonweb.core.secret import reveal_argv
from rockonweb.host import get_host
from rockonweb.models import Installation, repository
from rockonweb.work.collect_facts import free_port_suggester
from rockonweb.work.review import review_request


@click.command("plan")
@click.argument("name")
@click.option("--answers", "file", type=click.Path(path_type=Path), help="An answers file; `-` is standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--reveal-secrets", is_flag=True, help="Do not mask secrets.")
@instance.with_instance
def show_plan(name: str, file: Path | None, as_json: bool, reveal_secrets: bool) -> None:
    """Print what an install would do. Changes nothing, and needs neither engine nor queue.

    An engine that answers is asked what speaks against it.
    """
    installation = instance.find_rockon(name)
    review = review_request(
        installation, InstallRequest(read_answers_file(installation, file), source=installation.installed_source)
    )
    install_plan = review.plan
    if reveal_secrets:
        audit.record("secret.plan", installation.name)
    if as_json:
        click.echo(json.dumps(install_plan.to_json_data(reveal_argv if reveal_secrets else list)))
        return
    for finding in install_plan.findings:
        click.echo(f"{finding.level}: {finding}")
    if review.trouble:
        click.echo(f"note: {review.trouble.sentence} Containers, networks and images were not checked.")
    for step in install_plan.steps:
        click.echo(f"- {step}  ({step.why})")
    for line in install_plan.revealed_lines if reveal_secrets else install_plan.masked_lines:
        click.echo(line)


def read_answers_file(installation: Installation, file: Path | None) -> Answers:
    """Return the answers of a file (`-`: standard input), or without one the stored ones. Raises BadInput."""
    if file is None:
        stored_answers = repository.load_answers(installation)
        if installation.installed_source:
            return stored_answers
        definition, answered = installation.current_definition, flatten_answers(stored_answers).values()
        if all_questions(definition) and not any(value is not None for value in answered):
            raise BadInput(
                f"{installation.name} is not installed, so it has no answers yet.", "Give them by --answers FILE."
            )
        content: Any = stored_answers.to_dict()  # of an import, or of an earlier install
    else:
        content = parse_answers_json(_read_text(file))
    return read_answers(
        installation.current_definition,
        content,
        free_port_suggester(installation),
        get_host().shares.shares_by_name(),
    )


def _read_text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The answers file {file} can't be read: {error}.") from None
