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

from rockonweb.config import Settings, current_settings
from rockonweb.web import api_errors

MISDIRECTED = 421
HEADER = re.compile(r"[A-Za-z0-9._-]+(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
OF_HOMES = ("local", "lan", "home.arpa", "internal", "localdomain")  # domains that can't be had by anyone


def check() -> ResponseReturnValue | None:
    """Refuse a request for a host that is not one of ours; for the first place before each request."""
    host = host_of(request.environ.get("HTTP_HOST", ""))
    settings = current_settings()
    if accepted(host, settings):
        return None
    sentence = _('Rockonweb is not known here by the name "%(host)s".', host=host or "?")
    hint = _(
        "If you chose this name, add it to the variable ROCKONWEB_HOSTS (names with commas between them) and start "
        "Rockonweb again. The machine's address and its own name work without that."
    )
    current_app.logger.warning("refused a request for the host %r; ROCKONWEB_HOSTS does not name it", host)
    if api_errors.asked():
        response = api_errors.answer(MISDIRECTED, sentence, hint)
    else:
        # No frame around it: that would tell of the account and the apps.
        page = current_app.jinja_env.get_template("refused_host.html")
        response = make_response(page.render(sentence=sentence, hint=hint), MISDIRECTED)
    return response


def accepted(host: str, settings: Settings) -> bool:
    """Whether the pages may be reached by a name or an address."""
    if host in settings.hosts or host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return not settings.on_loopback and host in machine_names()
    return address.is_loopback or not settings.on_loopback or bool(settings.proxies)


def host_of(value: str) -> str:
    """Return the name or address of a Host header, in one form; blank for what is none."""
    if not HEADER.fullmatch(value):
        return ""
    try:
        parts = urlsplit(f"//{value}")
    except ValueError:
        return ""
    return (parts.hostname or "").rstrip(".")


@cache
def machine_names() -> frozenset[str]:
    """Return the names that this machine has in a home's network."""
    return frozenset(_names(socket.gethostname().lower()))


def _names(full: str) -> Iterator[str]:
    short = full.partition(".")[0]
    if full:
        yield full
    if short:
        yield short
        yield from (f"{short}.{domain}" for domain in OF_HOMES)
