"""Asking strangers by HTTP: how much they may send, how long that may take, and how often they may send us elsewhere.

What a stranger names, and where its answers lead, may be anything: whoever asks says which addresses are allowed.
"""

from __future__ import annotations

import http.client
import ipaddress
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.pool import ThreadPool
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

CONNECT_SECONDS, READ_SECONDS = 5, 10  # of one attempt, and of silence in it
MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
# Everything that an odd address, server or answer makes these libraries raise.
FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)

Thing = TypeVar("Thing")
Found = TypeVar("Found")


class TooLarge(requests.RequestException):
    """An answer is larger than it may be."""


def new_session(connections: int = 1) -> requests.Session:
    """Return a session that asks for nothing compressed, and keeps so many connections to a host."""
    session = requests.Session()
    # Asked not to compress: a few bytes could then unpack to gigabytes.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "Rockonweb"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))
    return session


def ask(
    session: requests.Session,
    url: str,
    allow: Callable[[str], None],
    most: int,
    until: float,
    headers: Mapping[str, str],
    *,
    secret: Mapping[str, str] | None = None,
    method: str = "GET",
) -> tuple[requests.Response, bytes]:
    """Return an answer with its body of at most so many bytes. Redirects are followed where `allow` raises nothing.

    `secret` headers stay with the first host. Raises FAILURES: TooLarge, requests.Timeout also where an answer has not
    ended by the moment `until`, and requests.TooManyRedirects.
    """
    first = urlsplit(url).netloc
    for _ in range(MAX_REDIRECTS + 1):
        sent = {**headers, **(secret or {})} if urlsplit(url).netloc == first else headers
        patience = (CONNECT_SECONDS, READ_SECONDS)
        with session.request(
            method, url, headers=sent, timeout=patience, allow_redirects=False, stream=True
        ) as response:
            body = _read(response, most, until)
            if response.status_code not in REDIRECTS or "Location" not in response.headers:
                return response, body
            url = urljoin(url, response.headers["Location"])
            allow(url)
    raise requests.TooManyRedirects


def _read(response: requests.Response, most: int, until: float) -> bytes:
    """Read an answer to its end, so that the connection can be kept, but never more than it may have."""
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdecimal() and int(length[:20]) > most:
        raise TooLarge
    body = bytearray()
    while part := response.raw.read1(65_536, decode_content=False):
        body += part
        if len(body) > most:
            raise TooLarge
        if time.monotonic() > until:
            raise requests.Timeout
    return bytes(body)


def side_by_side(
    fetch: Callable[[Thing], Found], things: Sequence[Thing], threads: int, until: float, patience: float = float("inf")
) -> Iterator[Found]:
    """Fetch several things at once, and yield what is found as it comes, in any order.

    Ends before all were had soon after the moment `until`, or when nothing at all came for as long as `patience`.
    """
    # No executor, whose threads a program waits for at its end: a server may hold on to one.
    with ThreadPool(min(threads, len(things)) or 1) as pool, suppress(multiprocessing.TimeoutError):
        coming = pool.imap_unordered(fetch, things)
        for _ in things:
            yield coming.next(max(0, min(until - time.monotonic() + 1, patience)))


def is_web_address(url: str) -> bool:
    """Whether an address is one of http or https, with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def inner_addresses(host: str) -> set[str]:
    """Return those addresses of a host that are this machine's, or of a network that is not the public internet.

    None where it can't be resolved here: a proxy may, or the request fails by itself.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return set()
    known = {str(address[0]).partition("%")[0] for *_, address in found}
    return {address for address in known if not ipaddress.ip_address(address).is_global}
