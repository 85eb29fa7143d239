"""By which names the pages may be reached.

A page of another site can't read ours, unless its own name leads to this machine: that is how DNS rebinding works. It
needs a name that its owner controls, so names are refused that are not known here. Addresses written as numbers can't
be used for it, nor can a bare name without a dot, nor those below domains that nobody can have.
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
from rockonweb.web import api_errors

MISDIRECTED_REQUEST = 421
HOST_HEADER = re.compile(r"[A-Za-z0-9._-]+(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
HOME_DOMAINS = ("local", "lan", "home.arpa", "internal", "localdomain")  # domains that can't be had by anyone


def refuse_unknown_host() -> ResponseReturnValue | None:
    """Refuse a request for a host that is not one of ours; for the first place before each request."""
    host = parse_host_header(request.environ.get("HTTP_HOST", ""))
    settings = current_config()
    if is_allowed_host(host, settings):
        return None
    sentence = _('Rockonweb is not known here by the name "%(host)s".', host=host or "?")
    hint = _(
        "If you chose this name, add it to the variable ROCKONWEB_HOSTS (names with commas between them) and start "
        "Rockonweb again. The machine's address and its own name work without that."
    )
    current_app.logger.warning("refused a request for the host %r; ROCKONWEB_HOSTS does not name it", host)
    if api_errors.is_api_request():
        response = api_errors.api_error(MISDIRECTED_REQUEST, sentence, hint)
    else:
        # No frame around it: that would tell of the account and the apps.
        page = current_app.jinja_env.get_template("refused_host.html")
        response = make_response(page.render(sentence=sentence, hint=hint), MISDIRECTED_REQUEST)
    return response


def is_allowed_host(host: str, settings: Config) -> bool:
    """Whether the pages may be reached by a name or an address."""
    if host in settings.allowed_hosts or host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return not settings.on_loopback and host in machine_names()
    return address.is_loopback or not settings.on_loopback or bool(settings.trusted_proxies)


def parse_host_header(value: str) -> str:
    """Return the name or address of a Host header, in one form; blank for what is none."""
    if not HOST_HEADER.fullmatch(value):
        return ""
    try:
        parts = urlsplit(f"//{value}")
    except ValueError:
        return ""
    return (parts.hostname or "").rstrip(".")


@cache
def machine_names() -> frozenset[str]:
    """Return the names that this machine has in a home's network."""
    return frozenset(_network_names(socket.gethostname().lower()))


def _network_names(hostname: str) -> Iterator[str]:
    bare_name = hostname.partition(".")[0]
    if hostname:
        yield hostname
    if bare_name:
        yield bare_name
        yield from (f"{bare_name}.{domain}" for domain in HOME_DOMAINS)
