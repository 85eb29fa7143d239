"""A newer definition that waits for an installed rock-on, its own or that of its successor, and what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition, digest
from rockonweb.core.facts import HostFacts, Listener
from rockonweb.core.preflight.ports import wanted_ports
from rockonweb.core.questions import suggestions, wizard
from rockonweb.core.questions.migrate_answers import Carried, carry, only_new, with_new
from rockonweb.core.text import t
from rockonweb.forms import PageForm, devices, environment, ports
from rockonweb.forms import shares as shares_form
from rockonweb.host import host_of
from rockonweb.models import Installation, RockOn, repository
from rockonweb.web import questions


@dataclass(frozen=True)
class Offer:
    """A definition that an installed rock-on may take: `new` in place of `old`.

    `successor` is the rock-on of the catalogue that has it, where that has another name.
    """

    rockon: Installation
    source: str
    old: Definition
    new: Definition
    carried: Carried
    successor: RockOn | None = None

    @property
    def ignored(self) -> bool:
        """Whether an owner left it aside."""
        return self.rockon.ignored == digest(self.source)


def offer(rockon: Installation, successor: RockOn | None = None) -> Offer:
    """Return what the catalogue has for an installed rock-on, or for one whose successor is known. Only reads."""
    where = successor or rockon.entry
    new = rockon.read(where.source, where.name)
    return Offer(
        rockon,
        where.source,
        rockon.definition,
        new,
        carry(rockon.definition, repository.answers_of(rockon), new),
        successor,
    )


@dataclass(frozen=True)
class Asked:
    """The new questions as forms of the wizard, one for each of its pages that asks something."""

    offer: Offer
    definition: Definition  # that asks nothing else
    forms: Mapping[str, PageForm]
    suggested: Mapping[str, suggestions.Suggestion]

    @property
    def typed(self) -> dict[str, str]:
        """What all fields hold, by name."""
        return {name: value for form in self.forms.values() for name, value in form.typed.items()}

    @property
    def answers(self) -> Answers:
        """All answers: the carried ones, and what the fields hold."""
        return with_new(self.offer.carried, wizard.answers(self.definition, self.typed))

    @property
    def new_shares(self) -> frozenset[str]:
        """The shares that the fields name and that do not exist."""
        form = self.forms.get("shares")
        return shares_form.new_shares(form.typed, host_of().shares.listing()) if form else frozenset()

    @property
    def focus(self) -> Any:
        """The field that gets the focus: the first with an error, or the one that was asked to be shown."""
        return next((form.focus for form in self.forms.values() if form.focus), None)

    @property
    def has_secrets(self) -> bool:
        """Whether a field holds a secret, with buttons of its own."""
        return any(form.has_secrets for form in self.forms.values())

    def validate(self) -> bool:
        """Check all fields, so that every fault is told at once."""
        outcomes = [form.validate() for form in self.forms.values()]
        return all(outcomes)

    def another_look(self, generated: str, shown: str) -> None:
        """Let the page be looked at as it was sent, with a new secret, or with one to be read."""
        for form in self.forms.values():
            if generated in form:
                environment.generate(form, generated, self.suggested)
            else:
                environment.show(form, shown)


def ask(offer: Offer, facts: HostFacts) -> Asked:
    """Return the forms for what is new, filled with what is suggested, bound to what was sent."""
    fresh, carried = only_new(offer.new, offer.carried), offer.carried
    values = wizard.values_of(offer.new, carried.answers)
    forms: dict[str, PageForm] = {}
    suggested: dict[str, suggestions.Suggestion] = {}
    for page in wizard.pages(fresh):
        if page == "shares":
            forms[page] = _shares(offer, fresh)
        elif page == "ports":
            forms[page] = _ports(offer, fresh, facts)
        elif page == "devices":
            forms[page] = devices.form(fresh, {})
        elif page in ("environment", "custom-config"):
            known = {**values, **{name: value for form in forms.values() for name, value in form.typed.items()}}
            found = questions.suggested_texts(offer.new, page, known)
            suggested |= found
            forms[page] = environment.form(fresh, values, found, page)
    return Asked(offer, fresh, forms, suggested)


def _shares(offer: Offer, fresh: Definition) -> PageForm:
    here = questions.room(offer.rockon, t("Accept"))
    suggested = questions.suggested_shares(fresh, here, offer.carried.answers.used_shares())
    return shares_form.form(fresh, suggested, here)


def _ports(offer: Offer, fresh: Definition, facts: HostFacts) -> PageForm:
    own = tuple(
        Listener(host, protocol, holder=t("another port of this rock-on"))
        for _, _, host, protocol in wanted_ports(offer.new, offer.carried.answers)
    )
    facts = replace(facts, claimed=(*facts.claimed, *own))
    suggest_port = repository.suggested_port(
        repository.not_installed(offer.successor) if offer.successor else offer.rockon
    )
    wanted = {}
    for ask in wizard.asks(fresh, "ports"):
        spec = offer.new.containers[ask.container].port_specs[int(ask.key)]
        known = suggest_port(ask.container, int(ask.key)) if offer.successor else None
        wanted[ask.name] = known or spec.host_default or int(ask.key)
    return ports.form(fresh, {}, wizard.suggested_ports(fresh, wanted, facts), facts)
