"""What the API answers when something goes wrong: JSON with a sentence in `detail`, never a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Response, jsonify, request
from flask_babel import lazy_gettext as _l

from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.languages import say

SENTENCES = {
    400: (_l("This request can't be understood."), ""),
    404: (_l("There is nothing at this address."), _l("The page /api lists the calls.")),
    405: (_l("This address can't be called with this method."), _l("The page /api lists the calls.")),
    413: (_l("The body is too large."), ""),
    429: (_l("Too many logins have failed."), _l("Wait a minute, then try again.")),
    500: (_l("Something went wrong in Rockonweb itself."), _l("The reason stands in its log.")),
}


def asked() -> bool:
    """Whether the request is for the API; its own page, /api, is a page like any other."""
    return request.path.startswith("/api/") and request.path != "/api/"


def answer(
    status: int, sentence: str, hint: str = "", faults: Sequence[str] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer for scripts: all sentences in `detail`, each fault of the request once more in `faults`."""
    words = [part for part in (sentence, *faults, hint) if part]
    response = jsonify(detail=" ".join(words), **({"faults": list(faults)} if faults else {}))
    response.status_code = status
    response.headers.update(headers or {})
    return response


def of_error(status: int, error: RockonwebError) -> Response:
    """Return the answer to a request that can't be met, with what is wrong in it."""
    faults = [say(fault) for fault in error.faults if fault != str(error)] if isinstance(error, BadInput) else []
    return answer(status, say(error.sentence), say(error.hint), faults)
