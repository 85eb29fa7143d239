"""A person's answers to a rock-on's questions, by name, as the wizard, the answers file and the rows hold them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rockonweb.core.definition.definition import ContainerSpec, Definition, is_mount_point
from rockonweb.core.docker.run_options import OUR_LABEL
from rockonweb.core.errors import BadInput
from rockonweb.core.invisible import UNSEEN, one_line
from rockonweb.core.text import t

NETWORK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
NOT_TO_BE_JOINED = ("host", "none", "default")  # Docker's own
VARIABLE_NAME = re.compile(r"[^\s=\0-\x1f\x7f-\x9f]{1,200}")
SHARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,253}")
MAX_SHOWN = 300  # characters of a name that is refused
MAX_NAME = 255  # bytes of a folder's name on any file system
MAX_FOLDER = 2_000  # bytes of a folder inside a share; a whole path has 4,096
# What divides a path, or `-v`, and what looks as if it did.
SEPARATORS = {
    *"/\\:",
    *"\u2044\u2215\u29f8\u2571\u27cb\u3033\u1735",
    *"\u2216\u29f5\u29f9\u2572",
    *"\u2236\ua789\u02d0\u0589\u05c3",
}
OPTIONAL_PARTS = ("storage", "variables", "labels", "networks")  # what was added after the install
PARTS = ("shares", "ports", "devices", "environment", "custom_config", *OPTIONAL_PARTS)
LISTS = ("labels", "networks")
GONE = object()  # the value of what is not there

PerContainer = dict[str, dict[str, str]]
Leaf = tuple[str, str, str]  # part, container (blank for the whole rock-on), key
Suggest = Callable[[str, int], int]  # the host port suggested for a container's port


@dataclass(frozen=True)
class Answers:
    """Answers to every question of a rock-on. The outer key is a container's name.

    `shares` and `storage` map a path in the container to "SHARE" or "SHARE/FOLDER"; `ports` a container port to a
    host port, or to None where it is not published. `variables` are those that the definition does not name.
    """

    shares: PerContainer = field(default_factory=dict)
    ports: dict[str, dict[int, int | None]] = field(default_factory=dict)
    devices: PerContainer = field(default_factory=dict)
    environment: PerContainer = field(default_factory=dict)
    custom_config: dict[str, str] = field(default_factory=dict)
    storage: PerContainer = field(default_factory=dict)
    variables: PerContainer = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    networks: dict[str, list[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what an answers file holds."""
        data = {part: getattr(self, part) for part in PARTS if part not in OPTIONAL_PARTS or getattr(self, part)}
        data["ports"] = {
            container: {str(port): host for port, host in ports.items()} for container, ports in self.ports.items()
        }
        return data

    @property
    def places(self) -> list[tuple[str, str]]:
        """The container and the place of each share or folder that is mounted."""
        parts = (*self.shares.items(), *self.storage.items())
        return [(container, place) for container, places in parts for place in places.values()]

    def used_shares(self) -> list[str]:
        """Return the names of the shares that are used, each once, in the order of use."""
        return list(dict.fromkeys(split_share(place)[0] for _, place in self.places))

    def device_paths(self) -> list[str]:
        """Return the host's paths of the devices that are handed on."""
        values = (value for values in self.devices.values() for value in values.values())
        return [value.partition(":")[0] for value in values if value]


def from_json(data: Mapping[str, Any]) -> Answers:
    """Return the answers that `Answers.to_json` gave; checks nothing."""
    ports = {c: {int(port): host for port, host in by_port.items()} for c, by_port in data.get("ports", {}).items()}
    return Answers(**{part: data[part] for part in PARTS if part in data and part != "ports"}, ports=ports)


# -- answers, one by one ----------------------------------------------------------------------------------------------


def leaves(answers: Answers) -> dict[Leaf, Any]:
    """Return every answer by its part, container and key; a label or network is there or not."""
    found: dict[Leaf, Any] = {}
    for part in PARTS:
        given = getattr(answers, part)
        for container, values in ({"": given} if part == "custom_config" else given).items():
            pairs = dict.fromkeys(values, True) if part in LISTS else values
            found |= {(part, container, str(key)): value for key, value in pairs.items()}
    return found


def together(found: Mapping[Leaf, Any]) -> Answers:
    """Return the answers that these are."""
    parts: dict[str, Any] = {part: {} for part in PARTS}
    for (part, container, key), value in found.items():
        if part == "custom_config":
            parts[part][key] = value
        elif part in LISTS:
            parts[part].setdefault(container, []).append(key)
        else:
            parts[part].setdefault(container, {})[int(key) if part == "ports" else key] = value
    return Answers(**parts)


def rebased(base: Answers, wanted: Answers, current: Answers) -> Answers:
    """Return the `current` answers with what `wanted` changed of `base`: others may have changed them meanwhile.

    A change of a question that is no longer asked is left out.
    """
    old, new, now = leaves(base), leaves(wanted), leaves(current)
    merged: dict[Leaf, Any] = {}
    for leaf in {**now, **new}:
        changed = new.get(leaf, GONE) != old.get(leaf, GONE)
        value = (new if changed else now).get(leaf, GONE)
        no_longer_asked = leaf in old and leaf not in now and leaf[0] not in OPTIONAL_PARTS
        if value is not GONE and not no_longer_asked:
            merged[leaf] = value
    return together(merged)


def same(one: Answers, other: Answers) -> bool:
    """Whether two answers say the same."""
    return leaves(one) == leaves(other)


# -- what is wrong with one -------------------------------------------------------------------------------------------


def split_share(place: str) -> tuple[str, str]:
    """Split "SHARE/FOLDER" into the share's name and the folder, which may be blank."""
    share, _, folder = place.partition("/")
    return share, folder


def share_fault(place: str) -> str:
    """Return a sentence on what is wrong with "SHARE" or "SHARE/FOLDER", blank when nothing is."""
    share, folder = split_share(place)
    if not SHARE_NAME.fullmatch(share):
        return (
            f'"{one_line(share or place)[:MAX_SHOWN]}" is not a name for a share: use letters, digits, dots, dashes '
            "and underscores, and begin with a letter or digit."
        )
    if folder and (len(folder.encode("utf-8", "replace")) > MAX_FOLDER or not all(map(_is_folder, folder.split("/")))):
        return f'"{one_line(folder)[:MAX_SHOWN]}" is not a folder inside a share.'
    return ""


def _is_folder(part: str) -> bool:
    """Whether this is the name of one folder, also for eyes and programs that take signs for what they look like."""
    plain = unicodedata.normalize("NFKC", part)
    return (
        part.isprintable()
        and not part.startswith("-")
        and bool(plain.strip(". "))
        and not SEPARATORS & {*part, *plain}
        and len(part.encode("utf-8", "replace")) <= MAX_NAME
    )


def port_fault(value: object) -> str:
    """Return a sentence on what is wrong with a host port, blank when nothing is."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return ""
    return f"{value!r} is not a port: a port is a number from 1 to 65535."


def load(text: str) -> Mapping[str, Any]:
    """Return the object of an answers file. Raises BadInput when it is not JSON or not an object."""
    try:
        data = json.loads(text, parse_float=str)  # 1.10 stays as it was written
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The answers are not JSON: {error}.", "Mend the file.") from None
    if not isinstance(data, dict):
        raise BadInput("The answers must be a JSON object.", "docs/scripts.md shows its parts.")
    return data


def read(
    definition: Definition, given: Mapping[str, Any], suggest: Suggest, shares: Collection[str] | None = None
) -> Answers:
    """Return complete answers from the object of an answers file.

    An omitted port takes `suggest(container, port)`, an omitted device is blank. `shares` are those that there are, if
    that is known. Raises BadInput with a sentence for each answer that is missing, unknown or out of range.
    """
    reader = _Reader(definition, given)
    reader.asked("shares", lambda spec: spec.volumes)
    reader.ports(suggest)
    reader.asked("devices", lambda spec: spec.devices, default="")
    reader.asked("environment", lambda spec: spec.environment)
    reader.answered("custom_config", "", given.get("custom_config") or {}, definition.custom_config)
    reader.added("storage")
    reader.added("variables")
    reader.lists("labels")
    reader.lists("networks")
    answers = together(reader.found)
    faults = [*reader.faults, *check(definition, answers), *missing_shares(answers, shares)]
    if faults:
        raise BadInput(f"The answers for {definition.name} can't be used.", faults=faults)
    return answers


def missing_shares(answers: Answers, known: Collection[str] | None) -> Iterator[str]:
    """Yield a sentence for each share that is used and is not among those that are known; None: nobody looked."""
    for share in answers.used_shares() if known is not None else ():
        if share not in (known or ()) and not share_fault(share):
            yield t('There is no share "%(share)s". Make it: rockonweb share add %(share)s', share=share)


def check(definition: Definition, answers: Answers) -> Iterator[str]:
    """Yield a sentence for each answer that is out of range, whoever gave it."""
    for (part, container, key), value in leaves(answers).items():
        path = ".".join(filter(None, (part, container, "" if part in LISTS else key)))
        spec = definition.containers.get(container)
        yield from (f"{path}: {fault}" for fault_of in _CHECKS[part] if (fault := fault_of(key, value, spec)))


def _mount_fault(path: str, _place: str, spec: ContainerSpec | None) -> str:
    if not is_mount_point(path):
        return "a path in a container is absolute and has no colon."
    return "the definition mounts a share there itself." if spec and path in spec.volumes else ""


def _device_fault(device: str) -> str:
    good = not device or (re.fullmatch(r"/\S+", device) and device.isprintable() and ".." not in device.split("/"))
    return "" if good else "a device is an absolute path, such as /dev/dri, or blank."


def _text_fault(text: str) -> str:
    return "a value can't contain a NUL character or half a character." if re.search("[\0\ud800-\udfff]", text) else ""


def _network_fault(network: str) -> str:
    good = NETWORK_NAME.fullmatch(network) and network not in NOT_TO_BE_JOINED
    return "" if good else f'"{network}" is not a network that a container can join.'


def variable_fault(key: str, spec: ContainerSpec | None) -> str:
    """Return a sentence on what is wrong with the name of an added variable, blank when nothing is."""
    if not VARIABLE_NAME.fullmatch(key) or not key.isprintable():
        return f'"{key}" is no name for a variable: use printable characters without spaces and equals signs.'
    if spec and key in spec.environment:
        return "the definition names this variable itself."
    return ""


def label_fault(label: str) -> str:
    """Return a sentence on what is wrong with a label, blank when nothing is. Docker takes no blanks in its key."""
    key = label.partition("=")[0]
    if not key.isprintable() or not key or " " in key or label.startswith(OUR_LABEL) or UNSEEN.search(label):
        return t(
            '"%(label)s" is no label: use KEY or KEY=VALUE, without spaces in the key, not %(ours)s…',
            label=label,
            ours=OUR_LABEL,
        )
    return ""


# What is wrong with an answer of each part: functions of its key, its value, and the container.
_CHECKS: dict[str, tuple[Callable[[str, Any, ContainerSpec | None], str], ...]] = {
    "shares": (lambda _, place, __: share_fault(place),),
    "ports": (lambda _, port, __: "" if port is None else port_fault(port),),
    "devices": (lambda _, device, __: _device_fault(device),),
    "environment": (lambda _, value, __: _text_fault(value),),
    "custom_config": (lambda _, value, __: _text_fault(value),),
    "storage": (lambda _, place, __: share_fault(place), _mount_fault),
    "variables": (lambda _, value, __: _text_fault(value), lambda key, _, spec: variable_fault(key, spec)),
    "labels": (lambda label, *_: _text_fault(label), lambda label, *_: label_fault(label)),
    "networks": (lambda network, *_: _network_fault(network),),
}


def as_text(value: object) -> str | None:
    """Return a value of JSON as an answer has it; None for what is no text, number or truth."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


class _Reader:
    """Takes answers out of untyped JSON and collects what is wrong with it."""

    def __init__(self, definition: Definition, given: Mapping[str, Any]) -> None:
        self.definition = definition
        self.given = given
        self.found: dict[Leaf, Any] = {}
        self.faults = [f'"{part}" is not a part of an answers file.' for part in given if part not in PARTS]

    def mapping(self, path: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.faults.append(f"{path}: must be an object.")
        return {}

    def containers(self, name: str) -> dict[str, Any]:
        part = self.mapping(name, self.given.get(name) or {})
        for container in part:
            if container not in self.definition.containers:
                self.faults.append(f'{name}.{container}: {self.definition.name} has no container "{container}".')
        return part

    def values(self, path: str, value: Any, known: Iterable[object]) -> dict[str, Any]:
        given = self.mapping(path, {} if value is None else value)
        self.faults += [f"{path}.{key}: nothing of this name is asked." for key in given if key not in known]
        return given

    def put(self, leaf: Leaf, path: str, value: Any) -> None:
        text = as_text(value)
        if text is None:
            self.faults.append(f"{path}: must be text.")
        else:
            self.found[leaf] = text

    def asked(self, name: str, questions: Callable[[ContainerSpec], Iterable[str]], default: str | None = None) -> None:
        part = self.containers(name)
        for container, spec in self.definition.containers.items():
            self.answered(name, container, part.get(container), questions(spec), default)

    def answered(self, part: str, container: str, value: Any, asked: Iterable[str], default: str | None = None) -> None:
        """Take the answers to questions; those without a default must be there."""
        here = f"{part}.{container}" if container else part
        given = self.values(here, value, asked)
        for key in asked:
            leaf, path = (part, container, key), f"{here}.{key}"
            if given.get(key) is None and default is not None:
                self.found[leaf] = default
            elif key in given:
                self.put(leaf, path, given[key])
            else:
                self.faults.append(f"{path}: an answer is missing.")

    def ports(self, suggest: Suggest) -> None:
        part = self.containers("ports")
        for container, spec in self.definition.containers.items():
            asked = {str(port): port for port in spec.port_specs}
            given = self.values(f"ports.{container}", part.get(container), asked)
            for key, port in asked.items():
                host = given.get(key, suggest(container, port))
                if isinstance(host, str) and re.fullmatch(r"[0-9]{1,5}", host):
                    host = int(host)
                self.found["ports", container, key] = host

    def added(self, name: str) -> None:
        for container, given in self.containers(name).items():
            path = f"{name}.{container}"
            for key, value in self.mapping(path, given).items():
                self.put((name, container, key), f"{path}.{key}", value)

    def lists(self, name: str) -> None:
        for container, values in self.containers(name).items():
            path = f"{name}.{container}"
            if not isinstance(values, list):
                self.faults.append(f"{path}: must be a list.")
                continue
            for value in values:
                self.put((name, container, as_text(value) or ""), path, value)
