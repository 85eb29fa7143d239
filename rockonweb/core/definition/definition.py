"""A rock-on definition: parsed, validated with all faults reported at once, and sanitised.

Source of the format: the registry's published definitions and Rockstor's own description of their keys.
Unambiguous values of another type are converted, a number written as text for example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sized
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
    ValidationInfo,
    model_validator,
)

from rockonweb.core.docker import run_options
from rockonweb.core.invisible import INVISIBLE_CHARACTERS
from rockonweb.core.secret import is_chosen_secret
from rockonweb.core.text import t

CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
# A reference as Docker reads it: github.com/distribution/reference, regexp.go. Only a host may have capitals.
_HOST = r"(?=[^/]*[.:])(?:[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_DIGEST = r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})"
IMAGE = re.compile(rf"(?:{_HOST}/)?{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?(?:@{_DIGEST})?", re.ASCII)
MAX_IMAGE = 255  # characters
TAG = rf"([A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}(@{_DIGEST})?)?"
MAX_ENTRIES = 1_000  # of a map or list; the largest published one has 19
MAX_HTML = 20_000  # characters; sanitising takes time that grows with the square of the nesting
HTML_KEYS = ("description", "more_info")
LINK_RELATIONS = ("noopener", "noreferrer", "nofollow")  # of links in descriptions
MAX_NUMBER = 2**31 - 1  # of an order, a uid or a gid; Docker's own limit for the latter two
MAX_SIZE = 2**63 - 1  # in bytes
HTML_TAGS = nh3.ALLOWED_TAGS - {"img"}  # an image would make the reader's browser contact a third party
URL_SCHEMES = {"http", "https", "mailto"}
_HTML_CLEANER = nh3.Cleaner(tags=HTML_TAGS, url_schemes=URL_SCHEMES, link_rel=" ".join(LINK_RELATIONS))
STORED = {"stored": True}  # the context of validation for what was accepted once: the rules of input are left out


def _is_input(info: ValidationInfo) -> bool:
    return info.context is not STORED


def _input_rule(check: Callable[[Any], object]) -> AfterValidator:
    """A rule for new files alone: a stored definition stays readable, whatever was allowed when it was accepted."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        if value is not None and _is_input(info):
            check(value)
        return value

    return AfterValidator(validate)


def _in_range(least: int, most: int) -> AfterValidator:
    def check(number: int) -> None:
        if number < least:
            raise ValueError(t("must be %(ge)s or more", ge=least))
        if number > most:
            raise ValueError(t("must be %(le)s or less", le=most))

    return _input_rule(check)


def _at_most(most: int) -> AfterValidator:
    def check(entries: Sized) -> None:
        if len(entries) > most:
            raise ValueError(t("has more than %(max_length)s entries", max_length=most))

    return _input_rule(check)


def _matches(pattern: str) -> AfterValidator:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError(t('"%(given)s" is not allowed here', given=text[:60]))

    return _input_rule(check)


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


def _sanitize_html(value: object, info: ValidationInfo) -> object:
    text = _coerce_text(value)
    if not isinstance(text, str):
        return text
    if len(text) > MAX_HTML and _is_input(info):
        raise ValueError(t("has more than %(most)s characters", most=MAX_HTML))
    return _HTML_CLEANER.clean(_strip_unseen(without_long_markup(text)))


def without_long_markup(text: str) -> str:
    """Return HTML as it is, or only its text where it is longer than new files may have it."""
    return text if len(text) <= MAX_HTML else re.sub(r"<[^<>]*>?", " ", text)


def _normalize_protocol(text: str) -> str | None:
    lowered = text.strip().lower()
    return None if lowered in ("", "both", "tcp/udp", "tcp+udp", "udp/tcp") else lowered


def _require_image_name(image: str) -> None:
    if len(image) > MAX_IMAGE or not IMAGE.fullmatch(image):
        raise ValueError(
            t(
                '"%(image)s" is not the name of an image: write HOST/NAME:TAG in lower case, without https://',
                image=image[:60],
            )
        )


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
Html = Annotated[str, BeforeValidator(_sanitize_html), OR_BLANK]
Url = Annotated[str, BeforeValidator(_sanitize_url), OR_BLANK]
Flag = Annotated[bool, BeforeValidator(lambda value: False if value in (None, "") else value), STRIPPED]
PortNumber = Annotated[int | None, _in_range(1, 65535), BeforeValidator(_coerce_number)]
Uid = Annotated[int | None, _in_range(-1, MAX_NUMBER), BeforeValidator(_coerce_number)]
Gid = Annotated[int | None, _in_range(-2, MAX_NUMBER), BeforeValidator(_coerce_number)]
Tag = Annotated[str | None, _matches(TAG), STRIPPED]
Pairs = Annotated[tuple[tuple[str, str], ...], _at_most(MAX_ENTRIES), BeforeValidator(_normalize_pairs)]
Protocol = Literal["tcp", "udp", "sctp"]
V = TypeVar("V")
Entries = Annotated[dict[str, V], _at_most(MAX_ENTRIES), BeforeValidator(_default_empty)]


class _DefinitionModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


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

    image: Annotated[str, _input_rule(_require_image_name), STRIPPED]
    tag: Tag = None
    launch_order: Annotated[int, _in_range(-MAX_NUMBER, MAX_NUMBER), BeforeValidator(_coerce_number)]
    uid: Uid = None
    gid: Gid = None
    ports: Entries[PortSpec] = {}
    volumes: Entries[VolumeSpec] = {}
    environment: Entries[QuestionSpec] = {}
    devices: Entries[QuestionSpec] = {}
    opts: Pairs = ()
    cmd_arguments: Pairs = ()

    @model_validator(mode="after")
    def _check_single_tag(self, info: ValidationInfo) -> ContainerSpec:
        if _is_input(info) and self.tag and self._has_tag and not self.image.endswith(f":{self.tag}"):
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

    name: Annotated[str, _matches(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")]
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
    containers: Annotated[dict[str, ContainerSpec], Field(min_length=1), _at_most(100)]
    container_links: Entries[tuple[LinkSpec, ...]] = {}
    custom_config: Entries[QuestionSpec] = {}
    _secrets: SecretChoices = PrivateAttr(default_factory=dict)  # chosen by users; not of the file
    _unreadable: str = PrivateAttr("")

    @property
    def unreadable(self) -> str:
        """Why its text, which is stored, can't be read: then this has what else is known of its containers."""
        return self._unreadable

    @classmethod
    def for_unreadable(cls, name: str, why: str, known: Mapping[str, Any]) -> Definition:
        """Return what stands in for a stored definition that can't be read: `known` is a JSON object as of a file."""
        try:
            definition = cls.model_validate({**known, "name": name}, context=STORED)
        except ValidationError:
            definition = cls.model_construct(name=name, description="", version="", website="", containers={})
        definition._unreadable = why
        return definition

    def with_unnamed_containers(self, images: Mapping[str, str]) -> Definition:
        """Return a copy with containers that it does not have, by name with their images."""
        more = {
            name: ContainerSpec.model_construct(image=image, launch_order=1)
            for name, image in images.items()
            if name not in self.containers
        }
        return self.model_copy(update={"containers": {**self.containers, **more}})

    def with_secrets(self, choices: SecretChoices) -> Definition:
        """Return a copy with the users' choices of what is a secret and what is not."""
        definition = self.model_copy()
        definition._secrets = choices
        return definition

    def hides_answer(self, container: str, key: str, label: str = "") -> bool:
        """Whether an answer is a secret: by choice, else by name and label. A blank container is the whole rock-on."""
        return is_chosen_secret(self._secrets, container, key, label)

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
