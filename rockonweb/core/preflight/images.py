"""Images: whether they are to be had, run on this machine, and have room. Nothing is said of what was not asked."""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.facts import HostFacts, ImageFacts
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.preflight.mounts import gibibytes
from rockonweb.core.text import joined, t

UNPACKED = 2.5  # times what is fetched
RUNS_TOO = {"amd64": ("386",), "arm64": ("arm",)}  # what a machine takes where an image has nothing for it


def images(definition: Definition, facts: HostFacts) -> Iterator[Finding]:
    """Yield what speaks against the images."""
    specs = {spec.reference: spec for _, spec in definition.launch_order}
    known = {image: facts.images[image] for image in specs if image in facts.images}
    for image, found in known.items():
        yield from _there(image, found)
        yield from _machine(image, specs[image], found, facts)
    if unknown := {image: found.unknown for image, found in known.items() if found.unknown}:
        yield Finding(
            "note",
            t(
                "Whether the images can be had is not known (%(images)s): %(why)s.",
                images=", ".join(unknown),
                why=joined("; ", dict.fromkeys(unknown.values())),
            ),
            t("Docker will try all the same, before anything is stopped."),
        )
    wanted = sum(int((found.size or 0) * UNPACKED) for found in known.values() if not found.here)
    if facts.image_room is not None and wanted > facts.image_room:
        yield Finding(
            "warn",
            t(
                "The images need about %(wanted)s GiB once they are unpacked, and Docker's disk has %(free)s GiB free.",
                wanted=gibibytes(wanted),
                free=gibibytes(facts.image_room),
            ),
            t("Make room first: a disk that is full stops every app on it."),
        )


def _there(image: str, found: ImageFacts) -> Iterator[Finding]:
    if found.missing and found.here:
        yield Finding(
            "warn",
            t("The image %(image)s is not in its registry any more: %(why)s.", image=image, why=found.missing),
            t("The one that is on this host is used."),
        )
    elif found.missing:
        yield Finding(
            "block",
            t("The image %(image)s does not exist: %(why)s.", image=image, why=found.missing),
            t("The definition must name another one: tell whoever publishes it."),
        )


def _machine(image: str, spec: ContainerSpec, found: ImageFacts, facts: HostFacts) -> Iterator[Finding]:
    machines = [platform.split("/")[1] for platform in found.platforms if platform.startswith("linux/")]
    takes = (facts.machine, *RUNS_TOO.get(facts.machine, ()))
    if not machines or any(one in takes for one in machines) or spec.options.last("platform"):
        return
    yield Finding(
        "block" if len(found.platforms) > 1 else "warn",  # Docker takes a single one as it is
        t(
            "The image %(image)s is for %(there)s, and this host is %(machine)s.",
            image=image,
            there=", ".join(dict.fromkeys(machines)),
            machine=facts.machine,
        ),
        t("It can't run here. Look for a rock-on of the same app with another image."),
    )
