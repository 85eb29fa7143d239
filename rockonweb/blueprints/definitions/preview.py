"""What a definition would ask and do, with what is suggested as the answers: nothing is touched or remembered."""

from __future__ import annotations

from dataclasses import dataclass

from rockonweb.core.definition.definition import Definition
from rockonweb.core.plan import plan
from rockonweb.core.questions import suggestions, wizard
from rockonweb.host import host_of
from rockonweb.models import RockOn
from rockonweb.models.repository import not_installed
from rockonweb.work.collect_facts import gather_facts

OPEN = "…"  # stands for an answer that only the person knows


@dataclass(frozen=True)
class Trial:
    """The questions by page, with the suggested answers, and the plan for these."""

    definition: Definition
    sections: list[tuple[str, list[wizard.Reviewed]]]
    plan: plan.Plan


def run(definition: Definition) -> Trial:
    """Return what would be asked and done. Docker is not asked, so what only it knows is not in it."""
    host = host_of()
    known = host.shares.listing()
    values = wizard.suggested_shares(definition)
    new = frozenset(share for share in values.values() if share not in known)
    stranger = not_installed(RockOn(name=definition.name, source="", ports=()))  # in no session
    facts = gather_facts(stranger, wizard.answers(definition, values), None)
    wanted = {
        ask.name: definition.containers[ask.container].port_specs[int(ask.key)].host_default or int(ask.key)
        for ask in wizard.asks(definition, "ports")
    }
    here = host.surroundings(list(values.values()))
    ports = wizard.suggested_ports(definition, wanted, facts)
    values |= {name: str(one.port) for name, one in ports.items()}
    for page in ("environment", "custom-config"):
        known_texts = suggestions.texts(definition, page, values, here, OPEN.__mul__)
        for ask in wizard.asks(definition, page):
            found = known_texts.get(ask.name)
            values[ask.name] = found.value if found else "" if ask.optional else OPEN
    planned = plan.install(definition, wizard.answers(definition, values), facts, new)
    return Trial(definition, wizard.review(definition, values, new), planned)
