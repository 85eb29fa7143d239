"""Which host names requests may use (protection against DNS rebinding).

A page of another site can read ours only when its own host name resolves to this machine. An attacker must control
that name, so unknown names are refused. IP addresses, names without a dot and names in domains that nobody can
register can't be used for the attack, and the names of the certificate that the pages are served with are the owner's.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import current_app, make_response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.config import Config, current_config
from rockonweb.host import Host
from rockonweb.web import api_errors

MISDIRECTED_REQUEST = 421
HOST_HEADER = re.compile(r"[A-Za-z0-9._-]+(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
HOME_DOMAINS = ("local", "lan", "home.arpa", "internal", "localdomain")  # domains that nobody can register


def refuse_unknown_host() -> ResponseReturnValue | None:
    """Return a 421 response for an unknown host name, else None; must be the first `before_request` function."""
    host = parse_host_header(request.environ.get("HTTP_HOST", ""))
    settings = current_config()
    if is_allowed_host(host, settings):
        return None
    sentence = _('Rockonweb does not accept requests for the host name "%(host)s".', host=host or "?")
    hint = _(
        "If you chose this name, add it to the variable ROCKONWEB_HOSTS (separate names with commas) and restart "
        "Rockonweb. The machine's address and its own name work without this."
    )
    current_app.logger.warning("refused a request for the host %r; ROCKONWEB_HOSTS does not name it", host)
    if api_errors.is_api_request():
        response = api_errors.api_error(MISDIRECTED_REQUEST, sentence, hint)
    else:
        # Without the layout of other pages, which would reveal the account and the apps.
        page = current_app.jinja_env.get_template("refused_host.html")
        response = make_response(page.render(sentence=sentence, hint=hint), MISDIRECTED_REQUEST)
    return response


def is_allowed_host(host: str, settings: Config) -> bool:
    """Whether requests may use this host: a name or address as `parse_host_header` returns it."""
    if host in settings.allowed_hosts or host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return _is_certified(host, settings) or (not settings.on_loopback and host in machine_names())
    return address.is_loopback or not settings.on_loopback or bool(settings.trusted_proxies)


def _is_certified(host: str, settings: Config) -> bool:
    """Whether the certificate of the pages names this host, itself or by a wildcard for its first label."""
    names = Host(settings).certified_names
    return host in names or f"*.{host.partition('.')[2]}" in names


def parse_host_header(value: str) -> str:
    """Return the name or address of a Host header in lower case, without the port; blank for an invalid one."""
    if not HOST_HEADER.fullmatch(value):
        return ""
    try:
        parts = urlsplit(f"//{value}")
    except ValueError:
        return ""
    return (parts.hostname or "").rstrip(".")


@cache
def machine_names() -> frozenset[str]:
    """Return this machine's host name, bare and in each of `HOME_DOMAINS`."""
    return frozenset(_network_names(socket.gethostname().lower()))


def _network_names(hostname: str) -> Iterator[str]:
    bare_name = hostname.partition(".")[0]
    if hostname:
        yield hostname
    if bare_name:
        yield bare_name
        yield from (f"{bare_name}.{domain}" for domain in HOME_DOMAINS)
