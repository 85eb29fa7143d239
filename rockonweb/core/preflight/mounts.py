"""Shares and folders: whether they are there, whose they are, and whether they have room."""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers, split_share
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import share_facts
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import t

# A published size below is surely no number of bytes, and one above no disk's.
PLAUSIBLE_SIZES = range(2**20, 2**50)
GIBIBYTE = 2**30


def places(definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str]) -> Iterator[Finding]:
    """Yield what speaks against the shares and folders that were chosen."""
    yield from _missing(definition, answers, facts, new_shares)
    yield from _owners(definition, answers, facts)
    yield from _room(definition, answers, facts)


def _missing(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str]
) -> Iterator[Finding]:
    for share in answers.used_shares():
        if share not in facts.shares and share not in new_shares:
            yield Finding(
                "block",
                t('The share "%(share)s" does not exist.', share=share),
                t("Choose another one, or make it: rockonweb share add %(share)s", share=share),
            )
    known = owners.workers(definition, answers)
    for place in (place for _, place in answers.places if place in facts.missing_folders):
        share, folder = split_share(place)
        given = place in known and known[place].uid
        yield Finding(
            "note",
            t('The folder "%(folder)s" of share "%(share)s" is new.', folder=folder, share=share),
            t("It is made for user %(uid)s.", uid=known[place].uid) if given else t("Docker makes it, owned by root."),
        )


def _owners(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    for one in owners.mismatches(definition, answers, facts):
        uid, gid = one.owner
        yield Finding(
            "warn",
            t(
                "%(name)s works as user %(uid)s, who may not write to %(place)s: it belongs to user %(owner)s and"
                " group %(group)s, with the permissions %(mode)s.",
                name=one.container,
                uid=one.worker.uid,
                place=one.place,
                owner=one.now.uid,
                group=one.now.gid,
                mode=f"{one.now.mode:o}",
            ),
            t(
                "Tick the box that gives it away, or do it yourself: chown %(uid)s:%(gid)s %(path)s",
                uid=uid,
                gid=gid,
                path=share_facts(one.place, facts).path,
            ),
        )


def _room(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    for name, spec in definition.launch_order:
        for volume, question in spec.volumes.items():
            place = answers.shares.get(name, {}).get(volume, "")
            known, wanted = facts.places.get(place), question.min_size or 0
            # Whoever has files there already has had the room for them.
            if known and known.empty and known.free is not None and wanted in PLAUSIBLE_SIZES and known.free < wanted:
                yield Finding(
                    "warn",
                    t(
                        "%(name)s should have %(wanted)s GiB for %(volume)s, and the disk of %(place)s has %(free)s"
                        " GiB free.",
                        name=name,
                        wanted=gibibytes(wanted),
                        volume=volume,
                        place=place,
                        free=gibibytes(known.free),
                    ),
                    t("Make room there, or choose a share on another disk."),
                )


def gibibytes(size: int) -> float:
    """Return a number of bytes as one of GiB, for people."""
    return round(size / GIBIBYTE, 1)
