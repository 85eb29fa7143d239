"""The request bodies of clients of Rockstor's API, and the answers in them. Pure.

Rockstor names containers by their ids, and answers by host port or share. What such a body leaves ambiguous is resolved
by one rule (see `_BodyReader.distribute_values`); where that can't, a fault asks for the form by container.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core.answers import answers
from rockonweb.core.answers.answers import (
    OPTIONAL_PARTS,
    AnswerKey,
    Answers,
    SuggestPort,
    answers_equal,
    build_answers,
    flatten_answers,
)
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import BadInput
from rockonweb.core.questions import settings
from rockonweb.core.questions.wizard import all_questions
from rockonweb.core.secret import MASK
from rockonweb.core.text import t

ANSWER_PARTS = ("shares", "ports", "devices", "environment", "cc")
UPDATE_PARTS = (*ANSWER_PARTS, "labels", "edit_ports", "cnets", "update_mode")
MAX_FAULTS = 50  # that are reported
MAX_DIGITS = 100
IGNORED_KEYS = ("rname", "new_rid", "containers")  # Rockstor's own restore sends them too
PUBLISH_WORDS = {"checked": True, "unchecked": False}
KEYED_FORMS = {
    "shares": "{share: path}",
    "ports": "{container port: host port}",
}  # by container; of other parts {key: value}


@dataclass(frozen=True)
class ClientIds:
    """The containers and ports of a rock-on by the ids that clients use."""

    container_names: Mapping[int, str]
    container_ports: Mapping[int, tuple[str, int]]


def parse_body(data: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, an empty one for no body. Raises BadInput.

    A repeated key is refused, because it would lose an answer.
    """
    if not data.strip():
        return {}
    try:
        body = json.loads(
            data,
            parse_int=_parse_limited_int,
            parse_float=str,
            parse_constant=_refuse_json_constant,
            object_pairs_hook=_refuse_repeated_keys,
        )
    except RecursionError:
        raise BadInput(t("The body is nested too deeply.")) from None
    except ValueError as error:
        raise BadInput(t("The body is not JSON: %(why)s.", why=str(error).rstrip("."))) from None
    if not isinstance(body, dict):
        raise BadInput(t("The body must be a JSON object."))
    return body


def read_install_answers(
    definition: Definition,
    client_ids: ClientIds,
    body: Mapping[str, Any],
    stored: Answers,
    suggest: SuggestPort,
    shares: Collection[str] | None = None,
) -> Answers:
    """Return complete answers for an install.

    What the body leaves out is taken from the `stored` answers of an earlier install; a port without one gets its
    suggestion. `shares` are the existing ones, None where unknown. Raises BadInput with a sentence for every fault.
    """
    reader = _BodyReader(definition, client_ids, body, ANSWER_PARTS, _applicable_answers(definition, stored))
    reader.assign_shares()
    reader.assign_answers()
    try:
        new_answers = answers.read_answers(definition, build_answers(reader.flat_answers).to_dict(), suggest, shares)
    except BadInput as error:
        reader.faults += [fault for fault in error.faults if fault not in reader.faults]
    if reader.faults:
        raise reader.build_error()
    return new_answers


def read_update_answers(
    definition: Definition,
    client_ids: ClientIds,
    body: Mapping[str, Any],
    present: Answers,
    suggest: SuggestPort,
    shares: Collection[str] | None = None,
) -> Answers:
    """Return the new answers of an installed rock-on; a part whose key is absent is not changed.

    `shares` are the existing ones, None where unknown. Raises BadInput with a sentence for every fault.
    """
    reader = _BodyReader(definition, client_ids, body, UPDATE_PARTS, flatten_answers(present))
    reader.mount_shares()
    reader.assign_answers()
    reader.attach_labels()
    reader.publish_ports(suggest)
    reader.replace_networks()
    new_answers = build_answers(reader.flat_answers)
    reader.faults += [*_settings_faults(definition, new_answers), *answers.missing_shares(new_answers, shares)]
    reader.check_update_mode(present, new_answers)
    if reader.faults:
        raise reader.build_error()
    return new_answers


class _BodyReader:
    """Reads the settings of a body into `flat_answers`, and collects the faults."""

    def __init__(
        self,
        definition: Definition,
        client_ids: ClientIds,
        body: Mapping[str, Any],
        allowed_keys: tuple[str, ...],
        flat_answers: dict[AnswerKey, Any],
    ) -> None:
        self.definition = definition
        self.specs = definition.containers
        self.client_ids = client_ids
        self.body = body
        self.flat_answers = flat_answers
        self.assigned_questions: set[tuple[str, str, object]] = set()  # part, container, key of answers by container
        self.launch_names = [name for name, _ in definition.launch_order]
        self.faults: list[str] = [
            t('"%(key)s" is not a key of this body; it has %(known)s.', key=key, known=", ".join(allowed_keys))
            for key in body
            if key not in (*allowed_keys, *IGNORED_KEYS)
        ]

    def build_error(self) -> BadInput:
        """Return the exception with the collected faults."""
        name = self.definition.name
        return BadInput(t("The settings for %(name)s can't be used.", name=name), faults=self.faults[:MAX_FAULTS])

    def add_fault(self, template: str, **values: Any) -> None:
        """Add a fault, a template with its values."""
        self.faults.append(t(template, **values))

    # -- the answers to a definition's questions ----------------------------------------------------------------------

    def assign_shares(self) -> None:
        """Read the shares of the definition's volumes into the answers."""
        flat, by_container = self._split_by_container("shares")
        for container, entries in by_container.items():
            for destination, shares in self._shares_by_path(f"shares.{container}", entries):
                self.assigned_questions.add(("shares", container, destination))
                if not self.has_question("shares", container, destination):
                    self.add_fault('%(container)s has no volume "%(path)s".', container=container, path=destination)
                elif len(shares) > 1:
                    self.add_fault(
                        'Several shares are given for the volume "%(path)s" of %(container)s.',
                        path=destination,
                        container=container,
                    )
                else:
                    self.flat_answers["shares", container, destination] = shares[0]
        for destination, shares in self._shares_by_path("shares", flat):
            for container, share in self.distribute_values("shares", destination, shares):
                self.flat_answers["shares", container, destination] = share

    def assign_answers(self) -> None:
        """Read the answers to all other questions into the answers."""
        self._assign_ports()
        self._assign_texts("devices")
        self._assign_texts("environment", masked=True)
        self._assign_custom_config()

    def _shares_by_path(self, path: str, entries: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
        """Yield each path in the container with the shares that are given for it; a share may have several paths."""
        by_path: dict[str, list[str]] = {}
        for share, destinations in entries.items():
            for destination in destinations if isinstance(destinations, list) else [destinations]:
                if isinstance(destination, str):
                    by_path.setdefault(destination, []).append(share)
                else:
                    self.add_fault("%(path)s.%(key)s: must be a path in the container.", path=path, key=share)
        yield from by_path.items()

    def _assign_ports(self) -> None:
        flat, by_container = self._split_by_container("ports")
        for container, entries in by_container.items():
            for key, host in entries.items():
                number = _parse_positive(key)
                self.assigned_questions.add(("ports", container, number))
                if not self.has_question("ports", container, number):
                    self.add_fault('%(container)s has no port "%(port)s".', container=container, port=key)
                else:
                    self.flat_answers["ports", container, str(number)] = _parse_positive(host) or host
        hosts_by_port: dict[int, list[int]] = {}
        for key, container_port in flat.items():
            host, number = _parse_positive(key), _parse_positive(container_port)
            if host is None or number is None:
                self.add_fault(
                    "ports.%(key)s: write {host port: container port}, both numbers from 1 to 65535.", key=key
                )
            else:
                hosts_by_port.setdefault(number, []).append(host)
        for number, hosts in hosts_by_port.items():
            for container, host in self.distribute_values("ports", number, hosts):
                self.flat_answers["ports", container, str(number)] = host

    def _assign_texts(self, part: str, *, masked: bool = False) -> None:
        flat, by_container = self._split_by_container(part)
        for container, entries in by_container.items():
            for key, value in entries.items():
                self.assigned_questions.add((part, container, key))
                if not self.has_question(part, container, key):
                    self.add_fault(
                        '%(part)s.%(container)s: "%(key)s" is not asked.', part=part, container=container, key=key
                    )
                else:
                    self._assign_text(
                        f"{part}.{container}.{key}", self._answer_key(part, container, key), value, masked=masked
                    )
        for key, value in flat.items():
            for container, text in self.distribute_values(part, key, [value]):
                self._assign_text(f"{part}.{key}", self._answer_key(part, container, key), text, masked=masked)

    def _assign_custom_config(self) -> None:
        for key, value in self._body_part("cc").items():
            if key not in self.definition.custom_config:
                self.add_fault('cc: "%(key)s" is not asked.', key=key)
            else:
                self._assign_text(f"cc.{key}", ("custom_config", "", key), value, masked=True)

    def _assign_text(self, path: str, answer_key: AnswerKey, value: Any, *, masked: bool) -> None:
        """Read one text; null is ignored, and where secrets are `masked`, MASK stands for the stored value."""
        if masked and value == MASK:
            if not self.flat_answers.get(answer_key):
                self.add_fault(
                    '%(path)s: "%(mask)s" stands for a stored value, and there is none. Send the value.',
                    path=path,
                    mask=MASK,
                )
        elif value is not None:
            text = answers.as_text(value)
            if text is None:
                self.add_fault("%(path)s: must be text.", path=path)
            else:
                self.flat_answers[answer_key] = text

    def has_question(self, part: str, container: str, key: object) -> bool:
        """Whether a container asks for something; a variable that was added is asked for too."""
        spec = self.specs[container]
        if part == "environment":
            return key in spec.environment or ("variables", container, key) in self.flat_answers
        if part == "ports":
            return key in spec.port_specs
        return key in (spec.volumes if part == "shares" else spec.devices)

    def _answer_key(self, part: str, container: str, key: str) -> AnswerKey:
        added = part == "environment" and key not in self.specs[container].environment
        return "variables" if added else part, container, key

    def distribute_values(self, part: str, key: object, values: list[Any]) -> Iterator[tuple[str, Any]]:
        """Yield which container gets which of the values that were given for `key` without a container.

        One value goes to every container that asks (a port only where one does: two can't have the same); as many
        values as containers go to them in launch order. Containers that were named have their answer already.
        """
        askers = [name for name in self.launch_names if self.has_question(part, name, key)]
        unanswered = [name for name in askers if (part, name, key) not in self.assigned_questions]
        if not askers:
            self.add_fault(
                '%(part)s: no container of %(name)s asks for "%(key)s".',
                part=part,
                name=self.definition.name,
                key=key,
            )
        elif unanswered and len(values) == 1 and (part != "ports" or len(unanswered) == 1):
            yield from ((name, values[0]) for name in unanswered)
        elif len(values) == len(unanswered):
            yield from zip(unanswered, values, strict=True)
        elif len(askers) == 1:
            self.add_fault(
                '%(part)s: several answers are given to "%(key)s" of %(container)s, which takes one.',
                part=part,
                key=key,
                container=askers[0],
            )
        else:
            self.add_fault(
                '%(part)s: it is not clear which of %(asking)s the answer to "%(key)s" is for. Give it by container: '
                '{"%(part)s": {"ID": %(form)s}}.',
                part=part,
                asking=", ".join(askers),
                key=key,
                form=KEYED_FORMS.get(part, "{key: value}"),
            )

    # -- what an update adds ------------------------------------------------------------------------------------------

    def mount_shares(self) -> None:
        """Mount more shares, {path: share}: in all containers, or in those that are named."""
        flat, by_container = self._split_by_container("shares")
        for name in self.launch_names:
            mounted = {_normalize_mount_path(path): "" for path in self.specs[name].volumes}
            mounted |= {
                _normalize_mount_path(answer_key[2]): share_path
                for answer_key, share_path in self.flat_answers.items()
                if answer_key[:2] == ("storage", name)
            }
            for path, share_path in [*flat.items(), *by_container.get(name, {}).items()]:
                if not isinstance(share_path, str):
                    self.add_fault("shares.%(path)s: must be the name of a share.", path=path)
                elif wrong := answers.share_fault(share_path, None):
                    self.add_fault("shares.%(path)s: %(wrong)s", path=path, wrong=wrong)
                elif mounted.get(_normalize_mount_path(path), share_path) != share_path:
                    self.add_fault(
                        "shares.%(path)s: something is mounted there in %(container)s already.",
                        path=path,
                        container=name,
                    )
                elif _normalize_mount_path(path) not in mounted:
                    mounted[_normalize_mount_path(path)] = share_path
                    self.flat_answers["storage", name, _normalize_mount_path(path)] = share_path

    def attach_labels(self) -> None:
        """Add labels, {label: container}."""
        for label, owner in self._body_part("labels").items():
            if container := self._resolve_container("labels", owner):
                self.flat_answers["labels", container, label] = True

    def publish_ports(self, suggest: SuggestPort) -> None:
        """Publish ports or not, {port's id: "checked" or "unchecked"}; new ones get the suggested host port."""
        for key, publish_word in self._body_part("edit_ports").items():
            container_port = self.client_ids.container_ports.get(_parse_positive(key, 2**31) or 0)
            if container_port is None:
                self.add_fault(
                    'edit_ports: %(name)s has no port with the id "%(id)s".', name=self.definition.name, id=key
                )
                continue
            if not isinstance(publish_word, str) or publish_word not in PUBLISH_WORDS:
                self.add_fault('edit_ports.%(id)s: must be "checked" or "unchecked".', id=key)
                continue
            container, number = container_port
            answer_key = ("ports", container, str(number))
            if PUBLISH_WORDS[publish_word] == (self.flat_answers.get(answer_key) is not None):
                continue
            if self.specs[container].on_host_network:
                self.add_fault("edit_ports.%(id)s: %(container)s is on the host's own network, where its ports can't "
                           "be chosen.", id=key, container=container)  # fmt: skip
            else:
                self.flat_answers[answer_key] = suggest(container, number) if PUBLISH_WORDS[publish_word] else None

    def replace_networks(self) -> None:
        """Replace the user's networks of all containers, {container: [network]}.

        With an `update_mode`, no networks means none, as in Rockstor: its pages omit the key when the last network is
        deselected.
        """
        if self.body.get("cnets") is None and not self.body.get("update_mode"):
            return
        old_keys = [answer_key for answer_key in self.flat_answers if answer_key[0] == "networks"]
        new_keys: list[AnswerKey] = []
        for key, networks in self._body_part("cnets").items():
            container = self._resolve_container("cnets", key)
            network_names = [] if networks is None else networks
            if not isinstance(network_names, list) or not all(isinstance(network, str) for network in network_names):
                self.add_fault("cnets.%(key)s: must be a list of names of networks.", key=key)
            elif container:
                new_keys += [("networks", container, network) for network in network_names]
        for answer_key in {*old_keys} - {*new_keys}:
            del self.flat_answers[answer_key]
        self.flat_answers |= dict.fromkeys(new_keys, True)  # existing ones keep their position: order has no meaning

    def check_update_mode(self, present: Answers, new_answers: Answers) -> None:
        """Check what `update_mode` says: "live" changes networks alone."""
        mode = self.body.get("update_mode")
        if mode not in (None, "", "normal", "live"):
            self.add_fault('update_mode: must be "normal" or "live".')
        if mode == "live" and not answers_equal(replace(present, networks={}), replace(new_answers, networks={})):
            self.add_fault('update_mode: "live" changes networks alone; send other settings with "normal".')

    # -- parts of a body ----------------------------------------------------------------------------------------------

    def _body_part(self, name: str) -> dict[str, Any]:
        value = self.body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.add_fault("%(part)s: must be an object.", part=name)
            return {}
        return value

    def _split_by_container(self, name: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Return a part's settings without a container, and those by container."""
        flat: dict[str, Any] = {}
        by_container: dict[str, dict[str, Any]] = {}
        for key, value in self._body_part(name).items():
            if not isinstance(value, dict):
                flat[key] = value
            elif container := self._resolve_container(name, key):
                by_container.setdefault(container, {}).update(value)
        return flat, by_container

    def _resolve_container(self, part: str, key: object) -> str | None:
        """Return the container that a name or a number means; None and a fault where it means none."""
        if isinstance(key, str) and key in self.definition.containers:
            return key
        container = self.client_ids.container_names.get(_parse_positive(key, 2**31) or 0)
        if container is None or container not in self.definition.containers:
            self.add_fault('%(part)s: %(name)s has no container "%(key)s".',
                       part=part, name=self.definition.name, key=key)  # fmt: skip
            return None
        return container


def _settings_faults(definition: Definition, new_answers: Answers) -> list[str]:
    """Return what is wrong with the settings of an installed rock-on, in the sentences of its settings pages."""
    storage = [
        settings.TypedRow(f"shares.{path}", name, path, share_path)
        for name, mounts in new_answers.storage.items()
        for path, share_path in mounts.items()
    ]
    labels = [settings.TypedRow("labels", name, label) for name, found in new_answers.labels.items() for label in found]
    networks = [
        settings.TypedRow(f"cnets.{name}", name, net) for name, found in new_answers.networks.items() for net in found
    ]
    checked = (
        *settings.parse_storage(definition, storage).faults,
        *settings.parse_labels(definition, labels).faults,
        *settings.parse_networks(definition, networks).faults,
    )
    found = [t("%(path)s: %(fault)s", path=fault.name, fault=fault.sentence) for fault in checked]
    others = answers.answer_faults(
        definition, replace(new_answers, storage={}, networks={}, labels={} if found else new_answers.labels)
    )
    return list(dict.fromkeys([*found, *others]))


def _normalize_mount_path(path: str) -> str:
    """Return a path in its shortest spelling: Docker mounts only once at one path."""
    return re.sub("/+", "/", path).rstrip("/") if path.strip("/") else path


def _parse_positive(value: object, maximum: int = 65535) -> int | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= maximum else None


def _applicable_answers(definition: Definition, stored: Answers) -> dict[AnswerKey, Any]:
    """Return the stored answers to questions that the definition asks, and what was added."""
    asked_keys = {ask.answer_key for ask in all_questions(definition)}
    return {
        answer_key: value
        for answer_key, value in flatten_answers(stored).items()
        if answer_key in asked_keys or answer_key[0] in OPTIONAL_PARTS
    }


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f'the key "{key}" stands twice in one object')
        result[key] = value
    return result


def _parse_limited_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _refuse_json_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
