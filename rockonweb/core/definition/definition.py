"""A rock-on definition: parsed, validated with all faults reported at once, and sanitised.

Source of the format: the registry's published definitions and Rockstor's own description of their keys.
Unambiguous values of another type are converted, a number written as text for example.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

import nh3
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from rockonweb.core.definition.corrections import (
    ObjectWithRepeats,
    build_object,
    correct_body,
    find_repeated_keys,
    mount_path,
)
from rockonweb.core.docker import run_options
from rockonweb.core.docker.option_faults import option_fault
from rockonweb.core.invisible import INVISIBLE_CHARACTERS, escape_invisible, one_line
from rockonweb.core.secret import is_secret
from rockonweb.core.text import TranslatableText, fill_template, format_size, join_texts, map_text_values, t

CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
# A reference as Docker reads it: github.com/distribution/reference, regexp.go. Only the host may have capitals.
_HOST = r"(?:[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
IMAGE = re.compile(
    rf"(?:{_HOST}/)?{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?(?:@[A-Za-z0-9]+:[0-9A-Fa-f]+)?", re.ASCII
)
MAX_IMAGE = 255  # characters
TAG = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@[A-Za-z0-9]+:[0-9a-fA-F]+)?)?$"
MAX_BYTES = 1_000_000  # the largest published file has 9 kB
MAX_ENTRIES = 1_000  # of a map or list; the largest published one has 19
MAX_QUESTIONS = 1_000  # of a rock-on; the published one with the most has 32
MAX_HTML = 20_000  # characters; sanitising takes time that grows with the square of the nesting
LINK_RELATIONS = ("noopener", "noreferrer", "nofollow")  # of links in descriptions
MAX_FAULTS = 50
MAX_NUMBER = 2**31 - 1  # of an order, a uid or a gid; Docker's own limit for the latter two
MAX_SIZE = 2**63 - 1  # in bytes
HTML_TAGS = nh3.ALLOWED_TAGS - {"img"}  # an image would make the reader's browser contact a third party
URL_SCHEMES = {"http", "https", "mailto"}
VALIDATION_SENTENCES = {  # by pydantic's error type; the error's context fills the placeholders
    "missing": t("is required"),
    "string_type": t("must be text"),
    "string_pattern_mismatch": t('"%(given)s" is not allowed here'),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), t("must be a whole number")),
    "greater_than_equal": t("must be %(ge)s or more"),
    "less_than_equal": t("must be %(le)s or less"),
    "literal_error": t("must be %(expected)s"),
    **dict.fromkeys(("bool_type", "bool_parsing"), t("must be true or false")),
    **dict.fromkeys(("dict_type", "model_type", "dataclass_type", "model_attributes_type"), t("must be an object")),
    "tuple_type": t("must be a list"),
    "too_short": t("has %(actual_length)s entries but needs at least %(min_length)s"),
    "too_long": t("has more than %(max_length)s entries"),
    "string_too_long": t("has more than %(max_length)s characters"),
    "unexpected_keyword_argument": t("is unknown"),
}


@dataclass(frozen=True)
class DefinitionFault:
    """One thing that is wrong in a definition file; `path` is dotted, as in `containers.web.ports.80.label`."""

    path: str
    message: str

    @property
    def message_with_path(self) -> str:
        """Path and message as one text that stays translatable."""
        return join_texts(": ", (self.path, self.message))

    def __str__(self) -> str:
        return str(self.message_with_path)


class InvalidDefinition(Exception):
    """A definition file is invalid; `faults` has every reason."""

    def __init__(self, faults: list[DefinitionFault]) -> None:
        # Faults quote the file.
        cleaned = [DefinitionFault(one_line(fault.path), map_text_values(fault.message, one_line)) for fault in faults]
        super().__init__("; ".join(map(str, cleaned)))
        self.faults = cleaned


def _coerce_text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _text_validator(convert: Callable[[str], object]) -> BeforeValidator:
    """Convert a text, or a number or boolean in place of one; anything else is left for pydantic to reject."""

    def convert_value(value: object) -> object:
        value = _coerce_text(value)
        return convert(value) if isinstance(value, str) else value

    return BeforeValidator(convert_value)


def _strip_unseen(text: str) -> str:
    """Remove invisible characters: text that is only displayed needs none."""
    return INVISIBLE_CHARACTERS.sub("", text)


def _coerce_number(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(-?[0-9]{1,20})(\.0*)?\s*", value)
        return int(match[1]) if match else value if value.strip() else None
    if isinstance(value, bool):
        raise ValueError(t("must be a number, not true or false"))
    return value


def _coerce_size(value: object) -> object:
    """Return a size in bytes, None for an invalid one: it is only a hint, and no reason to reject a definition."""
    size = None if isinstance(value, bool) else _coerce_number(value)
    return size if isinstance(size, int) and 0 <= size <= MAX_SIZE else None


def _sanitize_url(value: object) -> object:
    """Return a URL that a browser may open; any other text (`javascript:`, nonsense) becomes blank."""
    if not isinstance(value, str):
        return value
    try:
        url = urlsplit(value.strip())
    except ValueError:
        return ""
    if not value.strip().isprintable():
        return ""
    return value.strip() if url.scheme in ("http", "https") and url.netloc else ""


def _sanitize_html(text: str) -> str:
    if len(text) > MAX_HTML:
        raise ValueError(t("has more than %(most)s characters", most=MAX_HTML))
    return nh3.clean(_strip_unseen(text), tags=HTML_TAGS, url_schemes=URL_SCHEMES, link_rel=" ".join(LINK_RELATIONS))


def _normalize_protocol(text: str) -> str | None:
    lowered = text.strip().lower()
    return None if lowered in ("", "both", "tcp/udp", "tcp+udp", "udp/tcp") else lowered


def _require_image_name(image: str) -> str:
    if len(image) > MAX_IMAGE or not IMAGE.fullmatch(image):
        raise ValueError(
            t(
                '"%(image)s" is not the name of an image: write HOST/NAME:TAG in lower case, without https://',
                image=image[:60],
            )
        )
    return image


def _default_empty(value: object) -> object:
    return {} if value is None or value == [] else value


def _normalize_pairs(value: object) -> object:
    """`[flag, value]` pairs; a value that is missing or null is blank."""
    if value is None:
        return []
    if not isinstance(value, list):
        return value
    pairs: list[object] = []
    for pair in value:
        if isinstance(pair, list) and 1 <= len(pair) <= 2:
            texts = [_coerce_text("" if item is None else item) for item in pair]
            pairs.append(texts if len(texts) == 2 else [*texts, ""])
        else:
            pairs.append(pair)
    return pairs


OR_BLANK = BeforeValidator(lambda value: "" if value is None else value)
STRIPPED = _text_validator(str.strip)
PlainText = Annotated[str, _text_validator(_strip_unseen)]
Html = Annotated[str, _text_validator(_sanitize_html), OR_BLANK]
Url = Annotated[str, BeforeValidator(_sanitize_url), OR_BLANK]
Flag = Annotated[bool, BeforeValidator(lambda value: False if value in (None, "") else value), STRIPPED]
# Limits are in the inner Annotated, so that pydantic checks them after the outer BeforeValidator has converted.
PortNumber = Annotated[Annotated[int, Field(ge=1, le=65535)] | None, BeforeValidator(_coerce_number)]
Uid = Annotated[Annotated[int, Field(ge=-1, le=MAX_NUMBER)] | None, BeforeValidator(_coerce_number)]
Gid = Annotated[Annotated[int, Field(ge=-2, le=MAX_NUMBER)] | None, BeforeValidator(_coerce_number)]
Tag = Annotated[Annotated[str, Field(pattern=TAG)] | None, STRIPPED]
Pairs = Annotated[tuple[tuple[str, str], ...], Field(max_length=MAX_ENTRIES), BeforeValidator(_normalize_pairs)]
Protocol = Literal["tcp", "udp", "sctp"]
V = TypeVar("V")
Entries = Annotated[dict[str, V], Field(max_length=MAX_ENTRIES), BeforeValidator(_default_empty)]


class _DefinitionModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


SecretChoices = Mapping[str, Mapping[str, bool]]  # by container (blank: the whole rock-on) and key


class QuestionSpec(_DefinitionModel):
    """A question to the user: a short label and a longer description. `index` orders questions from 1."""

    label: PlainText = ""
    description: PlainText = ""
    index: Annotated[int | None, BeforeValidator(_coerce_number)] = None


class PortSpec(QuestionSpec):
    """A port of a container. Without a protocol both tcp and udp are published."""

    host_default: PortNumber = None
    protocol: Annotated[Protocol | None, _text_validator(_normalize_protocol)] = None
    ui: Flag = False

    @property
    def published_protocols(self) -> tuple[str, ...]:
        """What is published, in the order of the command line."""
        return (self.protocol,) if self.protocol else ("tcp", "udp")


class VolumeSpec(QuestionSpec):
    """A path of a container that a share is mounted on. `min_size` is meant in bytes, but not always right."""

    min_size: Annotated[int | None, BeforeValidator(_coerce_size)] = None


class ContainerSpec(_DefinitionModel):
    """One container of a rock-on."""

    image: Annotated[Annotated[str, AfterValidator(_require_image_name)], STRIPPED]
    tag: Tag = None
    launch_order: Annotated[int, Field(ge=0, le=MAX_NUMBER), BeforeValidator(_coerce_number)]
    uid: Uid = None
    gid: Gid = None
    ports: Entries[PortSpec] = {}
    volumes: Entries[VolumeSpec] = {}
    environment: Entries[QuestionSpec] = {}
    devices: Entries[QuestionSpec] = {}
    opts: Pairs = ()
    cmd_arguments: Pairs = ()

    @model_validator(mode="after")
    def _check_single_tag(self) -> ContainerSpec:
        if self.tag and self._has_tag and not self.image.endswith(f":{self.tag}"):
            raise ValueError(
                t(
                    'the image "%(image)s" already includes a tag, but "tag" is "%(tag)s"',
                    image=self.image,
                    tag=self.tag,
                )
            )
        return self

    @property
    def _has_tag(self) -> bool:
        name = self.image.rsplit("/", 1)[-1]
        return ":" in name or "@" in name

    @property
    def image_reference(self) -> str:
        """IMAGE:TAG as Docker expects it. An image that names a tag or digest of its own keeps it."""
        return self.image if self._has_tag else f"{self.image}:{self.tag or 'latest'}"

    def ordered_questions(self, part: str) -> list[tuple[str, Any]]:
        """Return the questions of a part in their order; a port's key is normalised as a number."""
        questions = sort_questions(getattr(self, part))
        return [(str(int(key)), question) for key, question in questions] if part == "ports" else questions

    @property
    def port_specs(self) -> dict[int, PortSpec]:
        """The ports by their number in the container, in the order of the questions."""
        return {int(port): spec for port, spec in sort_questions(self.ports)}

    @property
    def run_options(self) -> run_options.DockerOptions:
        """Its parsed Docker options."""
        return run_options.options_from_pairs(self.opts)

    @property
    def network(self) -> str | None:
        """The network of its last `--network` option, which is the one that counts for Docker; None without one."""
        return next(reversed(self.run_options.networks), None)

    @property
    def on_host_network(self) -> bool:
        """Whether it is on the host's network, where Docker ignores published ports."""
        return self.network == "host"


class NetworkLink(NamedTuple):
    """A network that connects two containers of a rock-on."""

    network: str
    source: str
    target: str


class LinkSpec(_DefinitionModel):
    """An entry of `container_links`, under the target's name."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")]
    source_container: str


class UiSpec(_DefinitionModel):
    """The path (`slug`) and scheme of the app's own page."""

    slug: Annotated[str, _text_validator(lambda text: _strip_unseen(text.strip()).lstrip("/")), OR_BLANK] = ""
    https: Flag = False


class Definition(_DefinitionModel):
    """A rock-on as its file describes it. `name` is its identity."""

    name: str
    description: Html
    version: PlainText
    website: Url
    icon: Url = ""
    more_info: Html = ""
    ui: Annotated[UiSpec, BeforeValidator(_default_empty)] = UiSpec()
    volume_add_support: Flag = False
    containers: Annotated[dict[str, ContainerSpec], Field(min_length=1, max_length=100)]
    container_links: Entries[tuple[LinkSpec, ...]] = {}
    custom_config: Entries[QuestionSpec] = {}
    _secrets: SecretChoices = PrivateAttr(default_factory=dict)  # chosen by users; not of the file

    def with_secrets(self, choices: SecretChoices) -> Definition:
        """Return a copy with the users' choices of what is a secret and what is not."""
        definition = self.model_copy()
        definition._secrets = choices
        return definition

    def hides_answer(self, container: str, key: str, label: str = "") -> bool:
        """Whether an answer is a secret: by choice, else by name and label. A blank container is the whole rock-on."""
        return self._secrets.get(container, {}).get(key, is_secret(key, label))

    @property
    def launch_order(self) -> list[tuple[str, ContainerSpec]]:
        """The containers in the order in which they start."""
        return sorted(self.containers.items(), key=lambda item: item[1].launch_order)

    @property
    def network_links(self) -> list[NetworkLink]:
        """The link networks, in file order."""
        return [
            NetworkLink(link.name, link.source_container, target)
            for target, links in self.container_links.items()
            for link in links
        ]

    @property
    def ui_port(self) -> tuple[str, int] | None:
        """Container and container port of the app's own page; None for a rock-on without one."""
        return next(((name, port) for name, port, port_spec in self.container_ports if port_spec.ui), None)

    @property
    def container_ports(self) -> Iterator[tuple[str, int, PortSpec]]:
        """Container, port number and specification of all ports, in launch order."""
        for name, spec in self.launch_order:
            yield from ((name, port, port_spec) for port, port_spec in spec.port_specs.items())


def is_mount_point(path: str) -> bool:
    """Whether something can be mounted at a path of a container: Docker's `-v` has no way to write a colon."""
    return (
        path.startswith("/")
        and bool(set(path.split("/")) - {"", "."})
        and ":" not in path
        and path.isprintable()
        and ".." not in path.split("/")
    )


def sort_questions(questions: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the items with each `index` at its position from 1 and the others around them in file order.

    An index beyond the count goes to the end, items with the same index keep file order.
    """
    indexed = [
        (question.index, position, key)
        for position, (key, question) in enumerate(questions.items())
        if question.index is not None
    ]
    indexed.sort()
    others = [key for key, question in questions.items() if question.index is None]
    order: list[str] = []
    while indexed or others:
        if indexed and (indexed[0][0] <= len(order) + 1 or not others):
            order.append(indexed.pop(0)[2])
        else:
            order.append(others.pop(0))
    return [(key, questions[key]) for key in order]


def canonical_json(body: Mapping[str, Any]) -> str:
    """Return a rock-on's compact JSON, with the order of its keys kept, for storing and comparing."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def definition_digest(text: str) -> str:
    """Return a short fingerprint of a definition's canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ParsedDefinition:
    """One rock-on of a file: its definition, and the canonical JSON text that it came from.

    `corrections` are what was read otherwise than it is written: no reason to reject it, but faults to the linter.
    """

    definition: Definition
    source: str
    corrections: tuple[DefinitionFault, ...] = ()


def parse_definitions(text: str | bytes) -> list[ParsedDefinition]:
    """Return the rock-ons of a definition file, normally one. Raises InvalidDefinition with every fault of the file."""
    if len(text) > MAX_BYTES:
        raise InvalidDefinition(
            [DefinitionFault("", t("the file is larger than %(most)s", most=format_size(MAX_BYTES)))]
        )
    try:
        data = load_json(text, build_object)
        canonical_json(data).encode()
        has_nul = any("\0" in string for string in _iter_strings(data))
    except UnicodeEncodeError:
        raise InvalidDefinition(
            [DefinitionFault("", t("contains an incomplete character (a lone surrogate)"))]
        ) from None
    except RecursionError:
        raise InvalidDefinition([DefinitionFault("", t("nested too deeply"))]) from None
    except ValueError as error:
        raise InvalidDefinition([DefinitionFault("", t("not JSON: %(error)s", error=str(error)))]) from None
    if not isinstance(data, dict) or not data:
        raise InvalidDefinition([DefinitionFault("", t("must be an object whose key is the rock-on's name"))])
    if sum(not isinstance(body, dict) for body in data.values()) > 1:
        sentence = t("is not a rock-on: a definition must be an object whose key is the rock-on's name")
        raise InvalidDefinition([DefinitionFault("", sentence)])
    faults = []
    repeats = list(find_repeated_keys(ObjectWithRepeats.without_values(data)))
    if has_nul:
        faults.append(DefinitionFault("", t("contains a NUL character, which can't be passed on a command line")))
    rockons = []
    for name, body in data.items():
        body_faults = (
            list(_check_rockon_name(name))
            if isinstance(body, dict)
            else [DefinitionFault(name, t("must be an object"))]
        )
        if not body_faults:
            try:
                corrected, corrections = correct_body(body)
                parsed = ParsedDefinition(
                    definition_from_body(name, corrected),
                    canonical_json(corrected),
                    tuple(DefinitionFault(*item) for item in (*repeats, *find_repeated_keys(body), *corrections)),
                )
                body_faults = list(_check_options(parsed.definition))
                rockons.append(parsed)
            except InvalidDefinition as error:
                body_faults = error.faults
        faults += body_faults
    if faults:
        raise InvalidDefinition(faults[:MAX_FAULTS])
    return rockons


def _check_options(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield the options that Docker would read as something else than one option with its value.

    Only for new files: the definition of an installed app stays valid, whatever was allowed at its time.
    """
    for name, spec in definition.containers.items():
        path = f"containers.{name}"
        for position, (flag, value) in enumerate(spec.opts):
            if fault := option_fault(flag, value) or _unseen_fault(flag + value):
                yield DefinitionFault(f"{path}.opts.{position}", fault)
        for position, pair in enumerate(spec.cmd_arguments):
            if fault := _unseen_fault("".join(pair)):
                yield DefinitionFault(f"{path}.cmd_arguments.{position}", fault)


def _unseen_fault(text: str) -> str:
    match = INVISIBLE_CHARACTERS.search(text)
    return t("contains an invisible character (%(sign)s)", sign=escape_invisible(match[0])) if match else ""


def definition_from_body(name: str, body: Mapping[str, Any]) -> Definition:
    """Return the definition of the rock-on `name` from its JSON object. Raises InvalidDefinition."""
    faults: list[DefinitionFault] = []
    definition = None
    try:
        definition = Definition.model_validate({**body, "name": name})
    except ValidationError as error:
        faults = [
            DefinitionFault(".".join(map(str, details["loc"])), describe_validation_error(details))
            for details in error.errors()
        ]
    faults += _check_body(body)
    if definition is None or faults:
        raise InvalidDefinition(faults)
    return definition


def definition_from_source(name: str, source: str) -> Definition:
    """Return the definition from the canonical text that `parse_definitions` returned."""
    return definition_from_body(name, load_json(source))


def load_json(text: str | bytes, object_pairs_hook: Any = None) -> Any:
    """Return the parsed JSON; a number with a fraction stays text as written, for a version such as 1.10."""
    return json.loads(text, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=object_pairs_hook)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"unexpected value {name}")


def _iter_strings(value: object) -> Iterator[str]:
    """Yield every key and text of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _iter_strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _iter_strings(item)


def describe_validation_error(error: Any) -> str:
    """Return an error of pydantic as a message for users."""
    if template := VALIDATION_SENTENCES.get(error["type"]):
        return fill_template(template, given=str(error["input"])[:60], **error.get("ctx", {}))
    for argument in getattr(error.get("ctx", {}).get("error"), "args", ()):
        if isinstance(argument, TranslatableText):  # raised by a validator of this project
            return argument
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")


def _check_rockon_name(name: str) -> Iterator[DefinitionFault]:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        yield DefinitionFault(name[:40], t("a rock-on's name must have 1 to 100 printable characters"))


def _check_body(body: Mapping[str, Any]) -> list[DefinitionFault]:
    """Return the faults of keys, which pydantic does not check, and of references between containers."""
    containers = body.get("containers")
    if not isinstance(containers, dict):
        return []
    parts = ("ports", "volumes", "environment", "devices")
    question_maps = [
        body.get("custom_config"),
        *(_as_object(spec).get(part) for spec in containers.values() for part in parts),
    ]
    if (count := sum(len(_as_object(questions)) for questions in question_maps)) > MAX_QUESTIONS:
        return [
            DefinitionFault(
                "", t("asks %(count)s questions; at most %(most)s are allowed", count=count, most=MAX_QUESTIONS)
            )
        ]
    faults = []
    for name, container in containers.items():
        path = f"containers.{name}"
        if not CONTAINER_NAME.fullmatch(name):
            fault = t("a container's name must consist of two or more letters, digits, dots, dashes or underscores")
            faults.append(DefinitionFault(path, fault))
        faults += _check_container_keys(path, _as_object(container))
    for target, entries in _as_object(body.get("container_links")).items():
        if target not in containers:
            faults.append(DefinitionFault(f"container_links.{target}", t("is not a container of this rock-on")))
        for position, entry in enumerate(entries if isinstance(entries, list) else ()):
            source = _as_object(entry).get("source_container")
            if isinstance(source, str) and source not in containers:
                fault = t('"%(name)s" is not a container of this rock-on', name=source)
                faults.append(DefinitionFault(f"container_links.{target}.{position}.source_container", fault))
    return faults


def _as_object(value: Any) -> Mapping[str, Any]:
    """Return an object of JSON; an empty one in place of anything else, which pydantic rejects."""
    return value if isinstance(value, dict) else {}


def _check_container_keys(prefix: str, container: Mapping[str, Any]) -> Iterator[DefinitionFault]:
    numbers: set[int] = set()
    for port in _as_object(container.get("ports")):
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            yield DefinitionFault(f"{prefix}.ports.{port}", t("a port must be a number from 1 to 65535"))
        elif int(port) in numbers:
            yield DefinitionFault(f"{prefix}.ports.{port}", t("this port is listed twice"))
        else:
            numbers.add(int(port))
    opts = container.get("opts")
    for position, pair in enumerate(opts if isinstance(opts, list) else ()):
        if isinstance(pair, list) and pair and isinstance(pair[0], str | None) and not (pair[0] or "").strip():
            yield DefinitionFault(f"{prefix}.opts.{position}", t("the flag is blank"))
    for path in _as_object(container.get("volumes")):
        if not is_mount_point(mount_path(path)):
            fault = t("a volume must be an absolute path without a colon, and not / itself")
            yield DefinitionFault(f"{prefix}.volumes.{path}", fault)
    for part in ("environment", "devices"):
        for key in _as_object(container.get(part)):
            if not key.isprintable() or not key.strip() or "=" in key:
                yield DefinitionFault(
                    f"{prefix}.{part}.{key}", t("a name must be printable and can't contain an equals sign")
                )
