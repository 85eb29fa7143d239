"""The command `doctor`. It needs no application, so that it works when nothing else does."""

from __future__ import annotations

import sys

import click

from rockonweb import config
from rockonweb.cli import instance
from rockonweb.core.errors import RockonwebError
from rockonweb.core.instance.diagnosis.results import CheckResult, format_report, has_failure
from rockonweb.work import doctor


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def examine(as_json: bool) -> None:
    """Check everything and say what is wrong and what to do; changes nothing. Exit 1 when there is an error.

    Run it as the user of the service and with the same environment.
    """
    try:
        settings = config.load_config()
    except RockonwebError as error:
        findings = [CheckResult("settings", "fail", error.sentence, error.hint)]
    else:
        if not config.read_environment().get("ROCKONWEB_INSTANCE"):  # one that is named is examined, whatever it is
            instance.require_instance(settings)
        findings = doctor.examine_instance(settings, config.VERSION)
    click.echo(format_report(findings, as_json=as_json))
    sys.exit(1 if has_failure(findings) else 0)
