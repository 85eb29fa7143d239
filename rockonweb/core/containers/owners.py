"""The owner that a share should have: the user and group that a container runs as, by its definition or an answer.

`uid` of a definition is Docker's `-u`; PUID, PGID and their like are variables by which an image's entrypoint changes
to a user.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rockonweb.core.answers.answers import Answers, split_share_path
from rockonweb.core.definition.definition import MAX_NUMBER, ContainerSpec, Definition
from rockonweb.core.facts import HostFacts, SharePathFacts

_UID_GID_VARIABLE = re.compile(r"(?:^|_)P?([UG])ID$", re.IGNORECASE)
_USER_GROUP_ID_VARIABLE = re.compile(r"^(USER|GROUP)_?ID$", re.IGNORECASE)  # or an account: its label decides
_UID_GID_LABEL = re.compile(r"\b[UG]ID\b", re.IGNORECASE)


@dataclass(frozen=True)
class ContainerUser:
    """The user and group that a container runs as; `gid` is None where unknown."""

    uid: int
    gid: int | None = None

    def can_write(self, folder: SharePathFacts) -> bool:
        """Whether the permissions of a folder let this user create files in it."""
        if self.uid == 0:
            return True
        shift = 6 if folder.uid == self.uid else 3 if folder.gid == self.gid else 0
        return folder.mode >> shift & 0o3 == 0o3


@dataclass(frozen=True)
class OwnerMismatch:
    """A share path (`place`) that a container mounts but can't write to; `now` is its present state."""

    place: str
    container: str
    user: ContainerUser
    now: SharePathFacts

    @property
    def owner(self) -> tuple[int, int]:
        """The uid and gid that it should have."""
        return self.user.uid, self.now.gid if self.user.gid is None else self.user.gid


def account_kind(key: str, label: str) -> str:
    """Return whether a variable is the id of a "user" or a "group"; blank when it is neither."""
    match = _UID_GID_VARIABLE.search(key)
    if not match and _UID_GID_LABEL.search(label):
        match = _USER_GROUP_ID_VARIABLE.search(key)
    return ("user" if match[1][0] in "uU" else "group") if match else ""


def container_user(container: str, spec: ContainerSpec, answers: Answers) -> ContainerUser | None:
    """Return the user that a container runs as; None where neither its definition nor an answer says it.

    None also where it runs as the owner of its first volume (a negative uid), who can write there anyway.
    """
    if spec.uid is not None:
        return (
            None
            if spec.uid < 0
            else ContainerUser(spec.uid, spec.gid if spec.gid is not None and spec.gid >= 0 else None)
        )
    numbers: dict[str, int] = {}
    for values_by_container in (answers.environment, answers.variables):
        for key, value in values_by_container.get(container, {}).items():
            question = spec.environment.get(key)
            kind = account_kind(key, question.label if question else "")
            if kind and re.fullmatch(r"[0-9]{1,10}", value.strip()) and int(value) <= MAX_NUMBER:
                numbers.setdefault(kind, int(value))
    return ContainerUser(numbers["user"], numbers.get("group")) if "user" in numbers else None


def users_by_path(definition: Definition, answers: Answers) -> dict[str, ContainerUser]:
    """Return the user by share path: that of the first container that mounts it and whose user is known."""
    users: dict[str, ContainerUser] = {}
    for name, spec, share_path in _mounted_share_paths(definition, answers):
        if user := container_user(name, spec, answers):
            users.setdefault(share_path, user)
    for share_path, user in list(users.items()):
        users.setdefault(split_share_path(share_path)[0], user)
    return users


def new_path_owners(definition: Definition, answers: Answers, new_paths: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return uid and gid of shares and folders to be created, where a container's user is known; others are root's."""
    users = users_by_path(definition, answers)
    return {share_path: (user.uid, user.gid or 0) for share_path, user in users.items() if share_path in new_paths}


def used_share_paths(definition: Definition, answers: Answers) -> set[str]:
    """Return every share path that a container mounts."""
    return {share_path for _, _, share_path in _mounted_share_paths(definition, answers)}


def find_owner_mismatches(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[OwnerMismatch]:
    """Yield the share paths that a container can't write to, each once for a container."""
    reported: set[tuple[str, str]] = set()
    for name, spec, share_path in _mounted_share_paths(definition, answers):
        user, folder = container_user(name, spec, answers), facts.places.get(share_path)
        if user and folder and folder.exists and not user.can_write(folder) and (name, share_path) not in reported:
            reported.add((name, share_path))
            yield OwnerMismatch(share_path, name, user, folder)


def ownership_offers(definition: Definition, answers: Answers, facts: HostFacts) -> dict[str, OwnerMismatch]:
    """Return the share paths whose owner may be changed to the container's user, each with its first mismatch."""
    offered: dict[str, OwnerMismatch] = {}
    for mismatch in find_owner_mismatches(definition, answers, facts):
        offered.setdefault(mismatch.place, mismatch)
    return offered


def _mounted_share_paths(definition: Definition, answers: Answers) -> Iterator[tuple[str, ContainerSpec, str]]:
    for name, spec in definition.launch_order:
        yield from ((name, spec, share_path) for container, share_path in answers.share_mounts if container == name)
