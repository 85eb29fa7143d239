"""OpenVPN: a data container holds the keys, a one-shot run writes the configuration, then the server starts."""

from __future__ import annotations

from rockonweb.core import argv
from rockonweb.core.answers import Answers
from rockonweb.core.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers import generic
from rockonweb.core.steps import AnyStep, AwaitEnd, Create, RunOnce, Start

SERVER_NAME = "servername"


def fits(definition: Definition) -> bool:
    """A data container, then a server, and the question for the server's name."""
    return len(definition.containers) == 2 and SERVER_NAME in definition.custom_config


def launch(definition: Definition, answers: Answers, facts: HostFacts) -> list[AnyStep]:
    """Return the steps: data container, configuration, server."""
    (data, data_spec), (server, server_spec) = definition.launch_order
    keep = [
        word for mount in facts.kept_volumes.get(data, ()) for word in ("-v", f"{mount.volume}:{mount.destination}")
    ]
    run_data = (
        *("docker", "run", "--name", data),
        *keep,
        *argv.options(data_spec),
        *argv.management_labels(definition, facts),
        data_spec.reference,
    )
    configure = (
        *("docker", "run", "--rm"),
        *argv.options(server_spec),
        *argv.management_labels(definition, facts),
        server_spec.reference,
        *("ovpn_genconfig", "-u", f"udp://{answers.custom_config[SERVER_NAME]}"),
    )
    return [
        Create(container=data, argv=run_data, why="it holds the volume with the keys and certificates"),
        Start(container=data, why="it ends at once; its volume stays"),
        AwaitEnd(container=data, why="the configuration is written into its volume"),
        RunOnce(container=server, argv=configure, why="writes the server's configuration for this address"),
        *generic.launch_container(definition, server, answers, facts),
    ]
