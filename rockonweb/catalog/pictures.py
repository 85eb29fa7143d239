"""Pictures from addresses that a definition names: fetched like a metastore's files, and told by what they begin with.

A definition is a stranger's: what it names may be anything, anywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
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
# What may stand before the first element: a declaration, comments, the type of the document. What was read of it is not
# read in another way (the signs > and + say so): a few hundred bytes of comments would take years.
_SVG_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}\?>\s*+)?"
    rb"(?>(?:<!--.{0,4000}?-->|<!DOCTYPE\s+svg[^>\[]{0,400}>)\s*+){0,9}+<svg[\s>]",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Picture:
    """A picture's bytes, and their type as a browser names it."""

    kind: str
    body: bytes


def picture_type(body: bytes) -> str:
    """Return the type of a picture by its first bytes, blank for anything else."""
    for signature, kind in _SIGNATURES:
        if body.startswith(signature):
            return kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return SVG if _SVG_START.match(body) else ""


def fetch_picture(url: str, homes: Iterable[str]) -> Picture:
    """Return the picture behind an address. Raises Unusable, whatever goes wrong.

    `homes` are the addresses of the metastores: only their hosts may be on this machine or its network.
    """
    allow = partial(_require_public_url, [urlsplit(home).hostname or "" for home in homes])
    allow(url)
    try:
        with http_client.new_http_session() as session:
            answer, body = http_client.fetch_limited(
                session, url, allow, MAX_BYTES, time.monotonic() + FILE_SECONDS, {}
            )
    except http_client.TooLarge:
        raise UnusableFile(t("is larger than %(limit)s", limit=text.format_size(MAX_BYTES))) from None
    except requests.TooManyRedirects:
        raise UnusableFile(t("is redirected more than %(count)d times", count=http_client.MAX_REDIRECTS)) from None
    except requests.Timeout:
        raise UnusableFile(t("was not there in time")) from None
    except http_client.REQUEST_ERRORS as error:
        raise UnusableFile(t("can't be had: %(error)s", error=type(error).__name__)) from None
    if answer.status_code != HTTPStatus.OK:
        raise UnusableFile(t("can't be had: the answer is %(status)s", status=answer.status_code))
    kind = picture_type(body)
    if not kind:
        raise UnusableFile(t("is no PNG, JPEG, GIF, WebP or SVG"))
    return Picture(kind, body)


def _require_public_url(home_hosts: list[str], url: str) -> None:
    """Raise Unusable for what is no address of the public internet, nor on the host of a metastore."""
    if not http_client.is_web_url(url) or len(url) > MAX_URL:
        raise UnusableFile(t("is no web address"))
    host = urlsplit(url).hostname or ""
    inner = http_client.internal_addresses(host)
    if inner and not any(inner <= http_client.internal_addresses(home) for home in home_hosts):
        raise UnusableFile(t("is on %(host)s, which is this machine or its network", host=clean_text(host)))
