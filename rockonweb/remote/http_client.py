"""HTTP requests to untrusted servers, with limits on the response's size, duration and number of redirects.

URLs and redirects may lead anywhere, so the caller of `fetch_limited` decides which are allowed (against SSRF).
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

CONNECT_SECONDS, READ_SECONDS = 5, 10  # requests' timeouts: to connect, and between two reads
MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
# Everything that these libraries raise for an invalid URL, server or response.
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
    """A response is larger than allowed."""


def new_http_session(connections: int = 1) -> requests.Session:
    """Return a session that requests no compression, and keeps up to `connections` connections per host."""
    session = requests.Session()
    # No compression: a few bytes could decompress to gigabytes.
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
    """Return the response and its body of at most `max_bytes`. Before a redirect is followed, `allow(url)` may raise.

    `secret` headers are sent to the first host only. `deadline` is of time.monotonic(). Raises REQUEST_ERRORS, such as
    TooLarge, requests.Timeout (also past the deadline), and requests.TooManyRedirects after MAX_REDIRECTS.
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
    """Read a body to its end, so that the connection can be reused, but never more than `max_bytes`."""
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
    """Call `fetch` for the items in threads, and yield the results as they come, in any order.

    Ends early soon after `deadline` (time.monotonic()), or after `patience` seconds without any result.
    """
    # No ThreadPoolExecutor: the program would wait at its exit for threads that a server blocks.
    with ThreadPool(min(threads, len(items)) or 1) as pool, suppress(multiprocessing.TimeoutError):
        results = pool.imap_unordered(fetch, items)
        for _ in items:
            yield results.next(max(0, min(deadline - time.monotonic() + 1, patience)))


def is_web_url(url: str) -> bool:
    """Whether a URL is http or https and has a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def internal_addresses(host: str) -> set[str]:
    """Return those IP addresses of a host that are not public: of this machine or a private network.

    None where it can't be resolved: a proxy may resolve it, or the request itself fails.
    """
    try:
        resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return set()
    addresses = {str(address[0]).partition("%")[0] for *_, address in resolved}
    return {address for address in addresses if not ipaddress.ip_address(address).is_global}
