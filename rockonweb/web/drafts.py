"""Drafts: what a person typed so far in a rock-on's wizard, kept until the submit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rockonweb.core.answers.field_names import glued
from rockonweb.core.definition.definition import Definition, digest
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.core.questions import wizard
from rockonweb.models import Draft, Installation, db, repository, writing


@dataclass(frozen=True)
class Kept:
    """A draft as the pages need it.

    `values` are by field name, as typed; `done` the pages that were accepted; `new_shares` those that did not exist
    when their page was accepted. Of a draft from an older definition, `dropped` names the answers that are no longer
    asked for, and no page is done: the questions may mean something else now.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    new_shares: frozenset[str] = frozenset()
    outdated: bool = False
    dropped: tuple[str, ...] = ()


def definition_of(rockon: Installation) -> Definition:
    """Return the definition that an install takes: the catalogue's newest."""
    return rockon.read(rockon.entry.source)


def load(rockon: Installation, definition: Definition, user_id: int) -> Kept:
    """Return a person's draft, an empty one where there is none. Only reads."""
    return _kept(find(db.session(), rockon, user_id), rockon, definition)


def save(
    rockon: Installation,
    definition: Definition,
    user_id: int,
    page: str,
    typed: Mapping[str, str],
    *,
    accepted: bool | None,
    new_shares: frozenset[str] | None = None,
) -> None:
    """Keep what was typed on a page.

    `accepted` is False for a page with errors, and None for one that was left by Back: it stays done when nothing
    on it was changed. `new_shares` come with the accepted shares page.
    """
    with writing() as session:
        kept = _kept(find(session, rockon, user_id), rockon, definition)
        changed = any(kept.values.get(name) != value for name, value in typed.items())
        done = set(kept.done) | ({page} if accepted else set())
        if accepted is False or (accepted is None and changed):
            done.discard(page)
        data = {
            "values": {**kept.values, **typed},
            "done": sorted(done),
            "new_shares": sorted(kept.new_shares if new_shares is None else new_shares),
        }
        keep(session, rockon, user_id, data)


def prefill(rockon: Installation, definition: Definition, kept: Kept) -> dict[str, str]:
    """Return what the fields hold: the draft, then the answers of an earlier install; suggestions are not in it."""
    return {**wizard.values_of(definition, repository.answers_of(rockon)), **kept.values}


def find(session: Session, rockon: Installation, user_id: int) -> Draft | None:
    """Return a person's row: that of the settings of an app that is there, else that of an install."""
    query = select(Draft).where(Draft.rockon_id == rockon.entry_id, Draft.user_id == user_id)
    return session.scalar(query.where(Draft.installation_id == _home(rockon)))


def keep(session: Session, rockon: Installation, user_id: int, data: dict[str, Any]) -> None:
    """Write a person's row."""
    row, digested = find(session, rockon, user_id), digest(rockon.entry.source)
    if row is None:
        row = Draft(user_id=user_id, rockon_id=rockon.entry_id, installation_id=_home(rockon))
        session.add(row)
    row.definition_hash, row.data = digested, data


def _home(rockon: Installation) -> int | None:
    return rockon.id if rockon.state in THERE else None


def _kept(row: Draft | None, rockon: Installation, definition: Definition) -> Kept:
    if row is None:
        return Kept()
    data, asks = row.data, wizard.all_asks(definition)
    # Older versions had one answer for two questions whose glued names are the same: it is neither's.
    shared = {glued(ask.page, ask.container, ask.key) for ask in asks if ask.name not in data["values"]}
    values: dict[str, str] = {name: value for name, value in data["values"].items() if name not in shared}
    if row.definition_hash == digest(rockon.entry.source):
        unknown = {ask.page for ask in asks if ask.name not in values}
        return Kept(values, tuple(page for page in data["done"] if page not in unknown), frozenset(data["new_shares"]))
    asked = {ask.name for ask in asks}
    return Kept(
        {name: value for name, value in values.items() if name in asked},
        outdated=True,
        dropped=tuple(name for name in values if name not in asked),
    )
