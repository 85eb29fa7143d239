"""What the metastores offer: their files parsed to rock-ons, merged to the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rockonweb.catalog.metastore import (
    ROOT,
    TEMPLATES,
    FetchedFile,
    FileContent,
    UnusableFile,
    clean_text,
    parse_root,
    read_local_files,
)
from rockonweb.catalog.metastore_client import RemoteMetastore
from rockonweb.catalog.sources import LOCAL_PREFIX, Source, prefix_of_key
from rockonweb.core.definition.parser import InvalidDefinition, ParsedDefinition, parse_definitions
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.portainer import parse_templates
from rockonweb.core.text import join_texts, map_text_values, t

STARTER_FOLDER = Path(__file__).with_name("starter")


@dataclass
class OfferedFile:
    """A file of a metastore with its rock-ons; a `stale` one has those stored by an earlier refresh."""

    name: str
    key: str
    rockons: list[ParsedDefinition]
    content: FileContent | None
    stale: bool = False
    reasons: list[str] = field(default_factory=list)


@dataclass
class LoadedMetastore:
    """What a metastore offers. Unless `complete`, it failed to load and may offer more."""

    origin: str
    files: list[OfferedFile] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)  # by file name or folder, where there is no `OfferedFile`
    complete: bool = True
    keys: set[str] = field(default_factory=set)  # of its stored files; those not in `files` are deleted

    @property
    def loaded_keys(self) -> list[str]:
        """The keys of the files with a rock-on."""
        return [file.key for file in self.files if file.rockons]

    @property
    def rockon_names(self) -> set[str]:
        """The names of its rock-ons."""
        return {rockon.definition.name for file in self.files for rockon in file.rockons}

    def rockons_by_name(self) -> dict[str, tuple[ParsedDefinition, OfferedFile]]:
        """Return the rock-ons by name, in the metastore's order. A name in two files is a fault of the second."""
        owners: dict[str, OfferedFile] = {}
        for file in sorted(self.files, key=lambda candidate: candidate.stale):
            for name in [parsed.definition.name for parsed in file.rockons]:
                owner = owners.setdefault(name, file)
                if owner is not file and not file.stale:
                    file.reasons.append(t('the rock-on "%(name)s" is already in %(file)s', name=name, file=owner.name))
        return {
            parsed.definition.name: (parsed, file)
            for file in self.files
            for parsed in file.rockons
            if owners[parsed.definition.name] is file
        }


@dataclass(frozen=True)
class CatalogueOffer:
    """A rock-on of the merged catalogue, and its position there."""

    origin: str
    parsed: ParsedDefinition
    file: OfferedFile
    position: int

    @property
    def name(self) -> str:
        """The rock-on's name, its identity in the catalogue."""
        return self.parsed.definition.name


def had_remote_rockon(keys: Iterable[str]) -> bool:
    """Whether any key of a stored file is that of a remote metastore's rock-on."""
    return any(not file_key.startswith(LOCAL_PREFIX) and not file_key.endswith(f"/{ROOT}") for file_key in keys)


def load_metastore(source: Source, stored: Mapping[str, FileContent], shares_root: str) -> LoadedMetastore:
    """Fetch or read a metastore. `stored` are the files of earlier refreshes of all metastores, by key."""
    return load_remote(source, stored, shares_root) if source.remote else load_folder(source, stored)


def load_remote(source: Source, stored: Mapping[str, FileContent], shares_root: str) -> LoadedMetastore:
    """Fetch a remote metastore; a blank address gives an empty one."""
    metastore = LoadedMetastore(source.origin)
    if source.unreadable:
        metastore.complete, metastore.faults[source.origin] = False, t("its address can't be read in the database")
        return metastore
    if not source.place:
        return metastore  # none is configured: its earlier rock-ons are removed
    remote = RemoteMetastore(source.place, stored)
    root = remote.fetch_root()
    metastore.keys = {key for key in stored if prefix_of_key(key) == source.key_prefix}
    try:
        if root.content is None:
            raise UnusableFile(root.fault)
        if remote.root == TEMPLATES:
            rockons, metastore.faults = _convert_templates(root.content.body, shares_root)
            metastore.files = [OfferedFile(TEMPLATES, remote.file_key(TEMPLATES), rockons, root.content)]
            return metastore
        root_listing = parse_root(root.content.body)
    except UnusableFile as error:
        return LoadedMetastore(source.origin, faults={remote.root: error.args[0]}, complete=False)
    # Parsed while the other files are still being fetched.
    files = {
        fetched.file: _parse_file(fetched, remote.file_key(fetched.file), stored)
        for fetched in remote.fetch_files(list(root_listing.files))
    }
    metastore.files = [
        OfferedFile(ROOT, remote.file_key(ROOT), [], root.content),
        *(files[name] for name in root_listing.files),
    ]
    metastore.faults = root_listing.faults
    return metastore


def _convert_templates(text: str, shares_root: str) -> tuple[list[ParsedDefinition], dict[str, str]]:
    """Return the rock-ons of a list of Portainer's templates, and by title why others are none. Raises UnusableFile."""
    rockons: dict[str, ParsedDefinition] = {}
    faults: dict[str, str] = {}
    try:
        templates = parse_templates(t("The list"), text)
    except BadInput as error:
        raise UnusableFile(error.message_with_hint) from None
    for template in templates:
        try:
            if template.app is None:
                raise BadInput(template.fault)
            if template.title in rockons:
                raise BadInput(t("There are two templates of this name."))
            [rockons[template.title]] = parse_definitions(convert_app(template.app, ImportFacts(shares_root)).source)
        except BadInput as error:
            faults[clean_text(template.title)] = map_text_values(join_texts(" ", error.faults), clean_text)
    return list(rockons.values()), faults


def load_folder(source: Source, stored: Mapping[str, FileContent]) -> LoadedMetastore:
    """Read a local folder. Only the configured one may be missing, since it is created when needed."""
    metastore = LoadedMetastore(source.origin)
    folder = Path(source.place)
    try:
        if not source.configured and not folder.exists():
            raise UnusableFile(t("the folder does not exist"))
        metastore.files = [
            _parse_file(fetched, source.key_prefix + fetched.file, stored) for fetched in read_local_files(folder)
        ]
    except (UnusableFile, OSError) as error:
        metastore.complete, metastore.faults[source.place] = False, error.args[0]
    else:
        metastore.keys = {key for key in stored if prefix_of_key(key) == source.key_prefix}
    return metastore


def load_starter_metastore() -> LoadedMetastore:
    """Read the catalogue that is packaged with Rockonweb."""
    return LoadedMetastore("starter", [_parse_file(fetched, "", {}) for fetched in read_local_files(STARTER_FOLDER)])


def _parse_file(fetched: FetchedFile, key: str, stored: Mapping[str, FileContent]) -> OfferedFile:
    """Return a file with its rock-ons; one that can't be used has those of its stored content."""
    reasons = [fetched.fault]
    if fetched.content:
        try:
            return OfferedFile(fetched.file, key, parse_definitions(fetched.content.body), fetched.content)
        except InvalidDefinition as error:
            reasons = [map_text_values(fault.message_with_path, clean_text) for fault in error.faults]
    previous = stored.get(key)
    try:
        rockons = parse_definitions(previous.body) if previous else []
    except InvalidDefinition:  # an older version of Rockonweb accepted it
        rockons, previous = [], None
    return OfferedFile(fetched.file, key, rockons, previous, stale=True, reasons=reasons)


def merge_offers(
    metastores: Sequence[LoadedMetastore], earlier_origins: Mapping[str, str] | None = None
) -> list[CatalogueOffer]:
    """Return the merged catalogue, in order; later metastores replace rock-ons of the same name of earlier ones.

    `earlier_origins` are the previous origins by name of rock-on: where that metastore could not be loaded this time,
    earlier ones do not replace its rock-ons.
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
