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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainValidator,
    Strict,
    StrictBool,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from rockonweb.core.answers import answers as core_answers
from rockonweb.core.answers.answers import Answers, share_fault
from rockonweb.core.containers.networks import NetworkSpec, name_fault
from rockonweb.core.definition.definition import MAX_BYTES as MAX_DEFINITION
from rockonweb.core.definition.definition import (
    Definition,
    DefinitionFaults,
    canonical,
    from_source,
    is_mount_point,
    load,
    parse,
    sentence,
)
from rockonweb.core.errors import BadInput
from rockonweb.core.invisible import one_line
from rockonweb.core.secret import without_password
from rockonweb.core.text import joined, reworded, t

FORMAT = 1
MARK = "rockonweb_backup"
MAX_BYTES = 10_000_000  # of a file; a backup of a hundred rock-ons has 2 MB
MAX_FAULTS = 20
MAX_TEXT = 100_000  # characters of one value
UNSHOWN = r"\p{C}\p{Zl}\p{Zp}"  # signs that nobody sees
LARGEST_ID = 2**32 - 2  # of a user or group


def _refuse(fault_of: Callable[[Any], str]) -> AfterValidator:
    """Refuse a value of which a function says what is wrong with it."""

    def check(value: Any) -> Any:
        if fault := fault_of(value):
            raise ValueError(fault)
        return value

    return AfterValidator(check)


def _once(name_of: Callable[[Any], str]) -> AfterValidator:
    """Refuse entries of which two have one name."""

    def twice(entries: Iterable[Any]) -> str:
        found = Counter(map(name_of, entries)).most_common(1)
        return t('"%(name)s" stands there twice', name=found[0][0][:100]) if found and found[0][1] > 1 else ""

    return _refuse(twice)


def _share_fault(name: str) -> str:
    return t("A share has no slash.") if "/" in name else share_fault(name)


def _network_fault(spec: NetworkSpec) -> str:
    nul = "\0" in "".join((spec.comment, *(name for name, _ in spec.aux_addresses)))
    return name_fault(spec.name) or (t("contains a NUL character, which no command line can carry") if nul else "")


def _path_fault(path: str) -> str:
    return "" if is_mount_point(path) else t("a volume is an absolute path without a colon, and not / itself")


def _cost_fault(sealed: Sealed) -> str:
    """As much memory and time as a passphrase is worth; a hostile file could ask for any."""
    bounded = sealed.n & (sealed.n - 1) == 0 and sealed.n * sealed.r <= 2**20
    return "" if bounded else t("they are not encrypted as a backup has them")


def _source(body: Any, read: ValidationInfo) -> str:
    """Return the canonical text of a definition."""
    try:
        return parse(json.dumps({read.data.get("name", "?"): body}, ensure_ascii=False))[0].source
    except DefinitionFaults as error:
        raise ValueError(*(fault.words for fault in error.faults)) from None


def _newest(body: Any, read: ValidationInfo) -> str:
    """Return the canonical text of what the catalogue had; where it is left out, that is what was installed."""
    installed: str = read.data.get("source", "")
    return installed if body == "" else _source(body, read)


def _complete(given: Any, read: ValidationInfo) -> Mapping[str, Any]:
    """Return all answers to the definition, with null for a withheld secret."""
    if not {"name", "source"} <= read.data.keys():
        return {}
    found = SavedRockOn(read.data["name"], True, read.data["source"], "", given)
    try:
        hidden = dict.fromkeys(found.hidden)
        complete = _replaced(found, dict.fromkeys(hidden, "x")).answers()
    except BadInput as error:
        raise ValueError(*error.faults) from None
    except (TypeError, KeyError, ValueError, AttributeError):
        raise ValueError(t("it is not as a backup has it")) from None
    return _replaced(replace(found, given=complete.to_json()), hidden).given


def _of_containers(volumes: tuple[Volume, ...], read: ValidationInfo) -> tuple[Volume, ...]:
    if source := read.data.get("source"):
        strange = {one.container for one in volumes} - from_source("", source).containers.keys()
        if strange:
            raise ValueError(*(t('"%(name)s" is not a container of this rock-on', name=one) for one in sorted(strange)))
    return volumes


def _short(value: object) -> str:
    return value[:100] if isinstance(value, str) and value.isprintable() else ""


Network = Annotated[NetworkSpec, _refuse(_network_fault)]
Whole = Annotated[int, Strict()]
Id = Annotated[Whole, Field(ge=0, le=LARGEST_ID)]


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
    volume: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    destination: Annotated[str, _refuse(_path_fault)]


@dataclass(frozen=True)
class SavedRockOn:
    """An installed rock-on. `given` are its answers as an answers file has them, with null for a withheld secret."""

    name: str
    running: StrictBool
    source: Annotated[str, Field(alias="definition"), PlainValidator(_source)]  # canonical text
    newest: Annotated[str, Field(default="", validate_default=True), PlainValidator(_newest)]
    given: Annotated[Mapping[str, Any], Field(alias="answers"), PlainValidator(_complete)]
    volumes: Annotated[tuple[Volume, ...], AfterValidator(_of_containers)] = ()
    # What people chose to be a secret, or not to be one.
    secrets: Mapping[str, Mapping[str, StrictBool]] = field(default_factory=dict)

    @property
    def definition(self) -> Definition:
        """What it was installed from."""
        return from_source(self.name, self.source).with_secrets(self.secrets)

    @property
    def hidden(self) -> list[Hidden]:
        """The secrets that are withheld."""
        return [place for place, value in _values(self).items() if value is None]

    def answers(self) -> Answers:
        """Return its answers; none may be withheld any more. Raises BadInput."""
        return core_answers.read(self.definition, self.given, lambda _container, port: port)


@dataclass(frozen=True)
class Share:
    """A share's name and owner."""

    name: Annotated[str, _refuse(_share_fault)]
    uid: Id = 0
    gid: Id = 0


@dataclass(frozen=True)
class Metastore:
    """A metastore that was added. Where a password is `withheld`, its address is without that, as `place` always is."""

    address: Annotated[str, Field(alias="place", pattern=f"^[^{UNSHOWN}]*$", max_length=MAX_TEXT)]
    enabled: StrictBool
    withheld: StrictBool = False

    @property
    def place(self) -> str:
        """Its address without a password."""
        return without_password(self.address)

    @property
    def hidden(self) -> Hidden:
        """The place of its password."""
        return Hidden("", "metastores", "", self.place)


@dataclass(frozen=True)
class Sealed:
    """Encrypted secrets, and how the key is made from the passphrase."""

    n: Annotated[Whole, Field(ge=2**10)]
    r: Annotated[Whole, Field(ge=1)]
    p: Annotated[Whole, Field(ge=1, le=4)]
    salt: Annotated[str, Field(pattern="^[A-Za-z0-9+/_-]{8,200}={0,2}$")]
    data: Annotated[str, Field(pattern="^[ -~]*$")]
    kdf: Literal["scrypt"] = "scrypt"
    cipher: Literal["fernet"] = "fernet"


class _DefinitionFile(BaseModel):
    file: Annotated[str, Field(pattern=f"^[^./{UNSHOWN}][^/{UNSHOWN}]*$", max_length=200)]
    text: Annotated[str, Field(max_length=MAX_DEFINITION)]


_FILES: TypeAdapter[tuple[_DefinitionFile, ...]] = TypeAdapter(
    Annotated[tuple[_DefinitionFile, ...], Field(max_length=1000), _once(lambda one: one.file)]
)


def _texts(files: Any) -> dict[str, str]:
    return {one.file: one.text for one in _FILES.validate_python(files)}


@dataclass(frozen=True)
class Backup:
    """What is in a backup."""

    program: Annotated[str, PlainValidator(_short)] = ""
    made: Annotated[str, PlainValidator(_short)] = ""
    rockons: Annotated[tuple[SavedRockOn, ...], Field(max_length=500), _once(lambda one: one.name)] = ()
    networks: Annotated[tuple[Network, ...], Field(max_length=500), _once(lambda one: one.name)] = ()
    shares: Annotated[tuple[Share, ...], Field(max_length=2000), _once(lambda one: one.name)] = ()
    definitions: Annotated[Mapping[str, str], PlainValidator(_texts)] = field(default_factory=dict)
    metastores: Annotated[tuple[Metastore, ...], Field(max_length=100), _once(lambda one: one.place)] = ()
    sealed: Annotated[Annotated[Sealed, _refuse(_cost_fault)] | None, Field(alias="secrets")] = None

    @property
    def hidden(self) -> list[Hidden]:
        """The secrets that are withheld."""
        stores = [store.hidden for store in self.metastores if store.withheld]
        return [place for rockon in self.rockons for place in rockon.hidden] + stores


# -- secrets ------------------------------------------------------------------------------------------------------


def withhold(backup: Backup) -> tuple[Backup, dict[Hidden, str]]:
    """Return a backup without its secrets, and the secrets."""
    taken: dict[Hidden, str] = {}
    rockons = []
    for rockon in backup.rockons:
        found = {
            place: value for place, value in _values(rockon).items() if value and _is_secret(rockon.definition, place)
        }
        taken |= found
        rockons.append(_replaced(rockon, dict.fromkeys(found)))
    stores = []
    for store in backup.metastores:
        if not store.withheld and store.address != store.place:
            taken[store.hidden] = store.address
            store = replace(store, address=store.place, withheld=True)
        stores.append(store)
    return replace(backup, rockons=tuple(rockons), metastores=tuple(stores)), taken


def fill(backup: Backup, secrets: Mapping[Hidden, str]) -> Backup:
    """Return a backup with these secrets in the places of those that are withheld."""
    stores = [
        replace(store, address=secrets[store.hidden], withheld=False)
        if store.withheld and without_password(secrets.get(store.hidden, "")) == store.place
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


def _changed(rockon: SavedRockOn, change: Callable[[Hidden, str | None], str | None]) -> SavedRockOn:
    """Return a rock-on with a change made to each value that may be a secret, None where that is withheld."""

    def values(part: str, container: str, given: Mapping[str, Any]) -> dict[str, Any]:
        return {key: change(Hidden(rockon.name, part, container, key), old) for key, old in given.items()}

    def label(container: str, old: Any) -> Any:
        key, _, value = (old["withheld"], "", None) if isinstance(old, dict) else old.partition("=")
        new = change(Hidden(rockon.name, "labels", container, key), value)
        return old if new == value else {"withheld": key} if new is None else f"{key}={new}"

    given = dict(rockon.given)
    for part in ("environment", "variables"):
        if part in given:
            given[part] = {container: values(part, container, asked) for container, asked in given[part].items()}
    if "custom_config" in given:
        given["custom_config"] = values("custom_config", "", given["custom_config"])
    if "labels" in given:
        given["labels"] = {name: [label(name, old) for old in labels] for name, labels in given["labels"].items()}
    return replace(rockon, given=given)


def _values(rockon: SavedRockOn) -> dict[Hidden, str | None]:
    """Return each value that may be a secret by its place, None where it is withheld."""
    found: dict[Hidden, str | None] = {}
    _changed(rockon, found.setdefault)
    return found


def _replaced(rockon: SavedRockOn, values: Mapping[Hidden, str | None]) -> SavedRockOn:
    """Return a rock-on with other values in some places; each stays where it stands in the order."""
    return _changed(rockon, lambda place, old: values.get(place, old))


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
            {"place": store.address, "enabled": store.enabled, **({"withheld": True} if store.withheld else {})}
            for store in backup.metastores
        ],
        "secrets": vars(backup.sealed) if backup.sealed else None,
    }
    return json.dumps(body, indent=1, ensure_ascii=False)


# -- reading ------------------------------------------------------------------------------------------------------


def read(content: bytes | str) -> Backup:
    """Return the backup that a file holds. Raises BadInput with a sentence for each fault, never anything else."""
    if len(content) > MAX_BYTES:
        raise BadInput(t("The file is larger than 10 MB, which no backup is."), t("Choose another file."))
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        data = load(text)
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
    try:
        return TypeAdapter(Backup).validate_python(data)
    except ValidationError as error:
        faults = list(_sentences(error, data))
    more = len(faults) - MAX_FAULTS
    told = faults[:MAX_FAULTS] + ([t("and %(count)d more", count=more)] if more > 0 else [])
    raise BadInput(t("The backup can't be used."), t("Nothing was changed."), faults=told)


def _no_backup(why: str) -> BadInput:
    return BadInput(
        t("This is no backup of Rockonweb: %(why)s.", why=why), t("Choose a file that a Rockonweb made as a backup.")
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        raise TypeError
    return value


def _sentences(error: ValidationError, data: Mapping[str, Any]) -> Iterator[str]:
    """Yield each fault with its path, in which a rock-on has its name too. They quote the file."""
    for fault in error.errors():
        path = [str(step) for step in fault["loc"]]
        if path[0] == "rockons" and len(path) > 2:
            path[1] += f" ({str(data['rockons'][int(path[1])].get('name', '?'))[:100]})"
        ours = fault.get("ctx", {}).get("error")
        for said in ours.args if ours else [sentence(fault)]:
            yield joined(": ", (one_line(".".join(path)), reworded(said, one_line)))


def names(places: Iterable[Hidden]) -> list[str]:
    """Return what is withheld in words: the key, and the container where it has one."""
    return [f"{place.key} ({place.container})" if place.container else place.key for place in places]
