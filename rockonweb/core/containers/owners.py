"""Whose a share should be: the user and group that a container works as, as its definition or a person's answer says.

`uid` of a definition is Docker's `-u`; PUID, PGID and their like are variables by which an image's own start changes
to a user.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rockonweb.core.answers.answers import Answers, split_share
from rockonweb.core.definition.definition import MAX_NUMBER, ContainerSpec, Definition
from rockonweb.core.facts import HostFacts, PlaceFacts

_USER_OR_GROUP = re.compile(r"(?:^|_)P?([UG])ID$", re.IGNORECASE)
_USER_OR_GROUP_ID = re.compile(r"^(USER|GROUP)_?ID$", re.IGNORECASE)  # or the name of an account somewhere
_SAYS_NUMBER = re.compile(r"\b[UG]ID\b", re.IGNORECASE)


@dataclass(frozen=True)
class Worker:
    """The user that a container works as, and the group, None where nothing says which."""

    uid: int
    gid: int | None = None

    def may_write(self, place: PlaceFacts) -> bool:
        """Whether the permissions of a folder let this user make files in it."""
        if self.uid == 0:
            return True
        shift = 6 if place.uid == self.uid else 3 if place.gid == self.gid else 0
        return place.mode >> shift & 0o3 == 0o3


@dataclass(frozen=True)
class Mismatch:
    """A place that a container has, and may not write to."""

    place: str
    container: str
    worker: Worker
    now: PlaceFacts

    @property
    def owner(self) -> tuple[int, int]:
        """User and group that it should be given to."""
        return self.worker.uid, self.now.gid if self.worker.gid is None else self.worker.gid


def user_or_group(key: str, label: str) -> str:
    """Return whether a variable is the number of a "user" or a "group"; blank when it is neither."""
    found = _USER_OR_GROUP.search(key)
    if not found and _SAYS_NUMBER.search(label):
        found = _USER_OR_GROUP_ID.search(key)
    return ("user" if found[1][0] in "uU" else "group") if found else ""


def worker(container: str, spec: ContainerSpec, answers: Answers) -> Worker | None:
    """Return who a container works as; None where neither its definition nor an answer says it.

    Whoever works as the owner of its first volume has no share of somebody else's there.
    """
    if spec.uid is not None:
        return None if spec.uid < 0 else Worker(spec.uid, spec.gid if spec.gid is not None and spec.gid >= 0 else None)
    numbers: dict[str, int] = {}
    for part in (answers.environment, answers.variables):
        for key, value in part.get(container, {}).items():
            question = spec.environment.get(key)
            kind = user_or_group(key, question.label if question else "")
            if kind and re.fullmatch(r"[0-9]{1,10}", value.strip()) and int(value) <= MAX_NUMBER:
                numbers.setdefault(kind, int(value))
    return Worker(numbers["user"], numbers.get("group")) if "user" in numbers else None


def workers(definition: Definition, answers: Answers) -> dict[str, Worker]:
    """Return who works in each share and folder: the first container that has it and is known to work as somebody."""
    found: dict[str, Worker] = {}
    for name, spec, place in _places(definition, answers):
        if known := worker(name, spec, answers):
            found.setdefault(place, known)
    for place, known in list(found.items()):
        found.setdefault(split_share(place)[0], known)
    return found


def of_new(definition: Definition, answers: Answers, new: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return user and group of shares and folders that are made: whoever works there; root's where nobody is known."""
    known = workers(definition, answers)
    return {place: (one.uid, one.gid or 0) for place, one in known.items() if place in new}


def places(definition: Definition, answers: Answers) -> set[str]:
    """Return every share and folder that a container has."""
    return {place for _, _, place in _places(definition, answers)}


def mismatches(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Mismatch]:
    """Yield the places that a container may not write to, each once for a container."""
    seen: set[tuple[str, str]] = set()
    for name, spec, place in _places(definition, answers):
        known, now = worker(name, spec, answers), facts.places.get(place)
        if known and now and now.exists and not known.may_write(now) and (name, place) not in seen:
            seen.add((name, place))
            yield Mismatch(place, name, known, now)


def offers(definition: Definition, answers: Answers, facts: HostFacts) -> dict[str, Mismatch]:
    """Return the places that may be given to whoever works there, each once."""
    found: dict[str, Mismatch] = {}
    for one in mismatches(definition, answers, facts):
        found.setdefault(one.place, one)
    return found


def _places(definition: Definition, answers: Answers) -> Iterator[tuple[str, ContainerSpec, str]]:
    for name, spec in definition.launch_order:
        yield from ((name, spec, place) for container, place in answers.places if container == name)
