"""The bodies that clients of the original framework send, and the answers that they come to. Pure.

The original names containers by their numbers and answers by host port or share. What such a body leaves open is
settled by one rule (see `_Body.deal`); where it does not settle it, a sentence asks for the form by container.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core import answers, settings
from rockonweb.core.answers import Answers, Suggest
from rockonweb.core.definition import ContainerSpec, Definition
from rockonweb.core.errors import BadInput
from rockonweb.core.secret import MASK
from rockonweb.core.text import t

ANSWER_PARTS = ("shares", "ports", "devices", "environment", "cc")
UPDATE_PARTS = (*ANSWER_PARTS, "labels", "edit_ports", "cnets", "update_mode")
MOST_FAULTS = 50  # that are told
MOST_DIGITS = 100
PASSED_OVER = ("rname", "new_rid", "containers")  # the original's own restore sends them along
PUBLISHED = {"checked": True, "unchecked": False}
NEXT_TO_NETWORKS = [part for part in answers.PARTS if part != "networks"]

Questions = Callable[[ContainerSpec], Iterable[object]]


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
    reader = _Body(definition, numbers, body, ANSWER_PARTS)
    wanted = _known(definition, stored)
    reader.answer(wanted)
    try:
        found = answers.read(definition, wanted, suggest, shares)
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
    reader = _Body(definition, numbers, body, UPDATE_PARTS)
    wanted = _parts(present)
    reader.add_shares(wanted)
    reader.answer(wanted, *ANSWER_PARTS[1:])
    reader.add_labels(wanted)
    reader.publish(wanted, suggest)
    reader.join(wanted)
    found = _answers(wanted)
    reader.faults += [*_faults(definition, found), *answers.missing_shares(found, shares)]
    reader.mode(present, found)
    if reader.faults:
        raise reader.refusal()
    return found


class _Body:
    """Takes settings out of a body, puts them into the parts of an answers file, and collects the faults."""

    def __init__(
        self, definition: Definition, numbers: Numbers, body: Mapping[str, Any], known: tuple[str, ...]
    ) -> None:
        self.definition = definition
        self.numbers = numbers
        self.body = body
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

    def answer(self, wanted: dict[str, Any], *parts: str) -> None:
        """Put the answers of the body's parts (all by default) over those in `wanted`."""
        for part in parts or ANSWER_PARTS:
            {
                "shares": self._shares,
                "ports": self._ports,
                "devices": lambda into: self._texts("devices", into["devices"], lambda spec: spec.devices),
                "environment": self._environment,
                "cc": self._custom_config,
            }[part](wanted)

    def _shares(self, wanted: dict[str, Any]) -> None:
        flat, by_container = self._split("shares")
        for container, given in by_container.items():
            asked = self.definition.containers[container].volumes
            for destination, shares in self._places(f"shares.{container}", given):
                if destination not in asked:
                    self.fault('%(container)s has no volume "%(path)s".', container=container, path=destination)
                elif len(shares) > 1:
                    self.fault(
                        'Several shares are given for the volume "%(path)s" of %(container)s.',
                        path=destination,
                        container=container,
                    )
                else:
                    wanted["shares"].setdefault(container, {})[destination] = shares[0]
        for destination, shares in self._places("shares", flat):
            for container, share in self.deal(
                "shares", destination, shares, lambda spec: spec.volumes, by_container, "{share: path}"
            ):
                wanted["shares"].setdefault(container, {})[destination] = share

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

    def _ports(self, wanted: dict[str, Any]) -> None:
        flat, by_container = self._split("ports")
        for container, given in by_container.items():
            asked = self.definition.containers[container].port_specs
            for key, host in given.items():
                number = _number(key)
                if number not in asked:
                    self.fault('%(container)s has no port "%(port)s".', container=container, port=key)
                else:
                    wanted["ports"].setdefault(container, {})[str(number)] = host
        wishes: dict[int, list[int]] = {}
        for key, inner in flat.items():
            host, number = _number(key), _number(inner)
            if host is None or number is None:
                self.fault("ports.%(key)s: write {host port: container port}, both numbers from 1 to 65535.", key=key)
            else:
                wishes.setdefault(number, []).append(host)
        for number, hosts in wishes.items():
            dealt = self.deal(
                "ports", number, hosts, lambda spec: spec.port_specs, by_container, "{container port: host port}",
                shared=False,
            )  # fmt: skip
            for container, chosen in dealt:
                wanted["ports"].setdefault(container, {})[str(number)] = chosen

    def _environment(self, wanted: dict[str, Any]) -> None:
        added = wanted["variables"]
        found: dict[str, dict[str, str]] = {}
        self._texts(
            "environment",
            found,
            lambda spec: spec.environment,
            lambda name: added.get(name, ()),
            lambda container, key: (
                added.get(container, {}).get(key) or wanted["environment"].get(container, {}).get(key)
            ),
        )
        for container, values in found.items():
            for key, value in values.items():
                named = key in self.definition.containers[container].environment
                wanted["environment" if named else "variables"].setdefault(container, {})[key] = value

    def _texts(
        self,
        part: str,
        into: dict[str, dict[str, str]],
        questions: Questions,
        more: Callable[[str], Iterable[object]] = lambda _: (),
        stored: Callable[[str, str], str | None] | None = None,
    ) -> None:
        flat, by_container = self._split(part)
        for container, given in by_container.items():
            asked = {*questions(self.definition.containers[container]), *more(container)}
            for key, value in given.items():
                if key not in asked:
                    self.fault(
                        '%(part)s.%(container)s: "%(key)s" is not asked.', part=part, container=container, key=key
                    )
                else:
                    self._put(f"{part}.{container}.{key}", into, container, key, value, stored)
        for key, value in flat.items():
            for container, one in self.deal(part, key, [value], questions, by_container, "{key: value}", more):
                self._put(f"{part}.{key}", into, container, key, one, stored)

    def _put(
        self,
        path: str,
        into: dict[str, dict[str, str]],
        container: str,
        key: str,
        value: Any,
        stored: Callable[[str, str], str | None] | None,
    ) -> None:
        """Put one text in its place; null says nothing, and a mask stands for what is stored."""
        if value is None or (stored and value == MASK and self._is_stored(path, stored(container, key))):
            return
        if (words := self._text(path, value)) is not None:
            into.setdefault(container, {})[key] = words

    def _is_stored(self, path: str, stored: str | None) -> bool:
        if not stored:
            self.fault(
                '%(path)s: "%(mask)s" stands for a stored value, and there is none. Send the value.',
                path=path,
                mask=MASK,
            )
        return True

    def _custom_config(self, wanted: dict[str, Any]) -> None:
        for key, value in self._part("cc").items():
            if key not in self.definition.custom_config:
                self.fault('cc: "%(key)s" is not asked.', key=key)
            elif value is None or (value == MASK and self._is_stored(f"cc.{key}", wanted["custom_config"].get(key))):
                continue
            elif (words := self._text(f"cc.{key}", value)) is not None:
                wanted["custom_config"][key] = words

    def deal(
        self,
        part: str,
        key: object,
        values: list[Any],
        questions: Questions,
        by_container: Mapping[str, Mapping[str, Any]],
        form: str,
        more: Callable[[str], Iterable[object]] = lambda _: (),
        *,
        shared: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """Yield which container gets which of the values that were given for `key` without a container.

        One value goes to every container that asks (a port only where one does: two can't have the same); as many
        values as containers go to them in launch order. Containers that were named have their answer already.
        """
        asking = [name for name in self.order if key in {*questions(self.definition.containers[name]), *more(name)}]
        holders = [name for name in asking if str(key) not in map(str, _keys(part, by_container.get(name, {})))]
        if not asking:
            self.fault(
                '%(part)s: no container of %(name)s asks for "%(key)s".',
                part=part,
                name=self.definition.name,
                key=key,
            )
        elif holders and len(values) == 1 and (shared or len(holders) == 1):
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
                form=form,
            )

    # -- what an update adds ------------------------------------------------------------------------------------------

    def add_shares(self, wanted: dict[str, Any]) -> None:
        """Mount more shares, {path: share}: in all containers, or in those that are named."""
        flat, by_container = self._split("shares")
        for name in self.order:
            mounted = {_plain(path): "" for path in self.definition.containers[name].volumes}
            mounted |= {_plain(path): place for path, place in wanted["storage"].get(name, {}).items()}
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
                    wanted["storage"].setdefault(name, {})[_plain(path)] = place

    def add_labels(self, wanted: dict[str, Any]) -> None:
        """Add labels, {label: container}."""
        for label, owner in self._part("labels").items():
            if container := self._container("labels", owner):
                known = wanted["labels"].setdefault(container, [])
                known += [label] if label not in known else []

    def publish(self, wanted: dict[str, Any], suggest: Suggest) -> None:
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
            ports = wanted["ports"].setdefault(container, {})
            host = ports.get(str(number))
            if PUBLISHED[word] == (host is not None):
                continue
            if self.definition.containers[container].on_host_network:
                self.fault("edit_ports.%(id)s: %(container)s is on the host's own network, where its ports can't be "
                           "chosen.", id=key, container=container)  # fmt: skip
            else:
                ports[str(number)] = suggest(container, number) if PUBLISHED[word] else None

    def join(self, wanted: dict[str, Any]) -> None:
        """Replace the user's networks of all containers, {container: [network]}."""
        if self.body.get("cnets") is None:
            return
        before, wanted["networks"] = wanted["networks"], {}
        for key, networks in self._part("cnets").items():
            container = self._container("cnets", key)
            listed = [] if networks is None else networks
            if not isinstance(listed, list) or not all(isinstance(network, str) for network in listed):
                self.fault("cnets.%(key)s: must be a list of names of networks.", key=key)
            elif container and listed:
                known = wanted["networks"].get(container, [])
                found = list(dict.fromkeys([*known, *listed]))
                same = set(found) == set(before.get(container, ()))  # their order means nothing
                wanted["networks"][container] = before[container] if same else found

    def mode(self, present: Answers, wanted: Answers) -> None:
        """Check what `update_mode` says: "live" changes networks alone."""
        mode = self.body.get("update_mode")
        if mode not in (None, "", "normal", "live"):
            self.fault('update_mode: must be "normal" or "live".')
        differs = any(getattr(present, part) != getattr(wanted, part) for part in NEXT_TO_NETWORKS)
        if mode == "live" and differs:
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

    def _text(self, path: str, value: Any) -> str | None:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int):
            return str(value)
        self.fault("%(path)s: must be text.", path=path)
        return None


def _keys(part: str, given: Mapping[str, Any]) -> Iterable[object]:
    """Return what a container's own answers are for: shares name their paths as values."""
    if part != "shares":
        return given
    return [path for paths in given.values() for path in (paths if isinstance(paths, list) else [paths])]


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


def _parts(found: Answers) -> dict[str, Any]:
    """Return answers as an answers file has them, with every part."""
    data = {part: _copied(getattr(found, part)) for part in answers.PARTS}
    data["ports"] = {name: {str(port): host for port, host in ports.items()} for name, ports in found.ports.items()}
    return data


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return list(value) if isinstance(value, list) else value


def _answers(data: dict[str, Any]) -> Answers:
    ports = {
        name: {int(port): _number(host) or host for port, host in ports.items()}
        for name, ports in data["ports"].items()
    }
    return Answers(**{**data, "ports": ports})


def _known(definition: Definition, stored: Answers) -> dict[str, Any]:
    """Return the stored answers to questions that the definition asks, as an answers file has them."""
    data = _parts(stored)
    asked: dict[str, Questions] = {
        "shares": lambda spec: spec.volumes,
        "ports": lambda spec: map(str, spec.port_specs),
        "devices": lambda spec: spec.devices,
        "environment": lambda spec: spec.environment,
    }
    for part, questions in asked.items():
        data[part] = {
            name: {key: value for key, value in data[part][name].items() if key in set(questions(spec))}
            for name, spec in definition.containers.items()
            if name in data[part]
        }
    data["custom_config"] = {k: v for k, v in data["custom_config"].items() if k in definition.custom_config}
    return data


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
