"""The commands of `service`."""

from __future__ import annotations

import shlex

import click

from rockonweb import config, program
from rockonweb.accounts import users
from rockonweb.core.errors import RockonwebError
from rockonweb.core.instance.systemd_unit import UNIT_NAME
from rockonweb.work import service as work
from rockonweb.work import supervisor


@click.group()
def service() -> None:
    """Let systemd start Rockonweb with the machine."""


@service.command()
@click.option("--user", default="", metavar="NAME", help="Who runs it; by default the instance's owner, else root.")
@click.option("--dry-run", is_flag=True, help="Print the unit, and change nothing.")
def install(user: str, dry_run: bool) -> None:
    """Write, enable and start a systemd unit, with the settings of this call."""
    settings = config.load_config()
    plan = work.plan_service(settings, config.read_environment(), user)
    if dry_run:
        click.echo(plan.unit, nl=False)
        click.echo(f"This would be written to {program.UNIT_FILE}, enabled and started.", err=True)
        if plan.docker_dropin:
            click.echo(plan.docker_dropin, nl=False)
            click.echo(f"And this to {program.DOCKER_DROPIN_FILE}.", err=True)
        if plan.kept_settings:
            click.echo(f"Settings for {plan.settings_file}: {', '.join(plan.kept_settings)}", err=True)
        return
    work.install_service(settings, plan)
    click.echo(f"{program.UNIT_FILE} is written: Rockonweb starts with the machine, as {plan.user}.")
    if plan.docker_dropin:
        click.echo(f"When the machine starts, Docker waits for the disks of the shares: {program.DOCKER_DROPIN_FILE}")
    click.echo(f"Its instance is {settings.instance}; settings are in {plan.settings_file}.")
    click.echo(f"Restart it after changes: systemctl restart rockonweb. Its log: journalctl -u {UNIT_NAME}")
    click.echo("Your apps run under Docker and not under this service: they go on when it stops.")
    if not work.await_service(settings):
        raise RockonwebError("The service does not answer.", f"See why: journalctl -u {UNIT_NAME} -n 30")
    if "ROCKONWEB_ADMIN_PASSWORD" in plan.kept_settings:
        click.echo(f"The account exists now: ROCKONWEB_ADMIN_PASSWORD may be deleted from {plan.settings_file}.")
    click.echo(f"Rockonweb is ready: {settings.local_url}")
    for line in supervisor.how_to_reach(settings):
        click.echo(line)
    if code := users.read_setup_code(settings):
        click.echo(f"There is no account yet. Open {settings.local_url}/setup and enter this code: {code}")


@service.command()
def remove() -> None:
    """Stop the service and remove its unit; the data and the apps stay."""
    instance = program.service_instance() or config.load_config().instance
    work.remove_service()
    start = f"ROCKONWEB_INSTANCE={shlex.quote(str(instance))} {program.start_command()}"
    click.echo(f"The service is removed. Apps go on running; the data stays in {instance}.")
    click.echo(f"Start Rockonweb by hand: {start}")
