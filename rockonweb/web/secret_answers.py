"""Which answers of a rock-on are secrets, and the user's choice to mark them so or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import request

from rockonweb.accounts import audit
from rockonweb.core.text import t
from rockonweb.languages import translate
from rockonweb.models import CustomConfig, Environment, Installation, repository, transaction

HIDE, UNHIDE = "secret", "no-secret"  # checkboxes: a question shows the one that would change something


@dataclass(frozen=True)
class SecretAnswer:
    """An answer's row. A blank container stands for the whole rock-on."""

    container: str
    row: Environment | CustomConfig
    secret: bool

    @property
    def name(self) -> str:
        """Its name on the page: `container/key`."""
        return f"{self.container}/{self.row.key}"


def list_secret_answers(installation: Installation) -> list[SecretAnswer]:
    """Return the variables and custom config entries that have an answer."""
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
    """Store and audit whether an answer is a secret; takes effect at once."""
    with transaction() as session:
        repository.ensure_installation(session, installation).set_secret(container, key, label, secret=secret)
        audit.record("secret.hidden" if secret else "secret.unhidden", f"{installation.name} {key}")


def apply_secret_boxes(installation: Installation, fields: Iterable[Any]) -> bool:
    """Store the checkboxes that were ticked on a question page.

    A stored secret must be typed again before it stops being secret: otherwise the checkbox would reveal it.
    Returns False and sets an error on the field where it was not.
    """
    hide, unhide = request.form.getlist(HIDE), request.form.getlist(UNHIDE)
    accepted = True
    for field in fields:
        if field.name not in (unhide if field.ask.secret else hide):
            continue
        if field.ask.secret and field.stored and not request.form.get(field.name):
            field.errors = [*field.errors, translate(t("Enter the value again: it will be shown from then on."))]
            accepted = False
            continue
        mark_secret(installation, field.ask.container, field.ask.key, field.ask.spec.label, secret=not field.ask.secret)
    return accepted
