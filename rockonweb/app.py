"""The web part of the application factory: extensions, blueprints, Jinja globals and security headers."""

from __future__ import annotations

import re
from functools import partial
from importlib import import_module
from pkgutil import iter_modules

from flask import Flask, Response, abort, current_app, request, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_babel import get_locale
from werkzeug.routing import IntegerConverter

from rockonweb import blueprints
from rockonweb.accounts import audit, sessions
from rockonweb.blueprints import jobs, language, theme
from rockonweb.blueprints.audit import audit_hook
from rockonweb.blueprints.operations import progress
from rockonweb.blueprints.settings import pending_changes
from rockonweb.catalog import icons
from rockonweb.core.definition.badges import CAUTION_BADGES
from rockonweb.core.docker import pull_layers
from rockonweb.languages import LANGUAGES, translate_markup, translate_value
from rockonweb.web import allowed_hosts, assets, banners, error_pages, login_throttle
from rockonweb.web.extensions import babel, csrf, login
from rockonweb.web.fragment_cache import cached_fragment
from rockonweb.web.labels import FILTERS
from rockonweb.web.permissions import allow_anonymous, user_has_role
from rockonweb.work import handler_tasks

# All modules of the package; each has a `blueprint`, except `jobs`, which mounts RQ's dashboard.
PAGE_MODULES = [import_module(f"{blueprints.__name__}.{one.name}") for one in iter_modules(blueprints.__path__)]
MAX_ROW_ID = 2**31 - 1  # of a row id in a URL: the limit of integer columns
# No Strict-Transport-Security: it applies to all ports of a host and would block the apps' own pages, which use plain
# http on other ports. Cookies are Secure, and a proxy may add the header where the apps have other host names.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), "
    "display-capture=(), browsing-topics=()",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


EXPIRES = re.compile(r"; Expires=[^;]*")  # of a Set-Cookie header


class SecureSessionInterface(SecureCookieSessionInterface):
    """Session cookies, marked Secure when set over https, so that they are never sent over plain http."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the request uses https."""
        return request.is_secure

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie with `Max-Age` instead of `Expires`, which a browser would compare with its own clock: where
        this machine's is behind by weeks, it would discard each login at once.
        """
        super().save_session(app, session, response)
        cookies = response.headers.getlist("Set-Cookie")
        prefix, lasting = f"{self.get_cookie_name(app)}=", bool(session) and session.permanent
        seconds = int(app.permanent_session_lifetime.total_seconds())
        response.headers.setlist(
            "Set-Cookie",
            [
                EXPIRES.sub(f"; Max-Age={seconds}", cookie) if lasting and cookie.startswith(prefix) else cookie
                for cookie in cookies
            ],
        )


def register_pages(app: Flask) -> None:
    """Add extensions, blueprints, error pages and headers to the application."""
    app.config.update(PERMANENT_SESSION_LIFETIME=sessions.MAX_IDLE, RATELIMIT_HEADERS_ENABLED=False)
    app.url_map.converters["int"] = partial(IntegerConverter, max=MAX_ROW_ID)  # type: ignore[assignment]
    app.session_interface = SecureSessionInterface()
    app.before_request(allowed_hosts.refuse_unknown_host)
    csrf.init_app(app)
    login.init_app(app)
    login_throttle.limiter.init_app(app)
    babel.init_app(app, locale_selector=language.select_language)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.finalize = translate_value
    app.jinja_env.globals.update(
        _=translate_markup,
        get_locale=get_locale,
        languages=LANGUAGES,
        caution=CAUTION_BADGES,
        may=user_has_role,
        theme=theme.current_theme,
        troubles=banners.list_banners,
        picture_of=icons.app_icon_version,
        top_bar=progress.build_top_bar,
        line_of=progress.card_progress_line,
        pulled_words=progress.pulled_words,
        layers_of=pull_layers.unpack_layers,
        place_of=progress.queue_position,
        docker_notice=banners.docker_notice,
        list_blind_spots=banners.list_blind_spots,
        clock_is_behind=audit.is_clock_behind,
        unapplied=pending_changes.has_unapplied_changes,
        tasks_of=handler_tasks.find_tasks,
        kept_html=cached_fragment,
    )
    error_pages.register_error_handlers(app)
    for module in PAGE_MODULES:
        if module is not jobs:
            app.register_blueprint(module.blueprint)
    jobs.mount_dashboard(app)
    assets.register_assets(app)
    app.view_functions["static"] = allow_anonymous(app.view_functions["static"])
    app.before_request(_refuse_unguarded)
    app.after_request(audit_hook.record_change)
    app.after_request(_add_headers)


def _refuse_unguarded() -> None:
    """Answer 403 for a view without a permission, which is a bug."""
    if request.endpoint and not hasattr(current_app.view_functions[request.endpoint], "permission"):
        abort(403)


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.update(SECURITY_HEADERS)
    if request.endpoint != "static":
        response.vary.add("HX-Request")
        if response.mimetype == "text/html" and "_user_id" in session:
            response.headers["Cache-Control"] = "no-store"
    return response
