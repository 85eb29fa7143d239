"""Shares and folders: whether they exist, who owns them, and whether they have free space."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers, share_fault, split_share_path
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import share_facts
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts, ShareAbsence
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import join_texts, t

# A published size below is surely not in bytes, and one above exceeds any disk.
PLAUSIBLE_SIZES = range(2**20, 2**50)
GIBIBYTE = 2**30


def check_shares(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str]
) -> Iterator[Finding]:
    """Yield the findings about the shares and folders that were chosen; none where they can't be seen."""
    if "shares" in facts.blind_spots:
        return
    yield from _check_existence(definition, answers, facts, new_shares)
    yield from _check_owners(definition, answers, facts)
    yield from _check_free_space(definition, answers, facts)


def missing_folder_finding(name: str, path: str) -> Finding:
    """Return that a folder which a container has mounted is gone: Docker would create an empty one in its place."""
    return Finding(
        "block",
        t("The folder %(path)s, in which %(name)s has its data, is missing.", path=path, name=name),
        t("Mount its disk, or restore the folder. Otherwise the app would start with an empty one."),
    )


def absent_share_finding(share: str, absence: ShareAbsence) -> Finding:
    """Return that the folder which apps have used as a share is not at its path."""
    mount_hint = t("Mount its disk: apps that wait for it then start by themselves.")
    confirm_hint = t(
        'If you have moved it on purpose, confirm that on the page "Shares", or: rockonweb share confirm %(share)s',
        share=shlex.quote(share),
    )
    if absence is ShareAbsence.MISSING:
        return Finding("block", t('The share "%(share)s" is missing.', share=share), mount_hint)
    if absence is ShareAbsence.LINK:
        return Finding(
            "block",
            t('The share "%(share)s" was replaced by a link.', share=share),
            t("Put the folder itself in its place, or choose another share."),
        )
    return Finding(
        "block",
        t('The folder of the share "%(share)s" is not the one that apps have used until now.', share=share),
        join_texts(" ", (mount_hint, confirm_hint)),
    )


def _check_existence(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str]
) -> Iterator[Finding]:
    own_containers = [item for item in (facts.containers or {}).values() if item.rockon == definition.name]
    mounted = {path for item in own_containers for path in item.bind_mounts}  # that these are gone is told by itself
    for share, paths in _paths_by_share(answers, facts).items():
        if mounted.issuperset(paths):
            continue
        if share in facts.absent_shares:
            yield absent_share_finding(share, facts.absent_shares[share])
        elif share not in facts.shares and share not in new_shares:
            yield Finding(
                "block",
                t('The share "%(share)s" does not exist.', share=share),
                t("Choose another one.")
                if share_fault(share)
                else t("Choose another one, or create it: rockonweb share add %(share)s", share=share),
            )
    workers = owners.users_by_path(definition, answers)
    for share_path in (share_path for _, share_path in answers.share_mounts if share_path in facts.missing_folders):
        if share_facts(share_path, facts).path in mounted:
            continue
        share, folder = split_share_path(share_path)
        has_uid = share_path in workers and workers[share_path].uid
        yield Finding(
            "note",
            t('The folder "%(folder)s" of share "%(share)s" is new.', folder=folder, share=share),
            t("It will be created for user %(uid)s.", uid=workers[share_path].uid)
            if has_uid
            else t("Docker creates it, owned by root."),
        )


def _paths_by_share(answers: Answers, facts: HostFacts) -> dict[str, set[str]]:
    """Return by share the paths of the host that are mounted of it."""
    paths: dict[str, set[str]] = {}
    for _, share_path in answers.share_mounts:
        paths.setdefault(split_share_path(share_path)[0], set()).add(share_facts(share_path, facts).path)
    return paths


def _check_owners(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    for mismatch in owners.find_owner_mismatches(definition, answers, facts):
        uid, gid = mismatch.owner
        yield Finding(
            "warn",
            t(
                "%(name)s runs as user %(uid)s, who can't write to %(place)s: it is owned by user %(owner)s and "
                "group %(group)s, with the permissions %(mode)s.",
                name=mismatch.container,
                uid=mismatch.user.uid,
                place=mismatch.place,
                owner=mismatch.now.uid,
                group=mismatch.now.gid,
                mode=f"{mismatch.now.mode:o}",
            ),
            t(
                "Tick the box for its owner in the browser, or change it yourself: chown %(uid)s:%(gid)s %(path)s",
                uid=uid,
                gid=gid,
                path=shlex.quote(share_facts(mismatch.place, facts).path),
            ),
        )


def _check_free_space(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    for name, spec in definition.launch_order:
        for volume, question in spec.volumes.items():
            share_path = answers.shares.get(name, {}).get(volume, "")
            path_facts, min_size = facts.places.get(share_path), question.min_size or 0
            # An app that has files there already does not need the space again.
            if (
                path_facts
                and path_facts.empty
                and path_facts.free is not None
                and min_size in PLAUSIBLE_SIZES
                and path_facts.free < min_size
            ):
                yield Finding(
                    "warn",
                    t(
                        "%(name)s should have %(wanted)s GiB for %(volume)s, but the disk of %(place)s has only "
                        "%(free)s GiB free.",
                        name=name,
                        wanted=to_gibibytes(min_size),
                        volume=volume,
                        place=share_path,
                        free=to_gibibytes(path_facts.free),
                    ),
                    t("Free up space there, or choose a share on another disk."),
                )


def to_gibibytes(size: int) -> float:
    """Return a number of bytes as one of GiB, for people."""
    return round(size / GIBIBYTE, 1)
