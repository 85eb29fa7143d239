"""A result as text, and what counts as a failure."""

from rockonweb.core.instance.diagnosis.results import CheckResult, has_failure


def test_a_finding_is_a_line_with_a_mark_in_letters_and_what_to_do_below() -> None:
    assert str(CheckResult("clock", "ok", "Right.")) == "[ok]   clock: Right."
    assert str(CheckResult("clock", "warn", "Slow.", "Wind it.")) == "[warn] clock: Slow.\n       Wind it."
    assert str(CheckResult("clock", "fail", "Wrong.")) == "[FAIL] clock: Wrong."


def test_warnings_are_no_failures() -> None:
    assert not has_failure([CheckResult("a", "ok", ""), CheckResult("b", "warn", "")])
    assert has_failure([CheckResult("a", "ok", ""), CheckResult("b", "fail", "")])
