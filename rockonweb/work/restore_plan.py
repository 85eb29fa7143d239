"""What restoring a backup would do on this host: rock-ons, definitions, metastores, networks and shares. Read-only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import select

from rockonweb.catalog import sources
from rockonweb.config import Config, current_config
from rockonweb.core.answers.answers import Answers
from rockonweb.core.facts import HostFacts, VolumeMount
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.backup import Backup, SavedRockOn
from rockonweb.core.formats.restored import RestoredPart, SecretLocation
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.preflight.privileges import Privilege, find_privileges
from rockonweb.core.text import TranslatableText, t
from rockonweb.host import get_host
from rockonweb.models import (
    Installation,
    RockOn,
    State,
    db,
    repository,
)
from rockonweb.work import backup
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import (
    CONFIRMATION_LENGTH,
    assemble_install,
    fingerprint_lines,
)


@dataclass(frozen=True)
class RestoreItem:
    """A rock-on of a backup: why it is skipped, the secrets that the user must enter first, and remarks (`notes`).

    `privileges` are what it may do to this host, `commands` its `docker run` lines, secrets masked; neither where it is
    installed already.
    """

    name: str
    running: bool
    skip_reason: str = ""
    missing_secrets: tuple[SecretLocation, ...] = ()
    notes: tuple[str, ...] = ()
    privileges: tuple[Privilege, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do on this host: the rock-ons, and all other parts."""

    rockons: tuple[RestoreItem, ...]
    parts: tuple[RestoredPart, ...]

    @property
    def created_shares(self) -> list[str]:
        """The names of the shares that will be created, empty."""
        return [part.name for part in self.parts if part.kind == "share" and part.new]

    @property
    def privileges(self) -> list[Privilege]:
        """What the rock-ons may do to this host, for the user to confirm."""
        return [privilege for item in self.rockons for privilege in item.privileges]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the commands, as `Review.fingerprint`."""
        return fingerprint_lines(line for item in self.rockons for line in item.commands)

    @property
    def confirmation(self) -> str:
        """What a script sends to confirm it, as `Review.confirmation`."""
        return self.fingerprint[:CONFIRMATION_LENGTH]


def plan_restore(archive: Backup) -> RestorePlan:
    """Return what a restore would do on this host. Read-only. Raises EngineError."""
    settings = current_config()
    with get_host().connect_docker() as docker:
        facts = gather_facts(
            repository.blank_installation(RockOn(name="", source="{}", ports=())), _combined_answers(archive), docker
        )
        volumes = docker.volume_names()
    parts = tuple(plan_parts(settings, archive, facts))
    states, skip_reasons = _states_by_name(), _skip_reasons(archive, facts)
    db.session.rollback()
    new_shares = frozenset(part.name for part in parts if part.kind == "share")
    return RestorePlan(
        tuple(
            RestoreItem(saved.name, saved.running, skip_reasons[saved.name])
            if states.get(saved.name) in INSTALLED_OR_PENDING
            else _plan_item(saved, skip_reasons[saved.name], facts, volumes, new_shares)
            for saved in archive.rockons
        ),
        parts,
    )


def _combined_answers(archive: Backup) -> Answers:
    """Return the devices and shares of all rock-ons in one, so that the host's facts are collected once."""
    devices: dict[str, dict[str, str]] = {}
    shares: dict[str, dict[str, str]] = {}
    for saved in archive.rockons:
        for section, target in (("devices", devices), ("shares", shares), ("storage", shares)):
            for container, values in saved.given.get(section, {}).items():
                for key, value in values.items():
                    target.setdefault(f"{saved.name} {container} {section}", {})[key] = str(value or "")
    return Answers(devices=devices, shares=shares)


def _plan_item(
    saved: SavedRockOn, skip_reason: str, facts: HostFacts, volumes: set[str], new_shares: frozenset[str]
) -> RestoreItem:
    """Plan the install of a rock-on; what is in its way now may be gone when the rest is restored."""
    missing_secrets = tuple(saved.withheld_secrets)
    filled = core.fill_secrets(Backup("", "", (saved,)), dict.fromkeys(missing_secrets, "x")).rockons[0]
    mounts: dict[str, tuple[VolumeMount, ...]] = {}
    notes: list[str] = []
    for volume in saved.volumes:
        if volume.volume in volumes:
            mounts[volume.container] = (
                *mounts.get(volume.container, ()),
                VolumeMount(volume.volume, volume.destination),
            )
        else:
            notes.append(write_lost_volume_note(volume))
    claimed = tuple(claim for claim in facts.claimed if claim.rockon != saved.name)
    request = InstallRequest(filled.parse_answers(), new_shares, source=saved.source)
    _, install_plan = assemble_install(saved.definition, request, replace(facts, kept_volumes=mounts, claimed=claimed))
    findings = [finding.full_message for finding in install_plan.findings if finding.level in ("block", "warn")]
    return RestoreItem(
        saved.name,
        saved.running,
        skip_reason,
        () if skip_reason else missing_secrets,
        () if skip_reason else (*findings, *notes),
        tuple(find_privileges(saved.definition)),
        tuple(install_plan.masked_lines),
    )


def find_skip_reason(saved: SavedRockOn, state: State | None, facts: HostFacts) -> TranslatableText | str:
    """Return why a rock-on is skipped, blank where it is not."""
    if state in INSTALLED_OR_PENDING:
        return t("It is already installed here and is not changed.")
    for name in saved.definition.containers:
        container = (facts.containers or {}).get(name)
        if container and container.rockon != saved.name:
            return t(
                'A container "%(name)s" already exists that does not belong to this rock-on. Neither is changed.',
                name=name,
            )
    return ""


def _skip_reasons(archive: Backup, facts: HostFacts) -> dict[str, TranslatableText | str]:
    """Return for each rock-on why it is skipped, blank where it is not."""
    states = _states_by_name()
    return {saved.name: find_skip_reason(saved, states.get(saved.name), facts) for saved in archive.rockons}


def _states_by_name() -> dict[str, State]:
    return {row.name: row.state for row in db.session.execute(select(Installation.name, Installation.state))}


def write_lost_volume_note(volume: core.SavedVolume) -> TranslatableText:
    """Return the sentence for a volume of Docker's own that is not on this machine."""
    return t(
        "The volume that Docker created for %(container)s at %(path)s is not on this machine: it starts empty.",
        container=volume.container,
        path=volume.destination,
    )


def plan_parts(settings: Config, archive: Backup, facts: HostFacts) -> Iterator[RestoredPart]:
    """Yield what would happen to each part of a backup that is no rock-on."""
    yield from _plan_definitions(settings, archive)
    yield from _plan_metastores(settings, archive)
    yield from _plan_networks(archive, facts)
    yield from _plan_shares(settings, archive, facts)


def _plan_definitions(settings: Config, archive: Backup) -> Iterator[RestoredPart]:
    existing = backup.local_definitions(settings)
    for file, text in archive.definitions.items():
        if file not in existing and not (settings.local_metastore / file).exists():
            yield RestoredPart("definition", file, t("It will be restored."))
        elif existing.get(file) == text:
            yield RestoredPart("definition", file, t("It is already here."), new=False)
        else:
            yield RestoredPart(
                "definition", file, t("There is another file with this name, which is kept."), False, new=False
            )


def _plan_metastores(settings: Config, archive: Backup) -> Iterator[RestoredPart]:
    existing = {source.shown for source in sources.list_sources(settings)}
    for store in archive.metastores:
        if store.address_without_password in existing:
            yield RestoredPart("metastore", store.address_without_password, t("It is already in the list."), new=False)
        elif store.withheld:
            yield RestoredPart(
                "metastore",
                store.address_without_password,
                t("It will be added without its password: enter the password again."),
                well=False,
            )
        else:
            yield RestoredPart("metastore", store.address_without_password, t("It will be added."))


def _plan_networks(archive: Backup, facts: HostFacts) -> Iterator[RestoredPart]:
    for spec in archive.networks:
        if spec.name in (facts.networks or {}):
            yield RestoredPart(
                "network", spec.name, t("A network with this name exists and is not changed."), new=False
            )
        else:
            yield RestoredPart("network", spec.name, t("It will be created."))


def _plan_shares(settings: Config, archive: Backup, facts: HostFacts) -> Iterator[RestoredPart]:
    """Yield the missing shares of rock-ons that are not skipped."""
    existing = get_host().shares.shares_by_name()
    skip_reasons = _skip_reasons(archive, facts)
    used = {name for saved in archive.rockons if not skip_reasons[saved.name] for name in _used_shares(saved)}
    for name in sorted(used - existing.keys()):
        yield RestoredPart("share", name, t("It will be newly created and is EMPTY."))


def _used_shares(saved: SavedRockOn) -> Iterator[str]:
    for section in ("shares", "storage"):
        for paths in saved.given.get(section, {}).values():
            yield from (str(path).partition("/")[0] for path in paths.values() if path)
