"""Suggestions for a rock-on's variables and settings. Pure: facts of the host and random secrets are passed in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import FolderOwner
from rockonweb.core.questions.wizard import FieldValues, Question, page_questions
from rockonweb.core.text import TranslatableText, t

SECRET_LENGTH = 24  # of a generated secret, unless the label allows less
SecretGenerator = Callable[[int], str]  # a new secret of so many letters and digits

_TIME_ZONE_KEY = re.compile(r"(?:^|_)(TZ|TIME_?ZONE)$", re.IGNORECASE)
_TIME_ZONE_LABEL = re.compile(r"\btime ?zone\b", re.IGNORECASE)
_HOST_NAME_KEY = re.compile(r"^(HOST_?NAME|DOMAIN(_?NAME)?|FQDN)$", re.IGNORECASE)
_SERVER_NAME_KEY = re.compile(r"^SERVER_?(NAME|HOST(_?NAME)?)$", re.IGNORECASE)  # may name a game's world
_HOST_WORDS = re.compile(r"\b(host|address|domain|ip|fqdn)", re.IGNORECASE)
_ADDRESS_KEY = re.compile(
    r"^(SERVER_?IP|HOST_?IP|LAN_?IP|IP_?ADDR(ESS)?|(SERVER|HOST)_?ADDR(ESS)?)$|(?:^|_)LOCAL_?IP(V4)?$", re.IGNORECASE
)
_OTHER_HOST_WORDS = re.compile(
    r"smtp|\bmail|\bpublic|\bwan\b|\bexternal|\binternet|\bdynamic|\bdatabase|\bdb\b|\bremote|\bprovider|subdomain",
    re.IGNORECASE,
)
_DOCKER_GROUP = re.compile(r"['\"`]?docker['\"`]? group|group ['\"`]?docker\b", re.IGNORECASE)
_SAME_AS_UI_PORT = re.compile(r"same (?:port )?as (?:the |your )?(?:web[ -]?)?ui[ -]port", re.IGNORECASE)

_PASSWORD_KEY = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|SECRET|(?:^|_)(PASS|PW|PWD)(?:_|$)")
_PASSWORD_LABEL = re.compile(r"\b(password|passphrase|secret)\b", re.IGNORECASE)
_EXTERNAL_SECRET_KEY = re.compile(
    r"TOKEN|HASH|API_?KEY|API_?SECRET|ACCESS_?KEY|CLIENT_?SECRET|ACCOUNT|PROXY|^(AWS|S3|B2|OPENVPN|VPN)_|SMTP|E?MAIL"
    r"|LDAP|OAUTH|OIDC"
)
_EXTERNAL_SECRET_WORDS = re.compile(
    r"\b(tokens?|hash(ed)?|api[ -](key|secret)|e-?mail|smtp|existing|provider|ldap|oauth|oidc"
    r"|from (the|your|an?)\b|your [\w.-]+ (account|password|login))\b",
    re.IGNORECASE,
)
_MAX_LENGTH = re.compile(r"\b(?:\d+ ?[-–] ?|max(?:imum)?\.?:? ?|at most |up to )(\d{1,6})\b", re.IGNORECASE)
_REPEAT_LABEL = re.compile(r"^re-?(?:enter|type|peat) (?:the )?(.+)$", re.IGNORECASE)
_SAME_AS_LABEL = re.compile(r"[\[(]\s*same as (?:the )?([^\])]{1,200})[\])]", re.IGNORECASE)

# These match untrusted text: bounded so that each character is read a few times at most.
_EXAMPLE = re.compile(r"[\[(]\s*+(?:e\.?\s?g\.?[:,]?|must be|default:?)\s++([^\])]{1,500})[\])]", re.IGNORECASE)
_DEFAULT = re.compile(r"\bfor (?:the )?default,? enter:? (.{1,500})$", re.IGNORECASE)
_UNUSABLE_EXAMPLE = re.compile(r"[<>@…]|\b(your|my|some)|rockstor|example|'s\b|x\.x", re.IGNORECASE)
_HOME_NETWORK = re.compile(
    r"(?:10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d+){2,3}(?:/\d+)?"
)  # differs on each host
_ADDRESS_TEMPLATE = re.compile(r"[a-z][a-z0-9+]{0,20}://(?:<[^<>]*>|[^\s<>\]])+", re.IGNORECASE)
_TEMPLATE_BLANK = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True)
class SuggestionContext:
    """Facts of the host for suggestions.

    `owners` are by SHARE or SHARE/FOLDER, as on the shares page; `default_owner` is suggested for a new one.
    """

    time_zone: str = ""
    host_name: str = ""
    address: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)
    owners: Mapping[str, FolderOwner] = field(default_factory=dict)
    default_owner: FolderOwner = field(default=FolderOwner(1000, 1000))


@dataclass(frozen=True)
class Suggestion:
    """A value to fill in, and where it comes from.

    `source` is blank, or the field whose generated secret is in the value: values with the same source change together.
    """

    value: str
    why: TranslatableText
    source: str = ""


def suggest_texts(
    definition: Definition, page: str, values: FieldValues, context: SuggestionContext, generate: SecretGenerator
) -> dict[str, Suggestion]:
    """Return the suggestions for a page of texts (environment or custom-config), by field name.

    `values` are the answers so far: the shares and ports that were chosen. A question is left out when nothing
    sensible can be said; a secret that another service gives out always is.
    """
    questions = page_questions(definition, page)
    secrets = _suggest_secrets(questions, generate)
    suggestions: dict[str, Suggestion] = {}
    for question in questions:
        suggestion = secrets.get(question.name) or _fill_address_template(
            definition, question, values, context, secrets
        )
        if suggestion is None and not question.secret:
            suggestion = next(filter(None, _host_suggestions(definition, question, values, context)), None)
        if suggestion:
            suggestions[question.name] = suggestion
    return suggestions


def prefill_suggestions(
    definition: Definition, page: str, values: FieldValues, suggestions: Mapping[str, Suggestion]
) -> dict[str, Suggestion]:
    """Return the suggestions that fill a page when it is first shown.

    Not those for what was answered or may be blank, nor a secret that belongs to one which was answered: that one
    is not shown again, and a different one would be wrong.
    """
    answered_sources = {
        suggestions[name].source
        for name, value in values.items()
        if value and name in suggestions and suggestions[name].source
    }
    questions = {question.name: question for question in page_questions(definition, page)}
    return {
        name: suggestion
        for name, suggestion in suggestions.items()
        if name not in values
        and suggestion.source not in answered_sources
        and not (questions[name].optional and (questions[name].secret or not _is_host_fact(questions[name])))
    }


def can_generate_secret(question: Question) -> bool:
    """Whether a generated secret can be the answer: a password or secret that the user may choose freely."""
    key_words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", question.key).upper()
    text = f"{question.spec.label} {question.spec.description}"
    if (
        not question.secret
        or _EXTERNAL_SECRET_KEY.search(key_words)
        or _EXTERNAL_SECRET_WORDS.search(text)
        or _TEMPLATE_BLANK.search(text)
    ):
        return False
    return bool(_PASSWORD_KEY.search(key_words) or _PASSWORD_LABEL.search(question.spec.label))


# -- secrets ----------------------------------------------------------------------------------------------------------


def _suggest_secrets(questions: list[Question], generate: SecretGenerator) -> dict[str, Suggestion]:
    """Return a new secret for each question that may have one; the same where the same is asked twice."""
    generated = [question for question in questions if can_generate_secret(question)]
    suggestions: dict[str, Suggestion] = {}
    for question in generated:
        first = _repeated_question(question, generated)
        if first.name not in suggestions:
            suggestions[first.name] = Suggestion(
                generate(_secret_length(first)),
                t("Generated for you. Show it and write it down: it is not shown again after this page."),
                first.name,
            )
        if first is not question:
            why = t('Generated for you, the same as for "%(other)s".', other=first.label)
            suggestions[question.name] = Suggestion(suggestions[first.name].value, why, first.name)
    return suggestions


def _repeated_question(question: Question, candidates: list[Question]) -> Question:
    """Return the question whose answer this one repeats; itself when it repeats none."""
    match = _REPEAT_LABEL.search(question.label) or _SAME_AS_LABEL.search(question.label)
    repeated = match[1].strip().casefold() if match else ""
    for other in candidates:
        if other is question:
            continue
        label = other.label.casefold()
        if repeated and (label == repeated or label.startswith(repeated)):
            return other
        if (
            other.key == question.key
            and other.container != question.container
            and candidates.index(other) < candidates.index(question)
        ):
            return other
    return question


def _secret_length(question: Question) -> int:
    limit = _MAX_LENGTH.search(question.spec.label) or _MAX_LENGTH.search(question.spec.description)
    return min(SECRET_LENGTH, int(limit[1])) if limit and int(limit[1]) >= 4 else SECRET_LENGTH


# -- other values -----------------------------------------------------------------------------------------------------


def _fill_address_template(
    definition: Definition,
    question: Question,
    values: FieldValues,
    context: SuggestionContext,
    secrets: Mapping[str, Suggestion],
) -> Suggestion | None:
    """Return an address of the form `http://<server name>:<UI port>` with its blanks filled in."""
    templates = _ADDRESS_TEMPLATE.findall(f"{question.spec.label} {question.spec.description}")
    template = next((candidate.rstrip(".,;:)") for candidate in templates if _TEMPLATE_BLANK.search(candidate)), "")
    source = ""
    for blank in _TEMPLATE_BLANK.findall(template):
        replacement = ""
        if re.search(r"password|secret", blank, re.IGNORECASE):
            partner = _database_password(question, page_questions(definition, question.page), secrets)
            replacement, source = (secrets[partner].value, partner) if partner else ("", "")
        elif re.search(r"port", blank, re.IGNORECASE):
            replacement = _ui_port(definition, values)
        elif re.search(r"server|host|ip\b|address", blank, re.IGNORECASE):
            replacement = context.address
        if not replacement:
            return None
        template = template.replace(f"<{blank}>", replacement, 1)
    if not template or bool(source) != question.secret:
        return None
    why = (
        t("Composed as its description says, with the password generated for the database.")
        if source
        else t("Composed as its description says, from this server's address and the port you chose.")
    )
    return Suggestion(template, why, source)


def _database_password(question: Question, questions: list[Question], secrets: Mapping[str, Suggestion]) -> str:
    """Return the field of the one password of a database, blank when there is none or a choice."""
    database_words = re.compile(r"\b(db|database|postgres\w*|mysql|mariadb)\b", re.IGNORECASE)
    fields = [
        other.name
        for other in questions
        if other is not question and other.name in secrets and database_words.search(other.label)
    ]
    sources = {secrets[name].source for name in fields}
    return sources.pop() if len(sources) == 1 else ""


def _host_suggestions(
    definition: Definition, question: Question, values: FieldValues, context: SuggestionContext
) -> Iterator[Suggestion | None]:
    """Yield what may be suggested, the best first."""
    text = f"{question.spec.label} {question.spec.description}"
    if question.user_or_group:
        yield _suggest_owner_id(definition, question, values, context)
    if _is_time_zone(question) and context.time_zone:
        yield Suggestion(context.time_zone, t("The time zone of this server."))
    if _SAME_AS_UI_PORT.search(text) and (port := _ui_port(definition, values)):
        yield Suggestion(port, t("The port you chose for the app's page."))
    if not _OTHER_HOST_WORDS.search(f"{question.key} {text}"):
        wants_host_name = _HOST_NAME_KEY.search(question.key) or (
            _SERVER_NAME_KEY.search(question.key) and _HOST_WORDS.search(text)
        )
        if wants_host_name and context.host_name:
            yield Suggestion(context.host_name, t("The name of this server."))
        if _ADDRESS_KEY.search(question.key) and context.address:
            yield Suggestion(context.address, t("The address of this server."))
    if example := _usable_example(question):
        yield Suggestion(example, t("The example from the definition."))


def _is_time_zone(question: Question) -> bool:
    return bool(_TIME_ZONE_KEY.search(question.key) or _TIME_ZONE_LABEL.search(question.spec.label))


def _is_host_fact(question: Question) -> bool:
    """Whether what is suggested is a fact and no mere example, so that it does no harm where a blank would do too."""
    return bool(question.user_or_group) or _is_time_zone(question)


def _suggest_owner_id(
    definition: Definition, question: Question, values: FieldValues, context: SuggestionContext
) -> Suggestion | None:
    """Return the owner, or the group, of the first share of this container, or of the rock-on where it has none."""
    text = f"{question.spec.label} {question.spec.description}"
    if question.user_or_group == "group" and "docker" in context.groups and _DOCKER_GROUP.search(text):
        return Suggestion(str(context.groups["docker"]), t("The ID of the docker group on this server."))
    shares = sorted(page_questions(definition, "shares"), key=lambda share: share.container != question.container)
    for share in shares:
        share_path = values.get(share.name, "")
        if share_path not in context.owners:
            continue
        owner = context.owners[share_path]
        if owner.new and owner.uid == 0:  # it gets the owner that is answered here, and no app needs root
            owner = replace(context.default_owner, new=True)
        is_user = question.user_or_group == "user"
        number = owner.uid if is_user else owner.gid
        return Suggestion(str(number), _owner_reason(share_path, owner, is_user=is_user))
    return None


def _owner_reason(share_path: str, owner: FolderOwner, *, is_user: bool) -> TranslatableText:
    number = owner.uid if is_user else owner.gid
    if owner.new:
        return (
            t("%(place)s is new: it will be owned by the user that you enter here.", place=share_path)
            if is_user
            else t("%(place)s is new: it will belong to the group that you enter here.", place=share_path)
        )
    if number == 0:
        return t("%(place)s belongs to root (ID 0): the app runs with full rights in it.", place=share_path)
    return t("The owner of %(place)s.", place=share_path) if is_user else t("The group of %(place)s.", place=share_path)


def _ui_port(definition: Definition, values: FieldValues) -> str:
    """Return the host port of the app's own page, blank where it has none."""
    for question in page_questions(definition, "ports"):
        if question.ui:
            return question.key if question.fixed else values.get(question.name, "")
    return ""


def _usable_example(question: Question) -> str:
    """Return the example of the label (or the default that the description names) when it can be taken as it is."""
    example = ""
    if match := _EXAMPLE.search(question.spec.label):
        example = match[1].strip()
    elif match := _DEFAULT.search(question.spec.description.strip()):
        example = match[1].removesuffix(".").strip()
    return "" if _UNUSABLE_EXAMPLE.search(example) or _HOME_NETWORK.fullmatch(example) else example
