"""Images: whether they exist, run on this machine, and fit on the disk. What was not queried is skipped."""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.facts import HostFacts, ImageFacts
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.preflight.mounts import to_gibibytes
from rockonweb.core.text import join_texts, t

UNPACK_FACTOR = 2.5  # times the download
COMPATIBLE_ARCHITECTURES = {
    "amd64": ("386",),
    "arm64": ("arm",),
}  # architectures that a machine can run besides its own


def check_images(definition: Definition, facts: HostFacts) -> Iterator[Finding]:
    """Yield the findings about the images."""
    specs = {spec.image_reference: spec for _, spec in definition.launch_order}
    facts_by_image = {image: facts.images[image] for image in specs if image in facts.images}
    for image, image_facts in facts_by_image.items():
        yield from _check_available(image, image_facts)
        yield from _check_architecture(image, specs[image], image_facts, facts)
    if unknown := {image: image_facts.unknown for image, image_facts in facts_by_image.items() if image_facts.unknown}:
        yield Finding(
            "note",
            t(
                "It is not known whether the images are available (%(images)s): %(why)s.",
                images=", ".join(unknown),
                why=join_texts("; ", dict.fromkeys(unknown.values())),
            ),
            t("Docker will try to pull them anyway, before anything is stopped."),
        )
    needed = sum(
        int((image_facts.size or 0) * UNPACK_FACTOR) for image_facts in facts_by_image.values() if not image_facts.here
    )
    if facts.image_room is not None and needed > facts.image_room:
        yield Finding(
            "warn",
            t(
                "The images need about %(wanted)s GiB when unpacked, but Docker's disk has only %(free)s GiB free.",
                wanted=to_gibibytes(needed),
                free=to_gibibytes(facts.image_room),
            ),
            t("Free up space first: a full disk stops every app on it."),
        )


def _check_available(image: str, image_facts: ImageFacts) -> Iterator[Finding]:
    if image_facts.missing and image_facts.here:
        yield Finding(
            "warn",
            t("The image %(image)s is no longer in its registry: %(why)s.", image=image, why=image_facts.missing),
            t("The image on this host is used instead."),
        )
    elif image_facts.missing:
        yield Finding(
            "block",
            t("The image %(image)s does not exist: %(why)s.", image=image, why=image_facts.missing),
            t("The definition needs another image: tell its publisher."),
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
        "block" if len(image_facts.platforms) > 1 else "warn",  # Docker pulls a single platform all the same
        t(
            "The image %(image)s is for %(there)s, but this host is %(machine)s.",
            image=image,
            there=", ".join(dict.fromkeys(architectures)),
            machine=facts.machine,
        ),
        t("It can't run here. Look for a rock-on of the same app with another image."),
    )
