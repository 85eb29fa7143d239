"""What the metastores offer: their files as rock-ons, and which of these make up the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rockonweb.catalog.metastore import ROOT, Content, Fetched, Unusable, clean, listing, local_files
from rockonweb.catalog.metastore_client import Remote
from rockonweb.catalog.sources import LOCAL, Source, home
from rockonweb.core.definition.definition import DefinitionFaults, Parsed, parse
from rockonweb.core.text import reworded, t

STARTER = Path(__file__).with_name("starter")


@dataclass
class File:
    """A file of a metastore with its rock-ons; `stale` ones are what an earlier refresh kept of it."""

    name: str
    key: str
    rockons: list[Parsed]
    content: Content | None
    stale: bool = False
    reasons: list[str] = field(default_factory=list)


@dataclass
class Metastore:
    """What a metastore offers. Unless it is `complete`, what it does not mention may still be there."""

    origin: str
    files: list[File] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)  # of what has no file
    complete: bool = True
    keys: set[str] = field(default_factory=set)  # whose kept content must go unless a file here has it

    @property
    def loaded_keys(self) -> list[str]:
        """The keys of the files that gave a rock-on."""
        return [file.key for file in self.files if file.rockons]

    @property
    def names(self) -> set[str]:
        """The names of its rock-ons."""
        return {one.definition.name for file in self.files for one in file.rockons}

    def rockons(self) -> dict[str, tuple[Parsed, File]]:
        """Return the rock-ons by name, in the metastore's order. A name that stands in two files is a fault."""
        owners: dict[str, File] = {}
        for file in sorted(self.files, key=lambda each: each.stale):
            for name in [one.definition.name for one in file.rockons]:
                owner = owners.setdefault(name, file)
                if owner is not file and not file.stale:
                    file.reasons.append(t('the rock-on "%(name)s" is in %(file)s already', name=name, file=owner.name))
        return {
            one.definition.name: (one, file)
            for file in self.files
            for one in file.rockons
            if owners[one.definition.name] is file
        }


@dataclass(frozen=True)
class Offer:
    """A rock-on that the catalogue shall have, and its place there."""

    origin: str
    parsed: Parsed
    file: File
    place: int

    @property
    def name(self) -> str:
        """The rock-on's identity."""
        return self.parsed.definition.name


def had_remote(keys: Iterable[str]) -> bool:
    """Whether a rock-on of a remote metastore was ever loaded."""
    return any(not key.startswith(LOCAL) and not key.endswith(f"/{ROOT}") for key in keys)


def load(source: Source, known: Mapping[str, Content]) -> Metastore:
    """Fetch or read a metastore. `known` is what earlier refreshes kept of all of them."""
    return remote_metastore(source, known) if source.remote else folder_metastore(source, known)


def remote_metastore(source: Source, known: Mapping[str, Content]) -> Metastore:
    """Fetch the metastore behind an address; blank is none."""
    found = Metastore(source.origin)
    if not source.place:
        return found  # none is configured: what came from one leaves
    remote = Remote(source.place, known)
    root = remote.root()
    try:
        if root.content is None:
            raise Unusable(root.fault)
        listed = listing(root.content.body)
    except Unusable as error:
        found.complete, found.faults[ROOT] = False, error.args[0]
        return found
    # Read as they come: that costs nothing while others are on their way.
    files = {one.file: _file(one, remote.key(one.file), known) for one in remote.files(list(listed.files))}
    found.files = [File(ROOT, remote.key(ROOT), [], root.content), *(files[name] for name in listed.files)]
    found.faults = listed.faults
    found.keys = {key for key in known if home(key) == source.home}
    return found


def folder_metastore(source: Source, known: Mapping[str, Content]) -> Metastore:
    """Read a folder of this machine. Only the configured one may be missing: it is made when it is needed."""
    found = Metastore(source.origin)
    folder = Path(source.place)
    try:
        if not source.configured and not folder.exists():
            raise Unusable(t("there is no such folder"))
        found.files = [_file(one, source.home + one.file, known) for one in local_files(folder)]
    except (Unusable, OSError) as error:
        found.complete, found.faults[source.place] = False, error.args[0]
    else:
        found.keys = {key for key in known if home(key) == source.home}
    return found


def starter() -> Metastore:
    """Read the catalogue that comes with the program."""
    return Metastore("starter", [_file(one, "", {}) for one in local_files(STARTER)])


def _file(fetched: Fetched, key: str, known: Mapping[str, Content]) -> File:
    """Return the file with its rock-ons; one that can't be used counts as it was before."""
    reasons = [fetched.fault]
    if fetched.content:
        try:
            return File(fetched.file, key, parse(fetched.content.body), fetched.content)
        except DefinitionFaults as error:
            reasons = [reworded(fault.words, clean) for fault in error.faults]
    kept = known.get(key)
    try:
        rockons = parse(kept.body) if kept else []
    except DefinitionFaults:  # an older version of this program took it
        rockons, kept = [], None
    return File(fetched.file, key, rockons, kept, stale=True, reasons=reasons)


def catalogue(metastores: Sequence[Metastore], held: Mapping[str, str] | None = None) -> list[Offer]:
    """Return what the catalogue shall have, in its order: a rock-on replaces one of the same name before it.

    `held` are rock-ons with the origins that they came from earlier: where such a metastore is out of reach this time,
    those before it do not get their place.
    """
    order = {metastore.origin: place for place, metastore in enumerate(metastores)}
    away = {metastore.origin for metastore in metastores if not metastore.complete}
    last = {name: order[origin] for name, origin in (held or {}).items() if origin in away}
    found = [metastore.rockons() for metastore in metastores]
    for place, rockons in enumerate(found):
        last |= {name: place for name in rockons if last.get(name, 0) <= place}
    kept = [
        (metastore.origin, *one)
        for metastore, rockons in zip(metastores, found, strict=True)
        for name, one in rockons.items()
        if last[name] == order[metastore.origin]
    ]
    return [Offer(origin, parsed, file, place) for place, (origin, parsed, file) in enumerate(kept)]
