"""How this instance is: the same as `rockonweb doctor`, on a page and as a file for a supporter."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from rockonweb.config import VERSION, current_settings
from rockonweb.core.instance import diagnosis
from rockonweb.models import Role
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import file
from rockonweb.work import doctor

blueprint = Pages("doctor", __name__, Role.OWNER)
KINDS = {"txt": "text/plain", "json": "application/json"}


@blueprint.get("/doctor")
def index() -> ResponseReturnValue:
    """Look at everything and show it, the worst first."""
    found = sorted(_look(), key=lambda one: ("fail", "warn", "ok").index(one.level))
    return render_template("doctor/index.html", findings=found, failed=diagnosis.failed(found))


@blueprint.get("/doctor/report.<any(txt, json):kind>")
def report(kind: str) -> ResponseReturnValue:
    """Send it as a file."""
    said = diagnosis.report(_look(), as_json=kind == "json")
    return file(said, KINDS[kind], f"attachment; filename=rockonweb-doctor.{kind}")


def _look() -> list[diagnosis.Finding]:
    return doctor.examine(current_settings(), VERSION)
