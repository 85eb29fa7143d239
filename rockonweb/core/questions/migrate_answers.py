"""Migration of answers to a newer definition: which are taken over, which questions are new, which are dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rockonweb.core.answers.answers import (
    LIST_PARTS,
    OPTIONAL_PARTS,
    AnswerKey,
    Answers,
    build_answers,
    flatten_answers,
)
from rockonweb.core.containers.argv import resolve_host_ports
from rockonweb.core.definition.definition import Definition, QuestionSpec
from rockonweb.core.questions.wizard import PART_BY_PAGE, Question, all_questions, page_questions
from rockonweb.core.secret import MASK
from rockonweb.core.text import TranslatableText, t

ADDED_PARTS = {"environment": "variables", "shares": "storage"}  # by the part of a question


@dataclass(frozen=True)
class DroppedAnswer:
    """An answer that the newer definition does not ask for, as it is shown: secrets masked."""

    part: str
    container: str
    key: str
    label: str
    value: str
    why: TranslatableText


@dataclass(frozen=True)
class MigratedAnswers:
    """`answers` to what both definitions ask, `new_questions`, `adopted` questions whose answers the user had added
    before, and `dropped` answers.
    """

    answers: Answers
    new_questions: tuple[Question, ...] = ()
    adopted: tuple[Question, ...] = ()
    dropped: tuple[DroppedAnswer, ...] = ()

    def new_questions_on(self, page: str) -> list[Question]:
        """Return the new questions of a page."""
        return [question for question in self.new_questions if question.page == page]


def migrate_answers(old: Definition, old_answers: Answers, new: Definition) -> MigratedAnswers:
    """Return what becomes of the answers of an installed rock-on when `new` replaces `old`.

    Answers are matched by container and key. A question without an answer is a new one, whatever the old definition
    asked: so no variable gets a value that nobody chose.
    """
    old_values = flatten_answers(old_answers)
    migrated: dict[AnswerKey, Any] = {}
    fresh: list[Question] = []
    adopted: list[Question] = []
    used: set[AnswerKey] = set()
    for question in all_questions(new):
        source = question.answer_key
        if source not in old_values:
            source = ADDED_PARTS.get(source[0], source[0]), question.container, question.key
        if source not in old_values or (question.ui and old_values[source] is None and not _had_ui_port(old, question)):
            fresh.append(question)
            continue
        migrated[question.answer_key] = old_values[source]
        used.add(source)
        if source != question.answer_key:
            adopted.append(question)
    kept_additions = {
        answer_key: value
        for answer_key, value in old_values.items()
        if answer_key[0] in OPTIONAL_PARTS and answer_key[1] in new.containers and answer_key not in used
    }
    answers = resolve_host_ports(new, build_answers({**migrated, **kept_additions}))
    return MigratedAnswers(answers, tuple(fresh), tuple(adopted), tuple(_dropped_answers(old, old_values, new, used)))


def merge_new_answers(carried: MigratedAnswers, new_answers: Answers) -> Answers:
    """Return the migrated answers with those to the new questions."""
    return build_answers({**flatten_answers(carried.answers), **flatten_answers(new_answers)})


def new_questions_only(definition: Definition, carried: MigratedAnswers) -> Definition:
    """Return a definition that asks the new questions and no other, for the forms of the wizard."""
    new_keys = {(new_question.page, new_question.container, new_question.key) for new_question in carried.new_questions}

    def select_new(page: str, container: str, questions: Iterable[tuple[str, QuestionSpec]]) -> dict[str, QuestionSpec]:
        return {key: question for key, question in questions if (page, container, key) in new_keys}

    containers = {
        name: spec.model_copy(
            update={part: select_new(page, name, spec.ordered_questions(part)) for page, part in PART_BY_PAGE.items()}
        )
        for name, spec in definition.containers.items()
    }
    settings = select_new("custom-config", "", definition.custom_config.items())
    return definition.model_copy(update={"containers": containers, "custom_config": settings})


def _had_ui_port(old: Definition, question: Question) -> bool:
    """Whether the old definition had the app's own page on this port too: then it may be unpublished on purpose."""
    return any(
        old_question.ui and old_question.answer_key == question.answer_key
        for old_question in page_questions(old, "ports")
    )


def _dropped_answers(
    old: Definition, values: Mapping[AnswerKey, Any], new: Definition, used: Collection[AnswerKey]
) -> Iterator[DroppedAnswer]:
    """Yield the answers that are not used, except blank ones and ports that were not published."""
    old_questions = {question.answer_key: question for question in all_questions(old)}
    for answer_key, value in values.items():
        part, container, key = answer_key
        is_kept = part in OPTIONAL_PARTS and container in new.containers
        if is_kept or answer_key in used or not value:
            continue
        question = old_questions.get(answer_key)
        secret = question.secret if question else part == "variables" and old.hides_answer(container, key)
        shown_value = MASK if secret else key if part in LIST_PARTS else str(value)
        yield DroppedAnswer(
            part, container, key, question.label if question else key, shown_value, _drop_reason(part, container, new)
        )


def _drop_reason(part: str, container: str, new: Definition) -> TranslatableText:
    if container and container not in new.containers:
        if part in ("shares", "storage"):
            return t("The container no longer exists. The files stay in the share.")
        return t("The container no longer exists.")
    if part == "shares":
        return t("This is no longer asked for. The files stay in the share; you can add it as storage.")
    if part == "environment":
        return t("This is no longer asked for. You can add it as your own variable.")
    return t("This is no longer asked for.")
