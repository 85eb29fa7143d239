"""The steps of a plan: each is one call to the engine or to the shares, says why, and is safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass

from rockonweb.core.argv import Argv
from rockonweb.core.secret import render


@dataclass(frozen=True, kw_only=True)
class Step:
    """Base of all steps. `why` is for people."""

    why: str


@dataclass(frozen=True, kw_only=True)
class MakeShare(Step):
    """Make a new, empty share. Undo: remove it again while it is empty."""

    share: str

    def __str__(self) -> str:
        return f"make share {self.share}"


@dataclass(frozen=True, kw_only=True)
class Pull(Step):
    """Get an image. Undo: nothing, an image does no harm."""

    image: str

    def __str__(self) -> str:
        return f"pull {self.image}"


@dataclass(frozen=True, kw_only=True)
class MakeNetwork(Step):
    """Make a network unless it exists. Undo: remove it, when this operation made it."""

    network: str

    def __str__(self) -> str:
        return f"make network {self.network}"


@dataclass(frozen=True, kw_only=True)
class Create(Step):
    """Make a container, not started yet. Undo: remove it."""

    container: str
    argv: Argv

    def __str__(self) -> str:
        return f"make container {self.container}"


@dataclass(frozen=True, kw_only=True)
class Join(Step):
    """Connect a container to a network. One that is not `required` reports a refusal and goes on."""

    network: str
    container: str
    required: bool = True

    def __str__(self) -> str:
        return f"connect {self.container} to network {self.network}"


@dataclass(frozen=True, kw_only=True)
class RunOnce(Step):
    """Run a container to its end and remove it. A status other than 0 fails the step."""

    argv: Argv

    def __str__(self) -> str:
        return render(self.argv)


@dataclass(frozen=True, kw_only=True)
class Start(Step):
    """Start a container. Undo: stop it."""

    container: str

    def __str__(self) -> str:
        return f"start {self.container}"


@dataclass(frozen=True, kw_only=True)
class AwaitEnd(Step):
    """Wait until a container that is meant to end has ended with status 0."""

    container: str
    seconds: int = 60

    def __str__(self) -> str:
        return f"wait until {self.container} has done its work"


@dataclass(frozen=True, kw_only=True)
class Stop(Step):
    """Stop a container. Undo: start it."""

    container: str

    def __str__(self) -> str:
        return f"stop {self.container}"


@dataclass(frozen=True, kw_only=True)
class Remove(Step):
    """Remove a stopped container, never its volumes."""

    container: str

    def __str__(self) -> str:
        return f"remove container {self.container}"


@dataclass(frozen=True, kw_only=True)
class RemoveNetwork(Step):
    """Remove a network of ours that nothing is connected to any more."""

    network: str

    def __str__(self) -> str:
        return f"remove network {self.network}"


AnyStep = MakeShare | Pull | MakeNetwork | Create | Join | RunOnce | Start | AwaitEnd | Stop | Remove | RemoveNetwork
