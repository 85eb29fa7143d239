"""Rollback: the previous images of containers, and the shares of which snapshots can be taken and restored. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from rockonweb.core.answers.answers import Answers, split_share_path
from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker.run_options import Relation
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.steps import AwaitAnswer, StartContainer, Step
from rockonweb.core.text import TranslatableText, t


@dataclass(frozen=True)
class PreviousImage:
    """What a container was created from: the name, the id and, where it is known, the digest of its image."""

    image: str
    image_id: str = ""
    digest: str = ""
    created: str = ""  # when the image was built, as it says itself
    ran: bool = False


@dataclass(frozen=True)
class SnapshotScope:
    """Whether a snapshot of a share can be taken and restored; `why_not` is blank where it can.

    `others` are the other rock-ons that use it: with any, it is left out unless `requested`. `nested` are the
    subvolumes inside it, which are not changed.
    """

    share: str
    containers: tuple[str, ...] = ()
    why_not: TranslatableText | str = ""
    others: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    requested: bool = False

    @property
    def needs_consent(self) -> bool:
        """Whether it is included only if the user requests it."""
        return bool(self.others) and not self.why_not

    @property
    def is_included(self) -> bool:
        """Whether a snapshot of it is taken, or restored."""
        return not self.why_not and (self.requested or not self.others)


def share_containers(definition: Definition, answers: Answers, share: str) -> list[str]:
    """Return the containers that mount a share, or a folder of it, themselves or by the volumes of another one."""
    names = {name for name, share_path in answers.share_mounts if split_share_path(share_path)[0] == share}
    order = [name for name, _ in definition.launch_order]
    for _ in order:  # one may have it from another one that has it from a third one
        names |= {
            name
            for name, spec in definition.launch_order
            if any(
                reference.relation is Relation.VOLUMES and reference.container in names
                for reference in spec.run_options.references
            )
        }
    return [name for name in order if name in names]


@dataclass(frozen=True)
class RollbackTarget:
    """The target of a rollback: the rollback point, the images by container (ids, or names with a digest), what runs
    afterwards (None: what runs now), and the shares whose data is restored.
    """

    point_id: int = 0
    images: Mapping[str, str] = field(default_factory=dict)
    running: frozenset[str] | None = None
    shares: tuple[str, ...] = ()


NO_ROLLBACK = RollbackTarget()


def resume_steps(steps_by_container: Mapping[str, tuple[Step, ...]], names: Collection[str]) -> dict[str, list[Step]]:
    """Return the steps that start containers which are not recreated."""
    return {
        name: [step for step in steps_by_container[name] if isinstance(step, StartContainer | AwaitAnswer)]
        for name in steps_by_container
        if name in names
    }


def find_snapshot_scopes(
    old: tuple[Definition, Answers],
    new: tuple[Definition, Answers],
    changed: Collection[str],
    facts: HostFacts,
    requested: Collection[str] = (),
    restored_shares: Collection[str] = (),
) -> list[SnapshotScope]:
    """Return the existing shares that the `changed` containers mount before or after a change, and whether snapshots
    of them can be taken. `requested` are included though another rock-on uses them; `restored_shares`, whose data is
    restored, are included in any case.
    """
    shares = dict.fromkeys([*old[1].used_shares(), *new[1].used_shares(), *restored_shares])
    scopes = []
    for share in shares:
        old_users, new_users = share_containers(*old, share), share_containers(*new, share)
        if share in restored_shares or (share in facts.shares and {*old_users, *new_users} & set(changed)):
            scopes.append(
                _make_scope(
                    share, tuple(dict.fromkeys([*old_users, *new_users])), facts, {*requested, *restored_shares}
                )
            )
    return scopes


def restorable_scopes(
    snapshots: Mapping[str, Iterable[str]], facts: HostFacts, requested: Collection[str] = ()
) -> list[SnapshotScope]:
    """Return the shares of a rollback point, and whether the data of each can be restored."""
    return [_make_scope(share, tuple(names), facts, requested) for share, names in sorted(snapshots.items())]


def _make_scope(share: str, containers: tuple[str, ...], facts: HostFacts, requested: Collection[str]) -> SnapshotScope:
    share_facts = facts.shares.get(share)
    why_not: TranslatableText | str = ""
    if share_facts is not None and not share_facts.snapshots:
        why_not = t("It is a plain folder or a separate disk; snapshots of it are not possible.")
    others = facts.share_users.get(share, ())
    return SnapshotScope(
        share, containers, why_not, others, share_facts.nested if share_facts else (), share in requested
    )
