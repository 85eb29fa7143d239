"""Two JSON texts side by side."""

from rockonweb.blueprints.succession.json_diff import JsonDiffRow, diff_json
from rockonweb.core.definition.parser import canonical_json


def test_the_same_has_no_rows() -> None:
    assert diff_json(canonical_json({"a": 1}), canonical_json({"a": 1})) == []


def test_what_differs_stands_side_by_side_and_what_is_new_alone() -> None:
    rows = diff_json(canonical_json({"a": 1, "b": 2}), canonical_json({"a": 3, "b": 2, "c": "\u00fc"}))
    assert rows == [
        JsonDiffRow("{", "{"),
        JsonDiffRow('  "a": 1,', '  "a": 3,'),
        JsonDiffRow('  "b": 2', '  "b": 2,'),
        JsonDiffRow(None, '  "c": "\u00fc"'),
        JsonDiffRow("}", "}"),
    ]
    assert [row.is_unchanged for row in rows] == [True, False, False, False, True]


def test_long_stretches_that_are_the_same_are_left_out() -> None:
    old = {str(number): number for number in range(40)}
    rows = diff_json(canonical_json(old), canonical_json({**old, "20": "x"}))
    shown = [row.new for row in rows if not row.left_out]
    assert shown == [f'  "{n}": {n},' if n != 20 else '  "20": "x",' for n in range(17, 24)]
    assert [row.left_out for row in rows if row.left_out] == [18, 17]
