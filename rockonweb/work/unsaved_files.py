"""Asks Docker what containers have written beside their volumes, when an operation is about to remove them."""

from __future__ import annotations

import time
from collections.abc import Collection

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, LayerFacts
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.unsaved_files import check_unsaved_files
from rockonweb.host import get_host
from rockonweb.models import Installation

LOOK_SECONDS = 10  # for all containers together; a page may wait for it


def inspect_layers(installation: Installation, containers: Collection[str]) -> dict[str, LayerFacts]:
    """Return what these containers keep in their own layers; what Docker does not tell in time is `unknown`."""
    layers: dict[str, LayerFacts] = {}
    deadline = time.monotonic() + LOOK_SECONDS
    for name in containers:
        try:
            # A connection of its own: the others of a page are not to wait less when this one has taken long.
            with get_host(installation).connect_docker(seconds=2 * LOOK_SECONDS) as docker:
                layers[name] = docker.inspect_layer(name, deadline)
        except EngineError as error:
            layers[name] = LayerFacts(unknown=error.sentence)
    return layers


def unsaved_warnings(installation: Installation, containers: Collection[ContainerFacts]) -> tuple[Finding, ...]:
    """Return what is lost when those of these containers that are the rock-on's are removed."""
    own = [container.name for container in containers if container.rockon == installation.name]
    layers = inspect_layers(installation, own)
    return tuple(check_unsaved_files(installation.current_definition, layers, {}, {}, "warn"))
