"""What the metastores offer: their files as rock-ons, and which of these make up the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rockonweb.catalog.metastore import ROOT, Content, Fetched, Unusable, clean, listing, local_files
from rockonweb.catalog.remote import Remote
from rockonweb.core.definition import DefinitionFaults, Parsed, parse
from rockonweb.core.text import t

STARTER = Path(__file__).with_name("starter")
LOCAL = "local:"  # begins the keys of the local metastore's files, instead of an address


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


def remote_metastore(base: str, known: Mapping[str, Content]) -> Metastore:
    """Fetch the remote metastore behind an address; blank is none. `known` is what earlier refreshes kept."""
    found = Metastore("remote")
    if not base:
        return found  # none is configured: what came from one leaves
    remote = Remote(base, known)
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
    found.keys = {key for key in known if not key.startswith(LOCAL)}
    return found


def local_metastore(folder: Path, known: Mapping[str, Content]) -> Metastore:
    """Read the local metastore."""
    found = Metastore("local")
    try:
        found.files = [_file(one, LOCAL + one.file, known) for one in local_files(folder)]
    except Unusable as error:
        found.complete, found.faults[str(folder)] = False, error.args[0]
    else:
        found.keys = {key for key in known if key.startswith(LOCAL)}
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
            reasons = [clean(str(fault), 500) for fault in error.faults]
    kept = known.get(key)
    try:
        rockons = parse(kept.body) if kept else []
    except DefinitionFaults:  # an older version of this program took it
        rockons, kept = [], None
    return File(fetched.file, key, rockons, kept, stale=True, reasons=reasons)


def catalogue(base: Metastore, local: Metastore) -> list[Offer]:
    """Return what the catalogue shall have, in its order: a local rock-on replaces one of the same name."""
    own = local.rockons()
    shared = [(base.origin, *found) for name, found in base.rockons().items() if name not in own]
    found = [*shared, *((local.origin, *found) for found in own.values())]
    return [Offer(origin, parsed, file, place) for place, (origin, parsed, file) in enumerate(found)]
