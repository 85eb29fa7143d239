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
REQUEST_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)

Item = TypeVar("Item")
Result = TypeVar("Result")


class TooLarge(requests.RequestException):
    """An answer is larger than it may be."""


def new_http_session(connections: int = 1) -> requests.Session:
    """Return a session that asks for nothing compressed, and keeps so many connections to a host."""
    session = requests.Session()
    # Asked not to compress: a few bytes could then unpack to gigabytes.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "Rockonweb"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))
    return session


def fetch_limited(
    session: requests.Session,
    url: str,
    allow: Callable[[str], None],
    max_bytes: int,
    deadline: float,
    headers: Mapping[str, str],
    *,
    secret: Mapping[str, str] | None = None,
    method: str = "GET",
) -> tuple[requests.Response, bytes]:
    """Return an answer with its body of at most so many bytes. Redirects are followed where `allow` raises nothing.

    `secret` headers stay with the first host. Raises FAILURES: TooLarge, requests.Timeout also where an answer has not
    ended by the moment `deadline`, and requests.TooManyRedirects.
    """
    first_host = urlsplit(url).netloc
    for _ in range(MAX_REDIRECTS + 1):
        sent_headers = {**headers, **(secret or {})} if urlsplit(url).netloc == first_host else headers
        timeouts = (CONNECT_SECONDS, READ_SECONDS)
        with session.request(
            method, url, headers=sent_headers, timeout=timeouts, allow_redirects=False, stream=True
        ) as response:
            body = _read_body(response, max_bytes, deadline)
            if response.status_code not in REDIRECTS or "Location" not in response.headers:
                return response, body
            url = urljoin(url, response.headers["Location"])
            allow(url)
    raise requests.TooManyRedirects


def _read_body(response: requests.Response, max_bytes: int, deadline: float) -> bytes:
    """Read an answer to its end, so that the connection can be kept, but never more than it may have."""
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdecimal() and int(length[:20]) > max_bytes:
        raise TooLarge
    body = bytearray()
    while chunk := response.raw.read1(65_536, decode_content=False):
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge
        if time.monotonic() > deadline:
            raise requests.Timeout
    return bytes(body)


def fetch_concurrently(
    fetch: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int,
    deadline: float,
    patience: float = float("inf"),
) -> Iterator[Result]:
    """Fetch several things at once, and yield what is found as it comes, in any order.

    Ends before all were had soon after the moment `deadline`, or when nothing at all came for as long as `patience`.
    """
    # No executor, whose threads a program waits for at its end: a server may hold on to one.
    with ThreadPool(min(threads, len(items)) or 1) as pool, suppress(multiprocessing.TimeoutError):
        results = pool.imap_unordered(fetch, items)
        for _ in items:
            yield results.next(max(0, min(deadline - time.monotonic() + 1, patience)))


def is_web_url(url: str) -> bool:
    """Whether an address is one of http or https, with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def internal_addresses(host: str) -> set[str]:
    """Return those addresses of a host that are this machine's, or of a network that is not the public internet.

    None where it can't be resolved here: a proxy may, or the request fails by itself.
    """
    try:
        resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return set()
    addresses = {str(address[0]).partition("%")[0] for *_, address in resolved}
    return {address for address in addresses if not ipaddress.ip_address(address).is_global}
