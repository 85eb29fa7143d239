"""Resource usage of containers: from Docker's counters to rates, from a series of rates to an SVG path."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

CHART_SECONDS = 3600.0
RATE_FIELDS = ("received", "sent", "read", "written")
MAX_GAP = 120.0  # seconds without a sample after which a line is broken: nothing was sampled, or nothing ran
LINE_WIDTH, LINE_HEIGHT = 600, 120  # in coordinates of the SVG
SCALE_STEPS = (1, 2, 2.5, 5)  # times a power of ten: the tops that a scale may have


@dataclass(frozen=True)
class Counters:
    """Docker's counters of a container since its start; None where it counts nothing.

    `at` is in seconds since 1970, `cpu` nanoseconds of one core, the others are bytes.
    """

    at: float
    cpu: int
    memory: int
    limit: int | None = None
    received: int | None = None
    sent: int | None = None
    read: int | None = None
    written: int | None = None


@dataclass(frozen=True)
class Sample:
    """What a container used up to the time `at`: percent of one core, bytes of memory, bytes per second otherwise.

    None stands for what is not counted, such as the traffic of one on the host's network.
    """

    at: float
    cpu: float
    memory: int
    limit: int | None = None
    received: float | None = None
    sent: float | None = None
    read: float | None = None
    written: float | None = None


def read_counters(stats: Mapping[str, Any], at: float) -> Counters | None:
    """Return the counters in Docker's statistics of a container; None for one that does not run."""
    memory, cpu = stats.get("memory_stats") or {}, (stats.get("cpu_stats") or {}).get("cpu_usage") or {}
    if "usage" not in memory or "total_usage" not in cpu:
        return None
    details = memory.get("stats") or {}
    # Cached files are not counted: the kernel frees this memory when it is needed.
    cache = details.get("inactive_file", details.get("total_inactive_file", 0))
    networks = [interface for interface in (stats.get("networks") or {}).values() if interface]
    disks = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive")
    disk_bytes = dict.fromkeys(("read", "write"), 0) if disks is not None else {}
    for entry in disks or ():
        kind = str(entry.get("op", "")).lower()
        if kind in disk_bytes:
            disk_bytes[kind] += int(entry.get("value") or 0)
    return Counters(
        at=at,
        cpu=int(cpu["total_usage"]),
        memory=max(0, int(memory["usage"]) - int(cache)),
        limit=int(memory["limit"]) if memory.get("limit") else None,
        received=sum(int(interface.get("rx_bytes") or 0) for interface in networks) if networks else None,
        sent=sum(int(interface.get("tx_bytes") or 0) for interface in networks) if networks else None,
        read=disk_bytes.get("read"),
        written=disk_bytes.get("write"),
    )


def compute_sample(earlier: Counters, later: Counters) -> Sample | None:
    """Return what was used between two readings; None where the container was restarted between them."""
    seconds = later.at - earlier.at
    if seconds <= 0 or later.cpu < earlier.cpu:
        return None

    def rate_per_second(old: int | None, new: int | None) -> float | None:
        return None if old is None or new is None else round(max(0, new - old) / seconds, 1)

    return Sample(
        at=round(later.at, 1),
        cpu=round((later.cpu - earlier.cpu) / 1e7 / seconds, 2),
        memory=later.memory,
        limit=later.limit,
        **{
            field_name: rate_per_second(getattr(earlier, field_name), getattr(later, field_name))
            for field_name in RATE_FIELDS
        },
    )


def dump_sample(sample: Sample) -> str:
    """Return a sample as one line of text."""
    return json.dumps([*asdict(sample).values()], separators=(",", ":"))


def load_sample(text: str | bytes) -> Sample | None:
    """Return the sample of a line; None of a line that is none, from another version for example."""
    try:
        return Sample(*json.loads(text))
    except (ValueError, TypeError):
        return None


Point = tuple[float, float]  # a time in seconds since 1970 and a value


def time_series(samples: Iterable[Sample], field_name: str) -> list[Point]:
    """Return the values of one kind (`cpu`, `memory`, …) in the order of time, without what is not counted."""
    values = ((sample.at, getattr(sample, field_name)) for sample in samples)
    return sorted((at, float(value)) for at, value in values if value is not None)


def round_scale_top(values: Iterable[float], minimum: float = 1) -> float:
    """Return a round number for the top of a scale: at or above all values, and at least `minimum`."""
    highest = max([*values, minimum])
    power = 10.0 ** math.floor(math.log10(highest))
    return next((power * step for step in SCALE_STEPS if highest <= power * step), power * 10)


def split_at_gaps(points: Sequence[Point], gap: float = MAX_GAP) -> list[list[Point]]:
    """Return the points in stretches that were sampled without a gap."""
    stretches: list[list[Point]] = []
    for point in points:
        if stretches and point[0] - stretches[-1][-1][0] <= gap:
            stretches[-1].append(point)
        else:
            stretches.append([point])
    return stretches


def svg_path(points: Sequence[Point], now: float, scale: float, *, closed: bool = False) -> str:
    """Return the `d` of an SVG path through the points of the last hour, `now` at the right edge, `scale` at the top.

    With `closed` it is the area below the line. Nothing to draw gives a blank text.
    """
    path_commands: list[str] = []
    for stretch in split_at_gaps([point for point in points if now - CHART_SECONDS <= point[0] <= now]):
        coordinates = [_chart_coordinates(point, now, scale) for point in stretch]
        if len(coordinates) == 1:  # one sample alone is a short stroke
            x, y = coordinates[0]
            coordinates = [(max(0.0, x - 3), y), (x, y)]
        line = " L".join(f"{x:g} {y:g}" for x, y in coordinates)
        path_commands.append(
            f"M{coordinates[0][0]:g} {LINE_HEIGHT} L{line} L{coordinates[-1][0]:g} {LINE_HEIGHT} Z"
            if closed
            else f"M{line}"
        )
    return " ".join(path_commands)


def _chart_coordinates(point: Point, now: float, scale: float) -> tuple[float, float]:
    at, value = point
    x = LINE_WIDTH * (1 - (now - at) / CHART_SECONDS)
    y = LINE_HEIGHT * (1 - min(value, scale) / scale)
    return round(x, 1), round(y, 1)


def last_of_each_span(samples: Sequence[Sample], seconds: float) -> list[Sample]:
    """Return the last sample of each span of time, the newest first: a table that people can read."""
    latest: dict[int, Sample] = {}
    for sample in sorted(samples, key=lambda sample: sample.at):
        latest[int(sample.at // seconds)] = sample
    return [latest[key] for key in sorted(latest, reverse=True)]
