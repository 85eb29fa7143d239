"""Definitions, answers and host facts for tests: the project's own fixtures, and small ones made in place."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rockonweb.core.answers.answers import Answers, read_answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import ParsedDefinition, definition_from_body, parse_definitions
from rockonweb.core.facts import HostFacts, ShareFacts

FOLDER = Path(__file__).parent.parent / "definitions"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def parsed_file(file: str) -> list[ParsedDefinition]:
    """Return the rock-ons of a fixture."""
    return parse_definitions((FOLDER / f"{file}.json").read_bytes())


def load_definition(file: str) -> Definition:
    """Return the (first) rock-on of a fixture."""
    return parsed_file(file)[0].definition


def rockon_body(containers: Mapping[str, Mapping[str, Any]], **keys: Any) -> dict[str, Any]:
    """Return the JSON object of a rock-on; image and launch order of a container are filled in where they are left out.

    Keys of the rock-on that must be there have values too; `keys` go over them.
    """
    filled = {
        name: {"image": f"example/{_image_name(name)}", "launch_order": position, **container}
        for position, (name, container) in enumerate(containers.items(), 1)
    }
    return {"description": "A sample.", "version": "1", "website": "", "containers": filled, **keys}


def _image_name(container: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", container.lower()).strip("-") or "image"


def definition_source(containers: Mapping[str, Mapping[str, Any]], name: str = "Sample", **keys: Any) -> str:
    """Return the text of the definition file of a rock-on as `rockon_body` makes it."""
    return json.dumps({name: rockon_body(containers, **keys)})


def parse_rockon(containers: Mapping[str, Mapping[str, Any]], name: str = "Sample", **keys: Any) -> ParsedDefinition:
    """Return a rock-on as `rockon_body` makes it with the text that is kept of it, as the catalogue takes it."""
    return parse_definitions(definition_source(containers, name, **keys))[0]


def build_definition(containers: Mapping[str, Mapping[str, Any]], name: str = "Sample", **keys: Any) -> Definition:
    """Return a rock-on as `rockon_body` makes it."""
    return definition_from_body(name, rockon_body(containers, **keys))


def port_question(
    host_default: int | None = None, label: str = "Page", protocol: str = "tcp", **keys: Any
) -> dict[str, Any]:
    """Return the question for a port of a container; `ui=True` makes it the app's own page."""
    return {"label": label, "description": "", "host_default": host_default, "protocol": protocol, **keys}


def label_questions(labels: Mapping[str, str] | None = None, /, **further: str) -> dict[str, dict[str, str]]:
    """Return the questions for volumes, variables or devices, given by their labels: `questions(TITLE="Title")`."""
    return {name: {"label": label, "description": ""} for name, label in {**(labels or {}), **further}.items()}


def default_port(definition: Definition) -> Callable[[str, int], int]:
    """Suggest what the definition does."""
    return lambda container, port: definition.containers[container].port_specs[port].host_default or port


def complete_answers(definition: Definition, **parts: Any) -> Answers:
    """Return complete answers: a share per volume, the suggested ports, `KEY-value` for text; `parts` go over them.

    A part replaces the made-up answers of the containers that it names.
    """
    values: dict[str, Any] = {
        "shares": {
            name: {path: f"{name}{path.replace('/', '-')}" for path in spec.volumes}
            for name, spec in definition.containers.items()
        },
        "environment": {
            name: {key: f"{key.lower()}-value" for key in spec.environment}
            for name, spec in definition.containers.items()
        },
        "custom_config": {key: f"{key}-value" for key in definition.custom_config},
    }
    for part, by_container in parts.items():
        values[part] = {**values.get(part, {}), **by_container}
    return read_answers(definition, values, default_port(definition))


def make_host_facts(*answers: Answers, uid: int = 1001, gid: int = 100, **facts: Any) -> HostFacts:
    """Return a host on which all shares that these answers use exist, in `/shares`, with this owner."""
    shares = {
        share: ShareFacts(f"/shares/{share}", uid, gid) for answer_set in answers for share in answer_set.used_shares()
    }
    return HostFacts(**{"shares_root": "/shares", "shares": shares, "groups": {"docker": 998}, **facts})
