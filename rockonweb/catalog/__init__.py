"""The catalogue: a refresh syncs what the metastores offer to the database, and reports the changes.

Files are fetched and parsed first, outside a transaction; the rows are then changed in short ones.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from rockonweb.catalog.metastore import FileContent
from rockonweb.catalog.offers import (
    CatalogueOffer,
    LoadedMetastore,
    had_remote_rockon,
    load_metastore,
    load_starter_metastore,
    merge_offers,
)
from rockonweb.catalog.report import CatalogueReport, MetastoreReport
from rockonweb.catalog.sources import LOCAL_ORIGIN, MAX_PARALLEL, Source, list_sources, prefix_of_key
from rockonweb.config import current_config
from rockonweb.models import (
    Draft,
    Installation,
    MetastoreFile,
    Operation,
    RefreshReport,
    RockOn,
    db,
    port_suggestions,
    repository,
    transaction,
)
from rockonweb.models.operation import IS_ACTIVE

LoadMetastores = Callable[[], list[LoadedMetastore]]
MAX_REPORTS = 20  # older ones are deleted
BATCH_SIZE = 250  # rock-ons per transaction, so that others can write in between


def refresh_catalogue(
    wait: Callable[[Callable[[], list[LoadedMetastore]]], list[LoadedMetastore]] = operator.call,
) -> CatalogueReport:
    """Fetch the metastores, sync their rock-ons to the database, store the report and return it.

    Needs an application context. Errors of a metastore are not raised, but are in the report. `wait` calls the function
    that fetches, and may raise to give up the refresh meanwhile.
    """
    settings = current_config()
    known_sources = list_sources(settings)
    stored = _stored_contents()
    enabled_sources = [source for source in known_sources if source.enabled]
    metastores = wait(partial(_load_metastores, enabled_sources, stored, str(settings.shares_root)))
    loaded_keys = [key for metastore in metastores for key in metastore.loaded_keys]
    base = [] if had_remote_rockon([*stored, *loaded_keys]) else [load_starter_metastore()]
    offers = merge_offers([*base, *metastores], _rockon_origins())
    loaded_pairs = [*zip(enabled_sources, metastores, strict=True)]
    on_network = [metastore for source, metastore in loaded_pairs if source.remote and source.place]
    report = CatalogueReport(
        loaded=any(offer.origin != "starter" and not offer.file.stale for offer in offers),
        offline=bool(on_network) and not any(metastore.complete for metastore in on_network),
        metastores=[
            MetastoreReport(origin=source.origin, place=source.shown, rockons=len(metastore.rockon_names))
            for source, metastore in loaded_pairs
            if source.place
        ],
    )
    if report.loaded and not base:
        _note_starters(report, {offer.name for offer in offers})
    batches = [offers[start : start + BATCH_SIZE] for start in range(0, len(offers), BATCH_SIZE)] or [[]]
    for batch in batches:
        with transaction() as session:
            if batch is batches[0]:  # first, so that the ports of removed ones are free
                first_local = _remove_unoffered(session, report, {offer.name for offer in offers}, metastores)
            _upsert_offers(session, report, batch, first_local)
            if batch is batches[-1]:
                _store_files(session, stored, metastores, {source.key_prefix for source in known_sources})
                _store_report(session, report, metastores)
    return report


def _note_starters(report: CatalogueReport, offered: set[str]) -> None:
    """Put the rock-ons of the starter catalogue into the report, which this refresh replaces; ends the transaction."""
    starters = select(RockOn.name).where(RockOn.origin == "starter", RockOn.in_catalogue).order_by(RockOn.position)
    for name in db.session.scalars(starters):
        (report.starters_replaced if name in offered else report.starters_gone).append(name)
    db.session.rollback()


def load_starter() -> None:
    """Add the starter catalogue to the database, unless a remote metastore was ever loaded."""
    if had_remote_rockon(_stored_contents()):
        return
    with transaction() as session:
        other_names = set(session.scalars(select(RockOn.name).where(RockOn.origin != "starter")))
        offers = merge_offers([load_starter_metastore()])
        _upsert_offers(session, CatalogueReport(), [offer for offer in offers if offer.name not in other_names], 0)


def _stored_contents() -> dict[str, FileContent]:
    """Return the files stored by earlier refreshes, by key; ends the transaction."""
    columns = (MetastoreFile.url, MetastoreFile.body, MetastoreFile.etag, MetastoreFile.last_modified)
    contents = {key: FileContent(*content) for key, *content in db.session.execute(select(*columns))}
    db.session.rollback()
    return contents


def _load_metastores(
    sources: Sequence[Source], stored: Mapping[str, FileContent], shares_root: str
) -> list[LoadedMetastore]:
    """Load the metastores, several in parallel, so that a slow one does not delay the others."""
    if sum(source.remote for source in sources) < 2:
        return [load_metastore(source, stored, shares_root) for source in sources]
    with ThreadPoolExecutor(MAX_PARALLEL, "metastores") as pool:
        return list(pool.map(lambda source: load_metastore(source, stored, shares_root), sources))


def _rockon_origins() -> dict[str, str]:
    """Return the origin of each rock-on by name; ends the transaction."""
    origins = {name: origin for name, origin in db.session.execute(select(RockOn.name, RockOn.origin))}  # noqa: C416
    db.session.rollback()
    return origins


def _upsert_offers(session: Session, report: CatalogueReport, batch: list[CatalogueOffer], first_local: int) -> None:
    """Create or update the rows of a batch of offers and report the changes; local rock-ons come after all others.

    The report is about metastores: starter rock-ons are not in it, and one that replaces a starter counts as added.
    """
    names = [offer.name for offer in batch]
    existing = {rockon.name: rockon for rockon in session.scalars(select(RockOn).where(RockOn.name.in_(names)))}
    suggestions = port_suggestions.PortSuggestions.load_taken(session)
    for offer in batch:
        row, parsed = existing.get(offer.name), offer.parsed
        replaces_starter = row is not None and row.origin == "starter"
        position = offer.position + (first_local if offer.origin == LOCAL_ORIGIN else 0)
        _, outcome = repository.upsert_entry(
            session, row, parsed.definition, parsed.source, suggestions, origin=offer.origin, position=position
        )
        if offer.origin == "starter":
            continue
        for changes in report.changes_for(offer.origin):
            if outcome == "added" or replaces_starter:
                changes.added.append(offer.name)
            elif outcome == "changed":
                changes.changed.append(offer.name)
            elif not offer.file.stale:
                changes.unchanged += 1


def _remove_unoffered(
    session: Session, report: CatalogueReport, offered: set[str], metastores: Sequence[LoadedMetastore]
) -> int:
    """Delete unused rock-ons that are not offered any more, and mark used ones as not in the catalogue.

    Rock-ons whose metastore could not be loaded stay. Returns the position after the last of these.
    """
    incomplete = {metastore.origin for metastore in metastores if not metastore.complete}
    staying: list[RockOn] = []
    leaving: list[RockOn] = []
    for row in session.scalars(select(RockOn).order_by(RockOn.position)):
        if row.name not in offered:
            (staying if not report.loaded or row.origin in incomplete else leaving).append(row)
    if leaving:
        in_use = {*session.scalars(select(Installation.entry_id)), *session.scalars(select(Draft.rockon_id))}
        in_use |= {operation.replacement_id for operation in session.scalars(select(Operation).where(IS_ACTIVE))}
        unused = {row.id for row in leaving if row.id not in in_use}
        for row in leaving:
            if row.in_catalogue and (row.origin != "starter" or row.id not in unused):
                for changes in report.changes_for(row.origin):
                    changes.removed.append(row.name)
            if row.in_catalogue and row.id not in unused:
                row.in_catalogue = False
        session.execute(delete(RockOn).where(RockOn.id.in_(unused)))
    return max((row.position + 1 for row in staying), default=0)


def _store_files(
    session: Session, stored: Mapping[str, FileContent], metastores: Sequence[LoadedMetastore], homes: set[str]
) -> None:
    """Store usable files, and delete those that are not listed any more.

    Files of metastores not configured any more (their prefix is not in `homes`) go once the remote one was loaded.
    """
    files = {file.key: file.content for metastore in metastores for file in metastore.files if file.content}
    changed = {key: content for key, content in files.items() if stored.get(key) != content}
    obsolete = {key for metastore in metastores for key in metastore.keys}
    if metastores[0].files and metastores[0].complete:
        obsolete |= {key for key in stored if prefix_of_key(key) not in homes}
    obsolete -= files.keys()
    if changed or obsolete:
        session.execute(delete(MetastoreFile).where(MetastoreFile.url.in_([*changed, *obsolete])))
    if changed:
        columns = [{"url": key, **vars(content)} for key, content in changed.items()]
        session.execute(insert(MetastoreFile), columns)


def _store_report(session: Session, report: CatalogueReport, metastores: Sequence[LoadedMetastore]) -> None:
    """Add the faults to the report, store it, and delete old ones."""
    for metastore in metastores:
        for changes in report.changes_for(metastore.origin):
            for name, fault in metastore.faults.items():
                changes.add_faulty_file(name, [fault])
            for file in metastore.files:
                changes.add_faulty_file(file.name, file.reasons)
    session.add(RefreshReport(content=report.to_stored_json()))
    session.flush()
    newest = select(RefreshReport.id).order_by(RefreshReport.id.desc()).limit(MAX_REPORTS)
    session.execute(delete(RefreshReport).where(RefreshReport.id.not_in(newest.scalar_subquery())))
