"""Shares that apps have used: each is known again, so that no app writes into another folder in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from rockonweb import program
from rockonweb.core.answers.answers import split_share_path
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.facts import ContainerFacts, ShareAbsence
from rockonweb.core.instance.systemd_unit import is_awaited
from rockonweb.core.operations.lifecycle import State
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.preflight.mounts import absent_share_finding, missing_folder_finding
from rockonweb.core.text import TranslatableText, t
from rockonweb.host import Host, Shares, get_host
from rockonweb.models import Container, Installation, Share, Volume, db, transaction
from rockonweb.models.installation import in_state

# A share that none of these uses may be another one without harm: it becomes known with its next app.
STATES_WITH_DATA = (State.INSTALLED, State.PENDING_UPDATE, State.PENDING_UNINSTALL)


def find_absent_shares(session: Session, shares: Shares) -> dict[str, ShareAbsence]:
    """Return by name the shares of installed apps whose path has another folder than theirs now, or none.

    None where the shares can't be seen. Needs no application context.
    """
    if shares.blind_spot:
        return {}
    used = {name for names in _used_shares(session).values() for name in names}
    absent = {}
    for share in session.scalars(select(Share).where(Share.name.in_(used)).order_by(Share.name)):
        present = shares.identify(share.name)
        if isinstance(present, ShareAbsence):
            absent[share.name] = present
        elif not share.identity.is_same(present):
            absent[share.name] = ShareAbsence.OTHER
    return absent


def find_apps_without_shares() -> dict[int, list[str]]:
    """Return the ids of the installed apps of which a share is absent, with the names of these shares."""
    absent = find_absent_shares(db.session(), get_host().shares)
    used = _used_shares(db.session()) if absent else {}
    return {rockon_id: sorted(names & absent.keys()) for rockon_id, names in used.items() if names & absent.keys()}


def absent_share_findings(installation: Installation) -> list[Finding]:
    """Return a finding for each absent share that an app is kept down for; reads the host only for such an app."""
    if all(container.held_restart_policy is None for container in installation.containers):
        return []
    names = _used_shares(db.session()).get(installation.id, set())
    absent = find_absent_shares(db.session(), get_host().shares)
    return [absent_share_finding(name, absence) for name, absence in absent.items() if name in names]


def held_ids(session: Session) -> set[int]:
    """Return the ids of the apps that Docker must not start, as a share of theirs is absent or was until just now.

    Needs no application context.
    """
    query = select(Container.installation_id).where(Container.held_restart_policy.is_not(None)).distinct()
    return {*session.scalars(query)}


def absent_data_findings(
    containers: Iterable[ContainerFacts], shares: Shares, absent: Mapping[str, ShareAbsence]
) -> Iterator[Finding]:
    """Yield a finding for each absent share that a container has mounted, and each folder of others that is missing."""
    told: set[str] = set()
    for container in containers:
        for share in sorted(shares.names_of(container.bind_mounts) & absent.keys() - told):
            told.add(share)
            yield absent_share_finding(share, absent[share])
        for path in shares.missing_paths(container.bind_mounts):
            if not shares.names_of([path]) & absent.keys():
                yield missing_folder_finding(container.name, path)


def prepare_mounts(host: Host, paths: Collection[str]) -> None:
    """Note the shares that Docker is about to mount, so that they are known again. To be called just before.

    Raises Conflict where one is absent, or a path leads out of the shares.
    """
    names = host.shares.names_of(paths)
    absent = find_absent_shares(db.session(), host.shares) if names else {}
    for name in sorted(names & absent.keys()):
        finding = absent_share_finding(name, absent[name])
        raise Conflict(finding.sentence, finding.hint)
    host.shares.refuse_links(paths)
    if names:
        remember_shares(host.shares, names)


def remember_shares(shares: Shares, names: Collection[str]) -> None:
    """Store what tells these shares from others; of those that installed apps use only what is not known yet."""
    known = select(Share.name).where(Share.name.in_(names))
    used = {name for used_names in _used_shares(db.session()).values() for name in used_names}
    unknown = set(names) - used.intersection(db.session.scalars(known))
    db.session.rollback()
    for name in unknown:
        _store_identity(shares, name)


def boot_sentences(rockon_id: int | None = None) -> list[TranslatableText]:
    """Return what keeps Docker from starting an app (None: any) before the disks of its shares when the machine starts;
    none where they need no other disk than the system's.
    """
    host = get_host()
    if host.own_container:
        return []  # its mounts and its /etc are not the host's
    used = _used_shares(db.session())
    names = {name for user, names in used.items() if rockon_id in (None, user) for name in names}
    query = select(Share.mount_point).where(Share.name.in_(names), Share.mount_point.not_in(("", "/")))
    mount_points = db.session.scalars(query.distinct().order_by(Share.mount_point)).all()
    try:
        dropin = program.DOCKER_DROPIN_FILE.read_text()
    except OSError:
        dropin = ""
    at_start = host.shares.mounted_at_start()
    awaited = [path for path in mount_points if at_start.get(path) or is_awaited(path, dropin)]
    others = [path for path in mount_points if path not in awaited]
    sentences = []
    if awaited:
        sentence = t(
            "When the machine starts, Docker waits for %(disks)s. Nothing can be written in the place of a disk that "
            "does not come, also while Rockonweb is not running.",
            disks=", ".join(awaited),
        )
        sentences.append(sentence)
    if others:
        sentence = t(
            "When the machine starts, Docker does not wait for %(disks)s. It may start apps in an empty folder until "
            "Rockonweb stops them; while Rockonweb is not running, nothing does. To change that, enter the disk in "
            "/etc/fstab, then as root: rockonweb service install",
            disks=", ".join(others),
        )
        sentences.append(sentence)
    return sentences


def confirm_share(name: str) -> None:
    """Take the folder that is at the path of a share now as that share. Raises BadInput where there is none."""
    shares = get_host().shares
    if name not in shares.shares_by_name() or not _store_identity(shares, name):
        raise BadInput(t('The share "%(share)s" does not exist.', share=name))


def _store_identity(shares: Shares, name: str) -> bool:
    identity = shares.identify(name, mark=True)
    if isinstance(identity, ShareAbsence):
        return False
    with transaction() as session:
        share = session.scalar(select(Share).where(Share.name == name)) or Share(name=name)
        share.identity = identity
        session.add(share)
    return True


def used_share_paths(session: Session) -> dict[int, set[str]]:
    """Return the share paths that each app with data has mounted, by its id."""
    query = select(Container.installation_id, Volume.share).join(Container, Volume.container_id == Container.id)
    rows = session.execute(
        query.join(Installation, Container.installation_id == Installation.id).where(
            Volume.share.is_not(None), in_state(*STATES_WITH_DATA)
        )
    )
    used: dict[int, set[str]] = {}
    for rockon_id, share_path in rows:
        used.setdefault(rockon_id, set()).add(share_path or "")
    return used


def _used_shares(session: Session) -> dict[int, set[str]]:
    return {
        rockon_id: {split_share_path(share_path)[0] for share_path in share_paths}
        for rockon_id, share_paths in used_share_paths(session).items()
    }
