"""What an app needs of the host that can't be seen from Rockonweb's own container."""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import wanted_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.own_container import Subject
from rockonweb.core.preflight.finding import Finding

DOCKER_GROUP = -2  # as the gid of a definition


def check_visibility(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each of the app's needs that can't be checked; one for shares, which forbids the plan."""
    specs = definition.containers.values()
    needs: dict[Subject, bool] = {
        "shares": any(answers.share_mounts),
        "ports": any(wanted_ports(definition, answers)),
        "devices": any(value for values in answers.devices.values() for value in values.values()),
        "groups": any(spec.gid == DOCKER_GROUP for spec in specs),
    }
    for subject, needed in needs.items():
        if needed and (spot := facts.blind_spots.get(subject)):
            yield Finding("block" if subject == "shares" else "warn", spot.sentence, spot.hint)
