"""The commands of `registry`."""

from __future__ import annotations

import json
import sys

import click

from rockonweb.cli import instance
from rockonweb.cli.accounts import read_password
from rockonweb.core.errors import BadInput
from rockonweb.models import RegistryLogin
from rockonweb.remote.registry import parse_registry
from rockonweb.work import registry_logins


@click.group()
def registry() -> None:
    """The logins for image registries."""


@registry.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@instance.with_instance
def list_registries(as_json: bool) -> None:
    """List the logins, without their passwords."""
    logins = registry_logins.list_logins()
    if as_json:
        keys = ("host", "user", "accepted")
        click.echo(
            json.dumps([{**{key: getattr(row, key) for key in keys}, "error": row.error or None} for row in logins])
        )
        return
    for row in logins:
        click.echo(f"{row.host:30} {row.user:20} {_describe_result(row)}")


@registry.command("login")
@click.argument("host")
@click.option("--user", required=True, help="The user name there.")
@instance.with_instance
def log_in(host: str, user: str) -> None:
    """Store the login for the registry HOST and test it; the password or token comes from a prompt or standard input.

    Exit 1 when the registry does not accept it.
    """
    _show_result(registry_logins.save_login(host, user, read_password()))


@registry.command("test")
@click.argument("host")
@instance.with_instance
def test_login(host: str) -> None:
    """Test the login for the registry HOST; exit 1 when the registry does not accept it."""
    _show_result(registry_logins.check_login(_find_login(host)))


@registry.command("logout")
@click.argument("host")
@instance.with_instance
def log_out(host: str) -> None:
    """Remove the login for the registry HOST."""
    click.echo(f"The login for {registry_logins.remove_login(_find_login(host))} was removed.")


def _find_login(host: str) -> RegistryLogin:
    name = parse_registry(host)
    for row in registry_logins.list_logins():
        if row.host == name:
            return row
    raise BadInput(f"There is no login for {name}.")


def _show_result(row: RegistryLogin) -> None:
    click.echo(f"{row.host}: {_describe_result(row)}", err=bool(row.error))
    sys.exit(1 if row.error else 0)


def _describe_result(row: RegistryLogin) -> str:
    return row.error or ("accepted" if row.accepted else "not tested yet")
