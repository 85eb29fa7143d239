"""How far an operation is: by what has ended and was received, and never by a guess."""

import pytest

from rockonweb.core.operations.measure import StepMeasure, measure_percent

ENDED, OPEN = StepMeasure(has_ended=True), StepMeasure()


@pytest.mark.parametrize(
    ("steps", "percent"),
    [
        ([], None),
        ([OPEN], None),
        ([OPEN] * 7, None),
        ([StepMeasure(current=5_000)], None),  # received, but nobody knows of how much
        ([StepMeasure(total=400)], None),
        ([StepMeasure(current=100, total=400)], 25),
        ([StepMeasure(current=100, total=400), OPEN], 12),
        ([ENDED, OPEN, OPEN, OPEN], 25),
        ([ENDED, StepMeasure(current=1, total=2), OPEN, OPEN], 37),
        ([ENDED, StepMeasure(current=5_000), OPEN, OPEN], 25),
        ([StepMeasure(current=500, total=400)], 99),
        ([ENDED, ENDED], 99),  # only an end is all
    ],
)
def test_steps_that_have_ended_and_known_bytes_count_and_nothing_else(
    steps: list[StepMeasure], percent: int | None
) -> None:
    assert measure_percent(steps) == percent


def test_where_more_steps_are_still_to_be_planned_nothing_is_known() -> None:
    assert measure_percent([StepMeasure(current=100, total=400)], is_planned=False) is None
