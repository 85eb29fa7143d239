"""What every page warns of: parts that do not answer, and what to do."""

from __future__ import annotations

from flask_babel import gettext as _

from rockonweb.work import heartbeat


def troubles() -> list[tuple[str, str]]:
    """Return a sentence and a hint for each part that is down. Asks the queue's server, never Docker."""
    if not heartbeat.queue_alive():
        sentence = _("The job queue does not answer: nothing can be installed, started or stopped.")
        return [(sentence, _("Start Rockonweb with `rockonweb up`, or check the server that REDIS_URL names."))]
    engine = heartbeat.engine_status()
    if engine.reachable is False:
        sentence = _("Docker does not answer: what you see of apps may be out of date.")
        return [(sentence, engine.message or _("Check that the Docker service is running."))]
    return []
