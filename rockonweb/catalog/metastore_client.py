"""A remote metastore: fetching its files, many at once, over connections that are kept.

A file is asked for conditionally where an earlier refresh kept it. All files together have limits too.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import requests
import urllib3

from rockonweb.catalog.metastore import MAX_NAME, MAX_ROOT_BYTES, ROOT, Content, Fetched, Unusable, clean, decoded
from rockonweb.core.definition.definition import MAX_BYTES
from rockonweb.core.secret import without_password
from rockonweb.core.text import size, t
from rockonweb.remote import http_client

THREADS = 16
FILE_SECONDS = 30
REFRESH_SECONDS = 120
MAX_TOTAL_BYTES = 200_000_000  # all files of a refresh together
MAX_URL = 500  # as long as its column


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
        if not http_client.is_web_address(self.base):
            return Fetched(ROOT, None, t("the metastore's address must begin with http:// or https://"))
        with http_client.new_session() as session:
            return self._fetch(session, ROOT, MAX_ROOT_BYTES)

    def files(self, names: Sequence[str]) -> Iterator[Fetched]:
        """Fetch files side by side and yield each as soon as it is there, whatever the order.

        Every name is yielded once; those that can't be had in time with a fault.
        """
        # New ones first: where the time is not enough for all, the next refresh gets further.
        ordered = sorted(names, key=lambda name: self.key(name) in self._known)
        missing = dict.fromkeys(names)
        # When nothing at all came for longer than a file may take, nothing will.
        patience = FILE_SECONDS + http_client.READ_SECONDS
        with http_client.new_session(THREADS) as session:
            fetch = partial(self._fetch, session, limit=MAX_BYTES)
            for found in http_client.side_by_side(fetch, ordered, THREADS, self._until, patience):
                del missing[found.file]
                yield found
        for name in missing:
            yield Fetched(name, None, t("was not there in time: the metastore is too slow"))

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
        except http_client.TooLarge:
            return Fetched(file, None, t("is larger than %(limit)s", limit=size(limit)))
        except http_client.FAILURES as error:
            return Fetched(file, None, _sentence(error))
        raise AssertionError("unreachable")

    def _get(self, session: requests.Session, file: str, limit: int, until: float) -> Content:
        """Return a file's content, the kept one where it has not changed. Raises Unusable or FAILURES."""
        if len(self.key(file)) > MAX_URL:
            raise Unusable(t("its address is longer than %(limit)d characters", limit=MAX_URL))
        known = self._known.get(self.key(file))
        asked = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified} if known else {}
        headers = {key: value for key, value in asked.items() if value}
        answer, body = http_client.ask(session, f"{self.base}/{quote(file)}", self._allow, limit, until, headers)
        status = answer.status_code
        self._left -= len(body)
        if self._left < 0:
            raise Unusable(t("was left out: the metastore's files are too large together"))
        if status == HTTPStatus.NOT_MODIFIED and known:
            return known
        if status == HTTPStatus.NOT_FOUND:
            raise Unusable(t("is missing: the metastore answers 404 Not Found"))
        if status != HTTPStatus.OK:
            raise Unusable(t("can't be had: the metastore answers %(status)s", status=_status(status)))
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise Unusable(t("came compressed, which was not asked for"))
        return Content(decoded(body), _header(answer, "ETag"), _header(answer, "Last-Modified"))

    def _allow(self, target: str) -> None:
        """Raise Unusable for an address that a public metastore has no business with."""
        if not http_client.is_web_address(target):
            raise Unusable(t("is redirected to something other than a web address"))
        if self._home is None:
            self._home = bool(http_client.inner_addresses(urlsplit(self.base).hostname or ""))
        host = urlsplit(target).hostname or ""
        if not self._home and http_client.inner_addresses(host):
            raise Unusable(t("is redirected to %(host)s, which is on this machine or its network", host=clean(host)))


def _header(answer: requests.Response, name: str) -> str:
    """Return a header that can be sent back as it is, else blank."""
    value = answer.headers.get(name, "")
    return value if len(value) <= MAX_NAME and value.isascii() and value.isprintable() else ""


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _sentence(error: Exception) -> str:
    """Say what went wrong with a connection, without the libraries' own long-winded words."""
    if isinstance(error, requests.TooManyRedirects):
        return t("is redirected more than %(count)d times", count=http_client.MAX_REDIRECTS)
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
