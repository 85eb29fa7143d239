"""Takes the data of databases along to another major version: the old container makes a dump, the new one loads it.

The new container gets a new folder, never one inside of the old data: MariaDB takes any folder there for a database.
The old one stays as it is, and so an older state of the app, with its image and its answers, has its data too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rockonweb.core.answers.answers import Answers, split_share_path
from rockonweb.core.database_dumps import TOOLS_BY_WORD
from rockonweb.core.databases import MARIADB, DatabaseServer
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import UP_STATES, HostFacts
from rockonweb.core.handlers import referenced_containers
from rockonweb.core.operations.steps import (
    AwaitAnswer,
    CreateFolder,
    CreateShare,
    DumpDatabase,
    LoadDatabase,
    PullImage,
    StartContainer,
    Step,
    StopContainer,
)
from rockonweb.core.plan.change import Change
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.preflight.stored_data import find_new_version, is_older_than
from rockonweb.core.text import t

MAX_NUMBER = 100


@dataclass(frozen=True)
class DataMove:
    """The data of a container's database in a share path, which is to go to a new folder for another version.

    `fills_share`: the whole share is the data folder, and can have no other one in it. `is_pulled`: the image that has
    the new version is on this host, though the container still runs another one.
    """

    container: str
    share_path: str
    server: DatabaseServer
    old_version: str
    new_version: str
    fills_share: bool = False
    new_path: str = ""
    is_pulled: bool = False

    @property
    def dump_path(self) -> str:
        """The path of the dump's file, beside the new folder."""
        return f"{self.new_path}.sql"

    def possible_paths(self) -> Iterator[str]:
        """Yield share paths for the new folder, to take the first one that does not exist: in the share, or beside the
        folder of it that is used now, or in a new share.
        """
        share, folder = split_share_path(self.share_path)
        parent = "/".join((share, *folder.split("/")[:-1]))
        name = self.server.label(self.new_version).lower().replace(" ", "-")
        for suffix in ("", *(f"-{number}" for number in range(2, MAX_NUMBER))):
            yield f"{share}-{self.server.word}{suffix}/{name}" if self.fills_share else f"{parent}/{name}{suffix}"

    @property
    def new_share(self) -> str | None:
        """The share that is created for the new folder; None where it is in one that exists."""
        return split_share_path(self.new_path)[0] if self.fills_share else None


def find_moves(definition: Definition, answers: Answers, facts: HostFacts) -> list[DataMove]:
    """Return the data of an older version than that of its container's new image, which a dump can take along.

    Not that of a container which needs another one of the app: it could not be started before that.
    """
    moves: dict[str, DataMove] = {}
    for name, share_path in answers.share_mounts:
        for data in facts.databases.get(share_path, ()):
            known = find_new_version(data, facts.new_images.get(name, {}))
            if (
                known
                and known[0] is data.server
                and data.server.word in TOOLS_BY_WORD
                and is_older_than(data, *known)
                and not any(referenced_containers(definition, name))
            ):
                fills_share = data.server is MARIADB and "/" not in share_path and not data.folder
                move = DataMove(name, share_path, data.server, data.version, known[1], fills_share)
                moves.setdefault(share_path, move)
    return list(moves.values())


def apply_moves(answers: Answers, moves: Sequence[DataMove]) -> Answers:
    """Return the answers with the new folders, for all containers that have mounted the old ones."""
    new_paths = {move.share_path: move.new_path for move in moves}

    def replace_paths(mounts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        return {
            container: {key: new_paths.get(share_path, share_path) for key, share_path in by_key.items()}
            for container, by_key in mounts.items()
        }

    return replace(answers, shares=replace_paths(answers.shares), storage=replace_paths(answers.storage))


def add_moves(change: Change, moves: Sequence[DataMove], definition: Definition, facts: HostFacts) -> Change:
    """Return a change, which recreates all containers, with the steps that take the data along.

    The old container is started alone for the dump, and the new one alone for loading it, so that nothing is written
    in between.
    """
    if not moves:
        return change
    moved = {move.container for move in moves}
    phases, build = change.phases, change.phases.build
    first = [step for step in build if getattr(step, "container", None) in moved]
    pulled = {step.image for step in phases.prepare if isinstance(step, PullImage)}
    images = {definition.containers[move.container].image_reference: move.is_pulled for move in moves}
    new_shares = [step for step in phases.prepare if isinstance(step, CreateShare)]
    phases = replace(
        phases,
        prepare=(
            *new_shares,
            *(
                CreateFolder(
                    folder=move.new_path, like=move.share_path, why=t("the old one stays as it is, with its data")
                )
                for move in moves
            ),
            *(step for step in phases.prepare if step not in new_shares),
            *(
                PullImage(image=image, required=not is_pulled, why=t("pull the newest image of this name"))
                for image, is_pulled in images.items()
                if image not in pulled
            ),
        ),
        stop=(*phases.stop, *(step for move in moves for step in _dump_steps(move))),
        build=(
            *first,
            *(step for move in moves for step in _load_steps(move)),
            *(step for step in build if step not in first),
        ),
    )
    return replace(
        change,
        phases=phases,
        plan=replace(change.plan, steps=phases.steps, findings=(*change.plan.findings, *_find_stopped(moves, facts))),
    )


def _dump_steps(move: DataMove) -> Iterator[Step]:
    container, server = move.container, move.server.word
    yield StartContainer(container=container, why=t("alone, for the dump"))
    yield AwaitAnswer(container=container, command=TOOLS_BY_WORD[server].is_ready, why=t("it makes the dump"))
    yield DumpDatabase(
        container=container, server=server, dump=move.dump_path, why=t("only its own version can read its data")
    )
    yield StopContainer(container=container, why=t("the dump has all of its data"))


def _load_steps(move: DataMove) -> Iterator[Step]:
    container, server = move.container, move.server.word
    yield AwaitAnswer(container=container, command=TOOLS_BY_WORD[server].is_ready, why=t("it loads the dump"))
    yield LoadDatabase(
        container=container, server=server, dump=move.dump_path, why=t("before anything else uses the database")
    )


def _find_stopped(moves: Sequence[DataMove], facts: HostFacts) -> Iterator[Finding]:
    for move in moves:
        container = (facts.containers or {}).get(move.container)
        if facts.containers is not None and (container is None or container.state not in UP_STATES):
            yield Finding(
                "block",
                t("%(name)s is not running, so its data can't be taken along.", name=move.container),
                t("Start the app first."),
            )
