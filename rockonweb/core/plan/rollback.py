"""Going back: what is remembered of the containers, and the data of which shares can be kept and brought back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from rockonweb.core.answers.answers import Answers, split_share
from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker.run_options import Relation
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.steps import AwaitAnswer, Start, Step
from rockonweb.core.text import Text, t


@dataclass(frozen=True)
class Kept:
    """What a container was made from: the name, the id and, where it is known, the digest of its image."""

    image: str
    image_id: str = ""
    digest: str = ""
    created: str = ""  # when the image was made, as it says itself
    ran: bool = False


@dataclass(frozen=True)
class Cover:
    """Whether the data of a share can be brought back; `why_not` is blank where it can.

    `others` are the other rock-ons that use it: it is left out unless that is asked for. `nested` are the subvolumes
    inside it, which stay as they are.
    """

    share: str
    containers: tuple[str, ...] = ()
    why_not: Text | str = ""
    others: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    asked: bool = False

    @property
    def offered(self) -> bool:
        """Whether a person has to say that it is wanted."""
        return bool(self.others) and not self.why_not

    @property
    def covered(self) -> bool:
        """Whether a snapshot of it is taken, or brought back."""
        return not self.why_not and (self.asked or not self.others)


def users(definition: Definition, answers: Answers, share: str) -> list[str]:
    """Return the containers that have a share, or a folder of it, themselves or from another one."""
    found = {name for name, place in answers.places if split_share(place)[0] == share}
    order = [name for name, _ in definition.launch_order]
    for _ in order:  # one may have it from another one that has it from a third
        found |= {
            name
            for name, spec in definition.launch_order
            if any(one.relation is Relation.VOLUMES and one.container in found for one in spec.options.references)
        }
    return [name for name in order if name in found]


@dataclass(frozen=True)
class Back:
    """A way back: to which rollback point, with which images by container (ids, or names with a digest), what runs
    afterwards (None: as it is now), and the shares whose data is put back.
    """

    point: int = 0
    images: Mapping[str, str] = field(default_factory=dict)
    ran: frozenset[str] | None = None
    shares: tuple[str, ...] = ()


AS_IT_IS = Back()


def resumed(recipes: Mapping[str, tuple[Step, ...]], names: Collection[str]) -> dict[str, list[Step]]:
    """Return the steps that start containers which are not made anew."""
    return {
        name: [step for step in recipes[name] if isinstance(step, Start | AwaitAnswer)]
        for name in recipes
        if name in names
    }


def covers(
    old: tuple[Definition, Answers],
    new: tuple[Definition, Answers],
    changed: Collection[str],
    facts: HostFacts,
    asked: Collection[str] = (),
    put_back: Collection[str] = (),
) -> list[Cover]:
    """Return the shares that the `changed` containers have before or after a change, as far as they exist, and whether
    a snapshot of each can be taken. `asked` are those that are wanted though another rock-on uses them; those whose
    data is `put_back` are wanted in any case.
    """
    shares = dict.fromkeys([*old[1].used_shares(), *new[1].used_shares(), *put_back])
    found = []
    for share in shares:
        had, has = users(*old, share), users(*new, share)
        if share in put_back or (share in facts.shares and {*had, *has} & set(changed)):
            found.append(_cover(share, tuple(dict.fromkeys([*had, *has])), facts, {*asked, *put_back}))
    return found


def restorable(snapshots: Mapping[str, Iterable[str]], facts: HostFacts, asked: Collection[str] = ()) -> list[Cover]:
    """Return the shares of a rollback point, and whether the data of each can be brought back."""
    return [_cover(share, tuple(names), facts, asked) for share, names in sorted(snapshots.items())]


def _cover(share: str, containers: tuple[str, ...], facts: HostFacts, asked: Collection[str]) -> Cover:
    known = facts.shares.get(share)
    why_not: Text | str = ""
    if known is not None and not known.snapshots:
        why_not = t("It is a plain folder, or a disk of its own, of which no snapshot can be taken.")
    others = facts.share_users.get(share, ())
    return Cover(share, containers, why_not, others, known.nested if known else (), share in asked)
