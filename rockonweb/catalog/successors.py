"""Which rock-ons of the catalogue succeed an installed app whose entry left it, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, or_, select

from rockonweb.core.definition.definition import digest
from rockonweb.core.definition.replacement import Candidate, Succession, find
from rockonweb.core.operations.lifecycle import State
from rockonweb.models import Container, Installation, RockOn, db
from rockonweb.models.rockon import has_word


def of(app: Installation) -> Succession:
    """Return what may have become of an app; nothing for one that is in the catalogue or not installed. Reads."""
    if app.entry.in_catalogue or not app.installed:
        return Succession()
    names = [container.name for container in app.containers]
    taken = select(Installation.entry_id).where(Installation.state != State.AVAILABLE)
    query = select(RockOn.id, RockOn.name, RockOn.containers)
    query = query.where(RockOn.in_catalogue, RockOn.id.not_in(taken), _has_one_of(names))
    return find(names, [Candidate(key, name, frozenset(known)) for key, name, known in db.session.execute(query)])


def to_tell(app: Installation) -> Succession:
    """Return what may have become of an app without what its owner left aside. Reads."""
    found = of(app).candidates
    if not found or not app.ignored:
        return Succession(found)
    query = select(RockOn.id, RockOn.source).where(RockOn.id.in_([one.id for one in found]))
    aside = {rockon_id for rockon_id, source in db.session.execute(query) if digest(source) == app.ignored}
    return Succession(tuple(one for one in found if one.id not in aside))


def succeeded_by(app: Installation) -> list[Installation]:
    """Return the installed apps whose entries left the catalogue and that this one may be now. Reads."""
    if not app.entry.in_catalogue or app.state is not State.AVAILABLE:
        return []
    having = select(Container.installation_id).where(Container.name.in_(app.entry.containers))
    query = select(Installation).join(Installation.entry)
    query = query.where(~RockOn.in_catalogue, Installation.state == State.INSTALLED, Installation.id.in_(having))
    return [one for one in db.session.scalars(query) if of(one).chosen(app.entry_id)]


def _has_one_of(names: Iterable[str]) -> ColumnElement[bool]:
    return or_(*(has_word(RockOn.containers, name) for name in names))
