"""The envelope that the original puts around its lists: `count`, `next`, `previous`, `results`, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, abort, jsonify, request
from flask_babel import gettext as _

from rockonweb.core.errors import BadInput
from rockonweb.core.text import t
from rockonweb.web import api_errors

USUAL_SIZE = 15
LARGEST_SIZE = 10_000


@dataclass(frozen=True)
class Slice:
    """The part of a list that is asked for."""

    offset: int
    size: int


def answer(count: int, results: Callable[[Slice], list[dict[str, Any]]]) -> Response:
    """Return the asked page of a list that has `count` rows in all; a page that is not there is 404."""
    size = _size()
    last = max(1, -(-count // size))
    page = _page(last)
    return jsonify(
        count=count,
        next=_address(page + 1) if page < last else None,
        previous=_address(page - 1) if page > 1 else None,
        results=results(Slice((page - 1) * size, size)),
    )


def of_all(rows: list[dict[str, Any]]) -> Response:
    """Return the asked page of a list that is known whole."""
    return answer(len(rows), lambda wanted: rows[wanted.offset : wanted.offset + wanted.size])


def _size() -> int:
    given = request.args.get("page_size", "")
    if not given:
        return USUAL_SIZE
    if not (given.isascii() and given.isdecimal() and given.strip("0")):
        raise BadInput(t('"%(given)s" is no page_size: it is a whole number from 1.', given=given))
    return int(given[-9:]) if len(given) < 6 else LARGEST_SIZE


def _page(last: int) -> int:
    given = request.args.get("page") or "1"
    if given == "last":
        return last
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and 1 <= int(given) <= last):
        abort(
            api_errors.answer(404, _('There is no page "%(page)s": the last one is %(last)s.', page=given, last=last))
        )
    return int(given)


def _address(page: int) -> str:
    """Return the address of another page of the same list; the first one needs no number."""
    words = [(key, value) for key, value in request.args.items(multi=True) if key != "page"]
    words += [("page", str(page))] if page > 1 else []
    return f"{request.base_url}?{urlencode(words)}" if words else request.base_url
