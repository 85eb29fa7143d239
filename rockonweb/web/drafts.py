"""Drafts: what a user has typed so far in a rock-on's wizard, stored until it is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from rockonweb.core.answers.field_names import plain_field_name
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import definition_digest
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.questions import wizard
from rockonweb.models import Draft, Installation, db, repository, transaction

# Built once: each page of a wizard executes it, and building it takes longer than the query.
_BY_IDS = select(Draft).where(
    Draft.rockon_id == bindparam("entry_id"),
    Draft.user_id == bindparam("user_id"),
    Draft.installation_id.is_not_distinct_from(bindparam("installation_id")),
)


@dataclass(frozen=True)
class StoredDraft:
    """A stored draft as the pages need it.

    `values` are by field name, as typed; `done` the accepted pages; `new_shares` those that did not exist when their
    page was accepted. `outdated` is a draft for an older definition: `dropped` names the answers that have no question
    any more, and no page is done, since the questions may mean something else now.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    new_shares: frozenset[str] = frozenset()
    outdated: bool = False
    dropped: tuple[str, ...] = ()


def catalogue_definition(installation: Installation) -> Definition:
    """Return the definition that an install uses: the newest in the catalogue."""
    return installation.parse_definition(installation.entry.source)


def load_draft(installation: Installation, definition: Definition, user_id: int) -> StoredDraft:
    """Return a user's draft, an empty one where there is none."""
    row = find_draft(db.session(), installation, user_id)
    return _read_stored_draft(row, definition_digest(installation.entry.source), definition)


def save_draft(
    installation: Installation,
    definition: Definition,
    user_id: int,
    page: str,
    typed: Mapping[str, str],
    *,
    accepted: bool | None,
    new_shares: frozenset[str] | None = None,
) -> None:
    """Store what was typed on a page.

    `accepted` is False for a page with errors, and None for one that was left by Back, which stays done unless it was
    changed. `new_shares` is given with the accepted shares page.
    """
    # Before the transaction, which loads the entry again: a refresh may have changed it since the page was shown.
    definition_hash = definition_digest(installation.entry.source)
    with transaction() as session:
        row = find_draft(session, installation, user_id)
        draft = _read_stored_draft(row, definition_hash, definition)
        changed = any(draft.values.get(name) != value for name, value in typed.items())
        done = set(draft.done) | ({page} if accepted else set())
        if accepted is False or (accepted is None and changed):
            done.discard(page)
        data = {
            "values": {**draft.values, **typed},
            "done": sorted(done),
            "new_shares": sorted(draft.new_shares if new_shares is None else new_shares),
        }
        row = row or _add_draft(session, installation, user_id)
        row.definition_hash, row.typed_values = definition_hash, data


def draft_last_answers(installation: Installation, user_id: int) -> None:
    """Store the answers of the last install as a user's draft with all pages accepted, in place of any other draft."""
    definition = catalogue_definition(installation)
    values = wizard.values_from_answers(definition, repository.load_answers(installation))
    with transaction() as session:
        data = {"values": values, "done": wizard.wizard_pages(definition), "new_shares": []}
        store_draft(session, installation, user_id, data)


def prefill_fields(installation: Installation, definition: Definition, draft: StoredDraft) -> dict[str, str]:
    """Return the initial field values: those of the draft, else the answers of an earlier install; no suggestions."""
    return {**wizard.values_from_answers(definition, repository.load_answers(installation)), **draft.values}


def find_draft(session: Session, installation: Installation, user_id: int) -> Draft | None:
    """Return a user's row: for the settings of an installed app, else for an install; None where there is none."""
    ids = {
        "entry_id": installation.entry_id,
        "user_id": user_id,
        "installation_id": _draft_installation_id(installation),
    }
    return session.scalar(_BY_IDS, ids)


def store_draft(session: Session, installation: Installation, user_id: int, data: dict[str, Any]) -> None:
    """Create or update a user's row."""
    definition_hash = definition_digest(installation.entry.source)
    row = find_draft(session, installation, user_id) or _add_draft(session, installation, user_id)
    row.definition_hash, row.typed_values = definition_hash, data


def _add_draft(session: Session, installation: Installation, user_id: int) -> Draft:
    row = Draft(user_id=user_id, rockon_id=installation.entry_id, installation_id=_draft_installation_id(installation))
    session.add(row)
    return row


def _draft_installation_id(installation: Installation) -> int | None:
    return installation.id if installation.state in INSTALLED_OR_PENDING else None


def _read_stored_draft(row: Draft | None, definition_hash: str, definition: Definition) -> StoredDraft:
    data = row.typed_values if row else {}
    if row is None or "values" not in data:
        return StoredDraft()
    questions = wizard.all_questions(definition)
    # Older versions stored one answer for two questions with the same joined name: it belongs to neither.
    ambiguous_names = {
        plain_field_name(question.page, question.container, question.key)
        for question in questions
        if question.name not in data["values"]
    }
    values: dict[str, str] = {name: value for name, value in data["values"].items() if name not in ambiguous_names}
    if row.definition_hash == definition_hash:
        unanswered_pages = {question.page for question in questions if question.name not in values}
        return StoredDraft(
            values, tuple(page for page in data["done"] if page not in unanswered_pages), frozenset(data["new_shares"])
        )
    question_names = {question.name for question in questions}
    return StoredDraft(
        {name: value for name, value in values.items() if name in question_names},
        outdated=True,
        dropped=tuple(name for name in values if name not in question_names),
    )
