"""Definitions, answers and host facts for tests: the project's own fixtures, and small ones made in place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rockonweb.core.answers import Answers, read
from rockonweb.core.definition import Definition, from_body, parse
from rockonweb.core.facts import HostFacts, ShareFacts

FOLDER = Path(__file__).parent.parent / "definitions"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def definition(file: str) -> Definition:
    """Return the (first) rock-on of a fixture."""
    return parse((FOLDER / f"{file}.json").read_bytes())[0].definition


def rockon(containers: dict[str, Any], name: str = "Sample", **keys: Any) -> Definition:
    """Return a rock-on with these containers; image and launch order are filled in where they are left out."""
    filled = {
        container: {"image": f"example/{container}", "launch_order": place, **body}
        for place, (container, body) in enumerate(containers.items(), 1)
    }
    return from_body(name, body(filled, **keys))


def body(containers: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return the JSON object of a rock-on."""
    return {"description": "A sample.", "version": "1", "website": "", "containers": containers, **keys}


def source(containers: dict[str, Any], name: str = "Sample", **keys: Any) -> str:
    """Return the text of a definition file."""
    return json.dumps({name: body(containers, **keys)})


def default_port(definition: Definition) -> Callable[[str, int], int]:
    """Suggest what the definition does."""
    return lambda container, port: definition.containers[container].port_specs[port].host_default or port


def answer(definition: Definition, **parts: Any) -> Answers:
    """Return complete answers: a share per volume, the suggested ports, `KEY-value` for text; `parts` go over them.

    A part replaces the made-up answers of the containers that it names.
    """
    given: dict[str, Any] = {
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
        given[part] = {**given.get(part, {}), **by_container}
    return read(definition, given, default_port(definition))


def host(*answers: Answers, uid: int = 1001, gid: int = 100, **facts: Any) -> HostFacts:
    """Return a host on which all shares that these answers use exist, in `/shares`, with this owner."""
    shares = {share: ShareFacts(f"/shares/{share}", uid, gid) for one in answers for share in one.used_shares()}
    return HostFacts(**{"shares_root": "/shares", "shares": shares, "groups": {"docker": 998}, **facts})
