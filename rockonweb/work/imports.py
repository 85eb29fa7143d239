"""Imports an app from elsewhere: shows what it would be here, and saves it as a definition with its answers.

The page, the JSON API and the command line all use this module.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import func, select

from rockonweb.catalog import local
from rockonweb.catalog.sources import LOCAL_ORIGIN
from rockonweb.config import current_config
from rockonweb.core.answers.answers import flatten_answers
from rockonweb.core.containers.argv import Argv
from rockonweb.core.definition.parser import ParsedDefinition, parse_definitions
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.comparison import comparable_argv, source_argv
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.source import ImportedApp, SourceApp
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.questions.wizard import all_questions
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, RockOn, port_suggestions, repository, transaction
from rockonweb.models.repository import blank_installation
from rockonweb.work.review import Review, review_request


@dataclass(frozen=True)
class AppImport:
    """An app as it would be imported; nothing is saved yet."""

    source: SourceApp
    imported: ImportedApp

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
        request = InstallRequest(self.imported.answers, self.imported.new_shares)
        return review_request(blank_installation(entry), request)

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


def import_app(source: SourceApp, name: str = "") -> AppImport:
    """Return what an app would be here, called `name` (blank: as in its source).

    Raises BadInput with every fault, also where the catalogue has the name already.
    """
    host = get_host()
    facts = ImportFacts(str(current_config().shares_root), host.shares.shares_by_name())
    imported = convert_app(source, facts, name.strip())
    if repository.find_installation_by_name(imported.name):
        raise _taken_name(imported.name)
    if faults := local.text_faults(current_config(), imported.source):
        raise BadInput(t("%(name)s can't be imported.", name=imported.name), faults=[str(fault) for fault in faults])
    return AppImport(source, imported)


def save_import(app: AppImport) -> Installation:
    """Save the definition as a file of the local metastore, put it into the catalogue, and store the answers.

    Raises BadInput where the name was taken in the meantime, RockonwebError where the file can't be written.
    """
    settings, parsed = current_config(), app.parsed
    file = local.save_definition(settings, app.imported.source + "\n")
    try:
        with transaction() as session:
            if session.scalar(select(RockOn.id).where(RockOn.name == app.imported.name)):
                raise _taken_name(app.imported.name)
            last = session.scalar(select(func.max(RockOn.position))) or 0
            suggestions = port_suggestions.PortSuggestions.load_taken(session)
            entry, _ = repository.upsert_entry(
                session, None, parsed.definition, parsed.source, suggestions, origin=LOCAL_ORIGIN, position=last + 1
            )
            session.flush()
            installation = repository.ensure_installation(session, blank_installation(entry))
            repository.sync_children(installation, parsed.definition)
            repository.store_answers(installation, app.imported.answers)
    except BaseException:
        local.remove_local_file(settings, file)
        raise
    return installation


def _taken_name(name: str) -> BadInput:
    sentence = t('The catalogue has a rock-on "%(name)s" already.', name=name)
    return BadInput(sentence, t("Give this one another name (on the command line: --as NAME)."))
