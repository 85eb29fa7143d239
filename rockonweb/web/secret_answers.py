"""The answers of a rock-on that may be secrets: which they are, and what a person says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import request

from rockonweb.accounts import audit
from rockonweb.core.text import t
from rockonweb.languages import translate
from rockonweb.models import CustomConfig, Environment, Installation, repository, transaction

HIDE, UNHIDE = "secret", "no-secret"  # boxes of pages of questions: a question has the one that changes something


@dataclass(frozen=True)
class SecretAnswer:
    """An answer on its row. A blank container is the whole rock-on."""

    container: str
    row: Environment | CustomConfig
    secret: bool

    @property
    def name(self) -> str:
        """Its name on a page."""
        return f"{self.container}/{self.row.key}"


def list_secret_answers(installation: Installation) -> list[SecretAnswer]:
    """Return the variables and settings that have an answer."""
    answer_rows: list[tuple[str, Environment | CustomConfig]] = [
        ("", setting) for setting in installation.custom_config
    ]
    answer_rows += [
        (container.name, variable) for container in installation.containers for variable in container.environment
    ]
    return [
        SecretAnswer(container, row, installation.is_secret_answer(row, container))
        for container, row in answer_rows
        if row.value
    ]


def mark_secret(installation: Installation, container: str, key: str, label: str, *, secret: bool) -> None:
    """Keep what a person says of an answer, which counts at once."""
    with transaction() as session:
        repository.ensure_installation(session, installation).set_secret(container, key, label, secret=secret)
        audit.record("secret.hidden" if secret else "secret.unhidden", f"{installation.name} {key}")


def apply_secret_boxes(installation: Installation, fields: Iterable[Any]) -> bool:
    """Keep the boxes that were ticked on a page of questions.

    A value that is kept and not shown must be typed again before it is no secret any more: otherwise the box would
    show it. Returns False where it was not, which then stands on its field.
    """
    hide, unhide = request.form.getlist(HIDE), request.form.getlist(UNHIDE)
    accepted = True
    for field in fields:
        if field.name not in (unhide if field.ask.secret else hide):
            continue
        if field.ask.secret and field.stored and not request.form.get(field.name):
            field.errors = [*field.errors, translate(t("Type the value again: it is shown from then on."))]
            accepted = False
            continue
        mark_secret(installation, field.ask.container, field.ask.key, field.ask.spec.label, secret=not field.ask.secret)
    return accepted
