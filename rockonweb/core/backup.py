"""A backup: everything that an instance knows, in one JSON file, without the data in the shares and without accounts.

    {
      "rockonweb_backup": 1,            the format's version; a reader refuses a newer one
      "program": "0.1.0",               the version of the program that wrote it
      "made": "2026-01-31T12:00:00+00:00",
      "rockons": [{
        "name": "Notes",
        "running": true,                false: it was stopped, and a restore leaves it stopped
        "definition": {…},              what it was installed from, as in a definition file
        "newest": {…},                  what the catalogue had; left out where it is the same
        "answers": {…},                 as `rockonweb answers` prints them, with what was added after the install
        "volumes": [{"container": "notes", "volume": "0f3a…", "destination": "/cache"}]
      }],                               volumes: those that Docker made; attached again where they still exist
      "networks": [{"name": "mine", "subnet": "10.9.0.0/24", …}],
      "shares": [{"name": "notes-data", "uid": 0, "gid": 0}],      names and owners, no data
      "definitions": [{"file": "notes.json", "text": "…"}],        the files of the local metastore
      "metastores": [{"place": "https://example.org/rockons", "enabled": true}],
      "secrets": {"kdf": "scrypt", "n": 65536, "r": 8, "p": 1, "salt": "…", "cipher": "fernet", "data": "…"}
    }

A secret is the value of a variable or label whose name or question says so, every custom setting, and the address of
a metastore with a password in it. In the file stands null in its place (a label becomes {"withheld": KEY}, a metastore
gets "withheld": true). "secrets" is null, or holds them all, encrypted: a JSON list of objects with `rockon`, `part`,
`container`, `key` and `value`, as a Fernet token under the key that scrypt makes from the passphrase. Accounts, tokens
and the instance's own key are never in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from rockonweb.core import answers as core_answers
from rockonweb.core.answers import Answers, share_fault
from rockonweb.core.definition import MAX_BYTES as MAX_DEFINITION
from rockonweb.core.definition import (
    Definition,
    DefinitionFaults,
    SecretChoices,
    canonical,
    from_source,
    is_mount_point,
    parse,
)
from rockonweb.core.errors import BadInput
from rockonweb.core.networks import NetworkSpec, name_fault
from rockonweb.core.text import joined, t

FORMAT = 1
MARK = "rockonweb_backup"
MAX_BYTES = 10_000_000  # of a file; a backup of a hundred rock-ons has 2 MB
MAX_FAULTS = 20
MOST = {"rockons": 500, "networks": 500, "shares": 2000, "definitions": 1000, "metastores": 100}
MAX_TEXT = 100_000  # characters of one value
VOLUME = re.compile(r"[0-9a-f]{64}")  # the name of a volume that Docker made
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,200}={0,2}")
LARGEST_ID = 2**32 - 2  # of a user or group


class Hidden(NamedTuple):
    """Where a secret belongs. Of a metastore, `part` is "metastores" and `key` its address without the password."""

    rockon: str
    part: str
    container: str
    key: str


@dataclass(frozen=True)
class Volume:
    """A volume that Docker made for a container."""

    container: str
    volume: str
    destination: str


@dataclass(frozen=True)
class SavedRockOn:
    """An installed rock-on. `given` are its answers as an answers file has them, with null for a withheld secret."""

    name: str
    running: bool
    source: str  # canonical text of what it was installed from
    newest: str
    given: Mapping[str, Any] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    secrets: SecretChoices = field(default_factory=dict)  # what people chose to be a secret, or not to be one

    @property
    def definition(self) -> Definition:
        """What it was installed from."""
        return from_source(self.name, self.source).with_secrets(self.secrets)

    @property
    def hidden(self) -> list[Hidden]:
        """The secrets that are withheld."""
        return [place for place, value in _values(self) if value is None]

    def answers(self) -> Answers:
        """Return its answers; none may be withheld any more. Raises BadInput."""
        return core_answers.read(self.definition, self.given, lambda _container, port: port)


@dataclass(frozen=True)
class Share:
    """A share's name and owner."""

    name: str
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class Metastore:
    """A metastore that was added. `address` is None where a password is withheld, which `place` is without."""

    place: str
    enabled: bool
    address: str | None

    @property
    def hidden(self) -> Hidden:
        """The place of its password."""
        return Hidden("", "metastores", "", self.place)


@dataclass(frozen=True)
class Sealed:
    """Encrypted secrets, and how the key is made from the passphrase."""

    n: int
    r: int
    p: int
    salt: str
    data: str


@dataclass(frozen=True)
class Backup:
    """What is in a backup."""

    program: str
    made: str
    rockons: tuple[SavedRockOn, ...] = ()
    networks: tuple[NetworkSpec, ...] = ()
    shares: tuple[Share, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)
    metastores: tuple[Metastore, ...] = ()
    sealed: Sealed | None = None

    @property
    def hidden(self) -> list[Hidden]:
        """The secrets that are withheld."""
        stores = [store.hidden for store in self.metastores if store.address is None]
        return [place for rockon in self.rockons for place in rockon.hidden] + stores


def bare(address: str) -> str:
    """Return an address without a name and password in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else address


# -- secrets ------------------------------------------------------------------------------------------------------


def withhold(backup: Backup) -> tuple[Backup, dict[Hidden, str]]:
    """Return a backup without its secrets, and the secrets."""
    taken: dict[Hidden, str] = {}
    rockons = []
    for rockon in backup.rockons:
        found = {place: value for place, value in _values(rockon) if value and _is_secret(rockon.definition, place)}
        taken |= found
        rockons.append(_replaced(rockon, dict.fromkeys(found)))
    stores = []
    for store in backup.metastores:
        if store.address is not None and store.address != store.place:
            taken[store.hidden] = store.address
            store = replace(store, address=None)
        stores.append(store)
    return replace(backup, rockons=tuple(rockons), metastores=tuple(stores)), taken


def fill(backup: Backup, secrets: Mapping[Hidden, str]) -> Backup:
    """Return a backup with these secrets in the places of those that are withheld."""
    stores = [
        replace(store, address=secrets[store.hidden])
        if store.address is None and bare(secrets.get(store.hidden, "")) == store.place
        else store
        for store in backup.metastores
    ]
    rockons = [
        _replaced(rockon, {place: secrets[place] for place in rockon.hidden if place in secrets})
        for rockon in backup.rockons
    ]
    return replace(backup, rockons=tuple(rockons), metastores=tuple(stores))


def _is_secret(definition: Definition, place: Hidden) -> bool:
    if place.part == "custom_config":
        return True
    question = (
        definition.containers[place.container].environment.get(place.key) if place.part == "environment" else None
    )
    return definition.hides(place.container, place.key, question.label if question else "")


def _values(rockon: SavedRockOn) -> Iterator[tuple[Hidden, str | None]]:
    """Yield each value that may be a secret, with its place; None where it is withheld."""
    for part in ("environment", "variables"):
        for container, values in rockon.given.get(part, {}).items():
            for key, value in values.items():
                yield Hidden(rockon.name, part, container, key), value
    for key, value in rockon.given.get("custom_config", {}).items():
        yield Hidden(rockon.name, "custom_config", "", key), value
    for container, labels in rockon.given.get("labels", {}).items():
        for label in labels:
            key, _, value = ("", "", None) if isinstance(label, dict) else label.partition("=")
            yield Hidden(rockon.name, "labels", container, label["withheld"] if value is None else key), value


def _replaced(rockon: SavedRockOn, values: Mapping[Hidden, str | None]) -> SavedRockOn:
    """Return a rock-on with other values in some places; each stays where it stands in the order."""

    def new(part: str, container: str, key: str, old: Any) -> Any:
        return values.get(Hidden(rockon.name, part, container, key), old)

    def label(container: str, old: Any) -> Any:
        key = old["withheld"] if isinstance(old, dict) else old.partition("=")[0]
        place = Hidden(rockon.name, "labels", container, key)
        if place not in values:
            return old
        return {"withheld": key} if values[place] is None else f"{key}={values[place]}"

    given = dict(rockon.given)
    for part in ("environment", "variables"):
        if part in given:
            given[part] = {
                container: {key: new(part, container, key, old) for key, old in asked.items()}
                for container, asked in given[part].items()
            }
    if "custom_config" in given:
        asked = given["custom_config"]
        given["custom_config"] = {key: new("custom_config", "", key, old) for key, old in asked.items()}
    if "labels" in given:
        given["labels"] = {
            container: [label(container, old) for old in labels] for container, labels in given["labels"].items()
        }
    return replace(rockon, given=given)


def secrets_to_json(secrets: Mapping[Hidden, str]) -> str:
    """Return secrets as they are encrypted."""
    return json.dumps([{**place._asdict(), "value": value} for place, value in secrets.items()])


def read_secrets(text: str) -> dict[Hidden, str]:
    """Return what `secrets_to_json` wrote. Raises BadInput."""
    try:
        return {Hidden(*(str(one[key]) for key in Hidden._fields)): _text(one["value"]) for one in json.loads(text)}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInput(t("The secrets in the backup are damaged.")) from None


# -- writing ------------------------------------------------------------------------------------------------------


def to_json(backup: Backup) -> str:
    """Return the text of a backup."""
    body = {
        MARK: FORMAT,
        "program": backup.program,
        "made": backup.made,
        "rockons": [
            {
                "name": rockon.name,
                "running": rockon.running,
                "definition": json.loads(rockon.source),
                **({"newest": json.loads(rockon.newest)} if rockon.newest != rockon.source else {}),
                "answers": rockon.given,
                "volumes": [vars(volume) for volume in rockon.volumes],
                **({"secrets": rockon.secrets} if rockon.secrets else {}),
            }
            for rockon in backup.rockons
        ],
        "networks": [vars(network) for network in backup.networks],
        "shares": [vars(share) for share in backup.shares],
        "definitions": [{"file": file, "text": text} for file, text in backup.definitions.items()],
        "metastores": [
            {"place": store.place, "enabled": store.enabled, "withheld": True}
            if store.address is None
            else {"place": store.address, "enabled": store.enabled}
            for store in backup.metastores
        ],
        "secrets": {"kdf": "scrypt", "cipher": "fernet", **vars(backup.sealed)} if backup.sealed else None,
    }
    return json.dumps(body, indent=1, ensure_ascii=False)


# -- reading ------------------------------------------------------------------------------------------------------


def read(content: bytes | str) -> Backup:
    """Return the backup that a file holds. Raises BadInput with a sentence for each fault, never anything else."""
    if len(content) > MAX_BYTES:
        raise BadInput(t("The file is larger than 10 MB, which no backup is."), t("Choose another file."))
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        data = json.loads(text, parse_float=str, parse_constant=_no_constant)
        canonical({"": data}).encode()
    except UnicodeError:
        raise _no_backup(t("it is not text in UTF-8")) from None
    except RecursionError:
        raise _no_backup(t("it is nested too deeply")) from None
    except ValueError as error:
        raise _no_backup(t("it is not JSON, or was cut off: %(why)s", why=str(error)[:200])) from None
    if not isinstance(data, dict) or MARK not in data:
        raise _no_backup(t('it has no "%(mark)s"', mark=MARK))
    version = data[MARK]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _no_backup(t("its version is no number"))
    if version > FORMAT:
        raise BadInput(
            t(
                "This backup was made by a newer Rockonweb, %(program)s.",
                program=str(data.get("program", "?"))[:40],
            ),
            t("Update this one first."),
        )
    return _Reader(data).backup()


def _no_backup(why: str) -> BadInput:
    return BadInput(
        t("This is no backup of Rockonweb: %(why)s.", why=why), t("Choose a file that a Rockonweb made as a backup.")
    )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a value")


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        raise TypeError
    return value


class _Reader:
    """Takes a backup out of JSON from anywhere, and collects what is wrong with it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.faults: list[str] = []

    def backup(self) -> Backup:
        found = Backup(
            program=self._short("program"),
            made=self._short("made"),
            rockons=tuple(self._unique("rockons", self._rockon, lambda one: one.name)),
            networks=tuple(self._unique("networks", self._network, lambda one: one.name)),
            shares=tuple(self._unique("shares", self._share, lambda one: one.name)),
            definitions=dict(self._unique("definitions", self._definition, lambda one: one[0])),
            metastores=tuple(self._unique("metastores", self._metastore, lambda one: one.place)),
            sealed=self._sealed(),
        )
        if self.faults:
            more = len(self.faults) - MAX_FAULTS
            told = self.faults[:MAX_FAULTS] + ([t("and %(count)d more", count=more)] if more > 0 else [])
            raise BadInput(t("The backup can't be used."), t("Nothing was changed."), faults=told)
        return found

    def _short(self, key: str) -> str:
        value = self.data.get(key, "")
        return value[:100] if isinstance(value, str) and value.isprintable() else ""

    def _unique(self, part: str, read: Any, name_of: Any) -> Iterator[Any]:
        entries = self.data.get(part) or []
        if not isinstance(entries, list):
            self.faults.append(t("%(part)s: must be a list.", part=part))
            return
        if len(entries) > MOST[part]:
            self.faults.append(t("%(part)s: has more than %(most)s entries.", part=part, most=MOST[part]))
            return
        seen = set()
        for place, entry in enumerate(entries):
            here = f"{part}.{place}"
            try:
                if not isinstance(entry, dict):
                    raise TypeError
                one = read(here, entry)
            except (TypeError, KeyError, ValueError, AttributeError):
                self.faults.append(t("%(here)s: it is not as a backup has it.", here=here))
                continue
            if one is None:
                continue
            if (name := name_of(one)) in seen:
                self.faults.append(t('%(here)s: "%(name)s" stands there twice.', here=here, name=name[:100]))
            seen.add(name)
            yield one

    def _rockon(self, here: str, entry: Mapping[str, Any]) -> SavedRockOn | None:
        name = _text(entry["name"])
        here = f"{here} ({name[:100]})"
        source = self._source(f"{here}.definition", name, entry["definition"])
        newest = self._source(f"{here}.newest", name, entry["newest"]) if "newest" in entry else source
        given = entry["answers"]
        running = entry["running"]
        if source is None or newest is None:
            return None
        if not isinstance(given, dict) or not isinstance(running, bool):
            raise TypeError
        volumes = tuple(
            Volume(_text(one["container"]), _text(one["volume"]), _text(one["destination"]))
            for one in entry.get("volumes") or ()
        )
        found = SavedRockOn(name, running, source, newest, given, volumes, self._secrets(entry.get("secrets") or {}))
        known = found.definition.containers
        for volume in volumes:
            if volume.container not in known or not VOLUME.fullmatch(volume.volume):
                self.faults.append(t("%(here)s.volumes: one is not as a backup has it.", here=here))
            elif not is_mount_point(volume.destination):
                self.faults.append(t("%(here)s.volumes: a path in a container is absolute.", here=here))
        hidden = found.hidden
        try:
            read = _replaced(found, dict.fromkeys(hidden, "x")).answers()
        except BadInput as error:
            self.faults += [joined(": ", (f"{here}.answers", fault)) for fault in error.faults]
            return None
        return _replaced(replace(found, given=read.to_json()), dict.fromkeys(hidden))

    @staticmethod
    def _secrets(choices: Any) -> SecretChoices:
        if not isinstance(choices, dict) or not all(isinstance(chosen, dict) for chosen in choices.values()):
            raise TypeError
        if not all(isinstance(secret, bool) for chosen in choices.values() for secret in chosen.values()):
            raise TypeError
        return choices

    def _source(self, here: str, name: str, body: Any) -> str | None:
        try:
            found = parse(json.dumps({name: body}, ensure_ascii=False))
        except DefinitionFaults as error:
            self.faults += [joined(": ", (here, fault.words)) for fault in error.faults]
            return None
        return found[0].source

    def _network(self, here: str, entry: Mapping[str, Any]) -> NetworkSpec | None:
        kinds = {one.name: one.default for one in fields(NetworkSpec)}
        given: dict[str, Any] = {}
        for key, value in entry.items():
            if key not in kinds:
                raise KeyError(key)
            if key == "aux_addresses":
                value = tuple((_text(name), _text(address)) for name, address in value)
            elif key == "mtu":
                if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                    raise TypeError
            elif isinstance(kinds[key], bool):
                if not isinstance(value, bool):
                    raise TypeError
            else:
                _text(value)
            given[key] = value
        if fault := name_fault(given["name"]):
            self.faults.append(joined(": ", (here, fault)))
            return None
        return NetworkSpec(**given)

    def _share(self, here: str, entry: Mapping[str, Any]) -> Share | None:
        name = _text(entry["name"])
        for key in ("uid", "gid"):
            value = entry.get(key, 0)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_ID:
                raise TypeError
        if fault := t("A share has no slash.") if "/" in name else share_fault(name):
            self.faults.append(joined(": ", (here, fault)))
            return None
        return Share(name, entry.get("uid", 0), entry.get("gid", 0))

    def _definition(self, here: str, entry: Mapping[str, Any]) -> tuple[str, str]:
        file, text = _text(entry["file"]), entry["text"]
        if not isinstance(text, str) or len(text.encode()) > MAX_DEFINITION:
            raise TypeError
        if not re.fullmatch(r"[^/\0]{1,200}", file) or not file.isprintable() or file.startswith("."):
            self.faults.append(t("%(here)s: this is no name for a file.", here=here))
        return file, text

    def _metastore(self, here: str, entry: Mapping[str, Any]) -> Metastore:
        place, enabled, withheld = _text(entry["place"]), entry["enabled"], entry.get("withheld", False)
        if not isinstance(enabled, bool) or not isinstance(withheld, bool) or not place.isprintable():
            raise TypeError
        return Metastore(bare(place), enabled, None if withheld else place)

    def _sealed(self) -> Sealed | None:
        entry = self.data.get("secrets")
        if entry is None:
            return None
        try:
            numbers = [entry[key] for key in ("n", "r", "p")]
            whole = all(isinstance(one, int) and not isinstance(one, bool) for one in numbers)
            n, r, p = numbers
            # As much memory and time as a passphrase is worth; a hostile file could ask for any.
            if not whole or not (n >= 2**10 and n & (n - 1) == 0 and r >= 1 and n * r <= 2**20 and p in (1, 2, 3, 4)):
                raise ValueError
            if (entry["kdf"], entry["cipher"]) != ("scrypt", "fernet") or not BASE64.fullmatch(entry["salt"]):
                raise ValueError
            data = entry["data"]
            if not isinstance(data, str) or not data.isascii():
                raise TypeError
        except (TypeError, KeyError, ValueError):
            self.faults.append(t("secrets: they are not encrypted as a backup has them."))
            return None
        return Sealed(n, r, p, entry["salt"], data)


def names(places: Iterable[Hidden]) -> list[str]:
    """Return what is withheld in words: the key, and the container where it has one."""
    return [f"{place.key} ({place.container})" if place.container else place.key for place in places]
