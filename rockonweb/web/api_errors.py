"""Error responses of the API: JSON with a sentence in `detail`, never a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Response, jsonify, request
from flask_babel import lazy_gettext as _l

from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.languages import translate

API_ERROR_SENTENCES = {
    400: (_l("This request can't be understood."), ""),
    404: (_l("There is nothing at this address."), _l("The page /api lists the calls.")),
    405: (_l("This address can't be called with this method."), _l("The page /api lists the calls.")),
    413: (_l("The body is too large."), ""),
    429: (_l("Too many logins have failed."), _l("Wait a minute, then try again.")),
    500: (_l("Something went wrong in Rockonweb itself."), _l("The reason is in its log.")),
}


def is_api_request() -> bool:
    """Whether the request is for the API; its own page, /api, is a page like any other."""
    return request.path.startswith("/api/") and request.path != "/api/"


def api_error(
    status: int, sentence: str, hint: str = "", faults: Sequence[str] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error response: all sentences joined in `detail`, faults of the request also as the list `faults`."""
    sentences = [text for text in (sentence, *faults, hint) if text]
    response = jsonify(detail=" ".join(sentences), **({"faults": list(faults)} if faults else {}))
    response.status_code = status
    response.headers.update(headers or {})
    return response


def error_to_response(status: int, error: RockonwebError) -> Response:
    """Return the response for an error, with the faults that a `BadInput` lists."""
    faults = [translate(fault) for fault in error.faults if fault != str(error)] if isinstance(error, BadInput) else []
    return api_error(status, translate(error.sentence), translate(error.hint), faults)
