"""X-Forwarded headers (client address, https, host name, prefix) are trusted only from configured reverse proxies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Networks = Sequence[IPv4Network | IPv6Network]
FORWARDED_FIELDS = ("FOR", "PROTO", "HOST", "PREFIX", "PORT")
PROXY_HEADERS = (
    *(f"HTTP_X_FORWARDED_{field}" for field in FORWARDED_FIELDS),
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
)
LOCAL_PEER = "rockonweb.local_peer"  # in the environ: whether a program of this machine sent it, and no proxy
PREFIX_PATTERN = re.compile(r"(/[A-Za-z0-9_.~-]+)+")


class TrustedProxyMiddleware:
    """WSGI middleware that applies the X-Forwarded headers of configured proxies and drops those of others.

    Where `public_url` names the pages, its path alone is accepted as a prefix: many proxies pass on what a client sent.
    """

    def __init__(self, app: WSGIApplication, proxies: Networks, public_url: str = "") -> None:
        self._app = app
        self._proxies = proxies
        self._public_path = urlsplit(public_url).path if public_url else None
        self._proxy_fix = ProxyFix(app, x_for=0, x_proto=1, x_host=1, x_prefix=1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a WSGI request."""
        peer = environ["REMOTE_ADDR"] = normalize_address(environ.get("REMOTE_ADDR", ""))
        trusted = self._is_trusted(peer)
        environ[LOCAL_PEER] = not trusted and _is_loopback(peer) and not any(name in environ for name in PROXY_HEADERS)
        if not trusted:
            for field in FORWARDED_FIELDS:
                environ.pop(f"HTTP_X_FORWARDED_{field}", None)
            return self._app(environ, start_response)
        environ["REMOTE_ADDR"] = self._client_address(peer, environ.get("HTTP_X_FORWARDED_FOR", ""))
        if not self._is_prefix(environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/")):
            environ.pop("HTTP_X_FORWARDED_PREFIX", None)
        if environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip() not in ("http", "https"):
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        return self._proxy_fix(environ, start_response)

    def _client_address(self, peer: str, forwarded_for: str) -> str:
        """Return the rightmost address that is no trusted proxy; what is left of it in the header can be forged."""
        for hop in reversed(forwarded_for.split(",")):
            address = normalize_address(hop.strip())
            if not address:
                return peer
            peer = address
            if not self._is_trusted(address):
                return address
        return peer

    def _is_prefix(self, prefix: str) -> bool:
        expected = self._public_path in (None, prefix)
        return expected and bool(PREFIX_PATTERN.fullmatch(prefix))

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)


def _is_loopback(address: str) -> bool:
    return bool(address) and ip_address(address).is_loopback


def normalize_address(address: str) -> str:
    """Return an address in its canonical form, without the port that some proxies add; blank for an invalid one."""
    for candidate in (address, address.rpartition(":")[0].strip("[]"), address.strip("[]")):
        try:
            parsed = ip_address(candidate)
        except ValueError:
            continue
        return str(getattr(parsed, "ipv4_mapped", None) or parsed)
    return ""
