"""Networks that people make: who can be on one, and whether the form of one can be had."""

from __future__ import annotations

from rockonweb.core.definition import ContainerSpec
from rockonweb.core.text import Text, t


def join_refusal(spec: ContainerSpec) -> Text | None:
    """Return why a container can't join a network; None when it can."""
    network = spec.network or ""
    kind, _, other = network.partition(":")
    if network == "host":
        return t("It uses the host's own network, and Docker lets it join no other one beside that.")
    if network == "none":
        return t("Its definition keeps it off every network, and Docker lets it join none beside that.")
    if kind == "container":
        return t("It uses the network of %(other)s and is wherever that one is: let that one join.", other=other)
    return None
