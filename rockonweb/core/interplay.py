"""Which operations get in each other's way: on one rock-on by their kinds, on two by what both of them touch."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from rockonweb.core.definition import Definition
from rockonweb.core.networks import DOCKERS_OWN

REFERRING = ("--volumes-from", "--link")  # options that name another container
REPLACING = ("change", "update")
REPEATABLE = ("start", "stop", "restart", "update", "uninstall")  # asked for twice in a row is asked for once


class Turn(enum.Enum):
    """What becomes of an operation that is asked for while others of its rock-on wait or run."""

    QUEUE = enum.auto()
    JOIN = enum.auto()  # the last one is the same
    REFUSE = enum.auto()


def turn(kind: str, before: Sequence[str]) -> Turn:
    """Decide on an operation of `kind` after those that wait and run, the first one first.

    What comes after an install or an uninstall depends on how that ends, and the review of a change is out of date
    once another one has been made: those are refused.
    """
    if not before:
        return Turn.QUEUE
    if kind == before[-1] and kind in REPEATABLE:
        return Turn.JOIN
    if kind in ("install", "action") or {"install", "uninstall"} & {*before}:
        return Turn.REFUSE
    if kind == "change" and {*REPLACING} & {*before}:
        return Turn.REFUSE
    return Turn.QUEUE


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
