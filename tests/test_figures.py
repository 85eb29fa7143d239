"""What `script/bench` writes down."""

from bench.figures import Row, page


def _line(program: str, ours: float, bound: float = 1) -> str:
    row = Row("pages", "others", [(ours, 2), (ours, 2), (ours * 4, 2)], bound)
    return f"| {' | '.join(row.cells(program))} |"


def test_a_row_has_the_median_of_ratios_and_whether_it_is_within() -> None:
    assert _line("list", 1) == "| list | pages | others | 1 s | 2 s | 0.5 | 1 | yes | 3 | 0.5–1.25 |"
    assert "| **no** |" in _line("list", 3)


def test_a_value_without_comparison_is_measured_in_its_unit() -> None:
    row = Row("status", "–", [(0.25, 1)], 1, measured="s")
    assert row.cells("status")[3:8] == ["0.25 s", "–", "0.25 s", "1 s", "yes"]


def test_programs_that_did_not_run_keep_their_rows_and_people_their_account() -> None:
    before = page("", {"list": [_line("list", 1)], "wizard": [_line("wizard", 1)]}, {"list": "| list | then |"})
    before = before.replace("## Account", "## Account\n\nBecause.")
    after = page(before, {"list": [_line("list", 3)]}, {"list": "| list | now |"})
    assert _line("wizard", 1) in after
    assert _line("list", 3) in after
    assert _line("list", 1) not in after
    assert "| list | now |" in after
    assert "| list | then |" not in after
    assert after.endswith("## Account\n\nBecause.\n")
    assert page(after, {}, {}) == after
