"""The bodies that clients of the original framework send, and the answers that they come to. Pure.

The original names containers by their numbers and answers by host port or share. What such a body leaves open is
settled by one rule (see `_Body.deal`); where it does not settle it, a sentence asks for the form by container.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core.answers import answers
from rockonweb.core.answers.answers import OPTIONAL_PARTS, Answers, Leaf, Suggest, leaves, same, together
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import BadInput
from rockonweb.core.questions import settings
from rockonweb.core.questions.wizard import all_asks
from rockonweb.core.secret import MASK
from rockonweb.core.text import t

ANSWER_PARTS = ("shares", "ports", "devices", "environment", "cc")
UPDATE_PARTS = (*ANSWER_PARTS, "labels", "edit_ports", "cnets", "update_mode")
MOST_FAULTS = 50  # that are told
MOST_DIGITS = 100
PASSED_OVER = ("rname", "new_rid", "containers")  # the original's own restore sends them along
PUBLISHED = {"checked": True, "unchecked": False}
FORMS = {"shares": "{share: path}", "ports": "{container port: host port}"}  # by container; of other parts {key: value}


@dataclass(frozen=True)
class Numbers:
    """The numbers that clients know a rock-on's things by: of its containers, and of its ports."""

    containers: Mapping[int, str]
    ports: Mapping[int, tuple[str, int]]


def read_body(data: bytes) -> dict[str, Any]:
    """Return the object that a body holds, an empty one for no body. Raises BadInput.

    A key that stands twice would lose an answer, so it is refused.
    """
    if not data.strip():
        return {}
    try:
        body = json.loads(data, parse_int=_whole, parse_float=str, parse_constant=_refuse_word, object_pairs_hook=_once)
    except RecursionError:
        raise BadInput(t("The body is nested too deeply.")) from None
    except ValueError as error:
        raise BadInput(t("The body is not JSON: %(why)s.", why=str(error).rstrip("."))) from None
    if not isinstance(body, dict):
        raise BadInput(t("The body must be a JSON object."))
    return body


def install(
    definition: Definition,
    numbers: Numbers,
    body: Mapping[str, Any],
    stored: Answers,
    suggest: Suggest,
    shares: Collection[str] | None = None,
) -> Answers:
    """Return complete answers for an install.

    What the body leaves out is taken from the `stored` answers of an earlier install; a port then takes its
    suggestion. `shares` are those that there are, if that is known. Raises BadInput with a sentence for every fault.
    """
    reader = _Body(definition, numbers, body, ANSWER_PARTS, _known(definition, stored))
    reader.give_shares()
    reader.answer()
    try:
        found = answers.read(definition, together(reader.wanted).to_json(), suggest, shares)
    except BadInput as error:
        reader.faults += [fault for fault in error.faults if fault not in reader.faults]
    if reader.faults:
        raise reader.refusal()
    return found


def update(
    definition: Definition,
    numbers: Numbers,
    body: Mapping[str, Any],
    present: Answers,
    suggest: Suggest,
    shares: Collection[str] | None = None,
) -> Answers:
    """Return what the answers of an installed rock-on shall become; a key that is absent leaves its part as it is.

    `shares` are those that there are, if that is known. Raises BadInput with a sentence for every fault.
    """
    reader = _Body(definition, numbers, body, UPDATE_PARTS, leaves(present))
    reader.add_shares()
    reader.answer()
    reader.add_labels()
    reader.publish(suggest)
    reader.join()
    found = together(reader.wanted)
    reader.faults += [*_faults(definition, found), *answers.missing_shares(found, shares)]
    reader.mode(present, found)
    if reader.faults:
        raise reader.refusal()
    return found


class _Body:
    """Takes settings out of a body, puts them among those that are `wanted`, and collects the faults."""

    def __init__(
        self,
        definition: Definition,
        numbers: Numbers,
        body: Mapping[str, Any],
        known: tuple[str, ...],
        wanted: dict[Leaf, Any],
    ) -> None:
        self.definition = definition
        self.specs = definition.containers
        self.numbers = numbers
        self.body = body
        self.wanted = wanted
        self.named: set[tuple[str, str, object]] = set()  # part, container and key of what was given by container
        self.order = [name for name, _ in definition.launch_order]
        self.faults: list[str] = [
            t('"%(key)s" is not a key of this body; it has %(known)s.', key=key, known=", ".join(known))
            for key in body
            if key not in (*known, *PASSED_OVER)
        ]

    def refusal(self) -> BadInput:
        """Return what to raise."""
        name = self.definition.name
        return BadInput(t("The settings for %(name)s can't be used.", name=name), faults=self.faults[:MOST_FAULTS])

    def fault(self, template: str, **values: Any) -> None:
        """Collect a sentence."""
        self.faults.append(t(template, **values))

    # -- the answers to a definition's questions ----------------------------------------------------------------------

    def give_shares(self) -> None:
        """Put the shares of the definition's volumes in their places."""
        flat, by_container = self._split("shares")
        for container, given in by_container.items():
            for destination, shares in self._places(f"shares.{container}", given):
                self.named.add(("shares", container, destination))
                if not self.asks("shares", container, destination):
                    self.fault('%(container)s has no volume "%(path)s".', container=container, path=destination)
                elif len(shares) > 1:
                    self.fault(
                        'Several shares are given for the volume "%(path)s" of %(container)s.',
                        path=destination,
                        container=container,
                    )
                else:
                    self.wanted["shares", container, destination] = shares[0]
        for destination, shares in self._places("shares", flat):
            for container, share in self.deal("shares", destination, shares):
                self.wanted["shares", container, destination] = share

    def answer(self) -> None:
        """Put the answers to all other questions in their places."""
        self._ports()
        self._texts("devices")
        self._texts("environment", masked=True)
        self._custom_config()

    def _places(self, path: str, given: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
        """Yield each path in the container with the shares that are given for it; a share may have several paths."""
        found: dict[str, list[str]] = {}
        for share, destinations in given.items():
            for destination in destinations if isinstance(destinations, list) else [destinations]:
                if isinstance(destination, str):
                    found.setdefault(destination, []).append(share)
                else:
                    self.fault("%(path)s.%(key)s: must be a path in the container.", path=path, key=share)
        yield from found.items()

    def _ports(self) -> None:
        flat, by_container = self._split("ports")
        for container, given in by_container.items():
            for key, host in given.items():
                number = _number(key)
                self.named.add(("ports", container, number))
                if not self.asks("ports", container, number):
                    self.fault('%(container)s has no port "%(port)s".', container=container, port=key)
                else:
                    self.wanted["ports", container, str(number)] = _number(host) or host
        wishes: dict[int, list[int]] = {}
        for key, inner in flat.items():
            host, number = _number(key), _number(inner)
            if host is None or number is None:
                self.fault("ports.%(key)s: write {host port: container port}, both numbers from 1 to 65535.", key=key)
            else:
                wishes.setdefault(number, []).append(host)
        for number, hosts in wishes.items():
            for container, host in self.deal("ports", number, hosts):
                self.wanted["ports", container, str(number)] = host

    def _texts(self, part: str, *, masked: bool = False) -> None:
        flat, by_container = self._split(part)
        for container, given in by_container.items():
            for key, value in given.items():
                self.named.add((part, container, key))
                if not self.asks(part, container, key):
                    self.fault(
                        '%(part)s.%(container)s: "%(key)s" is not asked.', part=part, container=container, key=key
                    )
                else:
                    self._put(f"{part}.{container}.{key}", self._leaf(part, container, key), value, masked=masked)
        for key, value in flat.items():
            for container, one in self.deal(part, key, [value]):
                self._put(f"{part}.{key}", self._leaf(part, container, key), one, masked=masked)

    def _custom_config(self) -> None:
        for key, value in self._part("cc").items():
            if key not in self.definition.custom_config:
                self.fault('cc: "%(key)s" is not asked.', key=key)
            else:
                self._put(f"cc.{key}", ("custom_config", "", key), value, masked=True)

    def _put(self, path: str, leaf: Leaf, value: Any, *, masked: bool) -> None:
        """Put one text in its place; null says nothing, and where secrets are `masked` that is for what is stored."""
        if masked and value == MASK:
            if not self.wanted.get(leaf):
                self.fault(
                    '%(path)s: "%(mask)s" stands for a stored value, and there is none. Send the value.',
                    path=path,
                    mask=MASK,
                )
        elif value is not None:
            text = answers.as_text(value)
            if text is None:
                self.fault("%(path)s: must be text.", path=path)
            else:
                self.wanted[leaf] = text

    def asks(self, part: str, container: str, key: object) -> bool:
        """Whether a container asks for something; a variable that was added is asked for too."""
        spec = self.specs[container]
        if part == "environment":
            return key in spec.environment or ("variables", container, key) in self.wanted
        if part == "ports":
            return key in spec.port_specs
        return key in (spec.volumes if part == "shares" else spec.devices)

    def _leaf(self, part: str, container: str, key: str) -> Leaf:
        added = part == "environment" and key not in self.specs[container].environment
        return "variables" if added else part, container, key

    def deal(self, part: str, key: object, values: list[Any]) -> Iterator[tuple[str, Any]]:
        """Yield which container gets which of the values that were given for `key` without a container.

        One value goes to every container that asks (a port only where one does: two can't have the same); as many
        values as containers go to them in launch order. Containers that were named have their answer already.
        """
        asking = [name for name in self.order if self.asks(part, name, key)]
        holders = [name for name in asking if (part, name, key) not in self.named]
        if not asking:
            self.fault(
                '%(part)s: no container of %(name)s asks for "%(key)s".',
                part=part,
                name=self.definition.name,
                key=key,
            )
        elif holders and len(values) == 1 and (part != "ports" or len(holders) == 1):
            yield from ((name, values[0]) for name in holders)
        elif len(values) == len(holders):
            yield from zip(holders, values, strict=True)
        elif len(asking) == 1:
            self.fault(
                '%(part)s: several answers are given to "%(key)s" of %(container)s, which takes one.',
                part=part,
                key=key,
                container=asking[0],
            )
        else:
            self.fault(
                '%(part)s: it is not clear which of %(asking)s the answer to "%(key)s" is for. Give it by container: '
                '{"%(part)s": {"ID": %(form)s}}.',
                part=part,
                asking=", ".join(asking),
                key=key,
                form=FORMS.get(part, "{key: value}"),
            )

    # -- what an update adds ------------------------------------------------------------------------------------------

    def add_shares(self) -> None:
        """Mount more shares, {path: share}: in all containers, or in those that are named."""
        flat, by_container = self._split("shares")
        for name in self.order:
            mounted = {_plain(path): "" for path in self.specs[name].volumes}
            mounted |= {_plain(leaf[2]): place for leaf, place in self.wanted.items() if leaf[:2] == ("storage", name)}
            for path, place in [*flat.items(), *by_container.get(name, {}).items()]:
                if not isinstance(place, str):
                    self.fault("shares.%(path)s: must be the name of a share.", path=path)
                elif wrong := answers.share_fault(place):
                    self.fault("shares.%(path)s: %(wrong)s", path=path, wrong=wrong)
                elif mounted.get(_plain(path), place) != place:
                    self.fault(
                        "shares.%(path)s: something is mounted there in %(container)s already.",
                        path=path,
                        container=name,
                    )
                elif _plain(path) not in mounted:
                    mounted[_plain(path)] = place
                    self.wanted["storage", name, _plain(path)] = place

    def add_labels(self) -> None:
        """Add labels, {label: container}."""
        for label, owner in self._part("labels").items():
            if container := self._container("labels", owner):
                self.wanted["labels", container, label] = True

    def publish(self, suggest: Suggest) -> None:
        """Publish ports or not, {port's id: "checked" or "unchecked"}; a new one where it is suggested."""
        for key, word in self._part("edit_ports").items():
            place = self.numbers.ports.get(_number(key, 2**31) or 0)
            if place is None:
                self.fault('edit_ports: %(name)s has no port with the id "%(id)s".', name=self.definition.name, id=key)
                continue
            if not isinstance(word, str) or word not in PUBLISHED:
                self.fault('edit_ports.%(id)s: must be "checked" or "unchecked".', id=key)
                continue
            container, number = place
            leaf = ("ports", container, str(number))
            if PUBLISHED[word] == (self.wanted.get(leaf) is not None):
                continue
            if self.specs[container].on_host_network:
                self.fault("edit_ports.%(id)s: %(container)s is on the host's own network, where its ports can't be "
                           "chosen.", id=key, container=container)  # fmt: skip
            else:
                self.wanted[leaf] = suggest(container, number) if PUBLISHED[word] else None

    def join(self) -> None:
        """Replace the user's networks of all containers, {container: [network]}."""
        if self.body.get("cnets") is None:
            return
        before = [leaf for leaf in self.wanted if leaf[0] == "networks"]
        after: list[Leaf] = []
        for key, networks in self._part("cnets").items():
            container = self._container("cnets", key)
            listed = [] if networks is None else networks
            if not isinstance(listed, list) or not all(isinstance(network, str) for network in listed):
                self.fault("cnets.%(key)s: must be a list of names of networks.", key=key)
            elif container:
                after += [("networks", container, network) for network in listed]
        for leaf in {*before} - {*after}:
            del self.wanted[leaf]
        self.wanted |= dict.fromkeys(after, True)  # one that was joined stays at its place: their order means nothing

    def mode(self, present: Answers, wanted: Answers) -> None:
        """Check what `update_mode` says: "live" changes networks alone."""
        mode = self.body.get("update_mode")
        if mode not in (None, "", "normal", "live"):
            self.fault('update_mode: must be "normal" or "live".')
        if mode == "live" and not same(replace(present, networks={}), replace(wanted, networks={})):
            self.fault('update_mode: "live" changes networks alone; send other settings with "normal".')

    # -- pieces of a body ---------------------------------------------------------------------------------------------

    def _part(self, name: str) -> dict[str, Any]:
        value = self.body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault("%(part)s: must be an object.", part=name)
            return {}
        return value

    def _split(self, name: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Return a part's settings without a container, and those by container."""
        flat: dict[str, Any] = {}
        by_container: dict[str, dict[str, Any]] = {}
        for key, value in self._part(name).items():
            if not isinstance(value, dict):
                flat[key] = value
            elif container := self._container(name, key):
                by_container.setdefault(container, {}).update(value)
        return flat, by_container

    def _container(self, part: str, key: object) -> str | None:
        """Return the container that a name or a number means; None and a fault where it means none."""
        if isinstance(key, str) and key in self.definition.containers:
            return key
        found = self.numbers.containers.get(_number(key, 2**31) or 0)
        if found is None or found not in self.definition.containers:
            self.fault('%(part)s: %(name)s has no container "%(key)s".',
                       part=part, name=self.definition.name, key=key)  # fmt: skip
            return None
        return found


def _faults(definition: Definition, wanted: Answers) -> list[str]:
    """Return what is wrong with the settings of an installed rock-on, in the sentences of its settings pages."""
    storage = [
        settings.Typed(f"shares.{path}", name, path, place)
        for name, places in wanted.storage.items()
        for path, place in places.items()
    ]
    labels = [settings.Typed("labels", name, label) for name, found in wanted.labels.items() for label in found]
    networks = [settings.Typed(f"cnets.{name}", name, net) for name, found in wanted.networks.items() for net in found]
    checked = (
        *settings.storage(definition, storage).faults,
        *settings.labels(definition, labels).faults,
        *settings.networks(definition, networks).faults,
    )
    found = [t("%(path)s: %(fault)s", path=fault.name, fault=fault.sentence) for fault in checked]
    others = answers.check(definition, replace(wanted, storage={}, networks={}, labels={} if found else wanted.labels))
    return list(dict.fromkeys([*found, *others]))


def _plain(path: str) -> str:
    """Return a path in its shortest spelling: Docker mounts nothing twice at one place."""
    return re.sub("/+", "/", path).rstrip("/") if path.strip("/") else path


def _number(value: object, largest: int = 65535) -> int | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= largest else None


def _known(definition: Definition, stored: Answers) -> dict[Leaf, Any]:
    """Return the stored answers to questions that the definition asks, and what was added."""
    asked = {ask.leaf for ask in all_asks(definition)}
    return {leaf: value for leaf, value in leaves(stored).items() if leaf in asked or leaf[0] in OPTIONAL_PARTS}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f'the key "{key}" stands twice in one object')
        found[key] = value
    return found


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _refuse_word(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
