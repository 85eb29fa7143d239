"""What the metastores offer: their files as rock-ons, and which of these make up the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rockonweb.catalog.metastore import (
    ROOT,
    FetchedFile,
    FileContent,
    UnusableFile,
    clean_text,
    parse_root,
    read_local_files,
)
from rockonweb.catalog.metastore_client import RemoteMetastore
from rockonweb.catalog.sources import LOCAL_PREFIX, Source, prefix_of_key
from rockonweb.core.definition.definition import InvalidDefinition, ParsedDefinition, parse_definitions
from rockonweb.core.text import map_text_values, t

STARTER_FOLDER = Path(__file__).with_name("starter")


@dataclass
class OfferedFile:
    """A file of a metastore with its rock-ons; `stale` ones are what an earlier refresh kept of it."""

    name: str
    key: str
    rockons: list[ParsedDefinition]
    content: FileContent | None
    stale: bool = False
    reasons: list[str] = field(default_factory=list)


@dataclass
class LoadedMetastore:
    """What a metastore offers. Unless it is `complete`, what it does not mention may still be there."""

    origin: str
    files: list[OfferedFile] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)  # of what has no file
    complete: bool = True
    keys: set[str] = field(default_factory=set)  # whose kept content must go unless a file here has it

    @property
    def loaded_keys(self) -> list[str]:
        """The keys of the files that gave a rock-on."""
        return [file.key for file in self.files if file.rockons]

    @property
    def rockon_names(self) -> set[str]:
        """The names of its rock-ons."""
        return {rockon.definition.name for file in self.files for rockon in file.rockons}

    def rockons_by_name(self) -> dict[str, tuple[ParsedDefinition, OfferedFile]]:
        """Return the rock-ons by name, in the metastore's order. A name that stands in two files is a fault."""
        owners: dict[str, OfferedFile] = {}
        for file in sorted(self.files, key=lambda candidate: candidate.stale):
            for name in [parsed.definition.name for parsed in file.rockons]:
                owner = owners.setdefault(name, file)
                if owner is not file and not file.stale:
                    file.reasons.append(t('the rock-on "%(name)s" is in %(file)s already', name=name, file=owner.name))
        return {
            parsed.definition.name: (parsed, file)
            for file in self.files
            for parsed in file.rockons
            if owners[parsed.definition.name] is file
        }


@dataclass(frozen=True)
class CatalogueOffer:
    """A rock-on that the catalogue shall have, and its place there."""

    origin: str
    parsed: ParsedDefinition
    file: OfferedFile
    position: int

    @property
    def name(self) -> str:
        """The rock-on's identity."""
        return self.parsed.definition.name


def had_remote_rockon(keys: Iterable[str]) -> bool:
    """Whether a rock-on of a remote metastore was ever loaded."""
    return any(not file_key.startswith(LOCAL_PREFIX) and not file_key.endswith(f"/{ROOT}") for file_key in keys)


def load_metastore(source: Source, stored: Mapping[str, FileContent]) -> LoadedMetastore:
    """Fetch or read a metastore. `stored` is what earlier refreshes kept of all of them."""
    return load_remote(source, stored) if source.remote else load_folder(source, stored)


def load_remote(source: Source, stored: Mapping[str, FileContent]) -> LoadedMetastore:
    """Fetch the metastore behind an address; blank is none."""
    metastore = LoadedMetastore(source.origin)
    if not source.place:
        return metastore  # none is configured: what came from one leaves
    remote = RemoteMetastore(source.place, stored)
    root = remote.fetch_root()
    try:
        if root.content is None:
            raise UnusableFile(root.fault)
        root_listing = parse_root(root.content.body)
    except UnusableFile as error:
        metastore.complete, metastore.faults[ROOT] = False, error.args[0]
        return metastore
    # Read as they come: that costs nothing while others are on their way.
    files = {
        fetched.file: _parse_file(fetched, remote.file_key(fetched.file), stored)
        for fetched in remote.fetch_files(list(root_listing.files))
    }
    metastore.files = [
        OfferedFile(ROOT, remote.file_key(ROOT), [], root.content),
        *(files[name] for name in root_listing.files),
    ]
    metastore.faults = root_listing.faults
    metastore.keys = {key for key in stored if prefix_of_key(key) == source.key_prefix}
    return metastore


def load_folder(source: Source, stored: Mapping[str, FileContent]) -> LoadedMetastore:
    """Read a folder of this machine. Only the configured one may be missing: it is made when it is needed."""
    metastore = LoadedMetastore(source.origin)
    folder = Path(source.place)
    try:
        if not source.configured and not folder.exists():
            raise UnusableFile(t("there is no such folder"))
        metastore.files = [
            _parse_file(fetched, source.key_prefix + fetched.file, stored) for fetched in read_local_files(folder)
        ]
    except (UnusableFile, OSError) as error:
        metastore.complete, metastore.faults[source.place] = False, error.args[0]
    else:
        metastore.keys = {key for key in stored if prefix_of_key(key) == source.key_prefix}
    return metastore


def load_starter_metastore() -> LoadedMetastore:
    """Read the catalogue that comes with the program."""
    return LoadedMetastore("starter", [_parse_file(fetched, "", {}) for fetched in read_local_files(STARTER_FOLDER)])


def _parse_file(fetched: FetchedFile, key: str, stored: Mapping[str, FileContent]) -> OfferedFile:
    """Return the file with its rock-ons; one that can't be used counts as it was before."""
    reasons = [fetched.fault]
    if fetched.content:
        try:
            return OfferedFile(fetched.file, key, parse_definitions(fetched.content.body), fetched.content)
        except InvalidDefinition as error:
            reasons = [map_text_values(fault.message_with_path, clean_text) for fault in error.faults]
    previous = stored.get(key)
    try:
        rockons = parse_definitions(previous.body) if previous else []
    except InvalidDefinition:  # an older version of this program took it
        rockons, previous = [], None
    return OfferedFile(fetched.file, key, rockons, previous, stale=True, reasons=reasons)


def merge_offers(
    metastores: Sequence[LoadedMetastore], earlier_origins: Mapping[str, str] | None = None
) -> list[CatalogueOffer]:
    """Return what the catalogue shall have, in its order: a rock-on replaces one of the same name before it.

    `earlier_origins` are rock-ons with the origins that they came from earlier: where such a metastore is out of reach
    this time, those before it do not get their place.
    """
    order = {metastore.origin: index for index, metastore in enumerate(metastores)}
    incomplete = {metastore.origin for metastore in metastores if not metastore.complete}
    last_index = {name: order[origin] for name, origin in (earlier_origins or {}).items() if origin in incomplete}
    rockons_by_metastore = [metastore.rockons_by_name() for metastore in metastores]
    for index, rockons in enumerate(rockons_by_metastore):
        last_index |= {name: index for name in rockons if last_index.get(name, 0) <= index}
    winners = [
        (metastore.origin, *rockon)
        for metastore, rockons in zip(metastores, rockons_by_metastore, strict=True)
        for name, rockon in rockons.items()
        if last_index[name] == order[metastore.origin]
    ]
    return [CatalogueOffer(origin, parsed, file, index) for index, (origin, parsed, file) in enumerate(winners)]
