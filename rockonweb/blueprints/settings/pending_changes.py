"""The settings that a person wants for an installed rock-on and has not applied yet, kept in their draft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_login import current_user

from rockonweb.core.answers.answers import Answers, from_json, rebased, same
from rockonweb.models import Draft, Installation, State, db, repository, writing
from rockonweb.web import drafts


@dataclass(frozen=True)
class Wanted:
    """What a person wants, and the answers that the containers were made with.

    `new_shares` did not exist when they were named: they are made when the change is applied.
    """

    answers: Answers
    current: Answers
    new_shares: frozenset[str] = frozenset()

    @property
    def changed(self) -> bool:
        """Whether there is anything to apply."""
        return not same(self.answers, self.current)


def load(rockon: Installation, user_id: int) -> Wanted:
    """Return what a person wants; what stands on the rows where they changed nothing. Only reads."""
    return _wanted(drafts.find(db.session(), rockon, user_id), rockon)


def save(rockon: Installation, user_id: int, answers: Answers, new_shares: frozenset[str] = frozenset()) -> None:
    """Keep what a person wants; `new_shares` are those of it that do not exist yet."""
    with writing() as session:
        current = repository.answers_of(rockon)
        if same(answers, current):
            discard(rockon, user_id)
            return
        data = {
            "wanted": answers.to_json(),
            "base": current.to_json(),
            "wanted_shares": sorted(new_shares & set(answers.used_shares())),
        }
        drafts.keep(session, rockon, user_id, data)


def discard(rockon: Installation, user_id: int) -> None:
    """Forget what a person wanted."""
    with writing() as session:
        if row := drafts.find(session, rockon, user_id):
            session.delete(row)


def unapplied(rockon: Installation) -> bool:
    """Whether the person who is logged in has changes of this rock-on that are not applied yet; for templates."""
    if rockon.state is not State.INSTALLED or not current_user.is_authenticated:
        return False
    row = drafts.find(db.session(), rockon, current_user.id)
    return row is not None and _wanted(row, rockon).changed


def _wanted(row: Draft | None, rockon: Installation) -> Wanted:
    current = repository.answers_of(rockon)
    data: dict[str, Any] = row.data if row else {}
    if "wanted" not in data:
        return Wanted(current, current)
    base, wanted = from_json(data["base"]), from_json(data["wanted"])
    return Wanted(rebased(base, wanted, current), current, frozenset(data["wanted_shares"]))
