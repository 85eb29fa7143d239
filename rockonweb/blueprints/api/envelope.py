"""Pagination as in Rockstor's API: each page has `count`, `next`, `previous` and `results`."""

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

DEFAULT_PAGE_SIZE = 15
MAX_PAGE_SIZE = 10_000


@dataclass(frozen=True)
class PageSlice:
    """The requested part of a list."""

    offset: int
    size: int


def paginate(count: int, results: Callable[[PageSlice], list[dict[str, Any]]]) -> Response:
    """Return the requested page of a list of `count` rows; `results` loads the rows of a slice. Aborts with 404."""
    size = _requested_page_size()
    last_page = max(1, -(-count // size))
    page = _requested_page(last_page)
    return jsonify(
        count=count,
        next=_page_address(page + 1) if page < last_page else None,
        previous=_page_address(page - 1) if page > 1 else None,
        results=results(PageSlice((page - 1) * size, size)),
    )


def paginate_list(rows: list[dict[str, Any]]) -> Response:
    """Return the requested page of a list that is in memory."""
    return paginate(len(rows), lambda page_slice: rows[page_slice.offset : page_slice.offset + page_slice.size])


def _requested_page_size() -> int:
    size_text = request.args.get("page_size", "")
    if not size_text:
        return DEFAULT_PAGE_SIZE
    if not (size_text.isascii() and size_text.isdecimal() and size_text.strip("0")):
        raise BadInput(
            t('"%(given)s" is not a valid page_size: it must be a whole number, at least 1.', given=size_text)
        )
    return int(size_text[-9:]) if len(size_text) < 6 else MAX_PAGE_SIZE


def _requested_page(last_page: int) -> int:
    page_text = request.args.get("page") or "1"
    if page_text == "last":
        return last_page
    if not (page_text.isascii() and page_text.isdecimal() and len(page_text) < 10 and 1 <= int(page_text) <= last_page):
        abort(
            api_errors.api_error(
                404, _('There is no page "%(page)s": the last one is %(last)s.', page=page_text, last=last_page)
            )
        )
    return int(page_text)


def _page_address(page: int) -> str:
    """Return the URL of another page of the same list; the first one needs no number."""
    parameters = [(key, value) for key, value in request.args.items(multi=True) if key != "page"]
    parameters += [("page", str(page))] if page > 1 else []
    return f"{request.base_url}?{urlencode(parameters)}" if parameters else request.base_url
