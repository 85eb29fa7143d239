"""Client of a remote metastore: fetches its files in parallel over persistent connections.

Files stored by an earlier refresh are requested conditionally. Size and time are limited per file and in total.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

import requests
import urllib3

from rockonweb.catalog.metastore import (
    MAX_NAME,
    MAX_ROOT_BYTES,
    ROOT,
    TEMPLATES,
    FetchedFile,
    FileContent,
    UnusableFile,
    clean_text,
    decode_utf8,
)
from rockonweb.core.definition.parser import MAX_BYTES
from rockonweb.core.secret import without_password
from rockonweb.core.text import format_size, t
from rockonweb.remote import http_client

THREADS = 16
FILE_SECONDS = 30
REFRESH_SECONDS = 120
MAX_TOTAL_BYTES = 200_000_000  # all files of a refresh together
MAX_URL = 500  # the length of the column


class RemoteMetastore:
    """A metastore at the URL `base`, for one refresh. `stored` are the files of earlier refreshes, by URL.

    `base` is a folder with a root.json, or a list of Portainer's templates, which ends in .json.
    """

    def __init__(self, base: str, stored: Mapping[str, FileContent]) -> None:
        self.base = base.rstrip("/")
        self.root = TEMPLATES if self.base.endswith(".json") else ROOT
        self._stored = stored
        self._until = time.monotonic() + REFRESH_SECONDS
        self._left = MAX_TOTAL_BYTES
        self._permit = http_client.HomeNetwork()

    def file_key(self, file: str) -> str:
        """The URL of a file, without the password that `base` may contain."""
        return f"{without_password(self.base)}/{quote(file)}"

    def fetch_root(self) -> FetchedFile:
        """Fetch the file that says what it has."""
        if not http_client.is_web_url(self.base):
            return FetchedFile(self.root, None, t("the metastore's address must start with http:// or https://"))
        with http_client.new_http_session(self._permit) as session:
            return self._fetch_file(session, self.root, MAX_ROOT_BYTES)

    def fetch_files(self, names: Sequence[str]) -> Iterator[FetchedFile]:
        """Fetch files in parallel and yield each when it is complete, in any order.

        Every name is yielded once; a file not received in time with a fault.
        """
        # New ones first, so that the next refresh gets further where time does not suffice for all.
        ordered = sorted(names, key=lambda name: self.file_key(name) in self._stored)
        missing = dict.fromkeys(names)
        # Give up when nothing was received for longer than one file may take.
        patience = FILE_SECONDS + http_client.READ_SECONDS
        with http_client.new_http_session(self._permit, THREADS) as session:
            fetch = partial(self._fetch_file, session, limit=MAX_BYTES)
            for fetched in http_client.fetch_concurrently(fetch, ordered, THREADS, self._until, patience):
                del missing[fetched.file]
                yield fetched
        for name in missing:
            yield FetchedFile(name, None, t("was not received in time: the metastore is too slow"))

    def _fetch_file(self, session: requests.Session, file: str, limit: int) -> FetchedFile:
        until = min(self._until, time.monotonic() + FILE_SECONDS)
        try:
            for attempt in (1, 2):
                try:
                    return FetchedFile(file, self._get_content(session, file, limit, until))
                except requests.ConnectionError as error:
                    # The server may just have closed the persistent connection.
                    if attempt == 2 or isinstance(error, requests.Timeout):
                        raise
        except UnusableFile as error:
            return FetchedFile(file, None, error.args[0])
        except http_client.TooLarge:
            return FetchedFile(file, None, t("is larger than %(limit)s", limit=format_size(limit)))
        except http_client.REQUEST_ERRORS as error:
            return FetchedFile(file, None, _connection_fault(error))
        raise AssertionError("unreachable")

    def _get_content(self, session: requests.Session, file: str, limit: int, until: float) -> FileContent:
        """Return a file's content, the stored one where it has not changed. Raises UnusableFile or REQUEST_ERRORS."""
        if len(self.file_key(file)) > MAX_URL:
            raise UnusableFile(t("its address is longer than %(limit)d characters", limit=MAX_URL))
        stored = self._stored.get(self.file_key(file))
        validators = {"If-None-Match": stored.etag, "If-Modified-Since": stored.last_modified} if stored else {}
        headers = {key: value for key, value in validators.items() if value}
        url = self.base if file == self.root == TEMPLATES else f"{self.base}/{quote(file)}"
        answer, body = http_client.fetch_limited(session, url, limit, until, headers)
        status = answer.status_code
        self._left -= len(body)
        if self._left < 0:
            raise UnusableFile(t("was skipped: the metastore's files are too large in total"))
        if status == HTTPStatus.NOT_MODIFIED and stored:
            return stored
        if status == HTTPStatus.NOT_FOUND:
            raise UnusableFile(t("is missing: the metastore returned 404 Not Found"))
        if status != HTTPStatus.OK:
            raise UnusableFile(
                t("could not be downloaded: the metastore returned %(status)s", status=_status_text(status))
            )
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise UnusableFile(t("was sent compressed, which was not requested"))
        return FileContent(decode_utf8(body), _safe_header(answer, "ETag"), _safe_header(answer, "Last-Modified"))


def _safe_header(answer: requests.Response, name: str) -> str:
    """Return a header that is safe to store and send back, else blank."""
    value = answer.headers.get(name, "")
    return value if len(value) <= MAX_NAME and value.isascii() and value.isprintable() else ""


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _connection_fault(error: Exception) -> str:
    """Return a short sentence for an error of the HTTP libraries."""
    if isinstance(error, http_client.NoWebAddress):
        return t("is redirected to something other than a web address")
    if isinstance(error, http_client.ForbiddenAddress):
        return t("is redirected to %(host)s, which is on this machine or its network", host=clean_text(error.host))
    if isinstance(error, requests.TooManyRedirects):
        return t("is redirected more than %(count)d times", count=http_client.MAX_REDIRECTS)
    if isinstance(error, requests.exceptions.SSLError):
        return t("could not be downloaded: the metastore's certificate is not trusted")
    if isinstance(error, requests.exceptions.ProxyError):
        return t("could not be downloaded: the proxy does not answer")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return t("was not received in time: the metastore is too slow")
    if isinstance(error, requests.ConnectionError):
        message = str(error)
        if "NameResolution" in message or "getaddrinfo" in message:
            return t("could not be downloaded: the host name of the metastore can't be resolved")
        if "refused" in message:
            return t("could not be downloaded: the metastore refuses connections")
        if "unreachable" in message:
            return t("could not be downloaded: there is no route to the metastore's network")
        return t("could not be downloaded: the connection to the metastore was lost")
    if isinstance(error, urllib3.exceptions.HTTPError | http.client.HTTPException):
        return t("could not be downloaded: the connection to the metastore was lost")
    return t("could not be downloaded: %(error)s", error=clean_text(str(error)))
