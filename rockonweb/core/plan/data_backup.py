"""Plans backups of an app's data, and restores: what is stopped for it, and for how long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rockonweb.core.answers.answers import split_share_path
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.operations.steps import (
    BackUpData,
    CreateShare,
    FetchData,
    PlaceData,
    PruneData,
    RemoveFetched,
    SnapshotData,
    StartContainer,
    StopContainer,
)
from rockonweb.core.plan.plan import Phases
from rockonweb.core.text import TranslatableText, t


@dataclass(frozen=True)
class RepositoryName:
    """The id and the name of a data repository."""

    id: int
    name: str


def data_paths(share_paths: Iterable[str]) -> tuple[str, ...]:
    """Return the share paths of an app's data, of those that it mounts: without those inside others."""
    paths = sorted({*share_paths})
    return tuple(path for path in paths if not any(path.startswith(f"{other}/") for other in paths))


def plan_backup(
    repository: RepositoryName,
    paths: Sequence[str],
    running: Sequence[str],
    snapshot_shares: Collection[str],
    *,
    live: bool,
    prunes: bool,
) -> Phases:
    """Plan a backup of share paths. `running` are the app's containers that run, in launch order; `snapshot_shares` the
    shares that can have a snapshot of all that is in them.

    Where each share can, the containers are stopped for the snapshots alone, otherwise until all is saved.
    """
    shares = tuple(dict.fromkeys(split_share_path(path)[0] for path in paths))
    snapshots = tuple(share for share in shares if share in snapshot_shares)
    save = BackUpData(
        repository=repository.id,
        name=repository.name,
        paths=tuple(paths),
        snapshots=snapshots,
        live=live,
        why=t("all of them as one snapshot"),
    )
    prune = (PruneData(repository=repository.id, name=repository.name, why=t("once a week")),) if prunes else ()
    frozen = (SnapshotData(shares=snapshots, why=t("so that all of it is of one moment")),) if snapshots else ()
    if live:
        return Phases(prepare=frozen, finish=(save, *prune))
    stop = _stop_all(running, t("so that its data is complete in itself"))
    if snapshots == shares:
        return Phases(stop=(*stop, *frozen), build=_start_all(running), finish=(save, *prune))
    return Phases(stop=(*stop, *frozen, save), build=_start_all(running), finish=prune)


def plan_restore(
    repository: RepositoryName,
    snapshot: str,
    places: Mapping[str, str],
    running: Sequence[str],
    own_disks: Collection[str],
    missing_shares: Iterable[str] = (),
) -> Phases:
    """Plan a restore of a snapshot: `places` are those of a request, `running` the app's containers that run, in launch
    order. They are stopped only where data goes to the place of theirs, and when all of it is there; before that where
    it has to be written into a share of the app's, as that is one of the `own_disks`. The `missing_shares` are created:
    folders of them are restored.
    """
    stopped = tuple(running) if any(source == target for source, target in places.items()) else ()
    numbered = [*enumerate(places.items())]
    fetch = tuple(
        FetchData(
            repository=repository.id,
            name=repository.name,
            snapshot=snapshot,
            source=source,
            target=target,
            number=number,
            why=t("nothing is replaced before all of it is there and compared"),
        )
        for number, (source, target) in numbered
    )
    place = tuple(
        PlaceData(source=source, target=target, number=number, containers=stopped, why=t("what was there is kept"))
        for number, (source, target) in numbered
    )
    stop = _stop_all(stopped, t("its data is about to be replaced"))
    inside = any(split_share_path(target)[0] in own_disks for target in places.values())
    return Phases(
        prepare=(
            *(CreateShare(share=share, why=t("data of it is restored")) for share in missing_shares),
            *(() if inside else fetch),
        ),
        stop=(*stop, *fetch) if inside else stop,
        replace=place,
        build=_start_all(stopped),
        finish=(RemoveFetched(targets=tuple(places.values()), why=t("it is empty now")),),
    )


def find_uncovered(
    containers: Iterable[ContainerFacts],
    volumes: Mapping[str, Iterable[str]],
    shares_root: str,
    others: Mapping[str, Iterable[str]],
) -> Iterator[TranslatableText]:
    """Yield a sentence for each thing that a backup of an app's shares does not have.

    `volumes` are by container the folders that are in volumes of Docker, `others` by share the apps that use it too.
    """
    for container in containers:
        for folder in volumes.get(container.name, ()):
            yield t("%(folder)s of %(container)s is in a volume of Docker, not in a share.",
                    folder=folder, container=container.name)  # fmt: skip
        for path in container.bind_mounts:
            if not f"{path}/".startswith(f"{shares_root}/"):
                yield t(
                    "%(path)s, which %(container)s uses, is outside the shares.", path=path, container=container.name
                )
    for share, names in others.items():
        if listed := ", ".join(names):
            yield t("%(names)s goes on writing to the share %(share)s during a backup.", names=listed, share=share)


def _stop_all(names: Iterable[str], why: str) -> tuple[StopContainer, ...]:
    return tuple(StopContainer(container=name, why=why) for name in reversed([*names]))


def _start_all(names: Iterable[str]) -> tuple[StartContainer, ...]:
    return tuple(StartContainer(container=name, why=t("it ran before")) for name in names)
