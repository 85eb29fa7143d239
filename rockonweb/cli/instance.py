"""The application and settings that commands run with."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import inspect

from rockonweb import catalog
from rockonweb.accounts import instance_key
from rockonweb.config import Config, current_config
from rockonweb.core.errors import BadInput
from rockonweb.migrations import upgrade
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
    """Decorate a command to run in the application's context.

    The first use of the command line creates the database, which `up` does otherwise.
    """

    @wraps(command)
    def prepare_and_run(*args: Any, **options: Any) -> None:
        instance_files.fix_permissions(get_settings())
        if not inspect(db.engine).has_table("rockon"):
            upgrade.upgrade_database()
            catalog.load_starter()
        instance_key.verify_key()
        command(*args, **options)

    return with_appcontext(prepare_and_run)  # type: ignore[return-value]


def find_rockon(name: str) -> Installation:
    """Return a rock-on by its exact name. Raises BadInput where there is none."""
    installation = repository.find_installation_by_name(name)
    if installation is None:
        raise BadInput(f'There is no rock-on "{name}".', "rockonweb catalog list shows their exact names.")
    return installation
