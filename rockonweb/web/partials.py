"""Decides, for all views, whether a request gets a page, the partial that htmx swaps, or 204 for no change."""

from __future__ import annotations

import zlib
from typing import Any

from flask import render_template, request


def wants_partial() -> bool:
    """Whether htmx requests a partial; when it restores its history it needs the whole page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def render_page(page: str, partial: str, /, **context: Any) -> str:
    """Render the page, or only the partial that the page includes."""
    return render_template(partial if wants_partial() else page, **context)


def fingerprint_of(*values: object) -> str:
    """Return a fingerprint of what a page shows, for the URL that it polls."""
    return f"{zlib.crc32(repr(values).encode()):08x}"


def not_modified(fingerprint: str) -> bool:
    """Whether a polling page shows this already; the view then answers 204."""
    return wants_partial() and request.args.get("seen") == fingerprint
