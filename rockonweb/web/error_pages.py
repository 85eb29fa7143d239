"""Error pages: a sentence and what to do, never a traceback."""

from __future__ import annotations

from flask import Flask, Response, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf.csrf import CSRFError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, TooManyRequests

from rockonweb.core.data_backup.restic_output import RepositoryFailed
from rockonweb.core.errors import (
    BadInput,
    Conflict,
    DatabaseOutdated,
    DatabaseUnusable,
    DiskFull,
    EngineUnreachable,
    QueueUnreachable,
    RockonwebError,
    wrap_os_error,
)
from rockonweb.core.invisible import one_line
from rockonweb.core.text import AppOutput
from rockonweb.languages import translate
from rockonweb.models import Role
from rockonweb.models.base import wrap_database_error
from rockonweb.web import api_errors
from rockonweb.web.partials import wants_partial
from rockonweb.web.permissions import LOGS_ROLE, user_has_role
from rockonweb.work import queue

ERROR_SENTENCES = {
    400: (_l("This request can't be understood."), _l("Go back, reload the page and try again.")),
    401: (_l("You are not logged in."), _l("Log in and try again.")),
    403: (_l("Your account may not do this."), _l("Ask an owner of this Rockonweb.")),
    404: (_l("There is no such page."), _l("It may have moved or been removed. The catalogue lists all rock-ons.")),
    405: (_l("This address can't be used this way."), _l("Use the buttons on the pages.")),
    413: (_l("The submitted data is too large."), _l("Send less data at once.")),
    422: (_l("The submitted values can't be used."), _l("Check the values and send them again.")),
    429: (_l("Too many attempts in a short time."), _l("Wait a minute, then try again.")),
    500: (_l("Something went wrong in Rockonweb itself."), _l("Try again. The reason is in Rockonweb's log.")),
}
DATABASE_STATUS = {DiskFull: 507, DatabaseOutdated: 500, DatabaseUnusable: 503}
ERROR_STATUS = {BadInput: 422, Conflict: 409, EngineUnreachable: 503, QueueUnreachable: 503, RepositoryFailed: 503}


def register_error_handlers(app: Flask) -> None:
    """Register the error handlers on the app."""
    app.register_error_handler(RockonwebError, _on_rockonweb_error)
    app.register_error_handler(OSError, _on_os_error)
    app.register_error_handler(CSRFError, _on_csrf_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(DBAPIError, _on_database_error)
    app.register_error_handler(RedisError, lambda error: _on_rockonweb_error(queue.unreachable_error(error)))


def render_error(status: int, sentence: str, hint: str, output: str = "") -> tuple[str | Response, int]:
    """Return an error page and its status: for htmx only the part shown above the page's content, for the API JSON."""
    if api_errors.is_api_request():
        return api_errors.api_error(status, sentence, hint), status
    template = "_error.html" if wants_partial() else "error.html"
    try:
        return render_template(template, status=status, sentence=sentence, hint=hint, output=output), status
    except SQLAlchemyError as error:
        # The layout needs the account: where the database itself is broken, send the sentence without it.
        current_app.logger.warning("the error page has no frame: %s", error)
        bare = current_app.jinja_env.get_template("bare_error.html")
        return bare.render(sentence=sentence, hint=hint), status


def http_status_of(error: RockonwebError) -> int:
    """Return the HTTP status for an error, 500 for a class that has none."""
    return next((status for error_class, status in ERROR_STATUS.items() if isinstance(error, error_class)), 500)


def _on_rockonweb_error(error: RockonwebError) -> ResponseReturnValue:
    status = http_status_of(error)
    if status == 500:
        current_app.logger.warning("%s %s", one_line(str(error)), one_line(error.output))
    return render_error(status, translate(error.sentence), translate(error.hint), _visible_output(error.output))


def _on_os_error(error: OSError) -> ResponseReturnValue:
    if not user_has_role(Role.VIEWER):  # a stranger learns of no path
        raise error
    current_app.logger.error("internal error", exc_info=error)
    problem = wrap_os_error(error)
    status = 507 if isinstance(problem, DiskFull) else 500
    return render_error(status, translate(problem.sentence), translate(problem.hint))


def _visible_output(output: str) -> str:
    return "" if isinstance(output, AppOutput) and not user_has_role(LOGS_ROLE) else output


def _on_csrf_error(error: CSRFError) -> ResponseReturnValue:
    current_app.logger.info("refused a form: %s", error.description)
    return render_error(
        400,
        _("This form has expired, so nothing was done."),
        _("Go back, reload the page and send it again. Your browser must accept cookies."),
    )


def _on_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    if error.code == 500:
        current_app.logger.error("internal error", exc_info=getattr(error, "original_exception", None))
    sentences = api_errors.API_ERROR_SENTENCES if api_errors.is_api_request() else ERROR_SENTENCES
    sentence, hint = sentences.get(error.code, sentences[500 if error.code > 499 else 400])
    if isinstance(error, TooManyRequests) and isinstance(error.retry_after, int):
        hint = _("Try again in %(time)s.", time=_format_wait(error.retry_after))
    body, status = render_error(error.code, str(sentence), str(hint))
    return body, status, [(k, v) for k, v in error.get_headers() if k in ("Allow", "Retry-After")]


def _format_wait(seconds: int) -> str:
    """Return a wait in seconds or minutes, rounded up."""
    if seconds > 90:
        return ngettext("%(num)s minute", "%(num)s minutes", -(-seconds // 60))  # type: ignore[no-any-return]
    return ngettext("%(num)s second", "%(num)s seconds", seconds)  # type: ignore[no-any-return]


def _on_database_error(error: DBAPIError) -> ResponseReturnValue:
    current_app.logger.error("database: %s", error.orig)
    problem = wrap_database_error(error)
    return render_error(DATABASE_STATUS[type(problem)], translate(problem.sentence), translate(problem.hint))
