"""Rockonweb: apps for a home server, from a definition and a few answers to running containers."""

from __future__ import annotations

from importlib.metadata import version

from flask import Flask

from rockonweb import config

__version__ = version("rockonweb")


def create_app(settings: config.Settings | None = None) -> Flask:
    """Return the application. It opens no connection: not to the database, the queue or Docker."""
    from rockonweb import cli
    from rockonweb.models import address, base
    from rockonweb.web import faces

    settings = settings or config.read()
    database = address.checked(settings.database_url)
    app = Flask(__name__, instance_path=str(settings.instance))
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=config.secret_key(settings),
        SQLALCHEMY_DATABASE_URI=database,
        SQLALCHEMY_ENGINE_OPTIONS=address.engine_options(database),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=2_000_000,
        MAX_FORM_MEMORY_SIZE=1_500_000,  # a definition may have 1 MB
        MAX_FORM_PARTS=2_000,
        WTF_CSRF_TIME_LIMIT=None,
    )
    base.db.init_app(app)
    base.prepare(app)
    faces.register(app)
    cli.register(app)
    return app
