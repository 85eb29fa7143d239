"""Warnings on every page: which service is down, and what to do."""

from __future__ import annotations

from flask_babel import gettext as _

from rockonweb.config import current_config
from rockonweb.core.docker.disk_usage import LOW_SPACE
from rockonweb.core.instance.diagnosis.processes import explain_failing_roles
from rockonweb.core.own_container import BlindSpot, Subject
from rockonweb.host import get_host
from rockonweb.web.labels import size
from rockonweb.work import heartbeat, mastership
from rockonweb.work.failing_roles import read_failing_roles


def list_banners() -> list[tuple[str, str]]:
    """Return a sentence and a hint for a part or Docker being down, or another copy of this instance at work.

    Reads heartbeats from Redis, never calls Docker.
    """
    if failing := read_failing_roles(current_config()):
        return explain_failing_roles(failing)
    if not heartbeat.queue_alive():
        sentence = _("The job queue does not answer: nothing can be installed, started or stopped.")
        return [(sentence, _("Start Rockonweb with `rockonweb up`, or check the server that REDIS_URL names."))]
    engine = heartbeat.engine_status()
    if engine.reachable is False:
        sentence = _("Docker does not answer: the status of apps may be out of date.")
        return [(sentence, engine.message or _("Check that the Docker service is running."))]
    told = mastership.other_copy()
    return [told] if told else []


def list_blind_spots(*subjects: Subject) -> list[BlindSpot]:
    """Return what of these subjects can't be seen of the host from Rockonweb's own container."""
    blind_spots = get_host().blind_spots
    return [blind_spots[subject] for subject in subjects if subject in blind_spots]


def docker_notice() -> tuple[str, str, str] | None:
    """Return a notice for the time before the first install: where images will be stored and how much space is free,
    advice on it, and the notice's tone; None while the folder or its free space is unknown. Never calls Docker.
    """
    engine = heartbeat.engine_status()
    if not engine.reachable or not engine.images_folder or engine.free is None:
        return None
    sentence = _(
        "Images will be stored in %(folder)s (%(kind)s), which has %(free)s of free space.",
        folder=engine.images_folder, kind=engine.file_system or "?", free=size(engine.free),
    )  # fmt: skip
    if engine.free < LOW_SPACE:
        return sentence, _("That is little: the images of one app often take 1 to 3 GB."), "warning"
    hint = _(
        "The images of one app often take 1 to 3 GB. It is easier to choose a larger disk now than later: see Docker."
    )
    return sentence, hint, "info"
