"""Pictures from addresses that a definition names: fetched like a metastore's files, and told by what they begin with.

A definition is a stranger's: what it names may be anything, anywhere.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import requests

from rockonweb.catalog.metastore import Unusable, clean
from rockonweb.catalog.remote import (
    CONNECT_SECONDS,
    FAILURES,
    FILE_SECONDS,
    MAX_REDIRECTS,
    READ_SECONDS,
    REDIRECTS,
    is_web_address,
    new_session,
)
from rockonweb.core import text
from rockonweb.core.text import t

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
    until = time.monotonic() + FILE_SECONDS
    try:
        with new_session() as session:
            body = _get(session, url, [urlsplit(home).hostname or "" for home in homes], until)
    except FAILURES as error:
        raise Unusable(t("can't be had: %(error)s", error=type(error).__name__)) from None
    kind = kind_of(body)
    if not kind:
        raise Unusable(t("is no PNG, JPEG, GIF, WebP or SVG"))
    return Picture(kind, body)


def _get(session: requests.Session, url: str, home_hosts: list[str], until: float) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        if not is_web_address(url) or len(url) > MAX_URL:
            raise Unusable(t("is no web address"))
        host = urlsplit(url).hostname or ""
        if _is_private(host, home_hosts):
            raise Unusable(t("is on %(host)s, which is this machine or its network", host=clean(host)))
        answer = session.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, stream=True)
        with answer:
            if answer.status_code not in REDIRECTS or "Location" not in answer.headers:
                if answer.status_code != HTTPStatus.OK:
                    raise Unusable(t("can't be had: the answer is %(status)s", status=answer.status_code))
                return _read(answer, until)
            url = urljoin(url, answer.headers["Location"])
    raise Unusable(t("is redirected more than %(count)d times", count=MAX_REDIRECTS))


def _read(answer: requests.Response, until: float) -> bytes:
    """Read an answer, but no more and no longer than a picture may take."""
    parts: list[bytes] = []
    size = 0
    while part := answer.raw.read1(65_536, decode_content=False):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise Unusable(t("is larger than %(limit)s", limit=text.size(MAX_BYTES)))
        if time.monotonic() > until:
            raise Unusable(t("was not there in time"))
    return b"".join(parts)


def _is_private(host: str, home_hosts: list[str]) -> bool:
    """Whether a host has an address that is not of the public internet, and is no metastore's."""
    private = {address for address in _addresses(host) if not ipaddress.ip_address(address).is_global}
    return bool(private) and not any(private <= _addresses(home) for home in home_hosts)


def _addresses(host: str) -> set[str]:
    """Return a host's addresses; none where it can't be resolved here: a proxy may, or the request fails by itself."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return set()
    return {str(address[0]).partition("%")[0] for *_, address in found}
