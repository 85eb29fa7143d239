"""Rockonweb: installs and runs Docker apps on a home server, from definitions and the user's answers."""

from __future__ import annotations

from flask import Flask

from rockonweb import config, program


def create_app(settings: config.Config | None = None, *, pages: bool = True) -> Flask:
    """Return the application of an instance. Opens no connection to the database, Redis or Docker.

    Commands that serve no pages are faster without them.
    """
    settings = settings or config.load_config()
    return configure_app(build_app() if pages else Flask(__name__), settings)


def build_app() -> Flask:
    """Return an application with all that does not depend on settings: pages and limits. `configure_app` must
    follow.
    """
    from rockonweb.app import register_pages

    app = Flask(__name__)
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=2_000_000,
        MAX_FORM_MEMORY_SIZE=1_500_000,  # a definition may have 1 MB
        MAX_FORM_PARTS=2_000,
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.config["CODE_FINGERPRINT"] = program.code_fingerprint()  # that was just imported
    register_pages(app)
    return app


def configure_app(app: Flask, settings: config.Config) -> Flask:
    """Configure an application of `build_app` for an instance, and return it.

    Raises RockonwebError where the settings or the instance's key can't be used.
    """
    from rockonweb.accounts import instance_key
    from rockonweb.models import address, base
    from rockonweb.web.proxies import TrustedProxyMiddleware

    database_url = address.parse_database_url(settings.database_url)
    app.instance_path = str(settings.instance)
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=instance_key.load_key(settings),
        # Browsers send a host's cookies to all its ports, where apps and other instances have their own sessions.
        SESSION_COOKIE_NAME=f"rockonweb_{settings.port}",
        SQLALCHEMY_DATABASE_URI=database_url,
        SQLALCHEMY_ENGINE_OPTIONS=address.engine_options(database_url),
        RQ_DASHBOARD_REDIS_URL=(settings.queue_url,),
    )
    app.wsgi_app = TrustedProxyMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, settings.trusted_proxies, settings.public_url
    )
    base.db.init_app(app)
    base.configure_engine(app)
    return app
