"""Preview of a definition with suggested answers: its questions and its plan. Changes and stores nothing."""

from __future__ import annotations

from dataclasses import dataclass

from rockonweb.core.definition.definition import Definition
from rockonweb.core.plan import plan
from rockonweb.core.questions import suggestions, wizard
from rockonweb.host import get_host
from rockonweb.models import RockOn
from rockonweb.models.repository import blank_installation
from rockonweb.work.collect_facts import gather_facts

OPEN_ANSWER = "…"  # placeholder for an answer that only the user knows


@dataclass(frozen=True)
class DefinitionPreview:
    """The questions by page, with suggested answers, and the plan for these."""

    definition: Definition
    sections: list[tuple[str, list[wizard.ReviewedAnswer]]]
    plan: plan.Plan


def preview_definition(definition: Definition) -> DefinitionPreview:
    """Return the preview of a definition. Docker is not called, so the plan lacks what only Docker knows."""
    host = get_host()
    existing_shares = host.shares.shares_by_name()
    values = wizard.suggest_shares(definition)
    new_shares = frozenset(share for share in values.values() if share not in existing_shares)
    blank_rockon = blank_installation(RockOn(name=definition.name, source="", ports=()))  # in no session
    facts = gather_facts(blank_rockon, wizard.answers_from_values(definition, values), None)
    preferred_ports = {
        question.name: definition.containers[question.container].port_specs[int(question.key)].host_default
        or int(question.key)
        for question in wizard.page_questions(definition, "ports")
    }
    surroundings = host.collect_surroundings(list(values.values()))
    ports = wizard.suggest_host_ports(definition, preferred_ports, facts)
    values |= {name: str(port.port) for name, port in ports.items()}
    for page in ("environment", "custom-config"):
        page_suggestions = suggestions.suggest_texts(definition, page, values, surroundings, OPEN_ANSWER.__mul__)
        for question in wizard.page_questions(definition, page):
            suggestion = page_suggestions.get(question.name)
            values[question.name] = suggestion.value if suggestion else "" if question.optional else OPEN_ANSWER
    planned = plan.plan_install(definition, wizard.answers_from_values(definition, values), facts, new_shares)
    return DefinitionPreview(definition, wizard.review_answers(definition, values, new_shares), planned)
