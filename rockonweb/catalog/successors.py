"""Which rock-ons of the catalogue succeed an installed one that left it, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, select

from rockonweb.core.definition import digest
from rockonweb.core.succession import Candidate, Succession, find
from rockonweb.models import Container, RockOn, State, db


def of(rockon: RockOn) -> Succession:
    """Return what may have become of a rock-on; nothing for one that is in the catalogue or not installed. Reads."""
    if rockon.in_catalogue or not rockon.installed:
        return Succession()
    names = [container.name for container in rockon.containers]
    offered: dict[tuple[int, str], set[str]] = {}
    query = select(RockOn.id, RockOn.name, Container.name).join(Container)
    query = query.where(RockOn.in_catalogue, RockOn.state == State.AVAILABLE, RockOn.id.in_(_having(names)))
    for rockon_id, name, container in db.session.execute(query):
        offered.setdefault((rockon_id, name), set()).add(container)
    return find(names, [Candidate(*who, frozenset(containers)) for who, containers in offered.items()])


def to_tell(rockon: RockOn) -> Succession:
    """Return what may have become of a rock-on without what its owner left aside. Reads."""
    found = of(rockon).candidates
    if not found or not rockon.ignored:
        return Succession(found)
    query = select(RockOn.id, RockOn.source).where(RockOn.id.in_([one.id for one in found]))
    aside = {rockon_id for rockon_id, source in db.session.execute(query) if digest(source) == rockon.ignored}
    return Succession(tuple(one for one in found if one.id not in aside))


def succeeded_by(rockon: RockOn) -> list[RockOn]:
    """Return the installed rock-ons that left the catalogue and that this one may be now. Reads."""
    if not rockon.in_catalogue or rockon.state is not State.AVAILABLE:
        return []
    names = [container.name for container in rockon.containers]
    query = select(RockOn).where(~RockOn.in_catalogue, RockOn.state == State.INSTALLED, RockOn.id.in_(_having(names)))
    return [one for one in db.session.scalars(query) if of(one).chosen(rockon.id)]


def _having(names: Iterable[str]) -> Select[int]:
    return select(Container.rockon_id).where(Container.name.in_(list(names)))
