"""Images: whether they are to be had, run on this machine, and have room. Nothing is said of what was not asked."""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.facts import HostFacts, ImageFacts
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.preflight.mounts import to_gibibytes
from rockonweb.core.text import join_texts, t

UNPACK_FACTOR = 2.5  # times what is fetched
COMPATIBLE_ARCHITECTURES = {
    "amd64": ("386",),
    "arm64": ("arm",),
}  # what a machine takes where an image has nothing for it


def check_images(definition: Definition, facts: HostFacts) -> Iterator[Finding]:
    """Yield what speaks against the images."""
    specs = {spec.image_reference: spec for _, spec in definition.launch_order}
    facts_by_image = {image: facts.images[image] for image in specs if image in facts.images}
    for image, image_facts in facts_by_image.items():
        yield from _check_available(image, image_facts)
        yield from _check_architecture(image, specs[image], image_facts, facts)
    if unknown := {image: image_facts.unknown for image, image_facts in facts_by_image.items() if image_facts.unknown}:
        yield Finding(
            "note",
            t(
                "Whether the images can be had is not known (%(images)s): %(why)s.",
                images=", ".join(unknown),
                why=join_texts("; ", dict.fromkeys(unknown.values())),
            ),
            t("Docker will try all the same, before anything is stopped."),
        )
    needed = sum(
        int((image_facts.size or 0) * UNPACK_FACTOR) for image_facts in facts_by_image.values() if not image_facts.here
    )
    if facts.image_room is not None and needed > facts.image_room:
        yield Finding(
            "warn",
            t(
                "The images need about %(wanted)s GiB once they are unpacked, and Docker's disk has %(free)s GiB free.",
                wanted=to_gibibytes(needed),
                free=to_gibibytes(facts.image_room),
            ),
            t("Make room first: a disk that is full stops every app on it."),
        )


def _check_available(image: str, image_facts: ImageFacts) -> Iterator[Finding]:
    if image_facts.missing and image_facts.here:
        yield Finding(
            "warn",
            t("The image %(image)s is not in its registry any more: %(why)s.", image=image, why=image_facts.missing),
            t("The one that is on this host is used."),
        )
    elif image_facts.missing:
        yield Finding(
            "block",
            t("The image %(image)s does not exist: %(why)s.", image=image, why=image_facts.missing),
            t("The definition must name another one: tell whoever publishes it."),
        )


def _check_architecture(
    image: str, spec: ContainerSpec, image_facts: ImageFacts, facts: HostFacts
) -> Iterator[Finding]:
    architectures = [platform.split("/")[1] for platform in image_facts.platforms if platform.startswith("linux/")]
    runnable = (facts.machine, *COMPATIBLE_ARCHITECTURES.get(facts.machine, ()))
    if (
        not architectures
        or any(architecture in runnable for architecture in architectures)
        or spec.run_options.last_value("platform")
    ):
        return
    yield Finding(
        "block" if len(image_facts.platforms) > 1 else "warn",  # Docker takes a single one as it is
        t(
            "The image %(image)s is for %(there)s, and this host is %(machine)s.",
            image=image,
            there=", ".join(dict.fromkeys(architectures)),
            machine=facts.machine,
        ),
        t("It can't run here. Look for a rock-on of the same app with another image."),
    )
