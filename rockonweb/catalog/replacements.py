"""Replacements: rock-ons of the catalogue that replace an installed app whose entry was removed, and the reverse."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, bindparam, or_, select

from rockonweb.core.definition.parser import definition_digest
from rockonweb.core.definition.replacement import ReplacementCandidate, Replacements, match_replacements
from rockonweb.core.operations.lifecycle import State
from rockonweb.models import Container, Installation, RockOn, db
from rockonweb.models.rockon import has_word

# Built once: each page of an app that is offered executes it, and building it takes longer than the query.
_REMOVED_APPS = (
    select(Installation)
    .join(Installation.entry)
    .where(
        ~RockOn.in_catalogue,
        Installation.state == State.INSTALLED,
        Installation.id.in_(
            select(Container.installation_id).where(Container.name.in_(bindparam("names", expanding=True)))
        ),
    )
)


def find_replacements(app: Installation) -> Replacements:
    """Return the possible replacements of an app; none for one that is in the catalogue or not installed."""
    if app.entry.in_catalogue or not app.is_installed:
        return Replacements()
    names = [container.name for container in app.containers]
    in_use = select(Installation.entry_id).where(Installation.state != State.AVAILABLE)
    query = select(RockOn.id, RockOn.name, RockOn.containers)
    query = query.where(RockOn.in_catalogue, RockOn.id.not_in(in_use), _has_any_container(names))
    return match_replacements(
        names,
        [ReplacementCandidate(key, name, frozenset(containers)) for key, name, containers in db.session.execute(query)],
    )


def replacements_to_offer(app: Installation) -> Replacements:
    """Return the possible replacements of an app, without those that an owner ignored."""
    candidates = find_replacements(app).candidates
    if not candidates or not app.ignored:
        return Replacements(candidates)
    query = select(RockOn.id, RockOn.source).where(RockOn.id.in_([candidate.id for candidate in candidates]))
    ignored_ids = {
        rockon_id for rockon_id, source in db.session.execute(query) if definition_digest(source) == app.ignored
    }
    return Replacements(tuple(candidate for candidate in candidates if candidate.id not in ignored_ids))


def replaceable_apps(app: Installation) -> list[Installation]:
    """Return the installed apps whose entries were removed from the catalogue and that this one may replace."""
    if not app.entry.in_catalogue or app.state is not State.AVAILABLE:
        return []
    formers = db.session.scalars(_REMOVED_APPS, {"names": app.entry.containers})
    return [former for former in formers if find_replacements(former).choose_candidate(app.entry_id)]


def _has_any_container(names: Iterable[str]) -> ColumnElement[bool]:
    return or_(*(has_word(RockOn.containers, name) for name in names))
