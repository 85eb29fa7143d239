"""Takes over all rock-ons of Rockstor at once: those that run here, and those of a configuration backup of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select

from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.imports.rockstor_backup import (
    MAX_BACKUP_BYTES,
    RockstorApp,
    complete_answers,
    parse_rockstor_backup,
)
from rockonweb.core.imports.source import ImportedApp, SourceApp
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import RockOn, db, repository
from rockonweb.models.rockon import has_word
from rockonweb.work.adoption import describe_containers
from rockonweb.work.imports import AppImport, import_app, save_import
from rockonweb.work.review import prepare_review
from rockonweb.work.submission import refuse_blocked, submit_review

GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class RockstorFind:
    """A rock-on that was found: what it would be here, or why it can't be taken over. `runs_here`: it is adopted."""

    name: str
    app: AppImport | None = None
    problem: str = ""

    @property
    def runs_here(self) -> bool:
        """Whether its containers are here."""
        return self.app is not None and bool(self.app.adopted)


@dataclass(frozen=True)
class RockstorResult:
    """What became of a rock-on: the id of its operation, or why there is none."""

    name: str
    operation: int | None = None
    problem: str = ""


def read_backup(data: bytes) -> list[RockstorApp]:
    """Return the rock-ons of an uploaded backup, gzipped or not. Raises BadInput."""
    if data.startswith(GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            data = unpacker.decompress(data, MAX_BACKUP_BYTES + 1)
        except zlib.error:
            raise BadInput(t("This file is damaged: it can't be unpacked.")) from None
    if len(data) > MAX_BACKUP_BYTES:
        raise BadInput(t("This file is too large for a configuration backup."))
    return parse_rockstor_backup(data.decode("utf-8", "replace"))


def find_rockstor_apps(backup: Sequence[RockstorApp] = ()) -> list[RockstorFind]:
    """Return the rock-ons of the catalogue whose containers run here without being an app's, and those of a backup of
    Rockstor, by name. Raises EngineError.
    """
    with get_host().connect_docker() as docker:
        present = {name for name, container in docker.list_containers().items() if not container.rockon}
    saved = {app.name: app for app in backup}
    wanted = [RockOn.name.in_(saved), *(has_word(RockOn.containers, name) for name in sorted(present))]
    finds: dict[str, RockstorFind] = {}
    for entry in db.session.scalars(select(RockOn).where(RockOn.in_catalogue, or_(*wanted))).all():
        definition = definition_from_source(entry.name, entry.source)
        installation = repository.find_installation_by_name(entry.name)
        if definition.unreadable or (installation and installation.is_installed):
            continue
        if definition.containers.keys() <= present:
            finds[entry.name] = _find_running(definition, entry)
        elif entry.name in saved:
            finds[entry.name] = _find_saved(definition, entry, saved[entry.name])
    for name in saved.keys() - finds.keys():
        installation = repository.find_installation_by_name(name)
        why = (
            t("It is installed here already.")
            if installation and installation.is_installed
            else t("The catalogue does not have it: refresh the catalogue, or add its definition.")
        )
        finds[name] = RockstorFind(name, problem=why)
    return sorted(finds.values(), key=lambda find: find.name.casefold())


def take_over(names: Sequence[str], finds: Sequence[RockstorFind], user: str) -> list[RockstorResult]:
    """Submit the adoption or the install of those of these names that were found, for a user (name), in their order."""
    return [_take(find.name, find.app, user) for find in finds if find.name in names and find.app]


def _take(name: str, app: AppImport, user: str) -> RockstorResult:
    try:
        installation = save_import(app)
        with get_host(installation).connect_docker() as docker:
            review = prepare_review(installation, InstallRequest(app.imported.answers), docker)
        refuse_blocked(review)
        return RockstorResult(name, submit_review(review, user))
    except RockonwebError as error:
        db.session.rollback()
        return RockstorResult(name, problem=error.message_with_hint)


def _find_running(definition: Definition, entry: RockOn) -> RockstorFind:
    if definition.custom_config:
        why = t("It has an install of its own, which would change its data: adopt its containers under another name.")
        return RockstorFind(entry.name, problem=why)
    try:
        app = import_app(describe_containers([name for name, _ in definition.launch_order]))
    except RockonwebError as error:
        return RockstorFind(entry.name, problem=error.message_with_hint)
    if app.imported.name != entry.name:
        why = t("It runs otherwise than the catalogue has it: adopt its containers as they are.")
        return RockstorFind(entry.name, problem=why)
    return RockstorFind(entry.name, app)


def _find_saved(definition: Definition, entry: RockOn, saved: RockstorApp) -> RockstorFind:
    shares = get_host().shares.shares_by_name()
    missing = [share for share in saved.answers.used_shares() if share not in shares]
    if missing:
        why = t("Its shares are not here: %(names)s. Copy them first.", names=", ".join(missing))
        return RockstorFind(entry.name, problem=why)
    if not complete_answers(definition, saved.answers):
        return RockstorFind(entry.name, problem=t("Its definition asks more than the backup answers: install it."))
    source = json.dumps({entry.name: json.loads(entry.source)}, ensure_ascii=False)
    imported = ImportedApp(entry.name, source, saved.answers, ())
    return RockstorFind(entry.name, AppImport(SourceApp(entry.name, ()), imported, is_known=True))
