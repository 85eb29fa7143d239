"""Responses that are not pages: redirects and downloads."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, redirect, url_for
from flask.typing import ResponseReturnValue


def redirect_to_view(endpoint: str, **values: Any) -> ResponseReturnValue:
    """Redirect to a view with 303, as after a POST."""
    return redirect(url_for(endpoint, **values), code=303)


def send_download(body: str | bytes, mimetype: str, disposition: str) -> Response:
    """Send a file as an attachment that is not cached."""
    return Response(body, mimetype=mimetype, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


def file_stem(name: str) -> str:
    """Return a file name's stem for a rock-on's name: lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "rock-on"
