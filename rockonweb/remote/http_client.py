"""HTTP to untrusted servers: the one client for all of them, with limits on an exchange's duration, size and redirects.

Host names and redirects may lead anywhere, and a name may resolve to something else each time. So a caller's `Permit`
judges the very addresses that are connected to, at each new connection (against SSRF).
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from multiprocessing.pool import ThreadPool
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

CONNECT_SECONDS, READ_SECONDS = 5, 10  # at most: to resolve a name and to connect, each, and between two reads
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
# Networks of IPv6 whose addresses stand for one of IPv4, and the bit where that begins.
_TRANSLATED = tuple(
    (ipaddress.IPv6Network(network), shift)
    for network, shift in (("::ffff:0:0/96", 0), ("64:ff9b::/96", 0), ("2002::/16", 80))
)
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IPv6 has for the internet

Item = TypeVar("Item")
Result = TypeVar("Result")
Permit = Callable[[Collection[str]], Collection[str]]  # those of a host's IP addresses that may be connected to

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))  # of this thread's exchange, monotonic


class TooLarge(requests.RequestException):
    """A response is larger than allowed."""


class ForbiddenAddress(ValueError):  # no OSError, which urllib3 would wrap
    """A URL or redirect leads to an address that is not permitted; `host` is its host."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class NoWebAddress(ValueError):
    """A URL or redirect is not http or https, or has no host."""


class HomeNetwork:
    """A `Permit` for a server that an owner has chosen, which may be anywhere, and for where it redirects to.

    Only where the first host that is connected to, which is the chosen one, is on this machine or a private network,
    such addresses are permitted from then on. A host with addresses of both kinds is connected to there, or not at all:
    otherwise one on the internet could pass for one of the private network.
    """

    def __init__(self) -> None:
        self._is_internal: bool | None = None

    def __call__(self, addresses: Collection[str]) -> Collection[str]:
        """Return the addresses that may be connected to."""
        internal = internal_only(addresses)
        if self._is_internal is None:
            self._is_internal = bool(internal)
        if not internal:
            return addresses
        return internal if self._is_internal else ()


def new_http_session(permit: Permit, connections: int = 1) -> requests.Session:
    """Return a session that connects only where `permit` allows it.

    It requests no compression, and keeps up to `connections` connections per host.
    """
    session = _Session()
    # No compression: a few bytes could decompress to gigabytes.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "Rockonweb"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, _LimitedAdapter(permit, pool_connections=4, pool_maxsize=connections))
    return session


def fetch_limited(
    session: requests.Session,
    url: str,
    max_bytes: int,
    deadline: float,
    headers: Mapping[str, str],
    *,
    secret: Mapping[str, str] | None = None,
    method: str = "GET",
    content: bytes | None = None,
) -> tuple[requests.Response, bytes]:
    """Return the response and its body of at most `max_bytes`. Redirects are followed, unless `content` is sent.

    `secret` headers are sent to the first host only, and not by http where that was asked by https. `deadline` is of
    time.monotonic(), and that of the whole exchange.
    Raises REQUEST_ERRORS, such as ForbiddenAddress, NoWebAddress, TooLarge, requests.Timeout (also past the deadline),
    and requests.TooManyRedirects after MAX_REDIRECTS.
    """
    first_url = url
    for _ in range(MAX_REDIRECTS + 1):
        if not is_web_url(url):
            raise NoWebAddress(url)
        sent_headers = {**headers, **(secret or {})} if may_get_secret(first_url, url) else headers
        with (
            limit_exchange(deadline),
            session.request(
                method,
                url,
                headers=sent_headers,
                data=content,
                timeout=_read_timeout(),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            body = _read_body(response, max_bytes)
            if content is not None or response.status_code not in REDIRECTS or "Location" not in response.headers:
                return response, body
            url = urljoin(url, response.headers["Location"])
    raise requests.TooManyRedirects


def may_get_secret(first_url: str, url: str) -> bool:
    """Whether a URL that the first one redirected to gets its secrets: the same host, and encrypted if that was."""
    first, other = urlsplit(first_url), urlsplit(url)
    return first.netloc == other.netloc and other.scheme in (first.scheme, "https")


@contextmanager
def limit_exchange(deadline: float) -> Iterator[None]:
    """Let all connections that this thread uses meanwhile end at a deadline (time.monotonic())."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def _read_body(response: requests.Response, max_bytes: int) -> bytes:
    """Read a body to its end, so that the connection can be reused, but never more than `max_bytes`."""
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdecimal() and int(length[:20]) > max_bytes:
        raise TooLarge
    body = bytearray()
    try:
        while chunk := response.raw.read1(65_536, decode_content=False):
            body += chunk
            if len(body) > max_bytes:
                raise TooLarge
    except (urllib3.exceptions.TimeoutError, TimeoutError):
        raise requests.Timeout from None
    return bytes(body)


# -- connections ------------------------------------------------------------------------------------------------------


def _seconds_left(limit: float) -> float:
    """Return the seconds until this thread's deadline, at most `limit`. Raises TimeoutError after it."""
    seconds = min(limit, _deadline.get() - time.monotonic())
    if seconds <= 0:
        raise TimeoutError("the exchange has taken too long")
    return seconds


def _read_timeout() -> float:
    try:
        return _seconds_left(READ_SECONDS)
    except TimeoutError:
        raise requests.Timeout from None


class _LimitedReader(io.RawIOBase):
    """What a socket receives; each read ends at the thread's deadline, even if a byte comes now and then."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._stream = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is. Raises TimeoutError."""
        self._sock.settimeout(_seconds_left(READ_SECONDS))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        """Release the socket."""
        self._stream.close()
        super().close()


class LimitedResponse(http.client.HTTPResponse):
    """A response whose status, headers and body are read until the thread's deadline."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_LimitedReader(sock))


def _connect(connection: HTTPConnection, permit: Permit) -> socket.socket:
    """Return a socket that is connected to one of the permitted addresses of a host. Raises ForbiddenAddress."""
    host, port = connection._dns_host, connection.port
    try:
        found = resolve_host(host, port)
    except (socket.gaierror, UnicodeError) as error:
        reason = error if isinstance(error, socket.gaierror) else socket.gaierror(socket.EAI_NONAME, str(error))
        raise NameResolutionError(host, connection, reason) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"{host} was not resolved in time") from error
    permitted = permit({_plain(address) for *_, address in found})
    if not permitted:
        raise ForbiddenAddress(host)
    failure: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in found:
        if _plain(address) not in permitted:
            continue
        sock = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(_seconds_left(CONNECT_SECONDS))
            sock.connect(address)
            sock.settimeout(_seconds_left(READ_SECONDS))  # for a handshake of TLS
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, f"{host} does not accept the connection") from failure
    raise NewConnectionError(connection, f"Failed to establish a new connection: {failure}") from failure


def _plain(address: tuple[Any, ...]) -> str:
    return str(address[0]).partition("%")[0]


def _limited_pools(permit: Permit) -> dict[str, type[HTTPConnectionPool]]:
    """Return the classes of urllib3's pools whose connections are judged by `permit`, by scheme."""

    class PermittedConnection(HTTPConnection):
        response_class = LimitedResponse

        def _new_conn(self) -> socket.socket:
            return _connect(self, permit)

    class PermittedTLSConnection(HTTPSConnection):
        response_class = LimitedResponse

        def _new_conn(self) -> socket.socket:
            return _connect(self, permit)

    class PermittedPool(HTTPConnectionPool):
        ConnectionCls = PermittedConnection

    class PermittedTLSPool(HTTPSConnectionPool):
        ConnectionCls = PermittedTLSConnection

    return {"http": PermittedPool, "https": PermittedTLSPool}


class _Session(requests.Session):
    """A session that reads the proxies of a host from the environment once, and not for each request."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[str, str], Any] = {}

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Return the settings for a URL's server; the others are the same for all requests of a session."""
        server = urlsplit(url)[:2]
        if server not in self._settings:
            self._settings[server] = super().merge_environment_settings(url, proxies, stream, verify, cert)
        return self._settings[server]


class _LimitedAdapter(HTTPAdapter):
    """Sends requests over connections that `permit` allows. Where a proxy connects, the names are judged before."""

    def __init__(self, permit: Permit, **options: Any) -> None:
        self._permit = permit
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the pools have limited connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _limited_pools(self._permit)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return a manager whose connections, those to the proxy, may lead anywhere."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _limited_pools(lambda addresses: addresses)
        return manager

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request. Raises ForbiddenAddress where a proxy would connect to something that is not permitted."""
        if select_proxy(request.url or "", options.get("proxies")):
            host = urlsplit(request.url or "").hostname or ""
            addresses = host_addresses(str(host))  # none of a name that only the proxy knows
            if len(self._permit(addresses)) < len(addresses):
                raise ForbiddenAddress(str(host))
        return super().send(request, *arguments, **options)


class _BoundedAdapter(_LimitedAdapter):
    """Also limits the size of bodies, and requests and decodes no compression."""

    def __init__(self, permit: Permit, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        super().__init__(permit)

    def send(
        self, request: requests.PreparedRequest, stream: bool = False, *arguments: Any, **options: Any
    ) -> requests.Response:
        """Send a request and read the response. Raises as `_LimitedAdapter.send`, and TooLarge."""
        request.headers["Accept-Encoding"] = "identity"
        response = super().send(request, True, *arguments, **options)
        response._content = _read_body(response, self._max_bytes)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


@contextmanager
def limit_requests(permit: Permit, max_bytes: int, deadline: float) -> Iterator[None]:
    """Apply the limits of `fetch_limited` to what a library does meanwhile by `requests`, without its own adapters.

    They hold for the whole process, except for the deadline, which is this thread's.
    """
    sessions: Any = requests.sessions
    original = sessions.HTTPAdapter
    sessions.HTTPAdapter = partial(_BoundedAdapter, permit, max_bytes)  # what each new session mounts
    try:
        with limit_exchange(deadline):
            yield
    finally:
        sessions.HTTPAdapter = original


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


def resolve_host(host: str, port: int | None = None) -> list[Any]:
    """Return what getaddrinfo finds for a host. Raises OSError, such as TimeoutError, or UnicodeError."""
    outcome: list[Any] = []

    def resolve() -> None:
        try:
            outcome.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            outcome.append(error)

    # In a thread, since it has no timeout.
    thread = threading.Thread(target=resolve, name="resolve", daemon=True)
    thread.start()
    thread.join(_seconds_left(CONNECT_SECONDS))
    if not outcome:
        raise TimeoutError("the name was not resolved in time")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    found: list[Any] = outcome[0]
    return found


def host_addresses(host: str) -> set[str]:
    """Return the IP addresses of a host; none where it can't be resolved: a proxy may be able to."""
    try:
        return {_plain(address) for *_, address in resolve_host(host)}
    except (OSError, ValueError):
        return set()


def internal_only(addresses: Collection[str]) -> set[str]:
    """Return those IP addresses that are not public: of this machine, a private network, or no single machine."""
    return {address for address in addresses if not _is_public(ipaddress.ip_address(address))}


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _TRANSLATED:
            if address in network:
                return _is_public(ipaddress.IPv4Address(int(address) >> shift & 0xFFFF_FFFF))
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast
