"""The instance that a command is for, and who types it."""

from __future__ import annotations

import getpass

from flask import Flask, current_app
from sqlalchemy import inspect, select

from rockonweb import catalog, migrate, private
from rockonweb.config import Settings, current_settings
from rockonweb.core.errors import BadInput
from rockonweb.models import RockOn, db


def app() -> Flask:
    """Return the application."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return found


def settings() -> Settings:
    """Return the settings of the instance."""
    return current_settings()


def user() -> str:
    """Return the name of who types."""
    return f"{getpass.getuser()} (command line)"


def prepare() -> None:
    """Make the database on the first use of the command line; `up` and its migrations do it otherwise."""
    private.mend(settings())
    if not inspect(db.engine).has_table("rockon"):
        migrate.upgrade()
        catalog.load_starter()


def find_rockon(name: str) -> RockOn:
    """Return a rock-on by its exact name. Raises BadInput."""
    rockon = db.session.scalar(select(RockOn).where(RockOn.name == name))
    if rockon is None:
        raise BadInput(f'There is no rock-on "{name}".', "rockonweb catalog list shows their exact names.")
    return rockon
