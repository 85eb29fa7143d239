"""What is suggested for a rock-on's variables and settings: pure; what it needs of the host and of chance comes in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.wizard import Ask, Values, asks
from rockonweb.core.text import Text, t

LENGTH = 24  # of a generated secret, unless the label allows less
Generate = Callable[[int], str]  # a new secret of so many letters and digits

_TIME_ZONE = re.compile(r"(?:^|_)(TZ|TIME_?ZONE)$", re.IGNORECASE)
_TIME_ZONE_LABEL = re.compile(r"\btime ?zone\b", re.IGNORECASE)
_HOST_NAME = re.compile(r"^(HOST_?NAME|DOMAIN(_?NAME)?|FQDN)$", re.IGNORECASE)
_SERVER_NAME = re.compile(r"^SERVER_?(NAME|HOST(_?NAME)?)$", re.IGNORECASE)  # or the name of a game's world
_ABOUT_A_HOST = re.compile(r"\b(host|address|domain|ip|fqdn)", re.IGNORECASE)
_ADDRESS = re.compile(
    r"^(SERVER_?IP|HOST_?IP|LAN_?IP|IP_?ADDR(ESS)?|(SERVER|HOST)_?ADDR(ESS)?)$|(?:^|_)LOCAL_?IP(V4)?$", re.IGNORECASE
)
_ANOTHER_HOST = re.compile(
    r"smtp|\bmail|\bpublic|\bwan\b|\bexternal|\binternet|\bdynamic|\bdatabase|\bdb\b|\bremote|\bprovider|subdomain",
    re.IGNORECASE,
)
_DOCKER_GROUP = re.compile(r"['\"`]?docker['\"`]? group|group ['\"`]?docker\b", re.IGNORECASE)
_SAME_AS_UI_PORT = re.compile(r"same (?:port )?as (?:the |your )?(?:web[ -]?)?ui[ -]port", re.IGNORECASE)

_PASSWORD = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|SECRET|(?:^|_)(PASS|PW|PWD)(?:_|$)")
_PASSWORD_LABEL = re.compile(r"\b(password|passphrase|secret)\b", re.IGNORECASE)
_FROM_ELSEWHERE_KEY = re.compile(
    r"TOKEN|HASH|API_?KEY|API_?SECRET|ACCESS_?KEY|CLIENT_?SECRET|ACCOUNT|PROXY|^(AWS|S3|B2|OPENVPN|VPN)_|SMTP|E?MAIL"
    r"|LDAP|OAUTH|OIDC"
)
_FROM_ELSEWHERE = re.compile(
    r"\b(tokens?|hash(ed)?|api[ -](key|secret)|e-?mail|smtp|existing|provider|ldap|oauth|oidc"
    r"|from (the|your|an?)\b|your [\w.-]+ (account|password|login))\b",
    re.IGNORECASE,
)
_AT_MOST = re.compile(r"\b(?:\d+ ?[-–] ?|max(?:imum)?\.?:? ?|at most |up to )(\d{1,6})\b", re.IGNORECASE)
_AGAIN = re.compile(r"^re-?(?:enter|type|peat) (?:the )?(.+)$", re.IGNORECASE)
_SAME_AS = re.compile(r"[\[(]\s*same as (?:the )?([^\])]{1,200})[\])]", re.IGNORECASE)

# Strangers write what these look at: each sign is read a few times at most, however many there are.
_EXAMPLE = re.compile(r"[\[(]\s*+(?:e\.?\s?g\.?[:,]?|must be|default:?)\s++([^\])]{1,500})[\])]", re.IGNORECASE)
_DEFAULT = re.compile(r"\bfor (?:the )?default,? enter:? (.{1,500})$", re.IGNORECASE)
_NOT_PLAIN = re.compile(r"[<>@…]|\b(your|my|some)|rockstor|example|'s\b|x\.x", re.IGNORECASE)
_HOME_NETWORK = re.compile(
    r"(?:10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d+){2,3}(?:/\d+)?"
)  # another one here
_TEMPLATE = re.compile(r"[a-z][a-z0-9+]{0,20}://(?:<[^<>]*>|[^\s<>\]])+", re.IGNORECASE)
_BLANK = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True)
class Owner:
    """Whose a share or a folder is, or will be where it is `new`."""

    uid: int
    gid: int
    new: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What suggestions need of the host.

    `owners` are by SHARE or SHARE/FOLDER, as the shares page has it; `usual` is whose a new one may well be.
    """

    time_zone: str = ""
    host_name: str = ""
    address: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    usual: Owner = Owner(1000, 1000)


@dataclass(frozen=True)
class Suggestion:
    """A value to fill in, and where it comes from.

    `source` is blank, or the field whose generated secret is in the value: what shares it must change together.
    """

    value: str
    why: Text
    source: str = ""


def texts(
    definition: Definition, page: str, values: Values, here: Surroundings, generate: Generate
) -> dict[str, Suggestion]:
    """Return the suggestions for a page of texts (environment or custom-config), by field name.

    `values` are the answers so far: the shares and ports that were chosen. A question is left out when nothing
    sensible can be said; a secret that another service gives out always is.
    """
    asked = asks(definition, page)
    secrets = _secrets(asked, generate)
    found: dict[str, Suggestion] = {}
    for ask in asked:
        suggestion = secrets.get(ask.name) or _filled_in(definition, ask, values, here, secrets)
        if suggestion is None and not ask.secret:
            suggestion = next(filter(None, _plain(definition, ask, values, here)), None)
        if suggestion:
            found[ask.name] = suggestion
    return found


def offered(
    definition: Definition, page: str, values: Values, found: Mapping[str, Suggestion]
) -> dict[str, Suggestion]:
    """Return the suggestions that fill a page when it is first seen.

    Not those for what was answered or may be blank, nor a secret that belongs to one which was answered: that one
    is not shown again, and a different one would be wrong.
    """
    answered = {found[name].source for name, value in values.items() if value and name in found and found[name].source}
    asked = {ask.name: ask for ask in asks(definition, page)}
    return {
        name: suggestion
        for name, suggestion in found.items()
        if name not in values
        and suggestion.source not in answered
        and not (asked[name].optional and (asked[name].secret or not _is_of_the_host(asked[name])))
    }


def generates(ask: Ask) -> bool:
    """Whether a made-up secret can be the answer: a password or secret that the person may choose freely."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", ask.key).upper()
    text = f"{ask.question.label} {ask.question.description}"
    if not ask.secret or _FROM_ELSEWHERE_KEY.search(words) or _FROM_ELSEWHERE.search(text) or _BLANK.search(text):
        return False
    return bool(_PASSWORD.search(words) or _PASSWORD_LABEL.search(ask.question.label))


# -- secrets ----------------------------------------------------------------------------------------------------------


def _secrets(asked: list[Ask], generate: Generate) -> dict[str, Suggestion]:
    """Return a new secret for each question that may have one; the same where the same is asked twice."""
    free = [ask for ask in asked if generates(ask)]
    found: dict[str, Suggestion] = {}
    for ask in free:
        first = _first_asked(ask, free)
        if first.name not in found:
            found[first.name] = Suggestion(
                generate(_length(first)),
                t("Generated for you. Show it and write it down: after this page it is not shown again."),
                first.name,
            )
        if first is not ask:
            why = t('Generated for you, the same as for "%(other)s".', other=first.label)
            found[ask.name] = Suggestion(found[first.name].value, why, first.name)
    return found


def _first_asked(ask: Ask, free: list[Ask]) -> Ask:
    """Return the question whose answer this one repeats; itself when it repeats none."""
    again = _AGAIN.search(ask.label) or _SAME_AS.search(ask.label)
    repeated = again[1].strip().casefold() if again else ""
    for other in free:
        if other is ask:
            continue
        label = other.label.casefold()
        if repeated and (label == repeated or label.startswith(repeated)):
            return other
        if other.key == ask.key and other.container != ask.container and free.index(other) < free.index(ask):
            return other
    return ask


def _length(ask: Ask) -> int:
    limit = _AT_MOST.search(ask.question.label) or _AT_MOST.search(ask.question.description)
    return min(LENGTH, int(limit[1])) if limit and int(limit[1]) >= 4 else LENGTH


# -- other values -----------------------------------------------------------------------------------------------------


def _filled_in(
    definition: Definition, ask: Ask, values: Values, here: Surroundings, secrets: Mapping[str, Suggestion]
) -> Suggestion | None:
    """Return an address of the form `http://<server name>:<UI port>` with its blanks filled in."""
    templates = _TEMPLATE.findall(f"{ask.question.label} {ask.question.description}")
    template = next((one.rstrip(".,;:)") for one in templates if _BLANK.search(one)), "")
    source = ""
    for blank in _BLANK.findall(template):
        filling = ""
        if re.search(r"password|secret", blank, re.IGNORECASE):
            partner = _database_password(ask, asks(definition, ask.page), secrets)
            filling, source = (secrets[partner].value, partner) if partner else ("", "")
        elif re.search(r"port", blank, re.IGNORECASE):
            filling = _ui_port(definition, values)
        elif re.search(r"server|host|ip\b|address", blank, re.IGNORECASE):
            filling = here.address
        if not filling:
            return None
        template = template.replace(f"<{blank}>", filling, 1)
    if not template or bool(source) != ask.secret:
        return None
    why = (
        t("Put together as its description says, with the password that is generated for the database.")
        if source
        else t("Put together as its description says, from this server's address and the port that you chose.")
    )
    return Suggestion(template, why, source)


def _database_password(ask: Ask, asked: list[Ask], secrets: Mapping[str, Suggestion]) -> str:
    """Return the field of the one password of a database, blank when there is none or a choice."""
    about = re.compile(r"\b(db|database|postgres\w*|mysql|mariadb)\b", re.IGNORECASE)
    found = [one.name for one in asked if one is not ask and one.name in secrets and about.search(one.label)]
    sources = {secrets[name].source for name in found}
    return sources.pop() if len(sources) == 1 else ""


def _plain(definition: Definition, ask: Ask, values: Values, here: Surroundings) -> Iterator[Suggestion | None]:
    """Yield what may be suggested, the best first."""
    text = f"{ask.question.label} {ask.question.description}"
    if ask.user_or_group:
        yield _user_or_group(definition, ask, values, here)
    if _is_time_zone(ask) and here.time_zone:
        yield Suggestion(here.time_zone, t("The time zone of this server."))
    if _SAME_AS_UI_PORT.search(text) and (port := _ui_port(definition, values)):
        yield Suggestion(port, t("The port that you chose for the app's own page."))
    if not _ANOTHER_HOST.search(f"{ask.key} {text}"):
        named = _HOST_NAME.search(ask.key) or (_SERVER_NAME.search(ask.key) and _ABOUT_A_HOST.search(text))
        if named and here.host_name:
            yield Suggestion(here.host_name, t("The name of this server."))
        if _ADDRESS.search(ask.key) and here.address:
            yield Suggestion(here.address, t("The address of this server."))
    if example := _example(ask):
        yield Suggestion(example, t("The example of the definition."))


def _is_time_zone(ask: Ask) -> bool:
    return bool(_TIME_ZONE.search(ask.key) or _TIME_ZONE_LABEL.search(ask.question.label))


def _is_of_the_host(ask: Ask) -> bool:
    """Whether what is suggested is a fact and no mere example, so that it does no harm where a blank would do too."""
    return bool(ask.user_or_group) or _is_time_zone(ask)


def _user_or_group(definition: Definition, ask: Ask, values: Values, here: Surroundings) -> Suggestion | None:
    """Return the owner, or the group, of the first share of this container, or of the rock-on where it has none."""
    text = f"{ask.question.label} {ask.question.description}"
    if ask.user_or_group == "group" and "docker" in here.groups and _DOCKER_GROUP.search(text):
        return Suggestion(str(here.groups["docker"]), t("The number of this server's group docker."))
    chosen = sorted(asks(definition, "shares"), key=lambda share: share.container != ask.container)
    for share in chosen:
        place = values.get(share.name, "")
        if place not in here.owners:
            continue
        owner = here.owners[place]
        if owner.new and owner.uid == 0:  # it is given to whoever is answered here, and root is more than an app needs
            owner = replace(here.usual, new=True)
        user = ask.user_or_group == "user"
        number = owner.uid if user else owner.gid
        return Suggestion(str(number), _owner_words(place, owner, user=user))
    return None


def _owner_words(place: str, owner: Owner, *, user: bool) -> Text:
    number = owner.uid if user else owner.gid
    if owner.new:
        return (
            t("%(place)s is new: it will be given to the user whom you name here.", place=place)
            if user
            else t("%(place)s is new: it will be given to the group that you name here.", place=place)
        )
    if number == 0:
        return t("%(place)s is root's, whose number is 0: the app runs with all rights in it.", place=place)
    return t("The owner of %(place)s.", place=place) if user else t("The group of %(place)s.", place=place)


def _ui_port(definition: Definition, values: Values) -> str:
    """Return the host port of the app's own page, blank where it has none."""
    for ask in asks(definition, "ports"):
        if ask.ui:
            return ask.key if ask.fixed else values.get(ask.name, "")
    return ""


def _example(ask: Ask) -> str:
    """Return the example of the label (or the default that the description names) when it can be taken as it is."""
    example = ""
    if found := _EXAMPLE.search(ask.question.label):
        example = found[1].strip()
    elif found := _DEFAULT.search(ask.question.description.strip()):
        example = found[1].removesuffix(".").strip()
    return "" if _NOT_PLAIN.search(example) or _HOME_NETWORK.fullmatch(example) else example
