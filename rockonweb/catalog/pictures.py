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

from rockonweb.catalog.metastore import Unusable, clean
from rockonweb.core import text
from rockonweb.core.text import t
from rockonweb.remote import http_client

FILE_SECONDS = 30
MAX_BYTES = 500_000
MAX_URL = 2_000
SVG = "image/svg+xml"
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
# What may stand before the first element: a declaration, comments, the type of the document. What was read of it is not
# read in another way (the signs > and + say so): a few hundred bytes of comments would take years.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}\?>\s*+)?"
    rb"(?>(?:<!--.{0,4000}?-->|<!DOCTYPE\s+svg[^>\[]{0,400}>)\s*+){0,9}+<svg[\s>]",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Picture:
    """A picture's bytes, and their type as a browser names it."""

    kind: str
    body: bytes


def kind_of(body: bytes) -> str:
    """Return the type of a picture by its first bytes, blank for anything else."""
    for beginning, kind in _BEGINNINGS:
        if body.startswith(beginning):
            return kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return SVG if _SVG.match(body) else ""


def fetch(url: str, homes: Iterable[str]) -> Picture:
    """Return the picture behind an address. Raises Unusable, whatever goes wrong.

    `homes` are the addresses of the metastores: only their hosts may be on this machine or its network.
    """
    allow = partial(_allow, [urlsplit(home).hostname or "" for home in homes])
    allow(url)
    try:
        with http_client.new_session() as session:
            answer, body = http_client.ask(session, url, allow, MAX_BYTES, time.monotonic() + FILE_SECONDS, {})
    except http_client.TooLarge:
        raise Unusable(t("is larger than %(limit)s", limit=text.size(MAX_BYTES))) from None
    except requests.TooManyRedirects:
        raise Unusable(t("is redirected more than %(count)d times", count=http_client.MAX_REDIRECTS)) from None
    except requests.Timeout:
        raise Unusable(t("was not there in time")) from None
    except http_client.FAILURES as error:
        raise Unusable(t("can't be had: %(error)s", error=type(error).__name__)) from None
    if answer.status_code != HTTPStatus.OK:
        raise Unusable(t("can't be had: the answer is %(status)s", status=answer.status_code))
    kind = kind_of(body)
    if not kind:
        raise Unusable(t("is no PNG, JPEG, GIF, WebP or SVG"))
    return Picture(kind, body)


def _allow(home_hosts: list[str], url: str) -> None:
    """Raise Unusable for what is no address of the public internet, nor on the host of a metastore."""
    if not http_client.is_web_address(url) or len(url) > MAX_URL:
        raise Unusable(t("is no web address"))
    host = urlsplit(url).hostname or ""
    inner = http_client.inner_addresses(host)
    if inner and not any(inner <= http_client.inner_addresses(home) for home in home_hosts):
        raise Unusable(t("is on %(host)s, which is this machine or its network", host=clean(host)))
