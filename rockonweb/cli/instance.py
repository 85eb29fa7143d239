"""The application and settings that commands run with."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app, has_app_context
from flask.cli import with_appcontext
from sqlalchemy import inspect

from rockonweb import config, program
from rockonweb.accounts import instance_key
from rockonweb.config import Config, current_config
from rockonweb.core.errors import BadInput
from rockonweb.host import brief_reads
from rockonweb.models import Installation, db, repository
from rockonweb.work import instance_files

Command = TypeVar("Command", bound=Callable[..., None])


def get_app() -> Flask:
    """Return the application."""
    application: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return application


def get_settings() -> Config:
    """Return the settings of the instance."""
    return current_config()


def with_instance(command: Command) -> Command:
    """Decorate a command to run in the application's context of an instance that exists; it waits for Docker as briefly
    as a page.

    Without one it raises BadInput, and creates nothing.
    """

    @wraps(command)
    def check_and_run(*args: Any, **options: Any) -> None:
        instance_files.fix_permissions(get_settings())
        instance_key.verify_key()
        with brief_reads():
            command(*args, **options)

    return check_first(require_instance, check_and_run)  # type: ignore[return-value]


def with_new_instance(role: Command) -> Command:
    """Decorate the command of a role to run in the application's context of an instance, which is created where it is
    missing; it waits for Docker as jobs do.
    """

    @wraps(role)
    def create_and_run(*args: Any, **options: Any) -> None:
        from rockonweb import catalog
        from rockonweb.migrations import upgrade

        instance_files.fix_permissions(get_settings())
        if not inspect(db.engine).has_table("rockon"):
            upgrade.upgrade_database()
            catalog.load_starter()
        instance_key.verify_key()
        role(*args, **options)

    return check_first(instance_files.create_folder, create_and_run)  # type: ignore[return-value]


def check_first(check: Callable[[Config], None], command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that runs a check before the application is loaded, which would create the instance."""
    in_application = with_appcontext(command)

    @wraps(command)
    def check_and_run(*args: Any, **options: Any) -> None:
        check(get_settings() if has_app_context() else config.load_config())
        in_application(*args, **options)

    return check_and_run


def require_instance(settings: Config) -> None:
    """Raise BadInput where there is no instance in the configured folder, or where this user may not use it."""
    instance_files.refuse_unusable(settings)
    if program.is_instance(settings.instance):
        return
    environ = config.read_environment()
    looked = " and ".join(map(str, program.instance_folders(environ)))
    others = [f"There is one in {folder}." for folder in program.other_instances(environ)]
    raise BadInput(
        f"There is no Rockonweb here yet: no instance in {looked}.",
        " ".join((*others, f"Name its folder by ROCKONWEB_INSTANCE, or create one: {program.start_command()}")),
    )


def find_rockon(name: str) -> Installation:
    """Return a rock-on by its exact name. Raises BadInput where there is none."""
    installation = repository.find_installation_by_name(name)
    if installation is None:
        raise BadInput(f'There is no rock-on "{name}".', "rockonweb catalog list shows their exact names.")
    return installation
