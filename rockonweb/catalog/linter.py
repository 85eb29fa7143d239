"""`rockonweb catalog lint`: what is wrong with definition files and a root.json, for those who keep a metastore."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rockonweb.catalog.metastore import Entry, Unusable, decoded, entries, is_root, local_files, name_fault, read_file
from rockonweb.core.definition.advice import advice
from rockonweb.core.definition.definition import Definition, DefinitionFaults, Fault, parse
from rockonweb.core.text import t
from rockonweb.remote.registry import Missing, Remote, Unknown


@dataclass(frozen=True)
class Found:
    """Something found in a file; `path` is dotted, as in `containers.web.image`, and blank for the whole file."""

    file: str
    path: str
    message: str

    def to_json(self) -> dict[str, str]:
        """Return it as `catalog lint --json` prints a fault."""
        return vars(self)

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, self.path, self.message)))


@dataclass
class Checked:
    """A file with what is wrong with it, what its author may want to look at, and its rock-ons, if it has any."""

    file: str
    faults: list[Found] = field(default_factory=list)
    advice: list[Found] = field(default_factory=list)
    rockons: list[Definition] = field(default_factory=list)
    asked: bool = True  # for its own faults; else it is only there for what others share with it

    @property
    def images(self) -> dict[str, list[str]]:
        """The images with the paths where they stand."""
        found: dict[str, list[str]] = {}
        for rockon in self.rockons:
            for name, spec in rockon.containers.items():
                found.setdefault(spec.reference, []).append(f"containers.{name}.image")
        return found


def check(path: Path, body: bytes | None = None, *, asked: bool = True) -> Checked:
    """Look at a definition file. A `body` is looked at instead of what stands in the file."""
    found = Checked(str(path), asked=asked)
    text = ""
    try:
        text = decoded(read_file(path) if body is None else body)
        parsed = parse(text)
    except Unusable as error:
        found.faults = _found(path, [Fault("", error.args[0])])
    except DefinitionFaults as error:
        words = t("is a root.json, the list of a metastore, and no definition: give the files that it names")
        found.faults = _found(path, [Fault("", words)] if is_root(text) else error.faults)
    else:
        found.rockons = [one.definition for one in parsed]
        found.advice = _found(path, [each for one in parsed for each in advice(one.definition, json.loads(one.source))])
    return found


def _found(path: Path, faults: Sequence[Fault]) -> list[Found]:
    return [Found(str(path), fault.path, fault.message) for fault in faults]


# -- root.json ---------------------------------------------------------------------------------------------------------


class Root(NamedTuple):
    """A root.json: its entries, or why it can't be used."""

    path: Path
    entries: list[Entry]
    fault: str = ""

    @property
    def files(self) -> list[Path]:
        """The files beside it that it names, each once, that are there."""
        names = dict.fromkeys(entry.file for entry in self.entries if not name_fault(entry.file))
        return [path for path in (self.path.with_name(str(name)) for name in names) if path.is_file()]


def read_root(path: Path) -> Root:
    """Read a root.json."""
    try:
        return Root(path, entries(decoded(read_file(path))))
    except Unusable as error:
        return Root(path, [], error.args[0])


def with_those_named(root: Root, checked: Sequence[Checked]) -> list[Checked]:
    """Return what was checked with the other files that root.json names, which were not asked for, before it."""
    known = {Path(one.file).resolve() for one in checked}
    return [*(check(path, asked=False) for path in root.files if path.resolve() not in known), *checked]


def check_root(root: Root, checked: Sequence[Checked]) -> Iterator[Found]:
    """Yield what is wrong with a root.json, and with files that do not fit together; see `with_those_named`."""
    here = str(root.path)
    if root.fault:
        yield Found(here, "", root.fault)
        return
    named: dict[str, str] = {}
    keys: set[str] = set()
    for key, file in root.entries:
        if key in keys:
            yield Found(here, key, t("this key stands here twice"))
        keys.add(key)
        if key != key.lower():
            yield Found(here, key, t("must be in lower case: %(key)s", key=key.lower()))
        if fault := name_fault(file):
            yield Found(here, key, fault)
        elif file in named:
            yield Found(here, key, t("names %(file)s, as %(other)s does", file=file, other=named[str(file)]))
        elif not root.path.with_name(str(file)).is_file():
            yield Found(here, key, t("there is no file %(file)s", file=file))
        named.setdefault(str(file), key)
    yield from _unnamed(root, checked, named)
    yield from _claimed_twice(checked)


def _unnamed(root: Root, checked: Sequence[Checked], named: Mapping[str, str]) -> Iterator[Found]:
    """Yield the files that no catalogue will ever load: of those that were given, and of those beside root.json."""
    folder = root.path.parent
    try:
        beside = [folder / one.file for one in local_files(folder)]
    except Unusable:
        beside = []
    given = [Path(one.file) for one in checked if one.asked and one.file != "-"]
    for path in {one.resolve(): one for one in (*beside, *given)}.values():
        if path.name not in named and path.resolve() != root.path.resolve():
            yield Found(str(path), "", t("is not named by %(root)s", root=str(root.path)))


def _claimed_twice(checked: Sequence[Checked]) -> Iterator[Found]:
    """Yield the names of rock-ons and of containers that two want: only one of these could be installed."""
    rockons: dict[str, Checked] = {}
    containers: dict[str, tuple[Checked, str]] = {}
    for one in checked:
        for rockon in one.rockons:
            other = rockons.setdefault(rockon.name, one)
            if other is not one and one.asked:
                words = t('the rock-on "%(name)s" is in %(file)s already', name=rockon.name, file=other.file)
                yield Found(one.file, rockon.name, words)
            for name in rockon.containers:
                owner, owned_by = containers.setdefault(name, (one, rockon.name))
                if owned_by != rockon.name and (one.asked or owner.asked):
                    words = t(
                        '"%(rockon)s" in %(file)s has a container of this name too', rockon=owned_by, file=owner.file
                    )
                    yield Found(one.file, f"containers.{name}", words)


# -- images ------------------------------------------------------------------------------------------------------------


def images_of(checked: Sequence[Checked]) -> list[str]:
    """Return the images of the files that were asked for, each once."""
    return list(dict.fromkeys(image for one in checked if one.asked for image in one.images))


def image_line(image: str, outcome: Remote | Missing | Unknown) -> str:
    """Return what a registry says of an image, as a line."""
    if isinstance(outcome, Unknown):
        return t("%(image)s: unknown: %(why)s", image=image, why=outcome.sentence)
    if isinstance(outcome, Missing):
        return t("%(image)s: missing: %(why)s", image=image, why=outcome.sentence)
    facts = [", ".join(outcome.platforms) or t("for an unknown platform")]
    if outcome.created:
        facts.append(t("made on %(day)s", day=outcome.created.date().isoformat()))
    if outcome.size is not None:
        facts.append(t("%(size)s MB compressed", size=round(outcome.size / 1e6, 1)))
    return t("%(image)s: %(facts)s", image=image, facts="; ".join(facts))


def image_faults(checked: Sequence[Checked], image: str, outcome: Remote | Missing | Unknown) -> Iterator[Found]:
    """Yield a fault for each place where an image stands that its registry does not have."""
    if isinstance(outcome, Missing):
        for one in checked:
            for path in one.images.get(image, ()) if one.asked else ():
                yield Found(one.file, path, t("%(image)s: %(why)s", image=image, why=outcome.sentence))
