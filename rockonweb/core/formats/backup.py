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
      }],                               volumes: those that Docker created; attached again where they still exist
      "networks": [{"name": "mine", "subnet": "10.9.0.0/24", …}],
      "shares": [{"name": "notes-data", "uid": 0, "gid": 0}],      names and owners, no data
      "definitions": [{"file": "notes.json", "text": "…"}],        the files of the local metastore
      "metastores": [{"place": "https://example.org/rockons", "enabled": true}],
      "secrets": {"kdf": "scrypt", "n": 65536, "r": 8, "p": 1, "salt": "…", "cipher": "fernet", "data": "…"}
    }

A secret is the value of a variable or label whose name or question says so, every custom setting, and the address of
a metastore with a password in it. In the file, null replaces it (a label becomes {"withheld": KEY}, a metastore
gets "withheld": true). "secrets" is null, or holds them all, encrypted: a JSON list of objects with `rockon`, `part`,
`container`, `key` and `value`, as a Fernet token under a key that scrypt derives from the passphrase. Accounts, tokens
and the instance's own key are never in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

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
from rockonweb.core.command_size import MAX_WORD_BYTES
from rockonweb.core.containers.networks import NetworkSpec, network_name_fault
from rockonweb.core.definition.definition import Definition, is_mount_point
from rockonweb.core.definition.parser import MAX_BYTES as MAX_DEFINITION
from rockonweb.core.definition.parser import (
    InvalidDefinition,
    canonical_json,
    definition_from_source,
    describe_validation_error,
    load_json,
    parse_definitions,
)
from rockonweb.core.errors import BadInput
from rockonweb.core.formats.restored import SecretLocation
from rockonweb.core.invisible import one_line
from rockonweb.core.secret import without_password
from rockonweb.core.text import join_texts, map_text_values, t

FORMAT_VERSION = 1
FORMAT_KEY = "rockonweb_backup"
MAX_BYTES = 10_000_000  # of a file; a backup of a hundred rock-ons has 2 MB
MAX_FAULTS = 20
MAX_TEXT = MAX_WORD_BYTES  # characters of one value
INVISIBLE = r"\p{C}\p{Zl}\p{Zp}"  # invisible characters
MAX_ID = 2**32 - 2  # of a user or group


def _fault_validator(fault_of: Callable[[Any], str]) -> AfterValidator:
    """Return a validator that rejects a value for which `fault_of` returns a fault."""

    def raise_fault(value: Any) -> Any:
        if fault := fault_of(value):
            raise ValueError(fault)
        return value

    return AfterValidator(raise_fault)


def _unique_by(name_of: Callable[[Any], str]) -> AfterValidator:
    """Return a validator that rejects entries with the same name."""

    def duplicate_fault(entries: Iterable[Any]) -> str:
        repeated = Counter(map(name_of, entries)).most_common(1)
        return t('"%(name)s" is listed twice', name=repeated[0][0][:100]) if repeated and repeated[0][1] > 1 else ""

    return _fault_validator(duplicate_fault)


def _share_name_fault(name: str) -> str:
    return t("A share name can't contain a slash.") if "/" in name else share_fault(name, None)


def _network_spec_fault(spec: NetworkSpec) -> str:
    has_nul = "\0" in "".join((spec.comment, *(name for name, _ in spec.aux_addresses)))
    return network_name_fault(spec.name) or (
        t("contains a NUL character, which can't be passed on a command line") if has_nul else ""
    )


def _mount_point_fault(path: str) -> str:
    return "" if is_mount_point(path) else t("a volume must be an absolute path without a colon, and not / itself")


def _scrypt_cost_fault(sealed: EncryptedSecrets) -> str:
    """Return a fault where scrypt would need too much memory and time; a hostile file could ask for any."""
    bounded = sealed.n & (sealed.n - 1) == 0 and sealed.n * sealed.r <= 2**20
    return "" if bounded else t("the encryption does not match that of a backup")


def _canonical_source(body: Any, info: ValidationInfo) -> str:
    """Return the canonical text of a definition."""
    try:
        return parse_definitions(json.dumps({info.data.get("name", "?"): body}, ensure_ascii=False))[0].source
    except InvalidDefinition as error:
        raise ValueError(*(fault.message_with_path for fault in error.faults)) from None


def _newest_source(body: Any, info: ValidationInfo) -> str:
    """Return the canonical text of the catalogue's definition; where it is left out, that of the installed one."""
    installed: str = info.data.get("source", "")
    return installed if body == "" else _canonical_source(body, info)


def _complete_answers(body: Any, info: ValidationInfo) -> Mapping[str, Any]:
    """Return all answers to the definition, with null for a withheld secret."""
    if not {"name", "source"} <= info.data.keys():
        return {}
    saved = SavedRockOn(info.data["name"], True, info.data["source"], "", body)
    try:
        withheld = dict.fromkeys(saved.withheld_secrets)
        complete = _replace_values(saved, dict.fromkeys(withheld, "x")).parse_answers()
    except BadInput as error:
        raise ValueError(*error.faults) from None
    except (TypeError, KeyError, ValueError, AttributeError):
        raise ValueError(t("the format does not match that of a backup")) from None
    return _replace_values(replace(saved, given=complete.to_dict()), withheld).given


def _check_volume_containers(volumes: tuple[SavedVolume, ...], info: ValidationInfo) -> tuple[SavedVolume, ...]:
    if source := info.data.get("source"):
        unknown = {one.container for one in volumes} - definition_from_source("", source).containers.keys()
        if unknown:
            raise ValueError(*(t('"%(name)s" is not a container of this rock-on', name=one) for one in sorted(unknown)))
    return volumes


def _short_text(value: object) -> str:
    return value[:100] if isinstance(value, str) and value.isprintable() else ""


SavedNetwork = Annotated[NetworkSpec, _fault_validator(_network_spec_fault)]
WholeNumber = Annotated[int, Strict()]
OwnerId = Annotated[WholeNumber, Field(ge=0, le=MAX_ID)]


@dataclass(frozen=True)
class SavedVolume:
    """An anonymous volume that Docker created for a container."""

    container: str
    volume: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    destination: Annotated[str, _fault_validator(_mount_point_fault)]


@dataclass(frozen=True)
class SavedRockOn:
    """An installed rock-on. `given` are its answers as an answers file has them, with null for a withheld secret."""

    name: str
    running: StrictBool
    source: Annotated[str, Field(alias="definition"), PlainValidator(_canonical_source)]  # canonical text
    newest: Annotated[str, Field(default="", validate_default=True), PlainValidator(_newest_source)]
    given: Annotated[Mapping[str, Any], Field(alias="answers"), PlainValidator(_complete_answers)]
    volumes: Annotated[tuple[SavedVolume, ...], AfterValidator(_check_volume_containers)] = ()
    # The users' choices of what is a secret and what is not.
    secrets: Mapping[str, Mapping[str, StrictBool]] = field(default_factory=dict)

    @property
    def definition(self) -> Definition:
        """What it was installed from."""
        return definition_from_source(self.name, self.source).with_secrets(self.secrets)

    @property
    def withheld_secrets(self) -> list[SecretLocation]:
        """The secrets that are withheld."""
        return [location for location, value in _secret_values(self).items() if value is None]

    def parse_answers(self) -> Answers:
        """Return its answers. Raises BadInput where one is still withheld."""
        return core_answers.read_answers(self.definition, self.given, lambda _container, port: port)


@dataclass(frozen=True)
class SavedShare:
    """A share's name and owner."""

    name: Annotated[str, _fault_validator(_share_name_fault)]
    uid: OwnerId = 0
    gid: OwnerId = 0


@dataclass(frozen=True)
class SavedMetastore:
    """A metastore that was added. Where a password is `withheld`, its address is without that, as
    `address_without_password` always is.
    """

    address: Annotated[str, Field(alias="place", pattern=f"^[^{INVISIBLE}]*$", max_length=MAX_TEXT)]
    enabled: StrictBool
    withheld: StrictBool = False

    @property
    def address_without_password(self) -> str:
        """Its address without a password."""
        return without_password(self.address)

    @property
    def password_location(self) -> SecretLocation:
        """The location of its password."""
        return SecretLocation("", "metastores", "", self.address_without_password)


@dataclass(frozen=True)
class EncryptedSecrets:
    """Encrypted secrets, and how the key is derived from the passphrase."""

    n: Annotated[WholeNumber, Field(ge=2**10)]
    r: Annotated[WholeNumber, Field(ge=1)]
    p: Annotated[WholeNumber, Field(ge=1, le=4)]
    salt: Annotated[str, Field(pattern="^[A-Za-z0-9+/_-]{8,200}={0,2}$")]
    data: Annotated[str, Field(pattern="^[ -~]*$")]
    kdf: Literal["scrypt"] = "scrypt"
    cipher: Literal["fernet"] = "fernet"


class _DefinitionFile(BaseModel):
    file: Annotated[str, Field(pattern=f"^[^./{INVISIBLE}][^/{INVISIBLE}]*$", max_length=200)]
    text: Annotated[str, Field(max_length=MAX_DEFINITION)]


_DEFINITION_FILES: TypeAdapter[tuple[_DefinitionFile, ...]] = TypeAdapter(
    Annotated[tuple[_DefinitionFile, ...], Field(max_length=1000), _unique_by(lambda one: one.file)]
)


def _definition_texts(files: Any) -> dict[str, str]:
    return {file.file: file.text for file in _DEFINITION_FILES.validate_python(files)}


@dataclass(frozen=True)
class Backup:
    """The contents of a backup."""

    program: Annotated[str, PlainValidator(_short_text)] = ""
    made: Annotated[str, PlainValidator(_short_text)] = ""
    rockons: Annotated[tuple[SavedRockOn, ...], Field(max_length=500), _unique_by(lambda one: one.name)] = ()
    networks: Annotated[tuple[SavedNetwork, ...], Field(max_length=500), _unique_by(lambda one: one.name)] = ()
    shares: Annotated[tuple[SavedShare, ...], Field(max_length=2000), _unique_by(lambda one: one.name)] = ()
    definitions: Annotated[Mapping[str, str], PlainValidator(_definition_texts)] = field(default_factory=dict)
    metastores: Annotated[
        tuple[SavedMetastore, ...], Field(max_length=100), _unique_by(lambda store: store.address_without_password)
    ] = ()
    sealed: Annotated[
        Annotated[EncryptedSecrets, _fault_validator(_scrypt_cost_fault)] | None, Field(alias="secrets")
    ] = None

    @property
    def withheld_secrets(self) -> list[SecretLocation]:
        """The secrets that are withheld."""
        stores = [store.password_location for store in self.metastores if store.withheld]
        return [location for rockon in self.rockons for location in rockon.withheld_secrets] + stores


# -- secrets ------------------------------------------------------------------------------------------------------


def withhold_secrets(backup: Backup) -> tuple[Backup, dict[SecretLocation, str]]:
    """Return a backup without its secrets, and the secrets."""
    secrets: dict[SecretLocation, str] = {}
    rockons = []
    for rockon in backup.rockons:
        rockon_secrets = {
            location: value
            for location, value in _secret_values(rockon).items()
            if value and _is_secret(rockon.definition, location)
        }
        secrets |= rockon_secrets
        rockons.append(_replace_values(rockon, dict.fromkeys(rockon_secrets)))
    stores = []
    for store in backup.metastores:
        if not store.withheld and store.address != store.address_without_password:
            secrets[store.password_location] = store.address
            store = replace(store, address=store.address_without_password, withheld=True)
        stores.append(store)
    return replace(backup, rockons=tuple(rockons), metastores=tuple(stores)), secrets


def fill_secrets(backup: Backup, secrets: Mapping[SecretLocation, str]) -> Backup:
    """Return a backup with these secrets in place of those that are withheld."""
    stores = [
        replace(store, address=secrets[store.password_location], withheld=False)
        if store.withheld
        and without_password(secrets.get(store.password_location, "")) == store.address_without_password
        else store
        for store in backup.metastores
    ]
    rockons = [
        _replace_values(
            rockon, {location: secrets[location] for location in rockon.withheld_secrets if location in secrets}
        )
        for rockon in backup.rockons
    ]
    return replace(backup, rockons=tuple(rockons), metastores=tuple(stores))


def _is_secret(definition: Definition, location: SecretLocation) -> bool:
    if location.part == "custom_config":
        return True
    question = (
        definition.containers[location.container].environment.get(location.key)
        if location.part == "environment"
        else None
    )
    return definition.hides_answer(location.container, location.key, question.label if question else "")


def _map_secret_values(
    rockon: SavedRockOn, transform: Callable[[SecretLocation, str | None], str | None]
) -> SavedRockOn:
    """Return a rock-on with `transform` applied to each value that may be a secret, None where that is withheld."""

    def map_values(part: str, container: str, answers: Mapping[str, Any]) -> dict[str, Any]:
        return {key: transform(SecretLocation(rockon.name, part, container, key), old) for key, old in answers.items()}

    def map_label(container: str, old: Any) -> Any:
        key, _, value = (old["withheld"], "", None) if isinstance(old, dict) else old.partition("=")
        new = transform(SecretLocation(rockon.name, "labels", container, key), value)
        return old if new == value else {"withheld": key} if new is None else f"{key}={new}"

    answers = dict(rockon.given)
    for part in ("environment", "variables"):
        if part in answers:
            answers[part] = {
                container: map_values(part, container, variables) for container, variables in answers[part].items()
            }
    if "custom_config" in answers:
        answers["custom_config"] = map_values("custom_config", "", answers["custom_config"])
    if "labels" in answers:
        answers["labels"] = {
            name: [map_label(name, old) for old in labels] for name, labels in answers["labels"].items()
        }
    return replace(rockon, given=answers)


def _secret_values(rockon: SavedRockOn) -> dict[SecretLocation, str | None]:
    """Return each value that may be a secret by its location, None where it is withheld."""
    values: dict[SecretLocation, str | None] = {}
    _map_secret_values(rockon, values.setdefault)
    return values


def _replace_values(rockon: SavedRockOn, values: Mapping[SecretLocation, str | None]) -> SavedRockOn:
    """Return a rock-on with the values at some locations replaced; their order is kept."""
    return _map_secret_values(rockon, lambda location, old: values.get(location, old))


def secrets_to_json(secrets: Mapping[SecretLocation, str]) -> str:
    """Return secrets as the JSON that is encrypted."""
    return json.dumps([{**location._asdict(), "value": value} for location, value in secrets.items()])


def secrets_from_json(text: str) -> dict[SecretLocation, str]:
    """Return what `secrets_to_json` wrote. Raises BadInput."""
    try:
        return {
            SecretLocation(*(str(entry[key]) for key in SecretLocation._fields)): _require_text(entry["value"])
            for entry in json.loads(text)
        }
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInput(t("The secrets in the backup are damaged.")) from None


# -- writing ------------------------------------------------------------------------------------------------------


def backup_to_json(backup: Backup) -> str:
    """Return the text of a backup."""
    body = {
        FORMAT_KEY: FORMAT_VERSION,
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


def read_backup(content: bytes | str) -> Backup:
    """Return the backup in a file. Raises BadInput with a sentence for each fault, never anything else."""
    if len(content) > MAX_BYTES:
        raise BadInput(t("The file is larger than 10 MB, which is too large for a backup."), t("Choose another file."))
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        data = load_json(text)
        canonical_json({"": data}).encode()
    except UnicodeError:
        raise _no_backup(t("it is not UTF-8 text")) from None
    except RecursionError:
        raise _no_backup(t("it is nested too deeply")) from None
    except ValueError as error:
        raise _no_backup(t("it is not valid JSON, or is incomplete: %(why)s", why=str(error)[:200])) from None
    if not isinstance(data, dict) or FORMAT_KEY not in data:
        raise _no_backup(t('the key "%(mark)s" is missing', mark=FORMAT_KEY))
    version = data[FORMAT_KEY]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _no_backup(t("its version is not a number"))
    if version > FORMAT_VERSION:
        raise BadInput(
            t(
                "This backup was created by a newer version of Rockonweb, %(program)s.",
                program=str(data.get("program", "?"))[:40],
            ),
            t("Update this Rockonweb first."),
        )
    try:
        return TypeAdapter(Backup).validate_python(data)
    except ValidationError as error:
        faults = list(_fault_sentences(error, data))
    omitted = len(faults) - MAX_FAULTS
    shown = faults[:MAX_FAULTS] + ([t("and %(count)d more", count=omitted)] if omitted > 0 else [])
    raise BadInput(t("The backup can't be used."), t("Nothing was changed."), faults=shown)


def _no_backup(why: str) -> BadInput:
    return BadInput(
        t("This is not a Rockonweb backup: %(why)s.", why=why), t("Choose a backup file created by Rockonweb.")
    )


def _require_text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        raise TypeError
    return value


def _fault_sentences(error: ValidationError, data: Mapping[str, Any]) -> Iterator[str]:
    """Yield each fault with its path, in which a rock-on has its name too. Text from the file is escaped."""
    for fault in error.errors():
        path = [str(element) for element in fault["loc"]]
        if path[0] == "rockons" and len(path) > 2:
            path[1] += f" ({str(data['rockons'][int(path[1])].get('name', '?'))[:100]})"
        custom_error = fault.get("ctx", {}).get("error")
        for message in custom_error.args if custom_error else [describe_validation_error(fault)]:
            yield join_texts(": ", (one_line(".".join(path)), map_text_values(message, one_line)))


def secret_names(locations: Iterable[SecretLocation]) -> list[str]:
    """Return secrets as they are listed for users: the key, and the container where it has one."""
    return [f"{location.key} ({location.container})" if location.container else location.key for location in locations]
