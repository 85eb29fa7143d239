"""The checks of `rockonweb doctor` as a page, and as a file to send to support."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from rockonweb.config import VERSION, current_config
from rockonweb.core.instance.diagnosis.results import CheckResult, format_report, has_failure
from rockonweb.models import Role
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import send_download
from rockonweb.work import doctor

blueprint = RoleBlueprint("doctor", __name__, Role.OWNER)
REPORT_TYPES = {"txt": "text/plain", "json": "application/json"}


@blueprint.get("/doctor")
def index() -> ResponseReturnValue:
    """Run all checks and show the results, the worst first."""
    findings = sorted(_run_checks(), key=lambda finding: ("fail", "warn", "ok").index(finding.level))
    return render_template("doctor/index.html", findings=findings, failed=has_failure(findings))


@blueprint.get("/doctor/report.<any(txt, json):kind>")
def report(kind: str) -> ResponseReturnValue:
    """Run all checks and send the report as a download."""
    text = format_report(_run_checks(), as_json=kind == "json")
    return send_download(text, REPORT_TYPES[kind], f"attachment; filename=rockonweb-doctor.{kind}")


def _run_checks() -> list[CheckResult]:
    return doctor.examine_instance(current_config(), VERSION)
