"""The command line: `rockonweb`, or `flask --app wsgi`.

Exit status: 0 done, 1 the operation or check failed, 2 bad input (a line for each fault), 3 no engine or queue.

Only what `--help` and `--version` need is imported here, so that they are fast; a command's module is imported when it
runs.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from functools import partial
from importlib import import_module
from typing import Any, NoReturn, TextIO, cast

import click
from flask import Flask
from flask.cli import ScriptInfo

from rockonweb import config, create_app
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.invisible import EscapingStream
from rockonweb.work import instance_files


def main() -> NoReturn:
    """Run the command line; an error is a sentence and an exit status, never a traceback."""
    instance_files.restrict_umask()
    gc.disable()  # imports leave nothing to collect, and looking for it takes a fifth of their time
    atexit.register(gc.freeze)  # skips the collection at exit, which takes half a second
    sys.stdout, sys.stderr = cast(TextIO, EscapingStream(sys.stdout)), cast(TextIO, EscapingStream(sys.stderr))
    try:
        sys.exit(group.main(prog_name="rockonweb", standalone_mode=False) or 0)
    except RockonwebError as error:
        exit_with_error(error)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # what reads the output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:
        from rockonweb.work.roles import describe_error

        if problem := describe_error(error):
            exit_with_error(problem)
        raise


def exit_with_error(error: RockonwebError) -> NoReturn:
    """Print an error, a line for each fault, and end with its status."""
    for line in error.faults if isinstance(error, BadInput) else [str(error)]:
        click.echo(line, err=True)
    if error.output:
        click.echo(error.output, err=True)
    sys.exit(error.exit_status)


def _create_app(*, pages: bool) -> Flask:
    try:
        return create_app(pages=pages)
    except RockonwebError as error:
        exit_with_error(error)


def register_commands(app: Flask) -> None:
    """Add the commands to `flask --app wsgi`."""
    for command in COMMANDS:
        app.cli.add_command(command)


class LazyCommand(click.Command):
    """A command that is imported when it runs: `import_path` is `module:attribute`, `help` the text in the list of
    commands.
    """

    def __init__(self, name: str, import_path: str, help: str) -> None:  # noqa: A002 - click's name
        super().__init__(name, help=help)
        self.import_path = import_path

    def load_command(self) -> click.Command:
        """Import and return the command."""
        module, _, attribute = self.import_path.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        gc.freeze()
        gc.enable()
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Make the context of the imported command."""
        return self.load_command().make_context(info_name, args, parent, **extra)


@click.group(
    context_settings={"max_content_width": 120},
    help="Apps for a home server: pick a rock-on, answer a few questions, and it runs in Docker.",
)
@click.version_option(config.VERSION, prog_name="rockonweb")
@click.pass_context
def group(context: click.Context) -> None:
    """The commands; the pages do the same and more. The application is created when a command needs it."""
    pages = context.invoked_subcommand in PAGE_COMMANDS
    context.obj = ScriptInfo(create_app=partial(_create_app, pages=pages), set_debug_flag=False)


PAGE_COMMANDS = ("up", "web")  # those that serve pages
_COMMAND_TABLE = (
    ("up", "roles:up", "Run everything: database, queue server, web server, workers, watcher."),
    ("web", "roles:web", "Serve the pages only."),
    ("worker", "roles:worker", "Run one worker only."),
    ("watch", "roles:watch", "Run the watcher only."),
    ("service", "service:service", "Let systemd start Rockonweb with the machine."),
    ("catalog", "catalogue:catalogue", "The list of rock-ons."),
    ("plan", "plan:show_plan", "Print what an install would do."),
    ("install", "rockons:install", "Install a rock-on with the answers of a file."),
    ("import", "imports:import_source", "Import an app: docker run lines, a file of another program, or containers."),
    ("container", "containers:container", "Containers that Rockonweb did not create."),
    ("answers", "rockons:answers", "Print the answers of a rock-on, as an answers file."),
    ("start", "rockons:start", "Start an installed rock-on."),
    ("stop", "rockons:stop", "Stop an installed rock-on."),
    ("restart", "rockons:restart", "Stop and start an installed rock-on."),
    ("update", "rockons:update", "Pull the newest images, and recreate the containers that have a newer image."),
    ("uninstall", "rockons:uninstall", "Remove a rock-on's containers; shares, images and volumes stay."),
    ("watching", "watching:watching", "Change what is done when a rock-on is down, and print it."),
    ("maintenance", "watching:maintenance", "Hold notifications and automatic restarts for MINUTES; print until when."),
    ("share", "shares:share", "The folders that apps keep their data in."),
    ("user", "accounts:user", "The users who may log in."),
    ("token", "accounts:token", "Tokens by which scripts log in."),
    ("registry", "registries:registry", "The logins for image registries."),
    ("backup", "backup:make_backup", "Write everything but the data in the shares into FILE; `-` is standard output."),
    ("restore", "backup:restore_backup", "Install the rock-ons of a backup again, as they were."),
    ("data", "data:data", "Backups of apps' data, with restic."),
    ("export", "backup:export_rockon", "Write an installed rock-on as files for Docker Compose or Podman."),
    (
        "forget-secrets",
        "instance_key:forget_secrets",
        "Go on without the lost key: create a new one, and forget what the old one encrypted.",
    ),
    ("doctor", "doctor:examine", "Check everything and say what is wrong and what to do; changes nothing."),
)
COMMANDS = [LazyCommand(name, f"rockonweb.cli.{place}", words) for name, place, words in _COMMAND_TABLE]
for command in COMMANDS:
    group.add_command(command)
