"""Looks up images in their registries, by the HTTP API of `docker pull`, read-only and without a login.

`ImageNotFound` is raised only where the registry says that there is no such image; `LookupFailed` where it denies
access or does not answer in time.
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
from urllib.parse import quote, urlencode

import requests

from rockonweb.core.databases import DatabaseServer, image_versions
from rockonweb.core.errors import RockonwebError
from rockonweb.core.text import TranslatableText, t
from rockonweb.remote import http_client

MAX_PARALLEL = 8  # images
IMAGE_SECONDS = 30  # for all requests about one image
MAX_ANSWER_BYTES = 8_000_000  # registries accept no larger manifests
FIRST_YEAR = 2000  # reproducible builds set 1970 as the creation date

# Docker Hub, which is meant by a name without a registry's host: such a name's hosts, API server and path prefix.
DEFAULT_HOSTS = ("docker.io", "index.docker.io")
DEFAULT_SERVER = "registry-1.docker.io"
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

_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,128}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class ImageNotFound(RockonwebError):
    """The registry has no such image."""


class LookupFailed(RockonwebError):
    """Whether the image exists is unknown; the sentence says why."""


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


def parse_image_name(image: str) -> ImageName:
    """Return the parts of IMAGE, IMAGE:TAG or IMAGE@DIGEST. Raises ImageNotFound for an invalid reference."""
    rest, _, digest = image.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = DEFAULT_HOSTS[0], rest
    path, colon, tag = path.partition(":")
    if host in DEFAULT_HOSTS:
        host, path = DEFAULT_SERVER, path if "/" in path else OFFICIAL_PREFIX + path
    usable = (
        re.fullmatch(r"[\w.-]+(:[0-9]{1,5})?", host, re.ASCII)
        and _PATH.fullmatch(path)
        and (not colon or _TAG.fullmatch(tag))
        and ("@" not in image or _DIGEST.fullmatch(digest))
    )
    if not usable:
        raise ImageNotFound(t("this is not a valid image name"))
    return ImageName(host, path, digest or tag or "latest")


def is_loopback(host: str) -> bool:
    """Whether a registry's host (and port) is this machine: Docker uses http for it."""
    name = host.rpartition(":")[0] if ":" in host else host
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def lookup_image(image: str, known_digests: Collection[str] = ()) -> RemoteImage:
    """Return an image as its registry has it; with the digest alone where that is one of `known_digests`.

    Raises ImageNotFound or LookupFailed.
    """
    name = parse_image_name(image)
    with http_client.new_http_session(http_client.HomeNetwork()) as session:
        client = _RegistryClient(session, name)
        try:
            digest = client.fetch_digest() if known_digests else ""
            return RemoteImage(digest) if digest in known_digests else client.fetch_image()
        except http_client.REQUEST_ERRORS as error:
            raise LookupFailed(_describe_error(error, name.host)) from None


def lookup_images(
    images: Iterable[str], known_digests: Mapping[str, Collection[str]] | None = None
) -> Iterator[tuple[str, RemoteImage | ImageNotFound | LookupFailed]]:
    """Look up several images in parallel; yield each with the result or error, in the order of the images.

    `known_digests` is by image, see `lookup_image`.
    """
    unique_images = list(dict.fromkeys(images))
    with ThreadPoolExecutor(MAX_PARALLEL, "registry") as pool:
        yield from zip(
            unique_images,
            pool.map(lambda image: _lookup_or_error(image, (known_digests or {}).get(image, ())), unique_images),
            strict=True,
        )


def _lookup_or_error(image: str, known_digests: Collection[str]) -> RemoteImage | ImageNotFound | LookupFailed:
    try:
        return lookup_image(image, known_digests)
    except (ImageNotFound, LookupFailed) as error:
        return error


class _RegistryClient:
    """Requests about one image, with the registry's token."""

    def __init__(self, session: requests.Session, name: ImageName) -> None:
        self._session = session
        self._name = name
        self._deadline = time.monotonic() + IMAGE_SECONDS
        self._token = ""

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
        status, host = response.status_code, self._name.host
        if status == HTTPStatus.NOT_FOUND:
            raise ImageNotFound(t("%(host)s has no such image", host=host))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise LookupFailed(t("%(host)s denies access: the image is private there, or does not exist", host=host))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise LookupFailed(t("%(host)s received too many requests and will answer again later", host=host))
        if status != HTTPStatus.OK:
            raise LookupFailed(t("%(host)s answers with status %(status)s", host=host, status=status))
        return self._parse_object(body), response.headers.get(
            "Docker-Content-Digest"
        ) or f"sha256:{sha256(body).hexdigest()}"

    def _authorized_request(
        self, url: str, accepted: Iterable[str], method: str = "GET"
    ) -> tuple[requests.Response, bytes]:
        """Return a response and its body, with a token where required. Raises LookupFailed or REQUEST_ERRORS."""
        headers = {"Accept": ", ".join(accepted)}
        response, body = self._send_request(url, headers, method)
        if response.status_code == HTTPStatus.UNAUTHORIZED and not self._token:
            self._token = self._fetch_token(response.headers.get("WWW-Authenticate", ""))
            response, body = self._send_request(url, headers, method)
        return response, body

    def _send_request(
        self, url: str, headers: Mapping[str, str], method: str = "GET"
    ) -> tuple[requests.Response, bytes]:
        authorization = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return http_client.fetch_limited(
            self._session, url, MAX_ANSWER_BYTES, self._deadline, headers, secret=authorization, method=method
        )

    def _fetch_token(self, challenge: str) -> str:
        """Return a pull token, from the realm that WWW-Authenticate names. Raises LookupFailed."""
        kind, _, parameters = challenge.partition(" ")
        challenged = dict(_CHALLENGE.findall(parameters))
        if kind.lower() != "bearer" or "realm" not in challenged:
            raise LookupFailed(t("%(host)s requires a login", host=self._name.host))
        realm = challenged["realm"]
        query = {"scope": challenged.get("scope") or f"repository:{self._name.path}:pull"}
        if service := challenged.get("service"):
            query["service"] = service
        response, body = self._send_request(f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", {})
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise LookupFailed(
                t("%(host)s received too many requests and will answer again later", host=self._name.host)
            )
        if response.status_code != HTTPStatus.OK:
            raise LookupFailed(
                t("%(host)s denies access: the image is private there, or does not exist", host=self._name.host)
            )
        issued = self._parse_object(body)
        token = issued.get("token") or issued.get("access_token")
        if not isinstance(token, str) or not token.isprintable() or not token.isascii():
            raise LookupFailed(t("%(host)s requires a login", host=self._name.host))
        return token

    def _parse_object(self, body: bytes) -> dict[str, Any]:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise LookupFailed(t("%(host)s does not answer like a registry", host=self._name.host))
        return parsed


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
