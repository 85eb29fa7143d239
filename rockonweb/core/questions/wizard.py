"""The install wizard's pages, questions, suggestions and answers. Pure: no forms, no views."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rockonweb.core.answers.answers import AnswerKey, Answers, build_answers, flatten_answers, share_fault, word_fault
from rockonweb.core.answers.field_names import field_name
from rockonweb.core.command_size import word_size_fault
from rockonweb.core.containers import owners
from rockonweb.core.containers.host_ports import (
    browser_refusal,
    find_free_port,
    option_ports,
    port_conflict,
    port_in_use_sentence,
)
from rockonweb.core.definition.definition import Definition, PortSpec, QuestionSpec, sort_questions
from rockonweb.core.facts import HostFacts, PortListener
from rockonweb.core.preflight import Finding
from rockonweb.core.secret import MASK
from rockonweb.core.text import TranslatableText, t

SUMMARY_PAGE = "summary"
# The pages with questions about a container, and the field of ContainerSpec that has them.
PART_BY_PAGE = {"shares": "volumes", "ports": "ports", "devices": "devices", "environment": "environment"}
TEXT_PAGES = ("environment", "custom-config")  # the pages whose answers may be secrets
WIZARD_PAGES = (*PART_BY_PAGE, "custom-config", SUMMARY_PAGE)

FieldValues = Mapping[str, str]  # what was typed, by field name

_OPTIONAL = re.compile(r"\boptional(ly)?\b|\b(leave|left|be|keep|kept) (it |this )?(blank|empty)\b", re.IGNORECASE)
_EXAMPLE = re.compile(r"[\[(]\s*+(e\.?\s?g\.?[:,]?\s|must be\s)?(?:called\s)?\s*[\"']?([^\s\"'\[\]()]+)[\"']?\s*[\])]")


@dataclass(frozen=True)
class Question:
    """One question of a page. `container` is blank for a setting of the whole rock-on.

    `name` is that of its field. `fixed` is a port on the host's own network: nothing can be chosen.
    """

    name: str
    page: str
    container: str
    key: str
    spec: QuestionSpec
    fixed: bool = False
    ui: bool = False
    secret: bool = False  # whether the answer must not be shown

    @property
    def label(self) -> str:
        """The definition's label, or the key where it has none."""
        return self.spec.label.strip() or self.key

    @property
    def answer_key(self) -> AnswerKey:
        """The key of its answer in `flatten_answers`."""
        return self.page.replace("-", "_"), self.container, self.key

    @property
    def optional(self) -> bool:
        """Whether the answer may be blank, because the definition says so."""
        return bool(_OPTIONAL.search(self.spec.label) or _OPTIONAL.search(self.spec.description))

    @property
    def user_or_group(self) -> str:
        """Whether the answer is the number of a "user" or a "group" (PUID, PGID and their like); else blank."""
        return owners.account_kind(self.key, self.spec.label) if self.page == "environment" else ""

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols of a port; none for another question."""
        return self.spec.published_protocols if isinstance(self.spec, PortSpec) else ()

    @property
    def example(self) -> str:
        """The word that the label gives as an example in brackets, blank where it has none."""
        match = _EXAMPLE.search(self.spec.label)
        return match[2] if match and (match[1] or "-" in match[2]) else ""


def page_questions(definition: Definition, page: str) -> list[Question]:
    """Return the questions of a page, by container in launch order."""
    return [
        Question(
            field_name(page, container, key, definition.containers),
            page,
            container,
            key,
            question,
            fixed=page == "ports" and definition.containers[container].on_host_network,
            ui=isinstance(question, PortSpec) and question.ui,
            secret=page in TEXT_PAGES and definition.hides_answer(container, key, question.label),
        )
        for container, questions in _specs_by_container(definition, page)
        for key, question in questions
    ]


def _specs_by_container(definition: Definition, page: str) -> list[tuple[str, list[tuple[str, QuestionSpec]]]]:
    if page == "custom-config":
        return [("", sort_questions(definition.custom_config))]
    if page not in PART_BY_PAGE:
        return []
    return [(name, spec.ordered_questions(PART_BY_PAGE[page])) for name, spec in definition.launch_order]


def all_questions(definition: Definition) -> list[Question]:
    """Return the questions of all pages."""
    return [question for page in WIZARD_PAGES for question in page_questions(definition, page)]


def wizard_pages(definition: Definition) -> list[str]:
    """Return the pages that apply: those with a question, and the summary."""
    return [
        page
        for page in WIZARD_PAGES
        if page == SUMMARY_PAGE or any(specs for _, specs in _specs_by_container(definition, page))
    ]


def adjacent_page(definition: Definition, page: str, step: int) -> str:
    """Return the page `step` pages further (or back, when negative), at most the first or last one."""
    applicable = wizard_pages(definition)
    index = applicable.index(page) + step
    return applicable[min(max(index, 0), len(applicable) - 1)]


def first_unanswered_page(definition: Definition, completed: Collection[str]) -> str | None:
    """Return the first page that is not among the accepted ones; None when only the summary is left."""
    return next((page for page in wizard_pages(definition) if page != SUMMARY_PAGE and page not in completed), None)


# -- suggestions ------------------------------------------------------------------------------------------------------


def suggest_shares(definition: Definition, inside: str = "", taken: Collection[str] = ()) -> dict[str, str]:
    """Return a share's name for each question of the shares page, by field name; none is suggested twice.

    The example in the label is the author's own suggestion, otherwise it is APP-FOLDER, unless another rock-on has
    `taken` that one. `inside` is the share in which they are folders, where no share can be created.
    """
    app = _make_slug(definition.name) or "app"
    suggestions: dict[str, str] = {}
    for question in page_questions(definition, "shares"):
        folder = _make_slug(question.key.rstrip("/").rsplit("/", 1)[-1]) or "data"
        names = [question.example, f"{app}-{folder}", f"{app}-{_make_slug(question.container)}-{folder}"]
        names += [f"{app}-{folder}-{number}" for number in range(2, len(suggestions) + len(taken) + 3)]
        usable = (name for name in names if name and not share_fault(name) and "/" not in name)
        suggestions[question.name] = next(
            name
            for name in usable
            if name not in suggestions.values() and (name == question.example or name not in taken)
        )
    return {name: f"{inside}/{share}" if inside else share for name, share in suggestions.items()}


def _make_slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")


@dataclass(frozen=True)
class PortSuggestion:
    """A host port to offer. `why` says why it is not the usual one, blank when it is."""

    port: int
    why: str = ""


def suggest_host_ports(
    definition: Definition, preferred: Mapping[str, int], facts: HostFacts
) -> dict[str, PortSuggestion]:
    """Return a free host port for each question of the ports page, by field name: the preferred one unless in use."""
    suggestions: dict[str, PortSuggestion] = {}
    questions = page_questions(definition, "ports")
    taken = {(port.host, port.protocol) for port in option_ports(definition)}
    taken |= {
        (int(question.key), protocol) for question in questions if question.fixed for protocol in question.protocols
    }
    for question in questions:
        usual = int(question.key) if question.fixed else preferred[question.name]
        available_port = (
            None
            if question.fixed
            else find_free_port(definition.name, usual, question.protocols, facts, taken, ui=question.ui)
        )
        port = available_port or usual
        taken |= {(port, protocol) for protocol in question.protocols}
        suggestions[question.name] = PortSuggestion(
            port, _other_port_reason(definition.name, usual, port, question, facts)
        )
    return suggestions


def find_port_holder(rockon: str, port: int, protocols: Iterable[str], facts: HostFacts) -> PortListener | None:
    """Return what else uses a host port, None when nothing does."""
    holders = (port_conflict(rockon, port, protocol, facts) for protocol in protocols)
    return next(filter(None, holders), None)


def question_port_fault(
    definition: Definition, question: Question, port: int, facts: HostFacts, others: Mapping[tuple[int, str], Question]
) -> Finding | None:
    """Return why a host port is not available, with a free one to use instead; None when it is.

    `others` are the ports that the same form gives to other questions.
    """
    duplicate = next((others[port, protocol] for protocol in question.protocols if (port, protocol) in others), None)
    holder = find_port_holder(definition.name, port, question.protocols, facts)
    if duplicate:
        sentence = t('Port %(port)s is also assigned to "%(other)s".', port=port, other=duplicate.label)
    elif holder:
        sentence = port_in_use_sentence(holder)
    else:
        return None
    if question.fixed:
        hint = t("%(container)s can't use another port: stop what uses this one first.", container=question.container)
        return Finding("block", sentence, hint)
    available_port = find_free_port(definition.name, port, question.protocols, facts, others, ui=question.ui)
    return Finding(
        "block",
        sentence,
        t("Port %(free)s is free.", free=available_port) if available_port else t("Choose another one."),
    )


def _other_port_reason(rockon: str, usual: int, port: int, question: Question, facts: HostFacts) -> str:
    if port == usual:
        return ""
    if holder := find_port_holder(rockon, usual, question.protocols, facts):
        holder_name = holder.holder or t("another program")
        return t(
            "Port %(usual)s is in use by %(who)s, so %(port)s is suggested.", usual=usual, who=holder_name, port=port
        )
    if question.ui and browser_refusal(usual):
        return t("Browsers block port %(usual)s, so %(port)s is suggested.", usual=usual, port=port)
    return t(
        "Port %(usual)s is already suggested for another question above, so %(port)s is suggested here.",
        usual=usual,
        port=port,
    )


# -- faults of single values ------------------------------------------------------------------------------------------


def text_fault(question: Question, value: str) -> str:
    """Return what is wrong with a variable or setting, blank when nothing is."""
    if fault := word_fault(f"{question.key}={value}"):
        return fault
    if not value.strip():
        return "" if question.optional else t("This field is required.")
    if question.user_or_group and not re.fullmatch(r"[0-9]{1,10}", value.strip()):
        return t("Enter a whole number, 0 or more: the ID of a user or group, not its name.")
    return ""


def device_fault(value: str) -> str:
    """Return what is wrong with a device, blank when nothing is or it is blank. Does not check whether it exists."""
    if value and not re.fullmatch(r"/[^\s\0]+", value):
        return t("A device is an absolute path without spaces, such as /dev/dri. Leave it blank for none.")
    return word_size_fault(value)


def parse_port(value: str) -> int | None:
    """Return the port that was typed, None when it is not one."""
    typed = value.strip()
    return int(typed) if re.fullmatch(r"[0-9]{1,5}", typed) and 1 <= int(typed) <= 65535 else None


# -- answers and field values -----------------------------------------------------------------------------------------


def answers_from_values(definition: Definition, values: FieldValues) -> Answers:
    """Return the answers in the field values of the accepted pages."""

    def parse_typed(question: Question) -> str | int | None:
        typed = values.get(question.name, "")
        return (int(question.key) if question.fixed else parse_port(typed)) if question.page == "ports" else typed

    return build_answers({question.answer_key: parse_typed(question) for question in all_questions(definition)})


def values_from_answers(definition: Definition, answers: Answers) -> dict[str, str]:
    """Return the field values of earlier answers, without what was never answered."""
    answered = flatten_answers(answers)
    ports_answered = any(host is not None for by_port in answers.ports.values() for host in by_port.values())
    values: dict[str, str] = {}
    for question in all_questions(definition):
        value = answered.get(question.answer_key)
        # Where other ports were answered, None means not published; but the port of the app's own page is asked again.
        if value is None and question.page == "ports" and ports_answered and not question.ui:
            value = ""
        if value is not None:
            values[question.name] = str(value)
    return values


@dataclass(frozen=True)
class ReviewedAnswer:
    """An answer as the summary shows it: secrets masked; `new` is a share that the install creates."""

    question: Question
    display_value: str
    new: bool = False


def review_answers(
    definition: Definition, values: FieldValues, new_shares: Collection[str]
) -> list[tuple[str, list[ReviewedAnswer]]]:
    """Return every answer, grouped by page."""
    return [
        (
            page,
            [
                _review_answer(question, values.get(question.name, ""), new_shares)
                for question in page_questions(definition, page)
            ],
        )
        for page in wizard_pages(definition)
        if page != SUMMARY_PAGE
    ]


def _review_answer(question: Question, value: str, new_shares: Collection[str]) -> ReviewedAnswer:
    if question.secret and value:
        return ReviewedAnswer(question, MASK)
    if question.fixed:
        return ReviewedAnswer(question, question.key)
    return ReviewedAnswer(question, value, question.page == "shares" and value.split("/", 1)[0] in new_shares)


def shared_folder_notes(definition: Definition, values: FieldValues) -> Iterator[Finding]:
    """Yield a note for each volume in the folder of another one: they see each other's files."""
    for folder, questions in find_shared_folders(definition, values).items():
        for question in questions[1:]:
            yield Finding("note", shared_folder_note(folder, questions[0], question))


def find_shared_folders(definition: Definition, values: FieldValues) -> dict[str, list[Question]]:
    """Return each share or folder that is the answer to several questions, with these questions."""
    questions_by_folder: dict[str, list[Question]] = {}
    for question in page_questions(definition, "shares"):
        questions_by_folder.setdefault(values.get(question.name, "").strip().rstrip("/"), []).append(question)
    return {
        folder: questions
        for folder, questions in questions_by_folder.items()
        if folder and len(questions) > 1 and not share_fault(folder, None)
    }


def shared_folder_note(folder: str, first: Question, second: Question) -> TranslatableText:
    """Return the sentence for two volumes in one folder."""
    return t(
        '"%(one)s" and "%(other)s" are both in %(place)s: they see each other\'s files.',
        one=first.label,
        other=second.label,
        place=folder,
    )
