"""Registry lookups of images before an install: in parallel, with a time limit of seconds, and cached for minutes.

A lookup that takes longer counts as unknown, and continues in the background: the next review finds its result cached.
What asks registries is imported when one is asked: a plan without Docker does without.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rockonweb.core.databases import image_versions
from rockonweb.core.facts import HostFacts, ImageFacts
from rockonweb.core.text import t

if TYPE_CHECKING:
    from rockonweb.host import Engine
    from rockonweb.remote.registry import Logins

CACHE_SECONDS = 300
CACHE_SECONDS_UNKNOWN = 30  # for lookups that failed
MAX_ANSWERS = 500  # cached images


@dataclass
class _ImageFactsCache:
    """Results by image, each with its expiry (monotonic), and the lookups under way; one cache per process."""

    answers: dict[str, tuple[float, ImageFacts]] = field(default_factory=dict)
    pending: dict[str, threading.Thread] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get_facts(self, images: Collection[str], seconds: float, logins: Logins | None = None) -> dict[str, ImageFacts]:
        """Return the facts of each image after at most `seconds`; unknown where the lookup takes longer."""
        deadline = time.monotonic() + seconds
        for thread in [thread for image in images if (thread := self._start_thread(image, logins))]:
            thread.join(max(0.0, deadline - time.monotonic()))
        no_answer = ImageFacts(unknown=t("its registry did not answer in time"))
        with self.lock:
            return {image: self.answers[image][1] if image in self.answers else no_answer for image in images}

    def clear_answers(self) -> None:
        """Empty the cache."""
        with self.lock:
            self.answers.clear()

    def _start_thread(self, image: str, logins: Logins | None) -> threading.Thread | None:
        """Return the thread that looks up an image; None where the result is cached."""
        with self.lock:
            if self.answers.get(image, (0.0,))[0] > time.monotonic():
                return None
            self.answers.pop(image, None)
            if image not in self.pending:
                # A daemon thread, not an executor's: a registry that blocks it must not keep the program from exiting.
                self.pending[image] = threading.Thread(
                    target=self._store_answer, args=(image, logins), name="image", daemon=True
                )
                self.pending[image].start()
            return self.pending[image]

    def _store_answer(self, image: str, logins: Logins | None) -> None:
        image_facts = _fetch_image_facts(image, logins)
        with self.lock:
            expires = time.monotonic() + (CACHE_SECONDS_UNKNOWN if image_facts.unknown else CACHE_SECONDS)
            if len(self.answers) >= MAX_ANSWERS:
                self.answers.clear()
            self.answers[image] = (expires, image_facts)
            del self.pending[image]


CACHE = _ImageFactsCache()


def add_image_facts(facts: HostFacts, images: Collection[str], docker: Engine, seconds: float) -> HostFacts:
    """Return the facts with registry lookups of images, limited to `seconds`; unchanged for no images or 0 seconds.

    Images of Docker Hub are not looked up where Docker uses a mirror of it. Raises EngineError.
    """
    if not images or not seconds:
        return facts
    from rockonweb.remote import registry
    from rockonweb.work.registry_logins import load_logins

    engine_info = docker.daemon_settings()
    candidates = [image for image in images if not (engine_info.mirrors and _from_default_registry(image))]
    facts_by_image = {
        image: replace(image_facts, here=docker.has_image(image))
        for image, image_facts in CACHE.get_facts(candidates, seconds, load_logins()).items()
    }
    machine = engine_info.machine or platform.machine()
    return replace(
        facts,
        images=facts_by_image,
        image_room=engine_info.disk.free if engine_info.disk else None,
        machine=registry.ARCHITECTURES.get(machine, machine),
    )


def add_new_databases(
    facts: HostFacts, images: Mapping[str, tuple[str, str]], pulled: Collection[str], docker: Engine, seconds: float
) -> HostFacts:
    """Return the facts with the database servers in the new images of containers: `images` are by container the name
    of its image and, where it gets one of another name, that image's id. Those of the `pulled` containers are asked of
    their registries, within `seconds`; where these do not answer, and else, the image on this host counts.
    """
    mirrors = docker.daemon_settings().mirrors if pulled else ()
    names = {images[container][0] for container in pulled}
    candidates = [name for name in names if seconds and not (mirrors and _from_default_registry(name))]
    remote = CACHE.get_facts(candidates, seconds)
    new_images = {}
    for container, (name, image) in images.items():
        versions = remote[name].databases if container in pulled and name in remote else {}
        if not versions and (inspected := docker.inspect_image(image or name)):
            versions = image_versions(inspected.details.get("Config"), name)
        new_images[container] = versions
    return replace(facts, new_images=new_images)


def _from_default_registry(image: str) -> bool:
    from rockonweb.remote import registry

    try:
        return registry.parse_image_name(image).host == registry.DEFAULT_SERVER
    except registry.ImageNotFound:
        return False


def _fetch_image_facts(image: str, logins: Logins | None) -> ImageFacts:
    from rockonweb.remote import registry

    try:
        remote = registry.lookup_image(image, logins=logins)
    except registry.ImageNotFound as error:
        return ImageFacts(missing=error.sentence)
    except registry.LookupFailed as error:
        return ImageFacts(unknown=error.sentence)
    return ImageFacts(remote.platforms, remote.size, databases=remote.databases)
