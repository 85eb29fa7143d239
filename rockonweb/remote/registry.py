"""What registries say of images: the HTTP API that `docker pull` speaks, read only and without a login.

A registry that says no, or says nothing in time, is no proof that an image is missing: `Missing` and `Unknown` differ.
"""

from __future__ import annotations

import ipaddress
import json
import platform
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests

from rockonweb.core.errors import RockonwebError
from rockonweb.core.text import Text, t
from rockonweb.remote import http_client

AT_ONCE = 8  # images
IMAGE_SECONDS = 30
MAX_ANSWER_BYTES = 8_000_000  # registries themselves take no larger manifest
FIRST_YEAR = 2000  # images that are built to be the same every time claim to be from 1970

# Where `docker pull` looks for a name without a registry's host, and how such a name is written out.
DEFAULT_HOSTS = ("docker.io", "index.docker.io")
DEFAULT_SERVER = "registry-1.docker.io"
OFFICIAL = "library/"

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386"}

_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,128}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Missing(RockonwebError):
    """The registry knows no such image."""


class Unknown(RockonwebError):
    """Whether there is such an image can't be told now; the sentence says why."""


@dataclass(frozen=True)
class Remote:
    """An image as its registry has it.

    `digest` is what the name stands for now: of an index where there is one for several platforms. `platforms` are
    written as `linux/arm64/v8`. `created` and `size`, the bytes of its compressed layers, are those of the variant for
    this machine, or of the first one; None where the registry does not say. `parts` are the digests of that variant's
    manifest and configuration, by which Docker may know it too.
    """

    digest: str
    platforms: tuple[str, ...] = ()
    created: datetime | None = None
    size: int | None = None
    parts: tuple[str, ...] = field(default=(), compare=False)

    @property
    def digests(self) -> tuple[str, ...]:
        """All digests that stand for it."""
        return (self.digest, *self.parts)


@dataclass(frozen=True)
class Name:
    """The parts of an image's name: the registry's host, the path there, and a tag or digest."""

    host: str
    path: str
    version: str

    @property
    def base(self) -> str:
        """The address below which the registry answers for this image."""
        return f"{'http' if is_loopback(self.host) else 'https'}://{self.host}/v2/{self.path}"


def name_of(image: str) -> Name:
    """Return the parts of IMAGE, IMAGE:TAG or IMAGE@DIGEST. Raises Missing for what no image can be called."""
    rest, _, digest = image.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = DEFAULT_HOSTS[0], rest
    path, colon, tag = path.partition(":")
    if host in DEFAULT_HOSTS:
        host, path = DEFAULT_SERVER, path if "/" in path else OFFICIAL + path
    usable = (
        re.fullmatch(r"[\w.-]+(:[0-9]{1,5})?", host, re.ASCII)
        and _PATH.fullmatch(path)
        and (not colon or _TAG.fullmatch(tag))
        and ("@" not in image or _DIGEST.fullmatch(digest))
    )
    if not usable:
        raise Missing(t("no image can have this name"))
    return Name(host, path, digest or tag or "latest")


def is_loopback(host: str) -> bool:
    """Whether a registry is on this machine: Docker speaks to it without TLS."""
    name = host.rpartition(":")[0] if ":" in host else host
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def look(image: str, known: Collection[str] = ()) -> Remote:
    """Return what its registry says of an image; no more than the digest where that is among those that are `known`.

    Raises Missing or Unknown.
    """
    name = name_of(image)
    with http_client.new_session() as session:
        visit = _Visit(session, name)
        try:
            digest = visit.digest() if known else ""
            return Remote(digest) if digest in known else visit.look()
        except http_client.FAILURES as error:
            raise Unknown(_sentence(error, name.host)) from None


def look_all(
    images: Iterable[str], known: Mapping[str, Collection[str]] | None = None
) -> Iterator[tuple[str, Remote | Missing | Unknown]]:
    """Yield what the registries say of each image, several at once, in the order of the images.

    `known` are digests by image of which nothing more is asked.
    """
    wanted = list(dict.fromkeys(images))
    with ThreadPoolExecutor(AT_ONCE, "registry") as pool:
        yield from zip(
            wanted, pool.map(lambda image: _outcome(image, (known or {}).get(image, ())), wanted), strict=True
        )


def _outcome(image: str, known: Collection[str]) -> Remote | Missing | Unknown:
    try:
        return look(image, known)
    except (Missing, Unknown) as error:
        return error


class _Visit:
    """Questions about one image, with the token that its registry gave."""

    def __init__(self, session: requests.Session, name: Name) -> None:
        self._session = session
        self._name = name
        self._until = time.monotonic() + IMAGE_SECONDS
        self._token = ""

    def digest(self) -> str:
        """Return what the name stands for, by a question that registries do not count as a pull; blank where the
        registry does not tell that way.
        """
        answer, _ = self._ask(self._manifest, (*INDEXES, *MANIFESTS), "HEAD")
        return answer.headers.get("Docker-Content-Digest", "") if answer.status_code == HTTPStatus.OK else ""

    def look(self) -> Remote:
        """Return what the registry says."""
        found, digest = self._get(self._manifest, (*INDEXES, *MANIFESTS))
        variants = [one for one in _dicts(found.get("manifests")) if _platform(one.get("platform"))]
        if not variants:
            return self._single(digest, found)
        platforms = tuple(dict.fromkeys(_platform(one.get("platform")) for one in variants))
        ours = f"linux/{MACHINES.get(platform.machine(), platform.machine())}"
        best = next(
            (one for one in variants if f"{_platform(one.get('platform'))}/".startswith(f"{ours}/")), variants[0]
        )
        part, _ = self._get(f"{self._name.base}/manifests/{_digest(best)}", MANIFESTS)
        single = self._single(digest, part)
        return Remote(digest, platforms, single.created, single.size, (_digest(best), *single.parts))

    def _single(self, digest: str, manifest: Mapping[str, Any]) -> Remote:
        """Return what a manifest of one platform says."""
        layers = _dicts(manifest.get("layers"))
        if not layers:  # the oldest kind, which has everything in its history
            architecture = manifest.get("architecture")
            return Remote(digest, (f"linux/{architecture}",) if isinstance(architecture, str) else ())
        config, _ = self._get(f"{self._name.base}/blobs/{_digest(manifest.get('config'))}", ())
        one = _platform(config)
        sizes = [layer.get("size") for layer in layers]
        size = sum(size for size in sizes if isinstance(size, int))
        parts = (_digest(manifest.get("config")),)
        return Remote(digest, (one,) if one else (), moment_of(config.get("created")), size, parts)

    @property
    def _manifest(self) -> str:
        return f"{self._name.base}/manifests/{quote(self._name.version, safe=':')}"

    def _get(self, url: str, accepted: Iterable[str]) -> tuple[dict[str, Any], str]:
        """Return an object of the registry's and its digest. Raises Missing, Unknown, or FAILURES."""
        answer, body = self._ask(url, (*accepted, "application/json;q=0.5"))
        status, host = answer.status_code, self._name.host
        if status == HTTPStatus.NOT_FOUND:
            raise Missing(t("%(host)s has no such image", host=host))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Unknown(t("%(host)s refuses to tell: it is private there, or there is none", host=host))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Unknown(t("%(host)s was asked too often and answers later", host=host))
        if status != HTTPStatus.OK:
            raise Unknown(t("%(host)s answers with status %(status)s", host=host, status=status))
        return self._object(body), answer.headers.get("Docker-Content-Digest") or f"sha256:{sha256(body).hexdigest()}"

    def _ask(self, url: str, accepted: Iterable[str], method: str = "GET") -> tuple[requests.Response, bytes]:
        """Return an answer, with a token where the registry wants one. Raises Unknown, or FAILURES."""
        headers = {"Accept": ", ".join(accepted)}
        answer, body = self._plain(url, headers, method)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and not self._token:
            self._token = self._new_token(answer.headers.get("WWW-Authenticate", ""))
            answer, body = self._plain(url, headers, method)
        return answer, body

    def _plain(self, url: str, headers: Mapping[str, str], method: str = "GET") -> tuple[requests.Response, bytes]:
        own = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        limits = (self._allow, MAX_ANSWER_BYTES, self._until)
        return http_client.ask(self._session, url, *limits, headers, secret=own, method=method)

    def _allow(self, url: str) -> None:
        """Raise Unknown for an address that the registry sends us to and has no business with."""
        host = urlsplit(url).hostname or ""
        name = self._name.host
        here = is_loopback(name) or http_client.inner_addresses(name.partition(":")[0])
        if not http_client.is_web_address(url) or (http_client.inner_addresses(host) and not here):
            raise Unknown(t("%(host)s sends us to an address that is not of the internet", host=name))

    def _new_token(self, challenge: str) -> str:
        """Return a token for reading, as the answer 401 says where to get one. Raises Unknown without one."""
        kind, _, words = challenge.partition(" ")
        asked = dict(_CHALLENGE.findall(words))
        if kind.lower() != "bearer" or "realm" not in asked:
            raise Unknown(t("%(host)s wants a login", host=self._name.host))
        realm = asked["realm"]
        self._allow(realm)
        wanted = {"scope": asked.get("scope") or f"repository:{self._name.path}:pull"}
        if service := asked.get("service"):
            wanted["service"] = service
        answer, body = self._plain(f"{realm}{'&' if '?' in realm else '?'}{urlencode(wanted)}", {})
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise Unknown(t("%(host)s was asked too often and answers later", host=self._name.host))
        if answer.status_code != HTTPStatus.OK:
            raise Unknown(t("%(host)s refuses to tell: it is private there, or there is none", host=self._name.host))
        given = self._object(body)
        token = given.get("token") or given.get("access_token")
        if not isinstance(token, str) or not token.isprintable() or not token.isascii():
            raise Unknown(t("%(host)s wants a login", host=self._name.host))
        return token

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unknown(t("%(host)s answers with something else than a registry does", host=self._name.host))
        return found


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _digest(part: object) -> str:
    """Return the digest of a part of a manifest. Raises Unknown for what can't stand in an address."""
    digest = part.get("digest") if isinstance(part, dict) else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Unknown(t("its manifest can't be read"))
    return digest


def _platform(part: object) -> str:
    """Return a platform as people write it; blank for what is none, such as a signature beside the images."""
    if not isinstance(part, dict):
        return ""
    words = [part.get(key) for key in ("os", "architecture", "variant")]
    if words[0] in (None, "", "unknown") or not isinstance(words[1], str):
        return ""
    return "/".join(word for word in words if isinstance(word, str) and word)


def moment_of(value: object) -> datetime | None:
    """Return when an image was made, as its configuration has it: a moment with up to nine digits of a second."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", value))
    except ValueError:
        return None
    return found if found.year >= FIRST_YEAR and found.tzinfo else None


def _sentence(error: Exception, host: str) -> Text:
    """Say what went wrong with a connection."""
    if isinstance(error, requests.TooManyRedirects):
        return t("%(host)s redirects too often", host=host)
    if isinstance(error, http_client.TooLarge):
        return t("%(host)s sends too much", host=host)
    if isinstance(error, requests.exceptions.SSLError):
        return t("the certificate of %(host)s can't be trusted", host=host)
    if isinstance(error, requests.Timeout | TimeoutError):
        return t("%(host)s is too slow", host=host)
    return t("%(host)s can't be reached", host=host)
