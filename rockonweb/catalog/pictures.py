"""Fetching of images at URLs in definitions; their type is detected by magic bytes.

Definitions are untrusted: a URL may point to anything, anywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from rockonweb.catalog.metastore import UnusableFile, clean_text
from rockonweb.core import text
from rockonweb.core.text import t
from rockonweb.remote import http_client

FILE_SECONDS = 30
MAX_BYTES = 500_000
MAX_URL = 2_000
SVG = "image/svg+xml"
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
# Before the first element, XML may have a declaration, comments and a doctype. Atomic groups (?>) and possessive
# quantifiers (*+) prevent backtracking, which for a few hundred bytes of comments would take years.
_SVG_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}\?>\s*+)?"
    rb"(?>(?:<!--.{0,4000}?-->|<!DOCTYPE\s+svg[^>\[]{0,400}>)\s*+){0,9}+<svg[\s>]",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Picture:
    """A picture's bytes and MIME type."""

    kind: str
    body: bytes


def picture_type(body: bytes) -> str:
    """Return the MIME type of a picture by its first bytes, blank for anything else."""
    for signature, kind in _SIGNATURES:
        if body.startswith(signature):
            return kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return SVG if _SVG_START.match(body) else ""


def fetch_picture(url: str, homes: Iterable[str]) -> Picture:
    """Fetch the picture at a URL. Raises UnusableFile on any error.

    `homes` are the URLs of the metastores: only what a metastore serves itself, at its own host and port, may come from
    this machine or its network, where a refresh asks too.
    """
    if len(url) > MAX_URL:
        raise UnusableFile(t("is not a web address"))
    origin = _parse_origin(url)
    is_home = bool(origin) and origin in {_parse_origin(home) for home in homes}
    permit = http_client.HomeNetwork() if is_home else _only_public
    try:
        with http_client.new_http_session(permit) as session:
            answer, body = http_client.fetch_limited(session, url, MAX_BYTES, time.monotonic() + FILE_SECONDS, {})
    except http_client.NoWebAddress:
        raise UnusableFile(t("is not a web address")) from None
    except http_client.ForbiddenAddress as error:
        raise UnusableFile(
            t("is on %(host)s, which is this machine or its network", host=clean_text(error.host))
        ) from None
    except http_client.TooLarge:
        raise UnusableFile(t("is larger than %(limit)s", limit=text.format_size(MAX_BYTES))) from None
    except requests.TooManyRedirects:
        raise UnusableFile(t("is redirected more than %(count)d times", count=http_client.MAX_REDIRECTS)) from None
    except requests.Timeout:
        raise UnusableFile(t("was not received in time")) from None
    except http_client.REQUEST_ERRORS as error:
        raise UnusableFile(t("could not be downloaded: %(error)s", error=type(error).__name__)) from None
    if answer.status_code != HTTPStatus.OK:
        raise UnusableFile(t("could not be downloaded: the server returned %(status)s", status=answer.status_code))
    kind = picture_type(body)
    if not kind:
        raise UnusableFile(t("is not a PNG, JPEG, GIF, WebP or SVG"))
    return Picture(kind, body)


def _parse_origin(url: str) -> tuple[str, str] | None:
    """Return the scheme, and the host with its port; None for what is no URL of a website."""
    if not http_client.is_web_url(url):
        return None
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _only_public(addresses: Collection[str]) -> Collection[str]:
    """Return the IP addresses of a host if all are public."""
    return () if http_client.internal_only(addresses) else addresses
