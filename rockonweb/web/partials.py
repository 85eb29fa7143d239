"""Whether a request wants a whole page, the part of it that htmx swaps, or only news of it: decided here alone."""

from __future__ import annotations

import zlib
from typing import Any

from flask import render_template, request


def wants_partial() -> bool:
    """Whether htmx asks for a part; when it restores its history it needs the page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def render_page(page: str, partial: str, /, **context: Any) -> str:
    """Render the page, or only the partial that the page includes."""
    return render_template(partial if wants_partial() else page, **context)


def fingerprint_of(*values: object) -> str:
    """Return a fingerprint of what a page shows, for the address that it polls."""
    return f"{zlib.crc32(repr(values).encode()):08x}"


def not_modified(fingerprint: str) -> bool:
    """Whether a page that polls shows this already; then it is answered with no content."""
    return wants_partial() and request.args.get("seen") == fingerprint
