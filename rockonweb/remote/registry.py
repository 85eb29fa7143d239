"""Looks up images in their registries, by the HTTP API of `docker pull`, read-only, with a login where there is one.

`ImageNotFound` is raised only where the registry says that there is no such image; `LookupFailed` where it denies
access or does not answer in time. A registry that asks to wait is not asked again before.
"""

from __future__ import annotations

import ipaddress
import json
import math
import platform
import re
import time
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests

from rockonweb.core.databases import DatabaseServer, image_versions
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.text import TranslatableText, t
from rockonweb.remote import http_client

MAX_PARALLEL = 8  # images
IMAGE_SECONDS = 30  # for all requests about one image
LOGIN_SECONDS = 10  # for those that test a login, for which a page waits
DEFAULT_PAUSE, MAX_PAUSE = 900, 86_400  # seconds before a registry is asked again that received too many requests
MAX_LOGIN_LENGTH = 4000  # characters of a password or token
MAX_ANSWER_BYTES = 8_000_000  # registries accept no larger manifests
FIRST_YEAR = 2000  # reproducible builds set 1970 as the creation date

# Docker Hub, which is meant by a name without a registry's host: such a name's hosts, API server and path prefix.
DEFAULT_HOSTS = ("docker.io", "index.docker.io")
DEFAULT_SERVER = "registry-1.docker.io"
DEFAULT_ALIASES = (*DEFAULT_HOSTS, DEFAULT_SERVER, "registry.docker.io", "hub.docker.com")  # what people call it
OFFICIAL_PREFIX = "library/"

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386"}

DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,128}")
_HOST = re.compile(r"[\w.-]+(?::([0-9]{1,5}))?", re.ASCII)
_SCHEME = re.compile(r"^https?://", re.IGNORECASE)
_CHALLENGE = re.compile(r'(?:^|,)\s*(\w+)\s+(?=\w+\s*=)|(\w+)\s*=\s*"([^"]*)"')

PAUSES: dict[str, float] = {}  # by `_pause_key`: until when (Unix seconds) a registry is not asked, as it wants


class ImageNotFound(RockonwebError):
    """The registry has no such image."""


class LookupFailed(RockonwebError):
    """Whether the image exists is unknown; the sentence says why."""


class LoginRefused(LookupFailed):
    """The registry does not accept the login."""

    def __init__(self, host: str) -> None:
        super().__init__(t("%(host)s refuses the stored login", host=host))


class RegistryBusy(LookupFailed):
    """The registry received too many requests, and wants to be asked again in so many seconds."""

    def __init__(self, host: str, seconds: float) -> None:
        minutes = math.ceil(seconds / 60)
        super().__init__(
            t("%(host)s received too many requests and will answer again in %(n)s minutes", host=host, n=minutes)
        )


@dataclass(frozen=True)
class Credentials:
    """The user name, and the password or token, by which to log in to a registry."""

    user: str
    password: str = field(repr=False)

    @property
    def basic_authorization(self) -> str:
        """The value of the header Authorization."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


Logins = Mapping[str, Credentials]  # by `ImageName.registry`


@dataclass(frozen=True)
class RemoteImage:
    """An image as its registry has it.

    `digest` is what the name refers to now: the index of a multi-platform image, else the manifest. `platforms` are
    written as `linux/arm64/v8`. `created` and `size` (bytes, compressed) are those of the variant for this machine, or
    of the first one; None where unknown. `variant_digests` are the digests of that variant's manifest and
    configuration, by which Docker may identify it too, `databases` the version of each database server that it has.
    """

    digest: str
    platforms: tuple[str, ...] = ()
    created: datetime | None = None
    size: int | None = None
    variant_digests: tuple[str, ...] = field(default=(), compare=False)
    databases: Mapping[DatabaseServer, str] = field(default_factory=dict, compare=False)

    @property
    def all_digests(self) -> tuple[str, ...]:
        """All digests that identify it."""
        return (self.digest, *self.variant_digests)


@dataclass(frozen=True)
class ImageName:
    """The parts of an image reference: the registry's host, the repository's path, and the tag or digest."""

    host: str
    path: str
    version: str

    @property
    def base_url(self) -> str:
        """The base URL of the registry's API for this repository."""
        return f"{'http' if is_loopback(self.host) else 'https'}://{self.host}/v2/{self.path}"

    @property
    def registry(self) -> str:
        """The name of the registry, for which there may be a login; see `parse_registry`."""
        return DEFAULT_HOSTS[0] if self.host == DEFAULT_SERVER else self.host.lower()


def parse_image_name(image: str) -> ImageName:
    """Return the parts of IMAGE, IMAGE:TAG or IMAGE@DIGEST. Raises ImageNotFound for an invalid reference."""
    rest, _, digest = image.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not _is_host(host):
        host, path = DEFAULT_HOSTS[0], rest
    path, colon, tag = path.partition(":")
    if host in DEFAULT_HOSTS:
        host, path = DEFAULT_SERVER, path if "/" in path else OFFICIAL_PREFIX + path
    usable = (
        _is_host_with_port(host)
        and _PATH.fullmatch(path)
        and (not colon or _TAG.fullmatch(tag))
        and ("@" not in image or _DIGEST.fullmatch(digest))
    )
    if not usable:
        raise ImageNotFound(t("this is not a valid image name"))
    return ImageName(host, path, digest or tag or "latest")


def parse_registry(typed: str) -> str:
    """Return the name of a registry as typed by a user: its host, perhaps with a port, `docker.io` for Docker Hub.

    An address such as https://index.docker.io/v1/ is accepted too. Raises BadInput.
    """
    host, _, path = _SCHEME.sub("", typed.strip()).partition("/")
    host = host.lower()
    if host in DEFAULT_ALIASES:
        return DEFAULT_HOSTS[0]
    if not _is_host_with_port(host) or path.strip("/") not in ("", "v1", "v2") or not _is_host(host):
        raise BadInput(
            t("This is not the name of a registry."),
            t("Enter its host, such as ghcr.io or registry.example.org:5000, or docker.io for Docker Hub."),
        )
    return host


def parse_credentials(user: str, password: str) -> Credentials:
    """Return the login that a user typed. Raises BadInput, without the password in its sentence."""
    user = user.strip()
    if not user or not password:
        raise BadInput(t("A login needs a user name and a password or token."))
    if ":" in user:
        raise BadInput(t("The user name of a registry can't contain a colon."))
    if not (user + password).isprintable() or len(user + password) > MAX_LOGIN_LENGTH:
        raise BadInput(
            t("The user name or password is too long, or has a line break or a character that can't be displayed."),
            t("Copy it again, without anything around it."),
        )
    return Credentials(user, password)


def _is_host_with_port(text: str) -> bool:
    """Whether a text is a host, perhaps with a port from 1 to 65535."""
    match = _HOST.fullmatch(text)
    return match is not None and (match[1] is None or 1 <= int(match[1]) <= 65535)


def _is_host(name: str) -> bool:
    """Whether the first part of an image's name is a registry's host, and not a user's name on Docker Hub."""
    return "." in name or ":" in name or name == "localhost"


def is_loopback(host: str) -> bool:
    """Whether a registry's host (and port) is this machine: Docker uses http for it."""
    name = host.rpartition(":")[0] if ":" in host else host
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def lookup_image(image: str, known_digests: Collection[str] = (), logins: Logins | None = None) -> RemoteImage:
    """Return an image as its registry has it; with the digest alone where that is one of `known_digests`.

    Raises ImageNotFound or LookupFailed.
    """
    name = parse_image_name(image)
    with _connect(name, (logins or {}).get(name.registry), IMAGE_SECONDS) as client:
        digest = client.fetch_digest() if known_digests else ""
        return RemoteImage(digest) if digest in known_digests else client.fetch_image()


def check_login(registry: str, credentials: Credentials) -> None:
    """Log in to a registry as `docker login` does. Raises LoginRefused, or LookupFailed where that is not known."""
    host = DEFAULT_SERVER if registry == DEFAULT_HOSTS[0] else registry
    with _connect(ImageName(host, "", ""), credentials, LOGIN_SECONDS) as client:
        client.check_login()


@contextmanager
def _connect(name: ImageName, credentials: Credentials | None, seconds: float) -> Iterator[_RegistryClient]:
    """Yield a client of an image's registry. Raises RegistryBusy, and LookupFailed instead of REQUEST_ERRORS."""
    pause = PAUSES.get(_pause_key(name.host, credentials), 0.0) - time.time()
    if 0 < pause <= MAX_PAUSE:  # a longer one is from before the clock was set back
        raise RegistryBusy(name.host, pause)
    with http_client.new_http_session(http_client.HomeNetwork()) as session:
        try:
            yield _RegistryClient(session, name, credentials, seconds)
        except http_client.REQUEST_ERRORS as error:
            raise LookupFailed(_describe_error(error, name.host)) from None


def lookup_images(
    images: Iterable[str],
    known_digests: Mapping[str, Collection[str]] | None = None,
    logins: Logins | None = None,
) -> Iterator[tuple[str, RemoteImage | ImageNotFound | LookupFailed]]:
    """Look up several images in parallel; yield each with the result or error, in the order of the images.

    `known_digests` is by image, see `lookup_image`.
    """
    unique_images = list(dict.fromkeys(images))
    with ThreadPoolExecutor(MAX_PARALLEL, "registry") as pool:
        yield from zip(
            unique_images,
            pool.map(
                lambda image: _lookup_or_error(image, (known_digests or {}).get(image, ()), logins), unique_images
            ),
            strict=True,
        )


def _lookup_or_error(
    image: str, known_digests: Collection[str], logins: Logins | None
) -> RemoteImage | ImageNotFound | LookupFailed:
    try:
        return lookup_image(image, known_digests, logins)
    except (ImageNotFound, LookupFailed) as error:
        return error


class _RegistryClient:
    """Requests about one image, with the registry's token or the login itself, as the registry asks."""

    def __init__(
        self, session: requests.Session, name: ImageName, credentials: Credentials | None, seconds: float
    ) -> None:
        self._session = session
        self._name = name
        self._credentials = credentials
        self._deadline = time.monotonic() + seconds
        self._authorization = ""

    def check_login(self) -> None:
        """Log in. Raises LoginRefused, LookupFailed or REQUEST_ERRORS."""
        response, _ = self._authorized_request(self._name.base_url, ())
        if not self._authorization and response.status_code == HTTPStatus.OK:
            raise LookupFailed(t("%(host)s asks for no login", host=self._name.host))
        if response.status_code in DENIED and self._authorization:
            raise LoginRefused(self._name.host)
        if response.status_code != HTTPStatus.OK:
            raise self._status_error(response)

    def fetch_digest(self) -> str:
        """Return the name's digest by HEAD, which registries do not count as a pull; blank where unknown."""
        response, _ = self._authorized_request(self._manifest_url, (*INDEX_TYPES, *MANIFEST_TYPES), "HEAD")
        return response.headers.get("Docker-Content-Digest", "") if response.status_code == HTTPStatus.OK else ""

    def fetch_image(self) -> RemoteImage:
        """Return the image, by GET requests. Raises ImageNotFound, LookupFailed or REQUEST_ERRORS."""
        manifest, digest = self._get_json(self._manifest_url, (*INDEX_TYPES, *MANIFEST_TYPES))
        variants = [
            variant for variant in _only_dicts(manifest.get("manifests")) if _format_platform(variant.get("platform"))
        ]
        if not variants:
            return self._read_manifest(digest, manifest)
        platforms = tuple(dict.fromkeys(_format_platform(variant.get("platform")) for variant in variants))
        own_platform = f"linux/{ARCHITECTURES.get(platform.machine(), platform.machine())}"
        best = next(
            (
                variant
                for variant in variants
                if f"{_format_platform(variant.get('platform'))}/".startswith(f"{own_platform}/")
            ),
            variants[0],
        )
        variant_manifest, _ = self._get_json(f"{self._name.base_url}/manifests/{_read_digest(best)}", MANIFEST_TYPES)
        single = self._read_manifest(digest, variant_manifest)
        return RemoteImage(
            digest,
            platforms,
            single.created,
            single.size,
            (_read_digest(best), *single.variant_digests),
            single.databases,
        )

    def _read_manifest(self, digest: str, manifest: Mapping[str, Any]) -> RemoteImage:
        """Return the image of a single-platform manifest."""
        layers = _only_dicts(manifest.get("layers"))
        if not layers:  # manifest schema 1
            architecture = manifest.get("architecture")
            return RemoteImage(digest, (f"linux/{architecture}",) if isinstance(architecture, str) else ())
        config, _ = self._get_json(f"{self._name.base_url}/blobs/{_read_digest(manifest.get('config'))}", ())
        image_platform = _format_platform(config)
        sizes = [layer.get("size") for layer in layers]
        size = sum(size for size in sizes if isinstance(size, int))
        variant_digests = (_read_digest(manifest.get("config")),)
        return RemoteImage(
            digest,
            (image_platform,) if image_platform else (),
            parse_timestamp(config.get("created")),
            size,
            variant_digests,
            image_versions(config.get("config"), f"{self._name.path}:{self._name.version}"),
        )

    @property
    def _manifest_url(self) -> str:
        return f"{self._name.base_url}/manifests/{quote(self._name.version, safe=':')}"

    def _get_json(self, url: str, accepted: Iterable[str]) -> tuple[dict[str, Any], str]:
        """Return a JSON object and its digest. Raises ImageNotFound, LookupFailed, or REQUEST_ERRORS."""
        response, body = self._authorized_request(url, (*accepted, "application/json;q=0.5"))
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise ImageNotFound(t("%(host)s has no such image", host=self._name.host))
        if response.status_code in DENIED:
            raise self._access_denied()
        if response.status_code != HTTPStatus.OK:
            raise self._status_error(response)
        return self._parse_object(body), response.headers.get(
            "Docker-Content-Digest"
        ) or f"sha256:{sha256(body).hexdigest()}"

    def _authorized_request(
        self, url: str, accepted: Iterable[str], method: str = "GET"
    ) -> tuple[requests.Response, bytes]:
        """Return a response and its body, with a token where required. Raises LookupFailed or REQUEST_ERRORS."""
        headers = {"Accept": ", ".join(accepted)}
        response, body = self._send_request(url, headers, method)
        if response.status_code == HTTPStatus.UNAUTHORIZED and not self._authorization:
            self._authorization = self._authorize(response)
            response, body = self._send_request(url, headers, method)
            if response.status_code == HTTPStatus.UNAUTHORIZED and self._authorization.startswith("Basic "):
                raise LoginRefused(self._name.host)
        return response, body

    def _send_request(
        self, url: str, headers: Mapping[str, str], method: str = "GET", authorization: str = ""
    ) -> tuple[requests.Response, bytes]:
        secret = {"Authorization": authorization or self._authorization}
        response, body = http_client.fetch_limited(
            self._session,
            url,
            MAX_ANSWER_BYTES,
            self._deadline,
            headers,
            secret=secret if secret["Authorization"] else None,
            method=method,
        )
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            pause = parse_retry_after(response.headers.get("Retry-After", ""))
            PAUSES[_pause_key(self._name.host, self._credentials)] = time.time() + pause
            raise RegistryBusy(self._name.host, pause)
        return response, body

    def _authorize(self, response: requests.Response) -> str:
        """Return the header Authorization that a registry asks for. Raises LookupFailed.

        The login goes to the registry itself, or encrypted to where it has its tokens. What a request was redirected to
        does not get it: such a server may name any address.
        """
        host = self._name.host
        if self._credentials and urlsplit(response.url).netloc.lower() != host.lower():
            raise LookupFailed(t("%(host)s leads to another server, which does not get its login", host=host))
        challenges = parse_challenges(response.headers.get("WWW-Authenticate", ""))
        if "realm" in challenges.get("bearer", {}):
            return f"Bearer {self._fetch_token(challenges['bearer'])}"
        if "basic" in challenges and self._credentials:
            return self._credentials.basic_authorization
        raise LookupFailed(t("%(host)s requires a login", host=self._name.host))

    def _fetch_token(self, challenge: Mapping[str, str]) -> str:
        """Return a token, from the realm that a challenge names. Raises LookupFailed."""
        realm, credentials = challenge["realm"], self._credentials
        if credentials and not realm.lower().startswith("https://") and not is_loopback(urlsplit(realm).netloc):
            raise LookupFailed(t("%(host)s wants the login unencrypted, so it was not sent", host=self._name.host))
        scope = challenge.get("scope") or (f"repository:{self._name.path}:pull" if self._name.path else "")
        query = {key: value for key, value in (("scope", scope), ("service", challenge.get("service"))) if value}
        response, body = self._send_request(
            f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}",
            {},
            authorization=credentials.basic_authorization if credentials else "",
        )
        if credentials and response.status_code in DENIED:
            raise LoginRefused(self._name.host)
        if response.status_code != HTTPStatus.OK:
            raise self._access_denied()
        issued = self._parse_object(body)
        token = issued.get("token") or issued.get("access_token")
        if not isinstance(token, str) or not token.isprintable() or not token.isascii():
            raise LookupFailed(t("%(host)s requires a login", host=self._name.host))
        return token

    def _access_denied(self) -> LookupFailed:
        return LookupFailed(
            t("%(host)s denies access: the image is private there, or does not exist", host=self._name.host)
        )

    def _status_error(self, response: requests.Response) -> LookupFailed:
        return LookupFailed(
            t("%(host)s answers with status %(status)s", host=self._name.host, status=response.status_code)
        )

    def _parse_object(self, body: bytes) -> dict[str, Any]:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise LookupFailed(t("%(host)s does not answer like a registry", host=self._name.host))
        return parsed


def _pause_key(host: str, credentials: Credentials | None) -> str:
    """Return the key of a pause: who logs in has a limit of their own."""
    return f"{host} with login" if credentials else host


def parse_challenges(header: str) -> dict[str, dict[str, str]]:
    """Return the parameters of each scheme (in lower case) that a header WWW-Authenticate offers."""
    challenges: dict[str, dict[str, str]] = {}
    parameters: dict[str, str] = {}
    for scheme, key, value in _CHALLENGE.findall(header):
        if scheme:
            parameters = challenges.setdefault(scheme.lower(), {})
        else:
            parameters[key.lower()] = value
    return challenges


def parse_retry_after(header: str) -> float:
    """Return the seconds that a header Retry-After asks to wait, as a number or a date; at most MAX_PAUSE."""
    try:
        seconds = float(header) if header.isdecimal() else parsedate_to_datetime(header).timestamp() - time.time()
    except ValueError:
        seconds = DEFAULT_PAUSE
    return min(max(seconds, 1), MAX_PAUSE)


def _only_dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _read_digest(descriptor: object) -> str:
    """Return the digest of a descriptor. Raises LookupFailed where it is not valid, as it becomes part of a URL."""
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise LookupFailed(t("its manifest can't be read"))
    return digest


def _format_platform(descriptor: object) -> str:
    """Return a platform as OS/ARCHITECTURE[/VARIANT]; blank where there is none, such as for attestations."""
    if not isinstance(descriptor, dict):
        return ""
    values = [descriptor.get(key) for key in ("os", "architecture", "variant")]
    if values[0] in (None, "", "unknown") or not isinstance(values[1], str):
        return ""
    return "/".join(value for value in values if isinstance(value, str) and value)


def parse_timestamp(value: object) -> datetime | None:
    """Return the creation time of an image's configuration (RFC 3339, up to nanoseconds); None where implausible."""
    if not isinstance(value, str):
        return None
    try:
        timestamp = datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", value))
    except ValueError:
        return None
    return timestamp if timestamp.year >= FIRST_YEAR and timestamp.tzinfo else None


def _describe_error(error: Exception, host: str) -> TranslatableText:
    """Return a sentence for one of REQUEST_ERRORS."""
    if isinstance(error, http_client.ForbiddenAddress | http_client.NoWebAddress):
        return t("%(host)s points to an address that is not on the internet", host=host)
    if isinstance(error, requests.TooManyRedirects):
        return t("%(host)s redirects too often", host=host)
    if isinstance(error, http_client.TooLarge):
        return t("%(host)s sends too much data", host=host)
    if isinstance(error, requests.exceptions.SSLError):
        return t("the certificate of %(host)s is not trusted", host=host)
    if isinstance(error, requests.Timeout | TimeoutError):
        return t("%(host)s is too slow", host=host)
    return t("%(host)s can't be reached", host=host)
