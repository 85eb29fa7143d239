"""A remote metastore: fetching its files, many at once, over connections that are kept.

A file is asked for conditionally where an earlier refresh kept it. Time, size and redirects have limits.
"""

from __future__ import annotations

import http.client
import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from rockonweb.catalog.metastore import MAX_NAME, MAX_ROOT_BYTES, ROOT, Content, Fetched, Unusable, clean, decoded
from rockonweb.core.definition import MAX_BYTES
from rockonweb.core.secret import without_password
from rockonweb.core.text import size, t

THREADS = 16
CONNECT_SECONDS, READ_SECONDS = 5, 10  # of one attempt, and of silence in it
FILE_SECONDS = 30
REFRESH_SECONDS = 120
MAX_TOTAL_BYTES = 200_000_000  # all files of a refresh together
MAX_URL = 500  # as long as its column
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


class Remote:
    """A metastore behind an address, for one refresh. `known` is what earlier refreshes kept, by address."""

    def __init__(self, base: str, known: Mapping[str, Content]) -> None:
        self.base = base.rstrip("/")
        self._known = known
        self._until = time.monotonic() + REFRESH_SECONDS
        self._left = MAX_TOTAL_BYTES
        self._home: bool | None = None

    def key(self, file: str) -> str:
        """The address of a file, without a password that the configured one may bear."""
        return f"{without_password(self.base)}/{quote(file)}"

    def root(self) -> Fetched:
        """Fetch root.json."""
        if not is_web_address(self.base):
            return Fetched(ROOT, None, t("the metastore's address must begin with http:// or https://"))
        with new_session() as session:
            return self._fetch(session, ROOT, MAX_ROOT_BYTES)

    def files(self, names: Sequence[str]) -> Iterator[Fetched]:
        """Fetch files side by side and yield each as soon as it is there, whatever the order.

        Every name is yielded once; those that can't be had in time with a fault.
        """
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        done: queue.SimpleQueue[Fetched] = queue.SimpleQueue()
        # New ones first: where the time is not enough for all, the next refresh gets further.
        for name in sorted(names, key=lambda name: self.key(name) in self._known):
            waiting.put(name)

        def work() -> None:
            with new_session() as session:
                while time.monotonic() < self._until:
                    try:
                        name = waiting.get_nowait()
                    except queue.Empty:
                        return
                    done.put(self._fetch(session, name, MAX_BYTES))

        # Threads of our own and not an executor's: one that a server holds on to must not keep the program from ending.
        for _ in range(min(THREADS, len(names))):
            threading.Thread(target=work, name="metastore", daemon=True).start()
        missing = dict.fromkeys(names)
        try:
            while missing:
                # When nothing at all came for longer than a file may take, nothing will.
                patience = min(self._until - time.monotonic() + 1, FILE_SECONDS + READ_SECONDS)
                found = done.get(timeout=max(patience, 0))
                del missing[found.file]
                yield found
        except queue.Empty:
            for name in missing:
                yield Fetched(name, None, t("was not there in time: the metastore is too slow"))
        finally:
            self._until = 0  # whoever still works stops after its file

    def _fetch(self, session: requests.Session, file: str, limit: int) -> Fetched:
        until = min(self._until, time.monotonic() + FILE_SECONDS)
        try:
            for attempt in (1, 2):
                try:
                    return Fetched(file, self._get(session, file, limit, until))
                except requests.ConnectionError as error:
                    # A kept connection may have been closed just now by the other side.
                    if attempt == 2 or isinstance(error, requests.Timeout):
                        raise
        except Unusable as error:
            return Fetched(file, None, error.args[0])
        except FAILURES as error:
            return Fetched(file, None, _sentence(error))
        raise AssertionError("unreachable")

    def _get(self, session: requests.Session, file: str, limit: int, until: float) -> Content:
        """Return a file's content, the kept one where it has not changed. Raises Unusable, or what requests raises."""
        if len(self.key(file)) > MAX_URL:
            raise Unusable(t("its address is longer than %(limit)d characters", limit=MAX_URL))
        known = self._known.get(self.key(file))
        headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified} if known else {}
        url = f"{self.base}/{quote(file)}"
        for _ in range(MAX_REDIRECTS + 1):
            response = session.get(
                url,
                headers={key: value for key, value in headers.items() if value},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            )
            with response:
                status = response.status_code
                body = self._read(response, limit, until)
                if status not in REDIRECTS or "Location" not in response.headers:
                    break
                url = self._redirected(url, response.headers["Location"])
        else:
            raise Unusable(t("is redirected more than %(count)d times", count=MAX_REDIRECTS))
        if status == HTTPStatus.NOT_MODIFIED and known:
            return known
        if status == HTTPStatus.NOT_FOUND:
            raise Unusable(t("is missing: the metastore answers 404 Not Found"))
        if status != HTTPStatus.OK:
            raise Unusable(t("can't be had: the metastore answers %(status)s", status=_status(status)))
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Unusable(t("came compressed, which was not asked for"))
        validators = {key: _header(response, name) for key, name in _VALIDATORS.items()}
        return Content(decoded(body), **validators)

    def _read(self, response: requests.Response, limit: int, until: float) -> bytes:
        """Read an answer to its end, so that the connection can be kept, but never more than `limit` bytes."""
        too_large = Unusable(t("is larger than %(limit)s", limit=size(limit)))
        length = response.headers.get("Content-Length", "")
        if length.isascii() and length.isdecimal() and int(length[:20]) > limit:
            raise too_large
        parts: list[bytes] = []
        had = 0
        while part := response.raw.read1(65_536, decode_content=False):
            parts.append(part)
            had += len(part)
            if had > limit:
                raise too_large
            if time.monotonic() > until:
                raise Unusable(t("was not there in time: the metastore is too slow"))
        self._left -= had
        if self._left < 0:
            raise Unusable(t("was left out: the metastore's files are too large together"))
        return b"".join(parts)

    def _redirected(self, url: str, location: str) -> str:
        """Return where to go. Raises Unusable for an address that a public metastore has no business with."""
        target = urljoin(url, location)
        if not is_web_address(target):
            raise Unusable(t("is redirected to something other than a web address"))
        if self._home is None:
            self._home = on_own_network(urlsplit(self.base).hostname or "")
        host = urlsplit(target).hostname or ""
        if not self._home and on_own_network(host):
            raise Unusable(t("is redirected to %(host)s, which is on this machine or its network", host=clean(host)))
        return target


_VALIDATORS = {"etag": "ETag", "last_modified": "Last-Modified"}


def _header(response: requests.Response, name: str) -> str:
    """Return a header that can be sent back as it is, else blank."""
    value = response.headers.get(name, "")
    return value if len(value) <= MAX_NAME and value.isascii() and value.isprintable() else ""


def new_session() -> requests.Session:
    """Return a session that asks for nothing compressed."""
    session = requests.Session()
    # Asked not to compress: a few bytes could then unpack to gigabytes.
    session.headers["Accept-Encoding"] = "identity"
    session.headers["User-Agent"] = "Rockonweb"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=1))
    return session


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _sentence(error: Exception) -> str:
    """Say what went wrong with a connection, without the libraries' own long-winded words."""
    if isinstance(error, requests.exceptions.SSLError):
        return t("can't be had: the metastore's certificate can't be trusted")
    if isinstance(error, requests.exceptions.ProxyError):
        return t("can't be had: the proxy does not answer")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return t("was not there in time: the metastore is too slow")
    if isinstance(error, requests.ConnectionError):
        words = str(error)
        if "NameResolution" in words or "getaddrinfo" in words:
            return t("can't be had: the name of the metastore's host is not known")
        if "refused" in words:
            return t("can't be had: the metastore refuses connections")
        if "unreachable" in words:
            return t("can't be had: there is no way to the metastore's network")
        return t("can't be had: the connection to the metastore broke")
    if isinstance(error, urllib3.exceptions.HTTPError | http.client.HTTPException):
        return t("can't be had: the connection to the metastore broke")
    return t("can't be had: %(error)s", error=clean(str(error)))


def is_web_address(url: str) -> bool:
    """Whether an address is one of http or https, with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def on_own_network(host: str) -> bool:
    """Whether a host is this machine, or has an address that is not of the public internet."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return any(not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found)
    except (OSError, ValueError):
        return False  # not to be resolved here: a request fails by itself, or a proxy makes it
