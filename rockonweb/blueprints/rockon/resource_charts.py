"""Samples of what containers use as charts: paths to draw, and the words that say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel import format_decimal, format_time, gettext

from rockonweb.core.instance import resources
from rockonweb.core.instance.resources import Sample
from rockonweb.models.base import now as moment_now
from rockonweb.web.labels import size

TABLE_SECONDS = 300.0  # between the lines of the table
LEAST_CPU, LEAST_MEMORY, LEAST_RATE = 10.0, 16e6, 10e3  # what a chart reaches at least: rest looks like rest


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name, blank where it is alone, its path, and the area below it."""

    words: str
    path: str
    area: str = ""


@dataclass(frozen=True)
class Chart:
    """One thing over the last hour. `told` says in words what the drawing shows."""

    key: str
    title: str
    now: str
    top: str
    told: str
    lines: list[Line]


@dataclass(frozen=True)
class ContainerCharts:
    """What one container used: charts, and the lines of a table; neither where nothing was sampled."""

    name: str
    charts: list[Chart] = field(default_factory=list)
    table: list[list[str]] = field(default_factory=list)


def percent(value: float) -> str:
    """Return percent of one core."""
    return f"{format_decimal(round(value, 1 if value < 10 else 0))} %"


def memory(value: float) -> str:
    """Return an amount of memory."""
    return size(round(value))


def rate(value: float) -> str:
    """Return bytes each second."""
    return str(gettext("%(size)s/s", size=size(round(value))))


def of(name: str, samples: Sequence[Sample], now: float) -> ContainerCharts:
    """Return the charts of a container; `now` is a moment in seconds since 1970, at their right edge."""
    if not samples:
        return ContainerCharts(name)
    limit = samples[-1].limit
    memory_words = gettext("Memory") if not limit else gettext("Memory, of %(limit)s", limit=memory(limit))
    kinds = (
        ("cpu", gettext("CPU, of one core"), percent, LEAST_CPU, {"cpu": ""}),
        ("memory", memory_words, memory, LEAST_MEMORY, {"memory": ""}),
        ("network", gettext("Network"), rate, LEAST_RATE, {"received": gettext("received"), "sent": gettext("sent")}),
        ("disk", gettext("Disk"), rate, LEAST_RATE, {"read": gettext("read"), "written": gettext("written")}),
    )
    charts = [_chart(samples, now, *kind) for kind in kinds]
    return ContainerCharts(
        name, [one for one in charts if one], [_row(one) for one in resources.every(samples, TABLE_SECONDS)]
    )


def _chart(
    samples: Sequence[Sample],
    now: float,
    key: str,
    title: str,
    words: Callable[[float], str],
    least: float,
    kinds: Mapping[str, str],
) -> Chart | None:
    """Return a chart of one or two lines, of these kinds and under these names; None where nothing of it is counted."""
    found = [(name, resources.series(samples, kind)) for kind, name in kinds.items()]
    found = [(name, points) for name, points in found if points]
    if not found:
        return None
    scale = resources.top([value for _, points in found for _, value in points], least)
    lines = [
        Line(
            name,
            resources.path(points, now, scale),
            resources.path(points, now, scale, closed=True) if place == 0 else "",
        )
        for place, (name, points) in enumerate(found)
    ]
    newest = ", ".join(f"{name} {words(points[-1][1])}".strip() for name, points in found)
    told = "; ".join(_told(name, [value for _, value in points], words) for name, points in found)
    return Chart(key, str(title), newest, words(scale), told, lines)


def _told(name: str, values: list[float], words: Callable[[float], str]) -> str:
    said = gettext(
        "now %(now)s, on average %(mean)s, at most %(most)s",
        now=words(values[-1]),
        mean=words(sum(values) / len(values)),
        most=words(max(values)),
    )
    return f"{name}: {said}" if name else str(said)


def _row(one: Sample) -> list[str]:
    at = moment_now().fromtimestamp(one.at).astimezone()
    rates = [one.received, one.sent, one.read, one.written]
    return [
        format_time(at, "short", rebase=False),
        percent(one.cpu),
        memory(one.memory),
        *("–" if value is None else rate(value) for value in rates),
    ]
