"""Static files: all style sheets as one, URLs with a fingerprint of the content, and compressed responses.

The style sheets are joined in memory on the first request, so no build step can be forgotten.
A URL with the right fingerprint may be cached for ever; any other is revalidated.
"""

from __future__ import annotations

import gzip
import hashlib
import secrets
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request, url_for
from flask.typing import ResponseReturnValue

from rockonweb.web.permissions import allow_anonymous

blueprint = Blueprint("assets", __name__)
BASE_STYLESHEET = "vendor/bootstrap/bootstrap.min.css"
FIRST_STYLESHEETS = (
    BASE_STYLESHEET,
    "rockonweb.css",
    "wizard.css",
)  # the others build upon these and follow in alphabetical order
IMMUTABLE_SECONDS = 365 * 24 * 3600
COMPRESSIBLE_TYPES = {
    *("text/html", "text/css", "text/javascript", "text/plain"),
    *("application/javascript", "application/json", "image/svg+xml"),
}
MIN_COMPRESSED_BYTES = 600  # below this, compressing saves nothing
GZIP_LEVEL = 6
MAX_PADDING = 100  # bytes


@blueprint.get("/style.css")
@allow_anonymous
def style() -> ResponseReturnValue:
    """Send all style sheets as one."""
    response = Response(_read_static(_static_folder()), mimetype="text/css")
    response.set_etag(_file_version(_static_folder()))
    return response.make_conditional(request)


def register_assets(app: Flask) -> None:
    """Add the style sheet's route, fingerprints in static URLs, cache headers and compression to the app."""
    app.register_blueprint(blueprint)
    app.jinja_env.globals["sprite"] = icon_sprite_url
    app.url_defaults(_add_version)
    app.after_request(_set_cache_headers)
    app.after_request(_compress_response)


def icon_sprite_url(name: str = "icons.svg") -> str:
    """Return the URL of a sprite of icons; computed once per request, since a list shows hundreds of icons."""
    urls: dict[str, str] = g.setdefault("sprites", {})
    if name not in urls:
        urls[name] = url_for("static", filename=name)
    return urls[name]


def list_stylesheets(folder: Path) -> list[str]:
    """Return the names of the style sheets in the order in which they are joined."""
    names = sorted(path.name for path in folder.glob("*.css"))
    return [*FIRST_STYLESHEETS, *(name for name in names if name not in FIRST_STYLESHEETS)]


def _static_folder() -> Path:
    return Path(current_app.static_folder or "")


def _requested_file(endpoint: str | None, values: dict[str, Any]) -> Path | None:
    """Return the static file of an endpoint, the folder for the joined style sheets, None for other endpoints."""
    if endpoint == "assets.style":
        return _static_folder()
    return _static_file(_static_folder(), str(values.get("filename", ""))) if endpoint == "static" else None


@lru_cache(maxsize=500)  # bounded, since clients may request any name
def _static_file(folder: Path, name: str) -> Path | None:
    """Return a static file by its name in a URL; None where it is missing or outside the folder."""
    path = (folder / name.replace("\0", "")).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


@cache
def _read_static(path: Path) -> bytes:
    """Return a static file, or all style sheets of a folder as one; cached, since all together are half a megabyte."""
    return (
        b"\n".join((path / name).read_bytes() for name in list_stylesheets(path))
        if path.is_dir()
        else path.read_bytes()
    )


@cache
def _file_version(path: Path) -> str:
    """Return a fingerprint of the content; blank where it can't be read."""
    try:
        return hashlib.sha256(_read_static(path)).hexdigest()[:12]
    except OSError:
        return ""


@cache
def _gzip_file(path: Path) -> bytes:
    """Return a static file at the highest compression, computed once per process."""
    return gzip.compress(_read_static(path), 9, mtime=0)


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if (path := _requested_file(endpoint, values)) and (version := _file_version(path)):
        values.setdefault("v", version)


def _set_cache_headers(response: Response) -> Response:
    """Let browsers cache a file whose URL has its fingerprint; other URLs must be revalidated."""
    if request.endpoint not in ("static", "assets.style") or response.status_code not in (200, 304):
        return response
    path = _requested_file(request.endpoint, request.view_args or {})
    if path and request.args.get("v") == _file_version(path):
        response.headers["Cache-Control"] = f"public, max-age={IMMUTABLE_SECONDS}, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"
    return response


def _compress_response(response: Response) -> Response:
    """Compress a response where that saves bytes and the browser accepts gzip."""
    if response.mimetype not in COMPRESSIBLE_TYPES or not 200 <= response.status_code < 500:
        return response
    if response.status_code in (204, 206, 304) or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    if request.method == "HEAD" or not request.accept_encodings["gzip"]:
        return response
    path = _requested_file(request.endpoint, request.view_args or {}) if response.status_code == 200 else None
    if path:
        response.direct_passthrough = False
        response.close()  # the file that would have been sent
        response.set_data(_gzip_file(path))
    elif response.direct_passthrough or response.is_streamed:
        return response
    else:
        body = response.get_data()
        if len(body) < MIN_COMPRESSED_BYTES:
            return response
        response.set_data(_gzip_with_padding(body))
    response.headers["Content-Encoding"] = "gzip"
    if tag := response.get_etag()[0]:
        response.set_etag(tag, weak=True)
    return response


def _gzip_with_padding(body: bytes) -> bytes:
    """Return a page compressed with gzip, with a file name of random length in the gzip header.

    A page holds the secret CSRF token next to text from the URL. Anyone who can make a browser repeat requests and
    observe the lengths of the responses could guess the token letter by letter (BREACH); a random length hides what a
    matching letter saves. The usual libraries do not pad, so none is used.
    """
    compressed = BytesIO()
    padding = "x" * secrets.randbelow(MAX_PADDING + 1)
    with gzip.GzipFile(filename=padding, mode="wb", compresslevel=GZIP_LEVEL, fileobj=compressed, mtime=0) as writer:
        writer.write(body)
    return compressed.getvalue()
