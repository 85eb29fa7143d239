"""Answers that are no pages: the way to another page, and files to keep."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, redirect, url_for
from flask.typing import ResponseReturnValue


def redirect_to_view(endpoint: str, **values: Any) -> ResponseReturnValue:
    """Lead to another page, as after a form that was sent."""
    return redirect(url_for(endpoint, **values), code=303)


def send_download(body: str | bytes, mimetype: str, disposition: str) -> Response:
    """Send a file, which nothing keeps on the way."""
    return Response(body, mimetype=mimetype, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


def file_stem(name: str) -> str:
    """Return a name for a file about a rock-on."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "rock-on"
