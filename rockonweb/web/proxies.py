"""What a reverse proxy says of a request (from where, by https, under which name) counts only from configured ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Networks = Sequence[IPv4Network | IPv6Network]
SAID = ("FOR", "PROTO", "HOST", "PREFIX", "PORT")
PREFIX = re.compile(r"(/[A-Za-z0-9_.~-]+)+")


class FromProxies:
    """A WSGI application in front of ours: corrects what a configured proxy says, and drops what others say."""

    def __init__(self, app: WSGIApplication, proxies: Networks) -> None:
        self._app = app
        self._proxies = proxies
        self._believing = ProxyFix(app, x_for=0, x_proto=1, x_host=1, x_prefix=1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        peer = environ["REMOTE_ADDR"] = plain(environ.get("REMOTE_ADDR", ""))
        if not self._trusts(peer):
            for word in SAID:
                environ.pop(f"HTTP_X_FORWARDED_{word}", None)
            return self._app(environ, start_response)
        environ["REMOTE_ADDR"] = self._client(peer, environ.get("HTTP_X_FORWARDED_FOR", ""))
        if not PREFIX.fullmatch(environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/")):
            environ.pop("HTTP_X_FORWARDED_PREFIX", None)
        if environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip() not in ("http", "https"):
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        return self._believing(environ, start_response)

    def _client(self, peer: str, told: str) -> str:
        """Return the nearest address that is no proxy of ours; what stands left of it, anybody may have written."""
        for word in reversed(told.split(",")):
            address = plain(word.strip())
            if not address:
                return peer
            peer = address
            if not self._trusts(address):
                return address
        return peer

    def _trusts(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._proxies)


def plain(address: str) -> str:
    """Return an address in its usual form, without the port that some proxies add; blank for what is none."""
    for form in (address, address.rpartition(":")[0].strip("[]"), address.strip("[]")):
        try:
            known = ip_address(form)
        except ValueError:
            continue
        return str(getattr(known, "ipv4_mapped", None) or known)
    return ""
