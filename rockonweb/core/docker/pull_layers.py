"""The layers of an image while it is pulled, from the lines of progress that Docker reports. Pure."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from rockonweb.core.packed import unpack_or

MINUTE = 60  # seconds
UNPACKING_LIMIT = 15 * MINUTE


class LayerState(enum.StrEnum):
    """The progress of a layer."""

    WAITING = "waiting"
    LOADING = "loading"
    LOADED = "loaded"  # downloaded, not unpacked yet
    UNPACKING = "unpacking"
    DONE = "done"
    PRESENT = "present"  # it was on the host already


_STATES = {
    "Pulling fs layer": LayerState.WAITING,
    "Waiting": LayerState.WAITING,
    "Downloading": LayerState.LOADING,
    "Verifying Checksum": LayerState.LOADED,
    "Download complete": LayerState.LOADED,
    "Extracting": LayerState.UNPACKING,
    "Pull complete": LayerState.DONE,
    "Already exists": LayerState.PRESENT,
}


@dataclass(frozen=True)
class Layer:
    """A layer: its short id, its state, and its downloaded and total bytes, 0 until Docker reports them."""

    id: str
    state: LayerState
    current: int = 0
    total: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in (LayerState.DONE, LayerState.PRESENT)


@dataclass(frozen=True)
class PullProgress:
    """The progress of a pull. The last one has a sentence on its outcome; `silent_minutes`: since something came.

    `is_pulled` is False where the pull failed and the image on the host is used; `new_image_id` names the image where
    the host did not have it before.
    """

    layers: tuple[Layer, ...] = ()
    outcome: str = ""
    silent_minutes: int = 0
    is_pulled: bool = True
    new_image_id: str = ""


class PullSilence:
    """For how long a pull, and those beside it, have brought nothing new: Docker downloads a few layers at a time,
    whichever image they are of. Times are in seconds of a monotonic clock.
    """

    def __init__(self, at: float, limit: float) -> None:
        self._limit = limit
        self.news_at = at
        self._last_lines: dict[str, Mapping[str, Any]] = {}

    def note_line(self, line: Mapping[str, Any], at: float) -> None:
        """Note a line of the pull; Docker may repeat that so many bytes of a layer have come, as long as none comes."""
        layer_id = str(line.get("id", ""))
        if self._last_lines.get(layer_id) != line:
            self._last_lines[layer_id], self.news_at = line, at

    def note_others(self, at: float) -> None:
        """Note when a pull beside this one has last brought something new."""
        self.news_at = max(self.news_at, at)

    def minutes(self, at: float) -> int:
        """Return the whole minutes without news."""
        return int((at - self.news_at) // MINUTE)

    def is_over_limit(self, layers: Iterable[Layer], at: float) -> bool:
        """Whether it is to be given up. While the registry has nothing to bring, as a layer is unpacked, the limit is
        at least UNPACKING_LIMIT.
        """
        states = {layer.state for layer in layers}
        awaits_registry = LayerState.UNPACKING not in states and (
            not states or bool(states & {LayerState.WAITING, LayerState.LOADING})
        )
        return at - self.news_at >= (self._limit if awaits_registry else max(self._limit, UNPACKING_LIMIT))


def apply_pull_line(layers: dict[str, Layer], line: Mapping[str, Any]) -> bool:
    """Update the layers with a line of a pull; returns whether it was about a layer."""
    state = _STATES.get(str(line.get("status", "")))
    layer_id = str(line.get("id", ""))
    if state is None or not layer_id:
        return False
    previous = layers.get(layer_id) or Layer(layer_id, state)
    detail = line.get("progressDetail") or {}
    current, total = previous.current, previous.total
    if state is LayerState.LOADING and detail.get("total"):
        current, total = int(detail.get("current") or 0), int(detail["total"])
    elif state not in (LayerState.WAITING, LayerState.LOADING):
        current = total
    layers[layer_id] = Layer(layer_id, state, current, total)
    return True


def sum_layer_bytes(layers: Iterable[Layer]) -> tuple[int, int | None]:
    """Return the downloaded and the total bytes; the total is None until Docker has reported the size of each layer."""
    layers = list(layers)
    unknown = any(layer.state in (LayerState.WAITING, LayerState.LOADING) and not layer.total for layer in layers)
    return sum(layer.current for layer in layers), None if unknown else sum(layer.total for layer in layers)


def pack_layers(layers: Sequence[Layer]) -> str:
    """Return layers as a text that `unpack_layers` reads."""
    return json.dumps([astuple(layer) for layer in layers], separators=(",", ":"))


def unpack_layers(text: str) -> list[Layer]:
    """Return the layers of a text of `pack_layers`; none of any other text."""
    rows: list[tuple[str, LayerState, int, int]] = unpack_or(list[tuple[str, LayerState, int, int]], text, [])
    return [Layer(*row) for row in rows]
