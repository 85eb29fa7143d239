"""Asks Docker what containers have written beside their volumes, when an operation is about to remove them."""

from __future__ import annotations

import time
from collections.abc import Collection

from flask import has_request_context

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, LayerFacts
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.unsaved_files import check_unsaved_files
from rockonweb.host import get_host
from rockonweb.models import Installation

PAGE_SECONDS, JOB_SECONDS = 10, 60  # for all containers together; somebody waits for a page


def inspect_layers(installation: Installation, containers: Collection[str]) -> dict[str, LayerFacts]:
    """Return what these containers keep in their own layers; what Docker does not tell in time is `unknown`."""
    if not containers:
        return {}
    seconds = PAGE_SECONDS if has_request_context() else JOB_SECONDS
    deadline = time.monotonic() + seconds
    layers: dict[str, LayerFacts] = {}
    try:
        # A connection of its own: what else a page asks is not to be given up because this has taken long.
        with get_host(installation).connect_docker(seconds=2 * seconds) as docker:
            for name in containers:
                layers[name] = docker.inspect_layer(name, deadline)
    except EngineError as error:
        layers |= {name: LayerFacts(unknown=error.sentence) for name in containers if name not in layers}
    return layers


def unsaved_warnings(installation: Installation, containers: Collection[ContainerFacts]) -> tuple[Finding, ...]:
    """Return what is lost when those of these containers that are the rock-on's are removed."""
    own = [container.name for container in containers if container.rockon == installation.name]
    layers = inspect_layers(installation, own)
    return tuple(check_unsaved_files(installation.current_definition, layers, {}, {}, "warn"))
