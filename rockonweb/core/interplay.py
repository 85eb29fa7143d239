"""Which operations on two rock-ons get in each other's way: those by which both of them touch the same."""

from __future__ import annotations

from collections.abc import Iterable

from rockonweb.core.definition import Definition
from rockonweb.core.networks import DOCKERS_OWN

REFERRING = ("--volumes-from", "--link")  # options that name another container


def touched(definition: Definition, joined: Iterable[str]) -> frozenset[str]:
    """Return what an operation on a rock-on touches, as `network NAME` and `container NAME`.

    That is its own containers, those whose volumes or network it uses or that it links to, and its networks, without
    Docker's own: those of its definition, and those that its containers `joined`.
    """
    networks = {link.network for link in definition.links} | {*joined}
    containers = {*definition.containers}
    for spec in definition.containers.values():
        containers.update(value.strip().split(":")[0] for flag, value in spec.options() if flag in REFERRING)
        for name in spec.networks:
            if name.startswith("container:"):
                containers.add(name.removeprefix("container:"))
            else:
                networks.add(name)
    return frozenset(
        {f"network {name}" for name in networks - {"", *DOCKERS_OWN}}
        | {f"container {name}" for name in containers - {""}}
    )
