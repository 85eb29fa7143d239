"""Imports an app from elsewhere: shows what it would be here, and saves it as a definition with its answers.

The page, the JSON API and the command line all use this module.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from sqlalchemy import func, select

from rockonweb.accounts.instance_key import load_key
from rockonweb.catalog import local
from rockonweb.catalog.sources import LOCAL_ORIGIN
from rockonweb.config import current_config
from rockonweb.core.answers.answers import flatten_answers
from rockonweb.core.containers.argv import Argv
from rockonweb.core.definition.parser import (
    ParsedDefinition,
    definition_from_source,
    format_source,
    parse_definitions,
)
from rockonweb.core.errors import BadInput
from rockonweb.core.facts import HostFacts
from rockonweb.core.imports.comparison import comparable_argv, source_argv
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.formats import read_source
from rockonweb.core.imports.matching import has_same_containers, match_answers, report_differences
from rockonweb.core.imports.source import ImportedApp, SourceApp
from rockonweb.core.imports.store_files import Files
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.questions.wizard import all_questions
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import (
    Installation,
    OldContainer,
    RockOn,
    State,
    db,
    port_suggestions,
    repository,
    transaction,
)
from rockonweb.models.repository import blank_installation
from rockonweb.work.adoption import describe_containers
from rockonweb.work.review import Review, review_request


class NameTaken(BadInput):
    """The catalogue has a rock-on of this name already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            t('The catalogue has a rock-on "%(name)s" already.', name=name),
            t("Give this one another name (on the command line: --as NAME)."),
        )


@dataclass(frozen=True)
class AppImport:
    """An app as it would be imported; nothing is saved yet."""

    source: SourceApp
    imported: ImportedApp
    is_known: bool = False  # whether its definition is the catalogue's

    @property
    def adopted(self) -> dict[str, str]:
        """The ids of the containers of this host that its containers are to replace, by name."""
        return {container.name: container.id for container in self.source.containers if container.id}

    @property
    def parsed(self) -> ParsedDefinition:
        """Its definition."""
        return parse_definitions(self.imported.source)[0]

    @property
    def has_open_answers(self) -> bool:
        """Whether a question has no answer yet."""
        answered = flatten_answers(self.imported.answers)
        return any(question.answer_key not in answered for question in all_questions(self.parsed.definition))

    @cached_property
    def review(self) -> Review:
        """What an install with its answers would do on this host now."""
        entry = RockOn(name=self.imported.name, source=self.parsed.source, ports=())  # in no session
        installation = repository.find_installation_by_name(self.imported.name) if self.is_known else None
        request = InstallRequest(
            self.imported.answers, self.imported.new_shares, source=entry.source, adopted=self.adopted
        )
        return review_request(installation or blank_installation(entry), request)

    @property
    def command_lines(self) -> dict[str, tuple[Argv, Argv]]:
        """The command lines by container: as its source has it, and as it would be here."""
        planned = dict(self.review.plan.containers)
        return {
            container.name: (comparable_argv(source_argv(container)), comparable_argv(planned[container.name]))
            for container in self.source.containers
        }

    def to_json_data(self) -> dict[str, Any]:
        """Return it as `rockonweb import --json` prints it. Secrets are in the answers, as in an answers file."""
        return {
            "definition": json.loads(self.imported.source),
            "answers": self.imported.answers.to_dict(),
            "plan": self.review.plan.to_json_data(),
            "report": [
                {"what": entry.what, "outcome": str(entry.outcome), "message": str(entry.message)}
                for entry in self.imported.report
            ],
        }


def read_input(files: Files, containers: Collection[str] = ()) -> SourceApp:
    """Return the app that files or a pasted text describe, or that containers of this host are.

    Read again, the same files give the same passwords. Raises BadInput, and for containers Conflict and EngineError.
    """
    if containers:
        return describe_containers(containers)
    seed = hashlib.sha256(f"{load_key(current_config())} {sorted(files.items())}".encode()).hexdigest()
    return read_source(files, seed)


def import_app(source: SourceApp, name: str = "") -> AppImport:
    """Return what an app would be here, called `name` (blank: as in its source).

    Raises BadInput with every fault, NameTaken where the catalogue has the name already.
    """
    host = get_host()
    facts = ImportFacts(str(current_config().shares_root), host.shares.shares_by_name())
    is_adoption = all(container.id for container in source.containers)
    if is_adoption and not name.strip() and (known := _find_known(source, facts)):
        return AppImport(source, _report_adoption(source, known), is_known=True)
    imported = convert_app(source, facts, name.strip())
    if repository.find_installation_by_name(imported.name):
        raise NameTaken(imported.name)
    if faults := local.text_faults(current_config(), imported.source):
        raise BadInput(t("%(name)s can't be imported.", name=imported.name), faults=[str(fault) for fault in faults])
    return AppImport(source, _report_adoption(source, imported) if is_adoption else imported)


def _find_known(source: SourceApp, facts: ImportFacts) -> ImportedApp | None:
    """Return the rock-on of the catalogue that has the containers that run here, with its answers; None without one."""
    query = select(RockOn).where(RockOn.in_catalogue).order_by(RockOn.position)
    for container in source.containers:
        query = query.where(RockOn.source.contains(json.dumps(container.name), autoescape=True))
    for entry in db.session.scalars(query):
        definition = definition_from_source(entry.name, entry.source)
        installation = repository.find_installation_by_name(entry.name)
        is_free = installation is not None and installation.state in (State.AVAILABLE, State.INSTALL_FAILED)
        if not is_free or definition.unreadable or not has_same_containers(definition, source.containers):
            continue
        if answers := match_answers(definition, source.containers, facts):
            text = format_source(entry.source, partial(_wrap_body, entry.name))
            new_shares = frozenset(answers.used_shares()) - {*facts.shares}
            return ImportedApp(entry.name, text, answers, source.report, new_shares)
    return None


def _wrap_body(name: str, body: Any) -> dict[str, Any]:
    return {name: body}


def _report_adoption(source: SourceApp, imported: ImportedApp) -> ImportedApp:
    """Return an app with what it does otherwise than the containers that run here, as far as that is not told yet."""
    definition = parse_definitions(imported.source)[0].definition
    facts = HostFacts(str(current_config().shares_root), get_host().shares.shares_by_name())
    told = {entry.what for entry in imported.report}
    differences = report_differences(definition, imported.answers, source.containers, facts)
    return replace(imported, report=(*imported.report, *(entry for entry in differences if entry.what not in told)))


def save_import(app: AppImport) -> Installation:
    """Save the definition as a file of the local metastore, put it into the catalogue, and store the answers; of a
    known one, only the answers. The next install adopts the containers that it was imported from.

    Raises NameTaken where the name was taken in the meantime, RockonwebError where the file can't be written.
    """
    settings, parsed = current_config(), app.parsed
    file = "" if app.is_known else local.save_definition(settings, app.imported.source + "\n")
    try:
        with transaction() as session:
            entry = session.scalar(select(RockOn).where(RockOn.name == app.imported.name))
            if (entry is not None) != app.is_known:
                raise NameTaken(app.imported.name)
            if entry is None:
                last = session.scalar(select(func.max(RockOn.position))) or 0
                suggestions = port_suggestions.PortSuggestions.load_taken(session)
                entry, _ = repository.upsert_entry(
                    session, None, parsed.definition, parsed.source, suggestions, origin=LOCAL_ORIGIN, position=last + 1
                )
                session.flush()
            installation = repository.ensure_installation(session, blank_installation(entry))
            repository.sync_children(installation, parsed.definition)
            repository.store_answers(installation, app.imported.answers)
            installation.old_containers = [old for old in installation.old_containers if old.kept_name] + [
                OldContainer(container=name, docker_id=docker_id, name=name) for name, docker_id in app.adopted.items()
            ]
    except BaseException:
        if file:
            local.remove_local_file(settings, file)
        raise
    return installation
