"""Whether a request wants a whole page or the part of it that htmx swaps: decided here alone."""

from __future__ import annotations

from typing import Any

from flask import render_template, request


def partial_wanted() -> bool:
    """Whether htmx asks for a part; when it restores its history it needs the page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def render(page: str, partial: str, /, **context: Any) -> str:
    """Render the page, or only the partial that the page includes."""
    return render_template(partial if partial_wanted() else page, **context)
