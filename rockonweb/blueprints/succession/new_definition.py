"""A newer definition of an installed rock-on, its own or its replacement's, and the forms of its new questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import wanted_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import definition_digest
from rockonweb.core.facts import HostFacts, PortListener
from rockonweb.core.questions import suggestions, wizard
from rockonweb.core.questions.migrate_answers import (
    MigratedAnswers,
    merge_new_answers,
    migrate_answers,
    new_questions_only,
)
from rockonweb.core.text import t
from rockonweb.forms import PageForm, devices, environment, ports
from rockonweb.forms import shares as shares_form
from rockonweb.host import get_host
from rockonweb.models import Installation, RockOn, repository
from rockonweb.web import questions


@dataclass(frozen=True)
class DefinitionOffer:
    """A definition (`new`) that may replace that of an installed rock-on (`old`).

    `successor` is the catalogue's rock-on that has it, where its name is another.
    """

    rockon: Installation
    source: str
    old: Definition
    new: Definition
    migrated: MigratedAnswers
    successor: RockOn | None = None

    @property
    def is_ignored(self) -> bool:
        """Whether an owner ignored it."""
        return self.rockon.ignored == definition_digest(self.source)


def build_offer(installation: Installation, successor: RockOn | None = None) -> DefinitionOffer:
    """Return the offer of the catalogue's definition of an installed rock-on, or of `successor`."""
    entry = successor or installation.entry
    new_definition = installation.parse_definition(entry.source, entry.name)
    return DefinitionOffer(
        installation,
        entry.source,
        installation.current_definition,
        new_definition,
        migrate_answers(installation.current_definition, repository.load_answers(installation), new_definition),
        successor,
    )


@dataclass(frozen=True)
class NewQuestionForms:
    """The new questions as forms of the wizard, one for each page that has any."""

    offer: DefinitionOffer
    definition: Definition  # reduced to the new questions
    forms: Mapping[str, PageForm]
    suggested: Mapping[str, suggestions.Suggestion]

    @property
    def field_texts(self) -> dict[str, str]:
        """The values of all fields, by field name."""
        return {name: value for form in self.forms.values() for name, value in form.typed_values.items()}

    @property
    def merged_answers(self) -> Answers:
        """All answers: the migrated ones and those of the fields."""
        return merge_new_answers(self.offer.migrated, wizard.answers_from_values(self.definition, self.field_texts))

    @property
    def shares_to_add(self) -> frozenset[str]:
        """The shares named in fields that do not exist yet."""
        form = self.forms.get("shares")
        return (
            shares_form.shares_to_create(form.typed_values, get_host().shares.shares_by_name()) if form else frozenset()
        )

    @property
    def focus_target(self) -> Any:
        """The field that gets the focus: the first with an error, or a revealed secret."""
        return next((form.focused_field for form in self.forms.values() if form.focused_field), None)

    def validate_forms(self) -> bool:
        """Validate all forms, so that all faults are shown at once."""
        results = [form.validate() for form in self.forms.values()]
        return all(results)

    def redisplay_with_secret(self, generated: str, revealed: str) -> None:
        """Prepare sent forms for display again, with a secret generated or revealed for the field of that name."""
        for form in self.forms.values():
            if generated in form:
                environment.fill_generated_secret(form, generated, self.suggested)
            else:
                environment.redisplay_secrets(form, revealed)


def build_question_forms(offer: DefinitionOffer, facts: HostFacts) -> NewQuestionForms:
    """Return the forms of the new questions with suggested values, bound to the request."""
    reduced, migrated = new_questions_only(offer.new, offer.migrated), offer.migrated
    values = wizard.values_from_answers(offer.new, migrated.answers)
    forms: dict[str, PageForm] = {}
    suggested: dict[str, suggestions.Suggestion] = {}
    for page in wizard.wizard_pages(reduced):
        if page == "shares":
            forms[page] = _new_shares_form(offer, reduced)
        elif page == "ports":
            forms[page] = _new_ports_form(offer, reduced, facts)
        elif page == "devices":
            forms[page] = devices.build_devices_form(reduced, {})
        elif page in ("environment", "custom-config"):
            known_values = {
                **values,
                **{name: value for form in forms.values() for name, value in form.typed_values.items()},
            }
            suggestions = questions.suggest_field_texts(offer.new, page, known_values)
            suggested |= suggestions
            forms[page] = environment.build_environment_form(reduced, values, suggestions, page)
    return NewQuestionForms(offer, reduced, forms, suggested)


def _new_shares_form(offer: DefinitionOffer, reduced: Definition) -> PageForm:
    share_context = questions.load_share_context(offer.rockon, _("Accept"))
    suggested = questions.suggest_free_shares(reduced, share_context, offer.migrated.answers.used_shares())
    return shares_form.build_shares_form(reduced, suggested, share_context)


def _new_ports_form(offer: DefinitionOffer, reduced: Definition, facts: HostFacts) -> PageForm:
    own_listeners = tuple(
        PortListener(port.host, port.protocol, port.address, t("another port of this rock-on"))
        for port in wanted_ports(offer.new, offer.migrated.answers)
    )
    facts = replace(facts, claimed=(*facts.claimed, *own_listeners))
    suggest_port = repository.port_suggester(
        repository.blank_installation(offer.successor) if offer.successor else offer.rockon
    )
    preferred_ports = {}
    for question in wizard.page_questions(reduced, "ports"):
        spec = offer.new.containers[question.container].port_specs[int(question.key)]
        installed_port = suggest_port(question.container, int(question.key)) if offer.successor else None
        preferred_ports[question.name] = installed_port or spec.host_default or int(question.key)
    return ports.build_ports_form(reduced, {}, wizard.suggest_host_ports(reduced, preferred_ports, facts), facts)
