"""What registries say of a rock-on's images, as findings."""

from dataclasses import replace

from rockonweb.core.facts import HostFacts, ImageFacts
from rockonweb.core.preflight.images import check_images
from tests.support.samples import build_definition

WEB = "example/web:latest"


def found(known: ImageFacts, options: list[list[str]] | None = None, **facts: object) -> list[str]:
    """Return the findings for a rock-on with one image."""
    sample = build_definition({"web": {"opts": options or []}})
    host = replace(HostFacts(images={WEB: known}), **facts)  # type: ignore[arg-type]
    return [f"{one.level}: {one}" for one in check_images(sample, host)]


def test_nothing_is_said_of_an_image_that_nobody_was_asked_about():
    assert list(check_images(build_definition({"web": {}}), HostFacts())) == []


def test_an_image_that_does_not_exist_forbids_it_unless_one_is_here():
    assert found(ImageFacts(missing="it has no such tag")) == [
        f"block: The image {WEB} does not exist: it has no such tag."
        " The definition needs another image: tell its publisher."
    ]
    assert found(ImageFacts(missing="it has no such tag", here=True)) == [
        f"warn: The image {WEB} is no longer in its registry: it has no such tag."
        " The image on this host is used instead."
    ]


def test_a_registry_that_does_not_tell_is_a_note_at_most():
    assert found(ImageFacts(unknown="box.example is too slow")) == [
        f"note: It is not known whether the images are available ({WEB}): box.example is too slow."
        " Docker will try to pull them anyway, before anything is stopped."
    ]


def test_an_image_for_other_machines_can_not_run():
    several = ImageFacts(("linux/arm64/v8", "linux/arm/v7", "linux/arm/v6"))
    assert found(several) == [
        f"block: The image {WEB} is for arm64, arm, but this host is amd64."
        " It can't run here. Look for a rock-on of the same app with another image."
    ]
    assert found(ImageFacts(("linux/arm64",)))[0].startswith(f"warn: The image {WEB} is for arm64,")
    assert found(several, machine="arm64") == []
    assert found(ImageFacts(("linux/arm/v7",)), machine="arm64") == []
    assert found(ImageFacts(("linux/386", "linux/arm64"))) == []
    assert found(several, [["--platform=linux/arm64", ""]]) == []


def test_room_is_needed_for_two_and_a_half_times_what_is_fetched():
    gibibyte = 2**30
    assert found(ImageFacts(size=2 * gibibyte), image_room=5 * gibibyte) == []
    assert found(ImageFacts(size=2 * gibibyte), image_room=4 * gibibyte) == [
        "warn: The images need about 5.0 GiB when unpacked, but Docker's disk has only 4.0 GiB free."
        " Free up space first: a full disk stops every app on it."
    ]
    assert found(ImageFacts(size=2 * gibibyte, here=True), image_room=0) == []
    assert found(ImageFacts(size=None), image_room=0) == []
    assert found(ImageFacts(size=2 * gibibyte)) == []
