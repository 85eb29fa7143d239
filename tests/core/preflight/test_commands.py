"""Commands that are longer than Linux allows."""

from typing import Any

import pytest

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.command_size import MAX_WORD_BYTES
from tests.support.samples import build_definition, label_questions, make_host_facts

LIMIT = f"bytes, and Linux allows {MAX_WORD_BYTES}. Shorten it, or put it into a file in a share."
LONG = "x" * (MAX_WORD_BYTES - len("LOG="))


def found(answers: Answers, spec: dict[str, Any] | None = None, **facts: Any) -> list[str]:
    definition = build_definition({"web": {"environment": label_questions(LOG="", API_KEY=""), **(spec or {})}})
    findings = handlers.collect_all_findings(definition, answers, make_host_facts(answers, **facts))
    return [str(finding) for finding in findings if finding.level == "block"]


def variables(**values: str) -> Answers:
    return Answers(environment={"web": values})


def test_a_word_may_be_as_long_as_linux_allows() -> None:
    assert found(variables(LOG=LONG)) == []


@pytest.mark.parametrize(
    ("answers", "spec", "what"),
    [
        (variables(LOG=LONG + "x"), {}, "The variable LOG"),
        (variables(LOG="ü" * 70_000), {}, "The variable LOG"),
        (variables(API_KEY=LONG), {}, "The variable API_KEY"),
        (Answers(labels={"web": ["rule=" + LONG]}), {}, "The label rule"),
        (Answers(storage={"web": {"/" + LONG + "xxx": "films"}}), {}, "The option --volume"),
        (Answers(), {"opts": [["--hostname", LONG + "12345"]]}, "The option --hostname"),
        (Answers(), {"cmd_arguments": [["serve", LONG + "12345"]]}, "An argument"),
    ],
)
def test_one_that_is_longer_is_named(answers: Answers, spec: dict[str, Any], what: str) -> None:
    (sentence,) = found(answers, spec)
    assert sentence.startswith(f"{what} of web is too long: it has 1")
    assert sentence.endswith(LIMIT)


def test_all_words_of_a_command_are_limited_together() -> None:
    answers = Answers(variables={"web": {f"V{number}": "x" * 100_000 for number in range(12)}})
    assert found(answers) == []
    assert found(answers, command_limit=1_000_000) == [
        "The command for web is too long: it has 1.2 MB, and this host allows 1.0 MB. Shorten its longest values, or "
        "put them into files in a share."
    ]
