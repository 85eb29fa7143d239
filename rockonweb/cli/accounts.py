"""The commands `user` and `token`."""

from __future__ import annotations

import getpass
import json
import sys

import click

from rockonweb.accounts import tokens, two_factor, users
from rockonweb.cli import instance
from rockonweb.models import Role

ROLES = click.Choice([str(role) for role in Role])


@click.group()
def user() -> None:
    """The users who may log in."""


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@instance.with_instance
def list_users(as_json: bool) -> None:
    """List the users."""
    accounts = users.list_users()
    if as_json:
        records = [
            {
                "name": account.name,
                "role": str(account.role),
                "second_step": account.totp_since is not None,
                "last_login": account.last_login.isoformat() if account.last_login else None,
            }
            for account in accounts
        ]
        click.echo(json.dumps(records))
        return
    for account in accounts:
        last = f"last login {account.last_login:%Y-%m-%d %H:%M} UTC" if account.last_login else "never logged in"
        factor = ", two-factor authentication on" if account.totp_since else ""
        click.echo(f"{account.name:30} {account.role:10} {last}{factor}")


@user.command("add")
@click.argument("name")
@click.option("--role", type=ROLES, default=str(Role.OWNER), help="What the user may do (owner: everything).")
@instance.with_instance
def add_user(name: str, role: str) -> None:
    """Create a user; the password comes from a prompt or standard input."""
    users.create_user(name, read_password(), Role(role))
    click.echo(f"{name} can log in now.")


@user.command("password")
@click.argument("name")
@click.option("--keep-tokens", is_flag=True, help="Keep the API tokens of the account valid.")
@instance.with_instance
def reset_password(name: str, keep_tokens: bool) -> None:
    """Set a user's password, from a prompt or standard input; its sessions end, and its tokens are revoked."""
    account = users.get_user(name)
    users.set_password(account, read_password(), keep_tokens=keep_tokens)
    outcome = "its API tokens are still valid" if keep_tokens else "its API tokens were revoked"
    click.echo(f"{name} has the new password; all sessions have ended, {outcome}.")


@user.command("role")
@click.argument("name")
@click.argument("role", type=ROLES)
@instance.with_instance
def change_role(name: str, role: str) -> None:
    """Change what a user may do: viewer, operator or owner."""
    users.set_role(users.get_user(name), Role(role))
    click.echo(f"{name} is {role} now.")


@user.command("totp-off")
@click.argument("name")
@instance.with_instance
def turn_second_step_off(name: str) -> None:
    """Turn off two-factor authentication for a user, for example after the loss of a device."""
    two_factor.disable_second_step(users.get_user(name))
    click.echo(f"{name} now logs in with the password alone.")


@user.command("remove")
@click.argument("name")
@instance.with_instance
def remove_user(name: str) -> None:
    """Remove a user with their sessions and tokens."""
    users.remove_user(users.get_user(name))
    click.echo(f"{name} was removed.")


@click.group()
def token() -> None:
    """Tokens by which scripts log in."""


@token.command("new")
@click.argument("name")
@click.option("--role", type=ROLES, help="Allow it less than the user may do.")
@click.option("--days", type=int, help="How long it lasts; without it, until it is revoked.")
@click.option("--label", default="", help="What it is for.")
@instance.with_instance
def new_token(name: str, role: str | None, days: int | None, label: str) -> None:
    """Create a token for the user NAME and print it alone. It is shown only once."""
    click.echo(tokens.create_token(users.get_user(name), Role(role) if role else None, days, label))


def read_password() -> str:
    """Read a password from a prompt, typed twice, or standard input. Raises UsageError where the two differ."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password again: ") != password:
        raise click.UsageError("The passwords don't match.")
    return password
