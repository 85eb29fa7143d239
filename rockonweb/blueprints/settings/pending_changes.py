"""Changes to the settings of an installed rock-on that a user has not applied yet, stored in the user's draft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_login import current_user

from rockonweb.core.answers.answers import Answers, answers_equal, answers_from_json, rebase_answers
from rockonweb.models import Draft, Installation, State, db, repository, transaction
from rockonweb.web import drafts


@dataclass(frozen=True)
class PendingChanges:
    """The changed answers, and the current ones, with which the containers were created.

    `new_shares` did not exist when they were entered: they are created when the change is applied.
    """

    answers: Answers
    current: Answers
    new_shares: frozenset[str] = frozenset()

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to apply."""
        return not answers_equal(self.answers, self.current)


def load_pending(installation: Installation, user_id: int) -> PendingChanges:
    """Return a user's pending changes, rebased on the current answers; these alone where there are none."""
    return _read_pending(drafts.find_draft(db.session(), installation, user_id), installation)


def save_pending(
    installation: Installation, user_id: int, answers: Answers, new_shares: frozenset[str] = frozenset()
) -> None:
    """Store changed answers, or delete the draft where they equal the current ones; `new_shares` do not exist yet."""
    with transaction() as session:
        current = repository.load_answers(installation)
        if answers_equal(answers, current):
            discard_pending(installation, user_id)
            return
        data = {
            "wanted": answers.to_dict(),
            "base": current.to_dict(),
            "wanted_shares": sorted(new_shares & set(answers.used_shares())),
        }
        drafts.store_draft(session, installation, user_id, data)


def discard_pending(installation: Installation, user_id: int) -> None:
    """Delete a user's pending changes."""
    with transaction() as session:
        if row := drafts.find_draft(session, installation, user_id):
            session.delete(row)


def has_unapplied_changes(installation: Installation) -> bool:
    """Whether the current user has unapplied changes of this rock-on; for templates."""
    if installation.state is not State.INSTALLED or not current_user.is_authenticated:
        return False
    row = drafts.find_draft(db.session(), installation, current_user.id)
    return row is not None and _read_pending(row, installation).has_changes


def _read_pending(row: Draft | None, installation: Installation) -> PendingChanges:
    current = repository.load_answers(installation)
    data: dict[str, Any] = row.typed_values if row else {}
    if "wanted" not in data:
        return PendingChanges(current, current)
    base_answers, pending_answers = answers_from_json(data["base"]), answers_from_json(data["wanted"])
    return PendingChanges(
        rebase_answers(base_answers, pending_answers, current), current, frozenset(data["wanted_shares"])
    )
