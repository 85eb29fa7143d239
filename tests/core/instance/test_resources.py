"""What containers use: counters to rates, rates to lines."""

import pytest

from rockonweb.core.instance import resources
from rockonweb.core.instance.resources import Counters, Sample

STATS = {
    "cpu_stats": {"cpu_usage": {"total_usage": 5_000_000_000}},
    "memory_stats": {"usage": 90_000_000, "limit": 1_000_000_000, "stats": {"inactive_file": 40_000_000}},
    "networks": {"eth0": {"rx_bytes": 1000, "tx_bytes": 200}, "eth1": {"rx_bytes": 10, "tx_bytes": 2}},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"op": "read", "value": 4096},
            {"op": "Write", "value": 100},
            {"op": "write", "value": 11},
            {"op": "Total", "value": 4207},
        ]
    },
}


def test_counters_are_read_from_what_the_engine_says() -> None:
    assert resources.read_counters(STATS, 7.0) == Counters(
        7.0, 5_000_000_000, 50_000_000, 1_000_000_000, 1010, 202, 4096, 111
    )


def test_older_kernels_name_the_cache_otherwise() -> None:
    old = {**STATS, "memory_stats": {"usage": 90, "stats": {"total_inactive_file": 30}}}
    found = resources.read_counters(old, 7.0)
    assert found is not None
    assert (found.memory, found.limit) == (60, None)


def test_what_is_not_counted_is_none() -> None:
    bare = {"cpu_stats": STATS["cpu_stats"], "memory_stats": {"usage": 5}, "blkio_stats": {}}
    assert resources.read_counters(bare, 7.0) == Counters(7.0, 5_000_000_000, 5)


@pytest.mark.parametrize("stats", [{}, {"memory_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 0}}}])
def test_a_container_that_does_not_run_has_no_counters(stats: dict[str, object]) -> None:
    assert resources.read_counters(stats, 7.0) is None


def test_two_looks_make_a_sample() -> None:
    before = Counters(100, 1_000_000_000, 1, 9, 1000, 0, None, 50)
    after = Counters(120, 6_000_000_000, 7, 9, 3000, 10, 5, 40)
    assert resources.compute_sample(before, after) == Sample(120, 25.0, 7, 9, 100.0, 0.5, None, 0.0)


@pytest.mark.parametrize(("at", "cpu"), [(100, 5), (90, 5), (120, 0)], ids=["same", "clock back", "started anew"])
def test_two_looks_that_do_not_fit_make_none(at: float, cpu: int) -> None:
    assert resources.compute_sample(Counters(100, 1, 1), Counters(at, cpu, 1)) is None


def test_a_sample_is_written_and_read_again() -> None:
    one = Sample(120, 25.0, 7, None, 100.0, 0.5, None, 0.0)
    assert resources.dump_sample(one) == "[120,25.0,7,null,100.0,0.5,null,0.0]"
    assert resources.load_sample(resources.dump_sample(one).encode()) == one


@pytest.mark.parametrize("line", ["", "null", "{", "[1]", "[1,2,3,4,5,6,7,8,9,10]", "5"])
def test_a_line_of_another_version_is_left_out(line: str) -> None:
    assert resources.load_sample(line) is None


def test_a_series_is_in_the_order_of_time_without_holes() -> None:
    samples = [Sample(30, 1, 5), Sample(10, 2, 6, received=4.0), Sample(20, 3, 7)]
    assert resources.time_series(samples, "cpu") == [(10, 2), (20, 3), (30, 1)]
    assert resources.time_series(samples, "received") == [(10, 4)]


@pytest.mark.parametrize(
    ("values", "least", "found"),
    [
        ([], 10, 10),
        ([0], 1, 1),
        ([3], 1, 5),
        ([101], 10, 200),
        ([2.1e9], 1, 2.5e9),
        ([999], 1, 1000),
        ([1000], 1, 1000),
    ],
)
def test_a_scale_ends_with_a_round_number(values: list[float], least: float, found: float) -> None:
    assert resources.round_scale_top(values, least) == found


def test_a_line_goes_from_the_left_edge_an_hour_ago_to_the_right_edge_now() -> None:
    points = [(6400.0, 0.0), (6460.0, 50.0), (6520.0, 100.0)]
    assert resources.svg_path(points, 10_000, 100) == "M0 120 L10 60 L20 0"
    assert resources.svg_path(points, 10_000, 100, closed=True) == "M0 120 L0 120 L10 60 L20 0 L20 120 Z"


def test_a_line_is_broken_where_nobody_looked() -> None:
    points = [(8200.0, 0.0), (8260.0, 50.0), (9700.0, 25.0), (9760.0, 25.0)]
    assert resources.svg_path(points, 10_000, 50) == "M300 120 L310 0 M550 60 L560 60"


def test_what_is_too_old_is_not_drawn_and_one_sample_alone_is_a_stroke() -> None:
    assert resources.svg_path([(1000.0, 5.0)], 10_000, 50) == ""
    assert resources.svg_path([], 10_000, 50) == ""
    assert resources.svg_path([(1000.0, 5.0), (10_000.0, 25.0)], 10_000, 50) == "M597 60 L600 60"


def test_a_table_has_a_line_for_each_span_newest_first() -> None:
    samples = [Sample(at, at, 1) for at in (0, 20, 299, 300, 310, 901)]
    assert [one.at for one in resources.last_of_each_span(samples, 300)] == [901, 310, 299]
