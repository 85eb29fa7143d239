"""Charts of resource samples of containers: SVG paths, and texts that say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel import format_decimal, format_time, gettext

from rockonweb.core.instance import resources
from rockonweb.core.instance.resources import Sample
from rockonweb.models.base import utc_now as moment_now
from rockonweb.web.labels import size

TABLE_SECONDS = 300.0  # between rows of the table
MIN_CPU_SCALE, MIN_MEMORY_SCALE, MIN_RATE_SCALE = (
    10.0,
    16e6,
    10e3,
)  # least tops of scales (percent, bytes, bytes per second): idle must look idle


@dataclass(frozen=True)
class ChartLine:
    """A line of a chart: its label, blank for a single line, its SVG path, and that of the area below it."""

    label: str
    path: str
    area: str = ""


@dataclass(frozen=True)
class Chart:
    """One metric over the last hour; `description` is the text alternative of the drawing."""

    key: str
    title: str
    now: str
    top: str
    description: str
    lines: list[ChartLine]


@dataclass(frozen=True)
class ContainerCharts:
    """What one container used: charts, and the rows of a table; both empty where nothing was sampled."""

    name: str
    charts: list[Chart] = field(default_factory=list)
    table: list[list[str]] = field(default_factory=list)


def format_percent(value: float) -> str:
    """Format a share of one CPU core, in percent."""
    return f"{format_decimal(round(value, 1 if value < 10 else 0))} %"


def format_memory(value: float) -> str:
    """Format an amount of memory in bytes."""
    return size(round(value))


def format_rate(value: float) -> str:
    """Format a rate in bytes per second."""
    return str(gettext("%(size)s/s", size=size(round(value))))


def build_container_charts(name: str, samples: Sequence[Sample], now: float) -> ContainerCharts:
    """Return the charts of a container; `now`, a Unix time, is their right edge."""
    if not samples:
        return ContainerCharts(name)
    limit = samples[-1].limit
    memory_title = gettext("Memory") if not limit else gettext("Memory (of %(limit)s)", limit=format_memory(limit))
    specs = (
        ("cpu", gettext("CPU (percent of one core)"), format_percent, MIN_CPU_SCALE, {"cpu": ""}),
        ("memory", memory_title, format_memory, MIN_MEMORY_SCALE, {"memory": ""}),
        (
            "network",
            gettext("Network"),
            format_rate,
            MIN_RATE_SCALE,
            {"received": gettext("received"), "sent": gettext("sent")},
        ),
        (
            "disk",
            gettext("Disk"),
            format_rate,
            MIN_RATE_SCALE,
            {"read": gettext("read"), "written": gettext("written")},
        ),
    )
    charts = [_build_chart(samples, now, *spec) for spec in specs]
    return ContainerCharts(
        name,
        [item for item in charts if item],
        [_table_row(item) for item in resources.last_of_each_span(samples, TABLE_SECONDS)],
    )


def _build_chart(
    samples: Sequence[Sample],
    now: float,
    key: str,
    title: str,
    format_value: Callable[[float], str],
    min_scale: float,
    series_names: Mapping[str, str],
) -> Chart | None:
    """Return a chart with a line for each `Sample` field in `series_names` (field to label); None without data."""
    plotted = [(name, resources.time_series(samples, kind)) for kind, name in series_names.items()]
    plotted = [(name, points) for name, points in plotted if points]
    if not plotted:
        return None
    scale = resources.round_scale_top([value for _, points in plotted for _, value in points], min_scale)
    lines = [
        ChartLine(
            name,
            resources.svg_path(points, now, scale),
            resources.svg_path(points, now, scale, closed=True) if index == 0 else "",
        )
        for index, (name, points) in enumerate(plotted)
    ]
    newest = ", ".join(f"{name} {format_value(points[-1][1])}".strip() for name, points in plotted)
    description = "; ".join(
        _describe_series(name, [value for _, value in points], format_value) for name, points in plotted
    )
    return Chart(key, str(title), newest, format_value(scale), description, lines)


def _describe_series(name: str, values: list[float], format_value: Callable[[float], str]) -> str:
    summary = gettext(
        "now %(now)s, average %(mean)s, peak %(most)s",
        now=format_value(values[-1]),
        mean=format_value(sum(values) / len(values)),
        most=format_value(max(values)),
    )
    return f"{name}: {summary}" if name else str(summary)


def _table_row(sample: Sample) -> list[str]:
    sampled_at = moment_now().fromtimestamp(sample.at).astimezone()
    rates = [sample.received, sample.sent, sample.read, sample.written]
    return [
        format_time(sampled_at, "short", rebase=False),
        format_percent(sample.cpu),
        format_memory(sample.memory),
        *("–" if value is None else format_rate(value) for value in rates),
    ]
