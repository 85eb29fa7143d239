"""The steps of a plan: each is one call to the engine or to the shares, says why, and is safe to repeat.

A step is kept as its kind and its data: whoever takes it back, or does it again, reads those and never its title.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pydantic import TypeAdapter

from rockonweb.core.argv import Argv
from rockonweb.core.secret import render
from rockonweb.core.text import Text, t

ASIDE = ".rockonweb-aside"  # ends the name of a container that waits until its replacement holds


_KINDS: dict[str, type[Step]] = {}
_NOT_KEPT = ("why", "argv")  # words for people, and secrets
_KEPT = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """Base of all steps. `why` is for people, and so is `title`, what it does."""

    kind: ClassVar[str]  # as it is kept: it never changes, whatever the class is called
    why: str

    def __init_subclass__(cls, kind: str) -> None:
        cls.kind = kind
        _KINDS[kind] = cls

    def to_data(self) -> dict[str, Any]:
        """Return what is kept of it beside its kind, as JSON has it; `step_from_data` reads it."""
        kept = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _NOT_KEPT}
        data: dict[str, Any] = _KEPT.dump_python(kept, mode="json")
        return data

    @property
    @abstractmethod
    def title(self) -> str:
        """What it does."""

    def __str__(self) -> str:
        return str(self.title)


@dataclass(frozen=True, kw_only=True)
class MakeShare(Step, kind="make_share"):
    """Make a new, empty share, and give it to a user and group. Undo: remove it again while it is empty."""

    share: str
    owner: tuple[int, int] | None = None

    @property
    def title(self) -> Text:
        """What it does."""
        return t("make share %(share)s", share=self.share)


@dataclass(frozen=True, kw_only=True)
class Pull(Step, kind="pull"):
    """Get an image. Undo: nothing, an image does no harm.

    Where it is `required`, an older one that is on the host does not do.
    """

    image: str
    required: bool = False

    @property
    def title(self) -> Text:
        """What it does."""
        return t("pull %(image)s", image=self.image)


@dataclass(frozen=True, kw_only=True)
class MakeNetwork(Step, kind="make_network"):
    """Make a network unless it exists. Undo: remove it, when this operation made it."""

    network: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("make network %(network)s", network=self.network)


@dataclass(frozen=True, kw_only=True)
class Create(Step, kind="create"):
    """Make a container, not started yet. Undo: remove it."""

    container: str
    argv: Argv

    @property
    def title(self) -> Text:
        """What it does."""
        return t("make container %(container)s", container=self.container)


@dataclass(frozen=True, kw_only=True)
class Join(Step, kind="join"):
    """Connect a container to a network. One that is not `required` reports a refusal and goes on."""

    network: str
    container: str
    required: bool = True

    @property
    def title(self) -> Text:
        """What it does."""
        return t("connect %(container)s to network %(network)s", container=self.container, network=self.network)


@dataclass(frozen=True, kw_only=True)
class Leave(Step, kind="leave"):
    """Disconnect a container from a network. Undo: connect it again."""

    network: str
    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("disconnect %(container)s from network %(network)s", container=self.container, network=self.network)


@dataclass(frozen=True, kw_only=True)
class SetMode(Step, kind="set_mode"):
    """Set the permissions of a share's folder, such as 0o700. Undo: the ones that it had."""

    share: str
    mode: int
    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("set the permissions of share %(share)s to %(mode)s", share=self.share, mode=f"{self.mode:o}")


@dataclass(frozen=True, kw_only=True)
class SetOwner(Step, kind="set_owner"):
    """Give a share, or a folder of one, to a user and group: itself, not what is in it. Undo: to those it had.

    A folder that is not there is made.
    """

    share: str
    uid: int
    gid: int

    @property
    def title(self) -> Text:
        """What it does."""
        return t("give %(share)s to user %(uid)s and group %(gid)s", share=self.share, uid=self.uid, gid=self.gid)


@dataclass(frozen=True, kw_only=True)
class MakeCertificate(Step, kind="make_certificate"):
    """Make the self-signed key and certificate of this host, unless they are there. They stay for the next app."""

    path: str
    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("make the certificate %(path)s, unless it is there", path=self.path)


@dataclass(frozen=True, kw_only=True)
class RunOnce(Step, kind="run_once"):
    """Run a container to its end and remove it. A status other than 0 fails the step.

    `container` is the lasting one that it prepares.
    """

    container: str
    argv: Argv
    seconds: int = 600  # the longest that it may take

    @property
    def title(self) -> str:
        """What it does: the command as it is."""
        return render(self.argv)


@dataclass(frozen=True, kw_only=True)
class Start(Step, kind="start"):
    """Start a container. Undo: stop it."""

    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("start %(container)s", container=self.container)


@dataclass(frozen=True, kw_only=True)
class AwaitEnd(Step, kind="await_end"):
    """Wait until a container that is meant to end has ended with status 0."""

    container: str
    seconds: int = 60

    @property
    def title(self) -> Text:
        """What it does."""
        return t("wait until %(container)s has done its work", container=self.container)


@dataclass(frozen=True, kw_only=True)
class AwaitAnswer(Step, kind="await_answer"):
    """Wait until a command inside a running container ends with status 0."""

    container: str
    command: tuple[str, ...]
    seconds: int = 300

    @property
    def title(self) -> Text:
        """What it does."""
        return t("wait until %(container)s is ready", container=self.container)


@dataclass(frozen=True)
class Page:
    """An app's own page on a port of this host."""

    port: int
    https: bool = False
    path: str = "/"


@dataclass(frozen=True, kw_only=True)
class AwaitHealth(Step, kind="await_health"):
    """Wait until containers that were just started hold: by container, with the page that must answer, if any.

    Where `stays`, one that does not hold stays with its log, as there is nothing to go back to.
    """

    stays: bool = False
    pages: tuple[tuple[str, Page | None], ...]

    @property
    def title(self) -> Text:
        """What it does."""
        if len(self.pages) == 1:
            return t("wait until %(name)s is healthy", name=self.pages[0][0])
        return t("wait until %(names)s are healthy", names=", ".join(name for name, _ in self.pages))


@dataclass(frozen=True, kw_only=True)
class SetAside(Step, kind="set_aside"):
    """Give a stopped container another name, so that its replacement can have its own. Undo: give it back."""

    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("set container %(container)s aside", container=self.container)


@dataclass(frozen=True, kw_only=True)
class Discard(Step, kind="discard"):
    """Remove a container that was set aside, never its volumes. From the first one on there is no undo."""

    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("remove the old container %(container)s", container=self.container)


@dataclass(frozen=True, kw_only=True)
class Snapshot(Step, kind="snapshot"):
    """Take a read-only snapshot of a share, while its containers are stopped.

    Undo: where something that was made afterwards has run, put it in the share's place and keep what was there.
    """

    share: str
    containers: tuple[str, ...]

    @property
    def title(self) -> Text:
        """What it does."""
        return t("take a snapshot of share %(share)s", share=self.share)


@dataclass(frozen=True, kw_only=True)
class PutBack(Step, kind="put_back"):
    """Put the snapshot of a rollback point in the place of a share, and keep what was there.

    Undo: that of the snapshot which was taken just before.
    """

    share: str
    point: int

    @property
    def title(self) -> Text:
        """What it does."""
        return t("put back the data of share %(share)s", share=self.share)


@dataclass(frozen=True, kw_only=True)
class Stop(Step, kind="stop"):
    """Stop a container. Undo: start it."""

    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("stop %(container)s", container=self.container)


@dataclass(frozen=True, kw_only=True)
class Remove(Step, kind="remove"):
    """Remove a stopped container, never its volumes."""

    container: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("remove container %(container)s", container=self.container)


@dataclass(frozen=True, kw_only=True)
class RemoveNetwork(Step, kind="remove_network"):
    """Remove a network of ours that nothing is connected to any more."""

    network: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("remove network %(network)s", network=self.network)


@dataclass(frozen=True, kw_only=True)
class RemoveImage(Step, kind="remove_image"):
    """Remove an image that nothing uses any more."""

    image: str

    @property
    def title(self) -> Text:
        """What it does."""
        return t("remove image %(image)s", image=self.image)


AnyStep = (
    MakeShare
    | SetMode
    | SetOwner
    | MakeCertificate
    | Pull
    | MakeNetwork
    | Create
    | Join
    | Leave
    | RunOnce
    | Start
    | AwaitEnd
    | AwaitAnswer
    | AwaitHealth
    | Stop
    | Snapshot
    | PutBack
    | SetAside
    | Discard
    | Remove
    | RemoveNetwork
    | RemoveImage
)


def step_from_data(kind: str, data: dict[str, Any]) -> Step | None:
    """Return the step of which this was kept, without its reason and its command line; None for what is no step."""
    made = _KINDS.get(kind)
    if made is None:
        return None
    blanks = {"why": "", **({"argv": ()} if "argv" in made.__dataclass_fields__ else {})}
    found: Step = TypeAdapter(made).validate_python(data | blanks)
    return found
