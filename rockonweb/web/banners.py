"""What every page warns of: parts that do not answer, and what to do."""

from __future__ import annotations

from flask_babel import gettext as _

from rockonweb.core.docker.daemon_settings import LOW_SPACE
from rockonweb.web.labels import size
from rockonweb.work import heartbeat


def list_banners() -> list[tuple[str, str]]:
    """Return a sentence and a hint for each part that is down. Asks the queue's server, never Docker."""
    if not heartbeat.queue_alive():
        sentence = _("The job queue does not answer: nothing can be installed, started or stopped.")
        return [(sentence, _("Start Rockonweb with `rockonweb up`, or check the server that REDIS_URL names."))]
    engine = heartbeat.engine_status()
    if engine.reachable is False:
        sentence = _("Docker does not answer: what you see of apps may be out of date.")
        return [(sentence, engine.message or _("Check that the Docker service is running."))]
    return []


def docker_notice() -> tuple[str, str, str] | None:
    """Return where images will live and how much room is left, what should be known of that before the first install,
    and the notice's tone; None while that is not known. Never asks Docker.
    """
    engine = heartbeat.engine_status()
    if not engine.reachable or not engine.images_folder or engine.free is None:
        return None
    sentence = _(
        "Images will live in %(folder)s (%(kind)s), where %(free)s are left.",
        folder=engine.images_folder, kind=engine.file_system or "?", free=size(engine.free),
    )  # fmt: skip
    if engine.free < LOW_SPACE:
        return sentence, _("That is little: the images of one app often take 1 to 3 GB."), "warning"
    hint = _(
        "The images of one app often take 1 to 3 GB. A larger disk is easier to choose now than later: see Docker."
    )
    return sentence, hint, "info"
