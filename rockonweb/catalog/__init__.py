"""The catalogue: what the metastores offer is brought in line with the rows, and reported.

Files are fetched and read first, without a transaction; the rows are then changed in a short one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from rockonweb.catalog.metastore import Content
from rockonweb.catalog.offers import Metastore, Offer, catalogue, had_remote, load, starter
from rockonweb.catalog.report import Part, Report
from rockonweb.catalog.sources import AT_ONCE, LOCAL_ORIGIN, Source, home, listed
from rockonweb.config import current_settings
from rockonweb.models import (
    Draft,
    Installation,
    MetastoreFile,
    Operation,
    RefreshReport,
    RockOn,
    db,
    repository,
    writing,
)
from rockonweb.models.operation import IS_ACTIVE

REPORTS = 20  # kept
BATCH = 250  # rock-ons; a catalogue with more takes several transactions, so that others get to write in between


def refresh() -> Report:
    """Fetch the metastores, bring the rows in line with them, and return, and keep, the report.

    Needs an application context. Raises nothing for what a metastore does: that is in the report.
    """
    settings = current_settings()
    known_sources = listed(settings)
    known = _known()
    asked = [source for source in known_sources if source.enabled]
    metastores = _loaded(asked, known)
    loaded_keys = [key for metastore in metastores for key in metastore.loaded_keys]
    base = [] if had_remote([*known, *loaded_keys]) else [starter()]
    offers = catalogue([*base, *metastores], _origins())
    report = Report(
        loaded=any(offer.origin != "starter" and not offer.file.stale for offer in offers),
        parts=[
            Part(origin=source.origin, place=source.shown, rockons=len(metastore.names))
            for source, metastore in zip(asked, metastores, strict=True)
            if source.place
        ],
    )
    batches = [offers[start : start + BATCH] for start in range(0, len(offers), BATCH)] or [[]]
    for batch in batches:
        with writing() as session:
            if batch is batches[0]:  # first, so that the ports of those that leave are free
                first_local = _leave(session, report, {offer.name for offer in offers}, metastores)
            _put(session, report, batch, first_local)
            if batch is batches[-1]:
                _remember(session, known, metastores, {source.home for source in known_sources})
                _conclude(session, report, metastores)
    return report


def load_starter() -> None:
    """Put the starter catalogue into the rows, unless a remote metastore was loaded once."""
    if had_remote(_known()):
        return
    with writing() as session:
        others = set(session.scalars(select(RockOn.name).where(RockOn.origin != "starter")))
        offers = catalogue([starter()])
        _put(session, Report(), [offer for offer in offers if offer.name not in others], 0)


def _known() -> dict[str, Content]:
    """Return what earlier refreshes kept, by key, and hold no transaction afterwards."""
    columns = (MetastoreFile.url, MetastoreFile.body, MetastoreFile.etag, MetastoreFile.last_modified)
    found = {key: Content(*content) for key, *content in db.session.execute(select(*columns))}
    db.session.rollback()
    return found


def _loaded(asked: Sequence[Source], known: Mapping[str, Content]) -> list[Metastore]:
    """Return what the metastores offer, several at once: one that is slow does not hold up the others."""
    if sum(source.remote for source in asked) < 2:
        return [load(source, known) for source in asked]
    with ThreadPoolExecutor(AT_ONCE, "metastores") as pool:
        return list(pool.map(lambda source: load(source, known), asked))


def _origins() -> dict[str, str]:
    """Return where each rock-on of the catalogue came from, and hold no transaction afterwards."""
    found = {name: origin for name, origin in db.session.execute(select(RockOn.name, RockOn.origin))}  # noqa: C416
    db.session.rollback()
    return found


def _put(session: Session, report: Report, batch: list[Offer], first_local: int) -> None:
    """Bring the rows of some offers in line and report what that did; local ones are placed behind all others.

    The report is about metastores: a starter rock-on is not in it, and who takes the place of one is added.
    """
    names = [offer.name for offer in batch]
    known = {rockon.name: rockon for rockon in session.scalars(select(RockOn).where(RockOn.name.in_(names)))}
    suggestions = repository.Suggestions.load(session)
    for offer in batch:
        row, parsed = known.get(offer.name), offer.parsed
        stood_in = row is not None and row.origin == "starter"
        position = offer.place + (first_local if offer.origin == LOCAL_ORIGIN else 0)
        _, outcome = repository.put(
            session, row, parsed.definition, parsed.source, suggestions, origin=offer.origin, position=position
        )
        if offer.origin == "starter":
            continue
        for sheet in report.sheets(offer.origin):
            if outcome == "added" or stood_in:
                sheet.added.append(offer.name)
            elif outcome == "changed":
                sheet.changed.append(offer.name)
            elif not offer.file.stale:
                sheet.unchanged += 1


def _leave(session: Session, report: Report, offered: set[str], metastores: Sequence[Metastore]) -> int:
    """Delete rock-ons that are offered no more and that nobody has touched, and mark the others as gone.

    Nothing leaves that may only be out of reach. Returns the place behind the last of those.
    """
    incomplete = {metastore.origin for metastore in metastores if not metastore.complete}
    staying: list[RockOn] = []
    leaving: list[RockOn] = []
    for row in session.scalars(select(RockOn).order_by(RockOn.position)):
        if row.name not in offered:
            (staying if not report.loaded or row.origin in incomplete else leaving).append(row)
    if leaving:
        touched = {*session.scalars(select(Installation.entry_id)), *session.scalars(select(Draft.rockon_id))}
        touched |= {one.successor for one in session.scalars(select(Operation).where(IS_ACTIVE))}
        unused = {row.id for row in leaving if row.id not in touched}
        for row in leaving:
            if row.in_catalogue and (row.origin != "starter" or row.id not in unused):
                for sheet in report.sheets(row.origin):
                    sheet.removed.append(row.name)
            if row.in_catalogue and row.id not in unused:
                row.in_catalogue = False
        session.execute(delete(RockOn).where(RockOn.id.in_(unused)))
    return max((row.position + 1 for row in staying), default=0)


def _remember(session: Session, known: Mapping[str, Content], metastores: Sequence[Metastore], homes: set[str]) -> None:
    """Keep the files that could be used, and forget those that are listed no more.

    Those of another remote metastore than is configured now (whose home is none of `homes`) go when this one was had.
    """
    files = {file.key: file.content for metastore in metastores for file in metastore.files if file.content}
    fresh = {key: content for key, content in files.items() if known.get(key) != content}
    gone = {key for metastore in metastores for key in metastore.keys}
    if metastores[0].files and metastores[0].complete:
        gone |= {key for key in known if home(key) not in homes}
    gone -= files.keys()
    if fresh or gone:
        session.execute(delete(MetastoreFile).where(MetastoreFile.url.in_([*fresh, *gone])))
    if fresh:
        columns = [{"url": key, **vars(content)} for key, content in fresh.items()]
        session.execute(insert(MetastoreFile), columns)


def _conclude(session: Session, report: Report, metastores: Sequence[Metastore]) -> None:
    """Complete the report with the faults, and keep it in place of the oldest one."""
    for metastore in metastores:
        for sheet in report.sheets(metastore.origin):
            for name, fault in metastore.faults.items():
                sheet.fault(name, [fault])
            for file in metastore.files:
                sheet.fault(file.name, file.reasons)
    session.add(RefreshReport(content=report.content()))
    session.flush()
    newest = select(RefreshReport.id).order_by(RefreshReport.id.desc()).limit(REPORTS)
    session.execute(delete(RefreshReport).where(RefreshReport.id.not_in(newest.scalar_subquery())))
