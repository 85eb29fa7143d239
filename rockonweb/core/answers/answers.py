"""A user's answers to a rock-on's questions, by name, as wizard, answers file and database have them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rockonweb.core.command_size import word_size_fault
from rockonweb.core.definition.definition import ContainerSpec, Definition, is_mount_point
from rockonweb.core.docker.run_options import LABEL_PREFIX
from rockonweb.core.errors import BadInput
from rockonweb.core.invisible import INVISIBLE_CHARACTERS, one_line
from rockonweb.core.text import join_texts, t

NETWORK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
BUILT_IN_NETWORK_NAMES = ("host", "none", "default")  # Docker's own
VARIABLE_NAME = re.compile(r"[^\s=\0-\x1f\x7f-\x9f]{1,200}")
SHARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,253}")  # of a new share
MAX_QUOTED = 300  # characters of a refused name in a message
MAX_FOLDER_NAME = 255  # bytes of a folder's name on any file system
MAX_FOLDER_PATH = 2_000  # bytes of a folder inside a share; a whole path has 4,096
# Separators of a path or of `-v`, and characters that look like them.
SEPARATORS = {
    *"/\\:",
    *"\u2044\u2215\u29f8\u2571\u27cb\u3033\u1735",
    *"\u2216\u29f5\u29f9\u2572",
    *"\u2236\ua789\u02d0\u0589\u05c3",
}
OPTIONAL_PARTS = ("storage", "variables", "labels", "networks")  # what users add after the install
PARTS = ("shares", "ports", "devices", "environment", "custom_config", *OPTIONAL_PARTS)
LIST_PARTS = ("labels", "networks")
MISSING = object()  # in place of an answer that does not exist

PerContainer = dict[str, dict[str, str]]
AnswerKey = tuple[str, str, str]  # part, container (blank for the whole rock-on), key
SuggestPort = Callable[[str, int], int]  # the host port suggested for a container's port


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

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of an answers file."""
        data = {part: getattr(self, part) for part in PARTS if part not in OPTIONAL_PARTS or getattr(self, part)}
        data["ports"] = {
            container: {str(port): host for port, host in ports.items()} for container, ports in self.ports.items()
        }
        return data

    @property
    def share_mounts(self) -> list[tuple[str, str]]:
        """Container and share path of each mounted share or folder."""
        mounts = (*self.shares.items(), *self.storage.items())
        return [(container, share_path) for container, share_paths in mounts for share_path in share_paths.values()]

    def used_shares(self) -> list[str]:
        """Return the names of the shares that are used, each once, in the order of use."""
        return list(dict.fromkeys(split_share_path(share_path)[0] for _, share_path in self.share_mounts))

    def device_paths(self) -> list[str]:
        """Return the host's paths of the devices that containers get."""
        values = (value for values in self.devices.values() for value in values.values())
        return [value.partition(":")[0] for value in values if value]


def answers_from_json(data: Mapping[str, Any]) -> Answers:
    """Return the answers from a stored `Answers.to_dict`; validates nothing."""
    ports = {
        container: {int(port): host for port, host in by_port.items()}
        for container, by_port in data.get("ports", {}).items()
    }
    return Answers(**{part: data[part] for part in PARTS if part in data and part != "ports"}, ports=ports)


# -- flat answers -----------------------------------------------------------------------------------------------------


def flatten_answers(answers: Answers) -> dict[AnswerKey, Any]:
    """Return every answer by its part, container and key; a label or network has the value True."""
    flat: dict[AnswerKey, Any] = {}
    for part in PARTS:
        part_answers = getattr(answers, part)
        for container, values in ({"": part_answers} if part == "custom_config" else part_answers).items():
            pairs = dict.fromkeys(values, True) if part in LIST_PARTS else values
            flat |= {(part, container, str(key)): value for key, value in pairs.items()}
    return flat


def build_answers(flat: Mapping[AnswerKey, Any]) -> Answers:
    """Return the answers of a flat mapping: the inverse of `flatten_answers`."""
    parts: dict[str, Any] = {part: {} for part in PARTS}
    for (part, container, key), value in flat.items():
        if part == "custom_config":
            parts[part][key] = value
        elif part in LIST_PARTS:
            parts[part].setdefault(container, []).append(key)
        else:
            parts[part].setdefault(container, {})[int(key) if part == "ports" else key] = value
    return Answers(**parts)


def rebase_answers(base: Answers, edited: Answers, current: Answers) -> Answers:
    """Return `current` with what `edited` changed of `base` (a three-way merge): others may have changed it since.

    A change to a question that is no longer asked is left out.
    """
    old, new, latest = flatten_answers(base), flatten_answers(edited), flatten_answers(current)
    merged: dict[AnswerKey, Any] = {}
    for answer_key in {**latest, **new}:
        changed = new.get(answer_key, MISSING) != old.get(answer_key, MISSING)
        value = (new if changed else latest).get(answer_key, MISSING)
        no_longer_asked = answer_key in old and answer_key not in latest and answer_key[0] not in OPTIONAL_PARTS
        if value is not MISSING and not no_longer_asked:
            merged[answer_key] = value
    return build_answers(merged)


def answers_equal(left: Answers, right: Answers) -> bool:
    """Whether two sets of answers are equal."""
    return flatten_answers(left) == flatten_answers(right)


# -- texts ------------------------------------------------------------------------------------------------------------


def read_typed_text(typed: str, shown: str = "") -> str:
    """Return the text that was typed into a text area which showed `shown`.

    Browsers send every line end as CR LF: one becomes LF, and text that was not changed stays exactly as it was. What
    is only one line loses the line ends after it, which nobody sees.
    """
    text = _unify_line_ends(typed)
    if text == _unify_line_ends(shown):
        return shown
    line = text.rstrip("\n")
    return text if "\n" in line else line


def _unify_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# -- validation -------------------------------------------------------------------------------------------------------


def split_share_path(share_path: str) -> tuple[str, str]:
    """Split "SHARE/FOLDER" into the share's name and the folder, which may be blank."""
    share, _, folder = share_path.partition("/")
    return share, folder


def share_fault(share_path: str, existing: Collection[str] | None = ()) -> str:
    """Return a sentence on what is wrong with "SHARE" or "SHARE/FOLDER", blank when nothing is.

    A share that is not among the `existing` ones would be created, with a plain name; where these are None, it is one
    that exists, and has any name that can be mounted.
    """
    share, folder = split_share_path(share_path)
    is_new = existing is not None and share not in existing
    if unusable_share_reason(share) or (is_new and not SHARE_NAME.fullmatch(share)):
        return t(
            '"%(name)s" is not a name for a share: use letters, digits, dots, dashes and underscores, and start with a '
            "letter or digit.",
            name=one_line(share or share_path)[:MAX_QUOTED],
        )
    if folder and (
        len(folder.encode("utf-8", "replace")) > MAX_FOLDER_PATH or any(map(_folder_name_fault, folder.split("/")))
    ):
        return t('"%(name)s" is not a folder inside a share.', name=one_line(folder)[:MAX_QUOTED])
    return ""


def unusable_share_reason(name: str) -> str:
    """Return why a folder of this name can't be a share, blank where it can."""
    if unicodedata.normalize("NFKC", name).startswith("."):
        return t("its name begins with a dot")
    if name != name.strip():
        return t("its name begins or ends with a blank")
    return _folder_name_fault(name)


def _folder_name_fault(name: str) -> str:
    """Return why this is not the name of one folder, blank where it is one.

    It must be one also for readers and programs that take look-alikes for separators.
    """
    normalized = unicodedata.normalize("NFKC", name)
    if not name.isprintable():
        return t("its name contains a line end or another unreadable character")
    if SEPARATORS & {*name, *normalized}:
        return t("its name contains a slash, a backslash or a colon, or what looks like one")
    if name.startswith("-"):
        return t("its name begins with a dash")
    if not normalized.strip(". "):
        return t("its name has no letters")
    return t("its name is too long") if len(name.encode("utf-8", "replace")) > MAX_FOLDER_NAME else ""


def host_port_fault(value: object) -> str:
    """Return a sentence on what is wrong with a host port, blank when nothing is."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return ""
    return t("%(value)s is not a port: a port must be a number from 1 to 65535.", value=repr(value))


def parse_answers_json(text: str) -> Mapping[str, Any]:
    """Return the object of an answers file. Raises BadInput when it is not JSON or not an object."""
    try:
        data = json.loads(text, parse_float=str)  # 1.10 stays as it was written
    except (ValueError, RecursionError) as error:
        raise BadInput(t("The answers are not JSON: %(why)s.", why=str(error)), t("Fix the file.")) from None
    if not isinstance(data, dict):
        raise BadInput(t("The answers must be a JSON object."), t("docs/scripts.md shows its parts."))
    return data


def read_answers(
    definition: Definition, data: Mapping[str, Any], suggest: SuggestPort, shares: Collection[str] | None = None
) -> Answers:
    """Return complete answers from the object of an answers file.

    An omitted port takes `suggest(container, port)`, an omitted device is blank. `shares` are the existing ones, None
    where unknown. Raises BadInput with a sentence for each answer that is missing, unknown or out of range.
    """
    reader = _AnswersReader(definition, data)
    reader.read_container_questions("shares", lambda spec: spec.volumes)
    reader.read_ports(suggest)
    reader.read_container_questions("devices", lambda spec: spec.devices, default="")
    reader.read_container_questions("environment", lambda spec: spec.environment)
    reader.read_questions("custom_config", "", data.get("custom_config") or {}, definition.custom_config)
    reader.read_additions("storage")
    reader.read_additions("variables")
    reader.read_lists("labels")
    reader.read_lists("networks")
    answers = build_answers(reader.answers)
    faults = [*reader.faults, *answer_faults(definition, answers), *missing_shares(answers, shares)]
    if faults:
        raise BadInput(t("The answers for %(name)s can't be used.", name=definition.name), faults=faults)
    return answers


def missing_shares(answers: Answers, existing: Collection[str] | None) -> Iterator[str]:
    """Yield a sentence for each used share that is not among the `existing` ones; None means that these are unknown."""
    for share in answers.used_shares() if existing is not None else ():
        if share not in (existing or ()) and not share_fault(share, None):
            yield (
                t('There is no share "%(share)s".', share=share)
                if share_fault(share)
                else t('There is no share "%(share)s". Create it: rockonweb share add %(share)s', share=share)
            )


def answer_faults(definition: Definition, answers: Answers) -> Iterator[str]:
    """Yield a sentence for each answer that is out of range."""
    for (part, container, key), value in flatten_answers(answers).items():
        path = ".".join(filter(None, (part, container, "" if part in LIST_PARTS else one_line(key)[:MAX_QUOTED])))
        spec = definition.containers.get(container)
        for fault_of in _FAULT_CHECKS[part]:
            if fault := fault_of(key, value, spec):
                yield join_texts(": ", (path, fault))


def _mount_fault(path: str, _share_path: str, spec: ContainerSpec | None) -> str:
    if not is_mount_point(path):
        return t("a path in a container is absolute and has no colon.")
    return t("the definition mounts a share there itself.") if spec and path in spec.volumes else word_size_fault(path)


def _device_fault(device: str) -> str:
    valid = not device or (re.fullmatch(r"/\S+", device) and device.isprintable() and ".." not in device.split("/"))
    return word_size_fault(device) if valid else t("a device is an absolute path, such as /dev/dri, or blank.")


def word_fault(word: str) -> str:
    """Return what is wrong with a text as an argument of a command, a variable as NAME=VALUE; blank when nothing is."""
    if re.search("[\0\ud800-\udfff]", word):
        return t("a value can't contain a NUL character or half a character.")
    return word_size_fault(word)


def _network_name_fault(network: str) -> str:
    valid = NETWORK_NAME.fullmatch(network) and network not in BUILT_IN_NETWORK_NAMES
    return "" if valid else t('"%(name)s" is not a network that a container can join.', name=network)


def variable_fault(key: str, spec: ContainerSpec | None) -> str:
    """Return a sentence on what is wrong with the name of an added variable, blank when nothing is."""
    if not VARIABLE_NAME.fullmatch(key) or not key.isprintable():
        return t(
            '"%(name)s" is not a valid name for a variable: use printable characters without spaces or equals signs.',
            name=one_line(key)[:MAX_QUOTED],
        )
    if spec and key in spec.environment:
        return t("the definition names this variable itself.")
    return ""


def label_fault(label: str) -> str:
    """Return a sentence on what is wrong with a label, blank when nothing is. Docker accepts no spaces in its key."""
    if fault := word_fault(label):
        return fault
    key = label.partition("=")[0]
    if (
        not key.isprintable()
        or not key
        or " " in key
        or label.startswith(LABEL_PREFIX)
        or INVISIBLE_CHARACTERS.search(label)
    ):
        return t(
            '"%(label)s" is not a valid label: use KEY or KEY=VALUE, without spaces in the key and not starting '
            "with %(ours)s…",
            label=label,
            ours=LABEL_PREFIX,
        )
    return ""


# The checks of each part's answers: functions of key, value and container, which return a fault or a blank text.
_FAULT_CHECKS: dict[str, tuple[Callable[[str, Any, ContainerSpec | None], str], ...]] = {
    "shares": (lambda _, place, __: share_fault(place, None),),
    "ports": (lambda _, port, __: "" if port is None else host_port_fault(port),),
    "devices": (lambda _, device, __: _device_fault(device),),
    "environment": (lambda key, value, _: word_fault(f"{key}={value}"),),
    "custom_config": (lambda key, value, _: word_fault(f"{key}={value}"),),
    "storage": (lambda _, place, __: share_fault(place, None), _mount_fault),
    "variables": (lambda key, value, _: word_fault(f"{key}={value}"), lambda key, _, spec: variable_fault(key, spec)),
    "labels": (lambda label, *_: label_fault(label),),
    "networks": (lambda network, *_: _network_name_fault(network),),
}


def as_text(value: object) -> str | None:
    """Return a JSON value as the text of an answer; None for what is no text, number or boolean."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


class _AnswersReader:
    """Reads answers from untyped JSON and collects its faults."""

    def __init__(self, definition: Definition, data: Mapping[str, Any]) -> None:
        self.definition = definition
        self.data = data
        self.answers: dict[AnswerKey, Any] = {}
        self.faults: list[str] = [
            t('"%(part)s" is not a part of an answers file.', part=part) for part in data if part not in PARTS
        ]

    def add_fault(self, path: str, fault: str) -> None:
        self.faults.append(join_texts(": ", (path, fault)))

    def expect_object(self, path: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.add_fault(path, t("must be an object."))
        return {}

    def read_part(self, name: str) -> dict[str, Any]:
        by_container = self.expect_object(name, self.data.get(name) or {})
        for container in by_container:
            if container not in self.definition.containers:
                self.add_fault(
                    f"{name}.{container}",
                    t('%(rockon)s has no container "%(name)s".', rockon=self.definition.name, name=container),
                )
        return by_container

    def expect_known_keys(self, path: str, value: Any, expected: Iterable[object]) -> dict[str, Any]:
        entries = self.expect_object(path, {} if value is None else value)
        for key in entries:
            if key not in expected:
                self.add_fault(f"{path}.{key}", t("nothing of this name is asked."))
        return entries

    def store_text(self, answer_key: AnswerKey, path: str, value: Any) -> None:
        text = as_text(value)
        if text is None:
            self.add_fault(path, t("must be text."))
        else:
            self.answers[answer_key] = text

    def read_container_questions(
        self, name: str, questions: Callable[[ContainerSpec], Iterable[str]], default: str | None = None
    ) -> None:
        by_container = self.read_part(name)
        for container, spec in self.definition.containers.items():
            self.read_questions(name, container, by_container.get(container), questions(spec), default)

    def read_questions(
        self, part: str, container: str, value: Any, questions: Iterable[str], default: str | None = None
    ) -> None:
        """Read the answers to questions; without a default, each is required."""
        prefix = f"{part}.{container}" if container else part
        entries = self.expect_known_keys(prefix, value, questions)
        for key in questions:
            answer_key, path = (part, container, key), f"{prefix}.{key}"
            if entries.get(key) is None and default is not None:
                self.answers[answer_key] = default
            elif key in entries:
                self.store_text(answer_key, path, entries[key])
            else:
                self.add_fault(path, t("an answer is missing."))

    def read_ports(self, suggest: SuggestPort) -> None:
        by_container = self.read_part("ports")
        for container, spec in self.definition.containers.items():
            ports_by_key = {str(port): port for port in spec.port_specs}
            entries = self.expect_known_keys(f"ports.{container}", by_container.get(container), ports_by_key)
            for key, port in ports_by_key.items():
                host = entries.get(key, suggest(container, port))
                if isinstance(host, str) and re.fullmatch(r"[0-9]{1,5}", host):
                    host = int(host)
                self.answers["ports", container, key] = host

    def read_additions(self, name: str) -> None:
        for container, entries in self.read_part(name).items():
            path = f"{name}.{container}"
            for key, value in self.expect_object(path, entries).items():
                self.store_text((name, container, key), f"{path}.{key}", value)

    def read_lists(self, name: str) -> None:
        for container, values in self.read_part(name).items():
            path = f"{name}.{container}"
            if not isinstance(values, list):
                self.add_fault(path, t("must be a list."))
                continue
            for value in values:
                self.store_text((name, container, as_text(value) or ""), path, value)
