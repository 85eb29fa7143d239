"""The catalogue: what the metastores offer is brought in line with the rows, and reported.

Files are fetched and read first, without a transaction; the rows are then changed in a single short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from rockonweb import rows
from rockonweb.config import Settings
from rockonweb.definition import DefinitionFaults, Parsed, parse
from rockonweb.metastore import ROOT, Content, Fetched, Unusable, clean, decoded, listing, local_files, read_file
from rockonweb.models import Draft, KeptVolume, MetastoreFile, Operation, RefreshReport, RockOn, State, db, writing
from rockonweb.remote import Remote
from rockonweb.report import Report
from rockonweb.text import t

STARTER = Path(__file__).with_name("starter")
REPORTS = 20  # kept
LOCAL = "local:"  # begins the keys of the local metastore's files, instead of an address


@dataclass
class _File:
    """A file of a metastore with its rock-ons; `stale` ones are what an earlier refresh kept of it."""

    name: str
    key: str
    rockons: list[Parsed]
    content: Content | None
    stale: bool = False
    reasons: list[str] = field(default_factory=list)


@dataclass
class _Metastore:
    """What a metastore offers. Unless it is `complete`, what it does not mention may still be there."""

    origin: str
    files: list[_File] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)  # of what has no file
    complete: bool = True
    keys: set[str] = field(default_factory=set)  # whose kept content must go unless a file here has it

    def rockons(self) -> dict[str, tuple[Parsed, _File]]:
        """Return the rock-ons by name, in the metastore's order. A name that stands in two files is a fault."""
        owners: dict[str, _File] = {}
        for file in sorted(self.files, key=lambda each: each.stale):
            for name in [one.definition.name for one in file.rockons]:
                owner = owners.setdefault(name, file)
                if owner is not file and not file.stale:
                    file.reasons.append(t('the rock-on "%(name)s" is in %(file)s already', name=name, file=owner.name))
        return {
            one.definition.name: (one, file)
            for file in self.files
            for one in file.rockons
            if owners[one.definition.name] is file
        }


def refresh() -> Report:
    """Fetch the metastores, bring the rows in line with them, and return, and keep, the report.

    Needs an application context. Raises nothing for what a metastore does: that is in the report.
    """
    settings: Settings = current_app.config["SETTINGS"]
    known = _known()
    remote = _remote(settings.remote_metastore, known)
    local = _local(settings.local_metastore, known)
    report = Report()
    with writing() as session:
        _sync(session, report, remote, local, starter_serves=not _had_remote([*known, *_fresh_keys(remote)]))
        _remember(session, known, remote, local)
        for metastore in (remote, local):
            for name, fault in metastore.faults.items():
                report.fault(name, [fault])
            for file in metastore.files:
                report.fault(file.name, file.reasons)
        session.add(RefreshReport(content=report.content()))
        newest = select(RefreshReport.id).order_by(RefreshReport.id.desc()).limit(REPORTS)
        session.flush()
        session.execute(delete(RefreshReport).where(RefreshReport.id.not_in(newest.scalar_subquery())))
    return report


def load_starter() -> list[str]:
    """Put the starter catalogue into the rows, unless a remote metastore was loaded once; returns the names added."""
    if _had_remote(_known()):
        return []
    added = []
    with writing() as session:
        known = {rockon.name: rockon for rockon in session.scalars(select(RockOn))}
        suggestions = rows.Suggestions.load(session)
        for position, (name, (one, _)) in enumerate(_starter().rockons().items()):
            row = known.get(name)
            if row is None or row.origin == "starter":
                put = rows.put(
                    session, row, one.definition, one.source, suggestions, origin="starter", position=position
                )
                added += [name] if put[1] == "added" else []
    return added


def lint(path: Path) -> list[dict[str, str]]:
    """Return the faults of a definition file as `catalog lint --json` prints them; none: it can be used."""
    try:
        parse(decoded(read_file(path)))
    except Unusable as error:
        return [{"file": str(path), "path": "", "message": error.args[0]}]
    except DefinitionFaults as error:
        return [{"file": str(path), "path": fault.path, "message": fault.message} for fault in error.faults]
    return []


def _known() -> dict[str, Content]:
    """Return what earlier refreshes kept, by key, and hold no transaction afterwards."""
    columns = (MetastoreFile.url, MetastoreFile.body, MetastoreFile.etag, MetastoreFile.last_modified)
    found = {key: Content(*content) for key, *content in db.session.execute(select(*columns))}
    db.session.rollback()
    return found


def _had_remote(keys: Iterable[str]) -> bool:
    """Whether a rock-on of a remote metastore was ever loaded."""
    return any(not key.startswith(LOCAL) and not key.endswith(f"/{ROOT}") for key in keys)


def _fresh_keys(metastore: _Metastore) -> list[str]:
    return [file.key for file in metastore.files if file.rockons]


def _remote(base: str, known: Mapping[str, Content]) -> _Metastore:
    found = _Metastore("remote")
    if not base:
        return found  # none is configured: what came from one leaves
    remote = Remote(base, known)
    root = remote.root()
    try:
        if root.content is None:
            raise Unusable(root.fault)
        listed = listing(root.content.body)
    except Unusable as error:
        found.complete, found.faults[ROOT] = False, error.args[0]
        return found
    # Read as they come: that costs nothing while others are on their way.
    files = {one.file: _file(one, remote.key(one.file), known) for one in remote.files(list(listed.files))}
    found.files = [_File(ROOT, remote.key(ROOT), [], root.content), *(files[name] for name in listed.files)]
    found.faults = listed.faults
    found.keys = {key for key in known if not key.startswith(LOCAL)}
    return found


def _local(folder: Path, known: Mapping[str, Content]) -> _Metastore:
    found = _Metastore("local")
    try:
        found.files = [_file(one, LOCAL + one.file, known) for one in local_files(folder)]
    except Unusable as error:
        found.complete, found.faults[str(folder)] = False, error.args[0]
    else:
        found.keys = {key for key in known if key.startswith(LOCAL)}
    return found


def _starter() -> _Metastore:
    return _Metastore("starter", [_file(one, "", {}) for one in local_files(STARTER)])


def _file(fetched: Fetched, key: str, known: Mapping[str, Content]) -> _File:
    """Return the file with its rock-ons; one that can't be used counts as it was before."""
    reasons = [fetched.fault]
    if fetched.content:
        try:
            return _File(fetched.file, key, parse(fetched.content.body), fetched.content)
        except DefinitionFaults as error:
            reasons = [clean(str(fault), 500) for fault in error.faults]
    kept = known.get(key)
    try:
        rockons = parse(kept.body) if kept else []
    except DefinitionFaults:  # an older version of this program took it
        rockons, kept = [], None
    return _File(fetched.file, key, rockons, kept, stale=True, reasons=reasons)


def _sync(session: Session, report: Report, remote: _Metastore, local: _Metastore, *, starter_serves: bool) -> None:
    """Bring the rows in line: rock-ons that are no longer offered leave first, so that their ports are free."""
    base, own = _starter() if starter_serves else remote, local.rockons()
    offered = {name: (base.origin, *found) for name, found in base.rockons().items() if name not in own}
    first_own = len(offered)
    offered |= {name: (local.origin, *found) for name, found in own.items()}
    report.loaded = any(not file.stale for origin, _, file in offered.values() if origin != "starter")

    known = {rockon.name: rockon for rockon in session.scalars(select(RockOn))}
    incomplete = {metastore.origin for metastore in (remote, local) if not metastore.complete}
    absent = [row for row in known.values() if row.name not in offered]
    staying = [row for row in absent if not report.loaded or row.origin in incomplete]
    report.removed = _leave(session, [row for row in absent if row not in staying])

    gap = max((row.position + 1 for row in staying), default=0)
    suggestions = rows.Suggestions.load(session)
    tell: dict[str, Callable[[str], None]] = {"added": report.added.append, "changed": report.changed.append}
    for place, (name, (origin, one, file)) in enumerate(offered.items()):
        position = place if place < first_own else max(place, gap + place - first_own)
        _, outcome = rows.put(
            session, known.get(name), one.definition, one.source, suggestions, origin=origin, position=position
        )
        if outcome in tell:
            tell[outcome](name)
        elif not file.stale:
            report.unchanged += 1


def _leave(session: Session, leaving: list[RockOn]) -> list[str]:
    """Delete the rock-ons that nobody has touched, and mark the others; returns who was in the catalogue."""
    if not leaving:
        return []
    names = [row.name for row in leaving if row.in_catalogue]
    touched = {
        rockon_id for table in (Operation, Draft, KeptVolume) for rockon_id in session.scalars(select(table.rockon_id))
    }
    unused = {row.id for row in leaving if row.state is State.AVAILABLE and row.id not in touched}
    for row in leaving:
        if row.id not in unused and row.in_catalogue:
            row.in_catalogue = False
    session.execute(delete(RockOn).where(RockOn.id.in_(unused)))
    return names


def _remember(session: Session, known: Mapping[str, Content], *metastores: _Metastore) -> None:
    """Keep the files that could be used, and forget those that are listed no more."""
    files = {file.key: file.content for metastore in metastores for file in metastore.files if file.content}
    fresh = {key: content for key, content in files.items() if known.get(key) != content}
    gone = {key for metastore in metastores for key in metastore.keys} - files.keys()
    if fresh or gone:
        session.execute(delete(MetastoreFile).where(MetastoreFile.url.in_([*fresh, *gone])))
    if fresh:
        columns = [{"url": key, **vars(content)} for key, content in fresh.items()]
        session.execute(insert(MetastoreFile), columns)
