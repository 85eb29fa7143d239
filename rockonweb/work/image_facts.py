"""What registries say of images before an install: asked all at once, in a few seconds, and remembered for minutes.

Whatever a registry does not say in time is unknown, and no reason to wait: its answer is there at the next look.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from rockonweb.core.facts import HostFacts, ImageFacts
from rockonweb.core.text import t
from rockonweb.host import Engine
from rockonweb.remote import registry
from rockonweb.remote.registry import Missing, Unknown

KEPT_SECONDS = 300  # an answer
KEPT_SECONDS_UNKNOWN = 30  # that there was none
MOST = 500  # images that are remembered


@dataclass
class _Desk:
    """The answers of this process, by image, with the moment until which they hold; and who is being asked."""

    answers: dict[str, tuple[float, ImageFacts]] = field(default_factory=dict)
    asking: dict[str, threading.Thread] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, images: Collection[str], seconds: float) -> dict[str, ImageFacts]:
        """Return what is known of each image after so many seconds at most."""
        deadline = time.monotonic() + seconds
        for thread in [thread for image in images if (thread := self._begin(image))]:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = ImageFacts(unknown=t("its registry did not answer in time"))
        with self.lock:
            return {image: self.answers[image][1] if image in self.answers else late for image in images}

    def forget(self) -> None:
        """Ask anew from now on."""
        with self.lock:
            self.answers.clear()

    def _begin(self, image: str) -> threading.Thread | None:
        """Return the thread that asks about an image; None where the answer is there."""
        with self.lock:
            if self.answers.get(image, (0.0,))[0] > time.monotonic():
                return None
            self.answers.pop(image, None)
            if image not in self.asking:
                # A thread of our own: one that a registry holds on to must not keep the program from ending.
                self.asking[image] = threading.Thread(target=self._look, args=(image,), name="image", daemon=True)
                self.asking[image].start()
            return self.asking[image]

    def _look(self, image: str) -> None:
        found = _looked(image)
        with self.lock:
            until = time.monotonic() + (KEPT_SECONDS_UNKNOWN if found.unknown else KEPT_SECONDS)
            if len(self.answers) >= MOST:
                self.answers.clear()
            self.answers[image] = (until, found)
            del self.asking[image]


DESK = _Desk()


def added(facts: HostFacts, images: Collection[str], docker: Engine, seconds: float) -> HostFacts:
    """Return the facts with what registries and Docker know of images; as they are where nothing is to be asked.

    A registry's own answer counts for nothing where Docker has a mirror of it. Raises EngineError.
    """
    if not images or not seconds:
        return facts
    about = docker.settings()
    asked = [image for image in images if not (about.mirrors and _of_the_default_registry(image))]
    found = {image: replace(one, here=docker.has_image(image)) for image, one in DESK.ask(asked, seconds).items()}
    machine = about.machine or platform.machine()
    return replace(
        facts,
        images=found,
        image_room=about.disk.free if about.disk else None,
        machine=registry.MACHINES.get(machine, machine),
    )


def _of_the_default_registry(image: str) -> bool:
    try:
        return registry.name_of(image).host == registry.DEFAULT_SERVER
    except Missing:
        return False


def _looked(image: str) -> ImageFacts:
    try:
        found = registry.look(image)
    except Missing as error:
        return ImageFacts(missing=error.sentence)
    except Unknown as error:
        return ImageFacts(unknown=error.sentence)
    return ImageFacts(found.platforms, found.size)
