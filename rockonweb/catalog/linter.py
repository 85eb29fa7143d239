"""`rockonweb catalog lint`: checks definition files and a root.json, for maintainers of a metastore."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rockonweb.catalog.metastore import (
    RootEntry,
    UnusableFile,
    decode_utf8,
    file_name_fault,
    is_root_text,
    parse_root_entries,
    read_definition_file,
    read_local_files,
)
from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.advice import collect_warnings
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import DefinitionFault, InvalidDefinition, parse_definitions
from rockonweb.core.preflight.options import check_options
from rockonweb.core.text import t
from rockonweb.remote.registry import ImageNotFound, LookupFailed, RemoteImage


@dataclass(frozen=True)
class LintFinding:
    """A fault or advice for a file; `path` is dotted, as in `containers.web.image`, and blank for the whole file."""

    file: str
    path: str
    message: str

    def to_json(self) -> dict[str, str]:
        """Return the fields as `catalog lint --json` prints them."""
        return vars(self)

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, self.path, self.message)))


@dataclass
class CheckedFile:
    """A file with its faults, advice for its author, and its rock-ons."""

    file: str
    faults: list[LintFinding] = field(default_factory=list)
    advice: list[LintFinding] = field(default_factory=list)
    rockons: list[Definition] = field(default_factory=list)
    requested: bool = True  # else only checked for conflicts with requested files

    @property
    def image_paths(self) -> dict[str, list[str]]:
        """The paths at which each image is used."""
        paths_by_image: dict[str, list[str]] = {}
        for rockon in self.rockons:
            for name, spec in rockon.containers.items():
                paths_by_image.setdefault(spec.image_reference, []).append(f"containers.{name}.image")
        return paths_by_image


def check_file(path: Path, body: bytes | None = None, *, requested: bool = True) -> CheckedFile:
    """Check a definition file, or `body` in place of its contents."""
    checked = CheckedFile(str(path), requested=requested)
    text = ""
    try:
        text = decode_utf8(read_definition_file(path) if body is None else body)
        parsed = parse_definitions(text)
    except UnusableFile as error:
        checked.faults = _to_findings(path, [DefinitionFault("", error.args[0])])
    except InvalidDefinition as error:
        sentence = t("is a root.json, the file list of a metastore, not a definition: specify the files that it lists")
        checked.faults = _to_findings(path, [DefinitionFault("", sentence)] if is_root_text(text) else error.faults)
    else:
        checked.rockons = [rockon.definition for rockon in parsed]
        checked.faults = _to_findings(
            path, [fault for rockon in parsed for fault in (*rockon.corrections, *_refused_options(rockon.definition))]
        )
        checked.advice = _to_findings(
            path,
            [
                warning
                for rockon in parsed
                for warning in collect_warnings(rockon.definition, json.loads(rockon.source))
            ],
        )
    return checked


def _refused_options(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield what Docker would refuse whatever a user answers."""
    shares = {name: dict.fromkeys(spec.volumes, "share") for name, spec in definition.containers.items()}
    for finding in check_options(definition, Answers(shares=shares)):
        yield DefinitionFault("containers", finding.full_message)


def _to_findings(path: Path, faults: Sequence[DefinitionFault]) -> list[LintFinding]:
    return [LintFinding(str(path), fault.path, fault.message) for fault in faults]


# -- root.json ---------------------------------------------------------------------------------------------------------


class RootFile(NamedTuple):
    """A root.json: its entries, or the fault why it can't be used."""

    path: Path
    entries: list[RootEntry]
    fault: str = ""

    @property
    def named_files(self) -> list[Path]:
        """The files it lists that exist next to it, each once."""
        names = dict.fromkeys(entry.file for entry in self.entries if not file_name_fault(entry.file))
        return [path for path in (self.path.with_name(str(name)) for name in names) if path.is_file()]


def read_root(path: Path) -> RootFile:
    """Read a root.json."""
    try:
        return RootFile(path, parse_root_entries(decode_utf8(read_definition_file(path))))
    except UnusableFile as error:
        return RootFile(path, [], error.args[0])


def with_named_files(root: RootFile, checked: Sequence[CheckedFile]) -> list[CheckedFile]:
    """Return the checked files, preceded by the other files that root.json lists, which were not requested."""
    checked_paths = {Path(checked_file.file).resolve() for checked_file in checked}
    return [
        *(check_file(path, requested=False) for path in root.named_files if path.resolve() not in checked_paths),
        *checked,
    ]


def check_root(root: RootFile, checked: Sequence[CheckedFile]) -> Iterator[LintFinding]:
    """Yield the faults of a root.json, and conflicts between files; `checked` as `with_named_files` returns it."""
    root_name = str(root.path)
    if root.fault:
        yield LintFinding(root_name, "", root.fault)
        return
    keys_by_file: dict[str, str] = {}
    keys: set[str] = set()
    for key, file in root.entries:
        if key in keys:
            yield LintFinding(root_name, key, t("this key appears twice"))
        keys.add(key)
        if key != key.lower():
            yield LintFinding(root_name, key, t("must be in lower case: %(key)s", key=key.lower()))
        if fault := file_name_fault(file):
            yield LintFinding(root_name, key, fault)
        elif file in keys_by_file:
            yield LintFinding(
                root_name, key, t("lists %(file)s, which %(other)s lists too", file=file, other=keys_by_file[str(file)])
            )
        elif not root.path.with_name(str(file)).is_file():
            yield LintFinding(root_name, key, t("the file %(file)s does not exist", file=file))
        keys_by_file.setdefault(str(file), key)
    yield from _unnamed_files(root, checked, keys_by_file)
    yield from _duplicate_claims(checked)


def _unnamed_files(
    root: RootFile, checked: Sequence[CheckedFile], keys_by_file: Mapping[str, str]
) -> Iterator[LintFinding]:
    """Yield requested files and files next to root.json that it does not list, so that no catalogue loads them."""
    folder = root.path.parent
    try:
        beside = [folder / entry.file for entry in read_local_files(folder)]
    except UnusableFile:
        beside = []
    requested = [Path(entry.file) for entry in checked if entry.requested and entry.file != "-"]
    for path in {entry.resolve(): entry for entry in (*beside, *requested)}.values():
        if path.name not in keys_by_file and path.resolve() != root.path.resolve():
            yield LintFinding(str(path), "", t("is not listed in %(root)s", root=str(root.path)))


def _duplicate_claims(checked: Sequence[CheckedFile]) -> Iterator[LintFinding]:
    """Yield duplicate names of rock-ons and containers: only one of these could be installed."""
    rockons: dict[str, CheckedFile] = {}
    containers: dict[str, tuple[CheckedFile, str]] = {}
    for checked_file in checked:
        for rockon in checked_file.rockons:
            other = rockons.setdefault(rockon.name, checked_file)
            if other is not checked_file and checked_file.requested:
                sentence = t('the rock-on "%(name)s" is already in %(file)s', name=rockon.name, file=other.file)
                yield LintFinding(checked_file.file, rockon.name, sentence)
            for name in rockon.containers:
                owner, owned_by = containers.setdefault(name, (checked_file, rockon.name))
                if owned_by != rockon.name and (checked_file.requested or owner.requested):
                    sentence = t(
                        '"%(rockon)s" in %(file)s also has a container with this name', rockon=owned_by, file=owner.file
                    )
                    yield LintFinding(checked_file.file, f"containers.{name}", sentence)


# -- images ------------------------------------------------------------------------------------------------------------


def requested_images(checked: Sequence[CheckedFile]) -> list[str]:
    """Return the images of the requested files, each once."""
    return list(
        dict.fromkeys(image for checked_file in checked if checked_file.requested for image in checked_file.image_paths)
    )


def describe_image(image: str, outcome: RemoteImage | ImageNotFound | LookupFailed) -> str:
    """Return a line that describes a registry's response for an image."""
    if isinstance(outcome, LookupFailed):
        return t("%(image)s: unknown: %(why)s", image=image, why=outcome.sentence)
    if isinstance(outcome, ImageNotFound):
        return t("%(image)s: missing: %(why)s", image=image, why=outcome.sentence)
    facts = [", ".join(outcome.platforms) or t("for an unknown platform")]
    if outcome.created:
        facts.append(t("created on %(day)s", day=outcome.created.date().isoformat()))
    if outcome.size is not None:
        facts.append(t("%(size)s MB compressed", size=round(outcome.size / 1e6, 1)))
    return t("%(image)s: %(facts)s", image=image, facts="; ".join(facts))


def image_faults(
    checked: Sequence[CheckedFile], image: str, outcome: RemoteImage | ImageNotFound | LookupFailed
) -> Iterator[LintFinding]:
    """Yield a fault for each use of an image that its registry does not have."""
    if isinstance(outcome, ImageNotFound):
        for checked_file in checked:
            for path in checked_file.image_paths.get(image, ()) if checked_file.requested else ():
                yield LintFinding(checked_file.file, path, t("%(image)s: %(why)s", image=image, why=outcome.sentence))
