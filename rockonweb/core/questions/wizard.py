"""The install wizard's pages and questions, what is suggested, and what the answers come to: pure, no form, no page."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rockonweb.core.answers.answers import Answers, Leaf, leaves, share_fault, together
from rockonweb.core.answers.field_names import field_name
from rockonweb.core.containers import owners
from rockonweb.core.definition.definition import Definition, PortSpec, Question, in_question_order
from rockonweb.core.facts import HostFacts, Listener
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.ports import browser_refusal, free_port, in_use, port_conflict
from rockonweb.core.secret import MASK
from rockonweb.core.text import Text, t

SUMMARY = "summary"
# The pages with questions to a container, and where its definition has these.
QUESTIONS = {"shares": "volumes", "ports": "ports", "devices": "devices", "environment": "environment"}
TEXTS = ("environment", "custom-config")  # the pages whose answers may be secrets
PAGES = (*QUESTIONS, "custom-config", SUMMARY)

Values = Mapping[str, str]  # what was typed, by field name

_OPTIONAL = re.compile(r"\boptional(ly)?\b|\b(leave|left|be|keep|kept) (it |this )?(blank|empty)\b", re.IGNORECASE)
_EXAMPLE = re.compile(r"[\[(]\s*+(e\.?\s?g\.?[:,]?\s|must be\s)?(?:called\s)?\s*[\"']?([^\s\"'\[\]()]+)[\"']?\s*[\])]")


@dataclass(frozen=True)
class Ask:
    """One question of a page. `container` is blank for a setting of the whole rock-on.

    `name` is that of its field. `fixed` is a port on the host's own network: nothing can be chosen.
    """

    name: str
    page: str
    container: str
    key: str
    question: Question
    fixed: bool = False
    ui: bool = False
    secret: bool = False  # whether the answer must not be shown

    @property
    def label(self) -> str:
        """The definition's label, or the key where it has none."""
        return self.question.label.strip() or self.key

    @property
    def leaf(self) -> Leaf:
        """Where its answer stands among all of a rock-on."""
        return self.page.replace("-", "_"), self.container, self.key

    @property
    def optional(self) -> bool:
        """Whether the answer may be blank, because the definition says so."""
        return bool(_OPTIONAL.search(self.question.label) or _OPTIONAL.search(self.question.description))

    @property
    def user_or_group(self) -> str:
        """Whether the answer is the number of a "user" or a "group" (PUID, PGID and their like); else blank."""
        return owners.user_or_group(self.key, self.question.label) if self.page == "environment" else ""

    @property
    def protocols(self) -> tuple[str, ...]:
        """What a port is published for; nothing for another question."""
        return self.question.protocols if isinstance(self.question, PortSpec) else ()

    @property
    def example(self) -> str:
        """The word that the label gives as an example in brackets, blank where it has none."""
        found = _EXAMPLE.search(self.question.label)
        return found[2] if found and (found[1] or "-" in found[2]) else ""


def asks(definition: Definition, page: str) -> list[Ask]:
    """Return the questions of a page, by container in launch order."""
    asked: list[tuple[str, list[tuple[str, Question]]]] = []
    if page == "custom-config":
        asked = [("", in_question_order(definition.custom_config))]
    elif page in QUESTIONS:
        asked = [(name, spec.questions(QUESTIONS[page])) for name, spec in definition.launch_order]
    return [
        Ask(
            field_name(page, container, key, definition.containers),
            page,
            container,
            key,
            question,
            fixed=page == "ports" and definition.containers[container].on_host_network,
            ui=isinstance(question, PortSpec) and question.ui,
            secret=page in TEXTS and definition.hides(container, key, question.label),
        )
        for container, questions in asked
        for key, question in questions
    ]


def all_asks(definition: Definition) -> list[Ask]:
    """Return the questions of all pages."""
    return [ask for page in PAGES for ask in asks(definition, page)]


def pages(definition: Definition) -> list[str]:
    """Return the pages that apply: those with a question, and the summary."""
    return [page for page in PAGES if page == SUMMARY or asks(definition, page)]


def beside(definition: Definition, page: str, step: int) -> str:
    """Return the page `step` places further (or back, when negative), at most the first or last one."""
    applying = pages(definition)
    place = applying.index(page) + step
    return applying[min(max(place, 0), len(applying) - 1)]


def unanswered(definition: Definition, done: Collection[str]) -> str | None:
    """Return the first page that is not among the accepted ones; None when only the summary is left."""
    return next((page for page in pages(definition) if page != SUMMARY and page not in done), None)


# -- suggestions ------------------------------------------------------------------------------------------------------


def suggested_shares(definition: Definition, inside: str = "", taken: Collection[str] = ()) -> dict[str, str]:
    """Return a share's name for each question of the shares page, by field name; none is suggested twice.

    The example in the label is the author's own suggestion, otherwise it is APP-FOLDER, unless another rock-on has
    `taken` that one. `inside` is the share in which they are folders, where no share can be made.
    """
    app = _slug(definition.name) or "app"
    found: dict[str, str] = {}
    for ask in asks(definition, "shares"):
        folder = _slug(ask.key.rstrip("/").rsplit("/", 1)[-1]) or "data"
        names = [ask.example, f"{app}-{folder}", f"{app}-{_slug(ask.container)}-{folder}"]
        names += [f"{app}-{folder}-{number}" for number in range(2, len(found) + len(taken) + 3)]
        usable = (name for name in names if name and not share_fault(name) and "/" not in name)
        found[ask.name] = next(
            name for name in usable if name not in found.values() and (name == ask.example or name not in taken)
        )
    return {name: f"{inside}/{share}" if inside else share for name, share in found.items()}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")


@dataclass(frozen=True)
class PortSuggestion:
    """A host port to offer. `why` says why it is not the usual one, blank when it is."""

    port: int
    why: str = ""


def suggested_ports(definition: Definition, wanted: Mapping[str, int], facts: HostFacts) -> dict[str, PortSuggestion]:
    """Return a free host port for each question of the ports page, by field name: the wanted one unless it is taken."""
    found: dict[str, PortSuggestion] = {}
    taken: set[tuple[int, str]] = set()
    for ask in asks(definition, "ports"):
        usual = int(ask.key) if ask.fixed else wanted[ask.name]
        free = None if ask.fixed else free_port(definition.name, usual, ask.protocols, facts, taken, ui=ask.ui)
        port = free or usual
        taken |= {(port, protocol) for protocol in ask.protocols}
        found[ask.name] = PortSuggestion(port, _why_not(definition.name, usual, port, ask, facts))
    return found


def holder_of(rockon: str, port: int, protocols: Iterable[str], facts: HostFacts) -> Listener | None:
    """Return who else holds a host port."""
    holders = (port_conflict(rockon, port, protocol, facts) for protocol in protocols)
    return next(filter(None, holders), None)


def port_fault(
    definition: Definition, ask: Ask, port: int, facts: HostFacts, others: Mapping[tuple[int, str], Ask]
) -> Finding | None:
    """Return why a host port can't be had, with a free one to take instead; None when it can.

    `others` are the ports that the same form gives to other questions.
    """
    twice = next((others[port, protocol] for protocol in ask.protocols if (port, protocol) in others), None)
    held = holder_of(definition.name, port, ask.protocols, facts)
    if twice:
        sentence = t('Port %(port)s is given to "%(other)s" too.', port=port, other=twice.label)
    elif held:
        sentence = in_use(held)
    elif ask.ui and not ask.fixed and (refusal := browser_refusal(port)):
        sentence = refusal
    else:
        return None
    if ask.fixed:
        hint = t("%(container)s can't use another one: stop what holds it first.", container=ask.container)
        return Finding("block", sentence, hint)
    free = free_port(definition.name, port + 1, ask.protocols, facts, others, ui=ask.ui)
    return Finding("block", sentence, t("Port %(free)s is free.", free=free) if free else t("Choose another one."))


def _why_not(rockon: str, usual: int, port: int, ask: Ask, facts: HostFacts) -> str:
    if port == usual:
        return ""
    if held := holder_of(rockon, usual, ask.protocols, facts):
        who = held.holder or t("another program")
        return t("Port %(usual)s is in use by %(who)s, so %(port)s is suggested.", usual=usual, who=who, port=port)
    if ask.ui and browser_refusal(usual):
        return t("Browsers refuse port %(usual)s, so %(port)s is suggested.", usual=usual, port=port)
    return t("Port %(usual)s is suggested for another question above, so this is %(port)s.", usual=usual, port=port)


# -- faults of single values ------------------------------------------------------------------------------------------


def text_fault(ask: Ask, value: str) -> str:
    """Return what is wrong with a variable or setting, blank when nothing is."""
    if "\0" in value or "\n" in value or "\r" in value:
        return t("This must be a single line of text.")
    if not value.strip():
        return "" if ask.optional else t("An answer is needed here.")
    if ask.user_or_group and not re.fullmatch(r"[0-9]{1,10}", value.strip()):
        return t("This must be a whole number, 0 or more: the number of a user or group, not its name.")
    return ""


def device_fault(value: str) -> str:
    """Return what is wrong with a device, blank when nothing is or it is blank. Does not look whether it exists."""
    if value and not re.fullmatch(r"/[^\s\0]+", value):
        return t("A device is an absolute path without spaces, such as /dev/dri. Leave it blank for none.")
    return ""


def port_number(value: str) -> int | None:
    """Return the port that was typed, None when it is not one."""
    typed = value.strip()
    return int(typed) if re.fullmatch(r"[0-9]{1,5}", typed) and 1 <= int(typed) <= 65535 else None


# -- what the answers come to -----------------------------------------------------------------------------------------


def answers(definition: Definition, values: Values) -> Answers:
    """Return the answers that the accepted pages amount to."""

    def answer(ask: Ask) -> str | int | None:
        typed = values.get(ask.name, "")
        return (int(ask.key) if ask.fixed else port_number(typed)) if ask.page == "ports" else typed

    return together({ask.leaf: answer(ask) for ask in all_asks(definition)})


def values_of(definition: Definition, given: Answers) -> dict[str, str]:
    """Return the field values of earlier answers, without what was never answered."""
    answered = leaves(given)
    ports_answered = any(host is not None for by_port in given.ports.values() for host in by_port.values())
    found: dict[str, str] = {}
    for ask in all_asks(definition):
        value = answered.get(ask.leaf)
        # Where other ports were answered, none means not published; the app's own page needs one all the same.
        if value is None and ask.page == "ports" and ports_answered and not ask.ui:
            value = ""
        if value is not None:
            found[ask.name] = str(value)
    return found


@dataclass(frozen=True)
class Reviewed:
    """An answer as the summary shows it: secrets masked; `new` is a share that Submit makes."""

    ask: Ask
    shown: str
    new: bool = False


def review(definition: Definition, values: Values, new_shares: Collection[str]) -> list[tuple[str, list[Reviewed]]]:
    """Return every answer, grouped by page."""
    return [
        (page, [_reviewed(ask, values.get(ask.name, ""), new_shares) for ask in asks(definition, page)])
        for page in pages(definition)
        if page != SUMMARY
    ]


def _reviewed(ask: Ask, value: str, new_shares: Collection[str]) -> Reviewed:
    if ask.secret and value:
        return Reviewed(ask, MASK)
    if ask.fixed:
        return Reviewed(ask, ask.key)
    return Reviewed(ask, value, ask.page == "shares" and value.split("/", 1)[0] in new_shares)


def notes(definition: Definition, values: Values) -> Iterator[Finding]:
    """Yield what is allowed but worth knowing: two volumes in one folder see each other's files."""
    for place, sharing in same_places(definition, values).items():
        for ask in sharing[1:]:
            yield Finding("note", same_place(place, sharing[0], ask))


def same_places(definition: Definition, values: Values) -> dict[str, list[Ask]]:
    """Return each share or folder that is the answer to several questions, with these questions."""
    found: dict[str, list[Ask]] = {}
    for ask in asks(definition, "shares"):
        found.setdefault(values.get(ask.name, "").strip().rstrip("/"), []).append(ask)
    return {place: both for place, both in found.items() if place and len(both) > 1 and not share_fault(place)}


def same_place(place: str, one: Ask, other: Ask) -> Text:
    """Return what two volumes in one folder mean."""
    return t(
        '"%(one)s" and "%(other)s" are both in %(place)s: they see each other\'s files.',
        one=one.label,
        other=other.label,
        place=place,
    )
