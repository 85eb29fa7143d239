"""What the pages of questions share: those of an install, of the settings, and of a newer definition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions import wizard
from rockonweb.core.questions.suggestions import Suggestion, texts
from rockonweb.forms import PageForm, devices, environment, shares
from rockonweb.host import host_of
from rockonweb.models import Installation
from rockonweb.web import partials
from rockonweb.work.collect_facts import other_users

TITLES = {
    "shares": _l("Shares"),
    "storage": _l("More storage"),
    "ports": _l("Ports"),
    "devices": _l("Devices"),
    "environment": _l("Environment"),
    "custom-config": _l("Custom config"),
    "labels": _l("Labels"),
    "networks": _l("Networks"),
    "summary": _l("Summary"),
    "review": _l("Review"),
}
# A page that answers to a button or has errors is the page one is on: no new history, no scrolling away.
STAYING = {"HX-Push-Url": "false", "HX-Reswap": "outerHTML"}


@dataclass(frozen=True)
class Place:
    """Where a person is among the pages about a rock-on; their blueprint has the name of their templates' folder."""

    rockon: Installation
    definition: Definition
    page: str

    def url(self, page: str) -> str:
        """The address of a page beside this one."""
        return url_for(".show", rockon_id=self.rockon.id, page=page)

    def go(self, page: str) -> ResponseReturnValue:
        """Send the browser to a page beside this one."""
        return redirect(self.url(page), code=303)

    def render(self, **context: Any) -> str:
        """Render this page, or the part of it that htmx swaps."""
        return partials.render(
            f"{request.blueprint}/page.html",
            f"{request.blueprint}/_page.html",
            here=self,
            rockon=self.rockon,
            titles=TITLES,
            swapped=partials.partial_wanted(),
            **context,
        )


def room(rockon: Installation, button: str) -> shares.Room:
    """Return what questions about shares need to know of the host; `button` is what makes new ones."""
    ground, known = host_of().shares.ground(), host_of().shares.listing()
    return shares.Room(known, other_users(rockon), ground.refusal, ground.way_out, ground.words, button)


def suggested_shares(definition: Definition, here: shares.Room, taken: Collection[str] = ()) -> dict[str, str]:
    """Return a share for each volume, none of those that are taken or that other rock-ons use."""
    inside = host_of().shares.roomiest() if here.refusal else ""
    used = [share for share, others in here.users.items() if others]
    return wizard.suggested_shares(definition, inside=inside, taken=[*used, *taken])


def suggested_texts(definition: Definition, page: str, values: wizard.Values) -> dict[str, Suggestion]:
    """Return what can be said about the variables or settings of a page, where the fields hold these values."""
    places = {values.get(ask.name, "") for ask in wizard.asks(definition, "shares")}
    visited = urlsplit(request.host_url).hostname or ""
    return texts(definition, page, values, host_of().surroundings(places, visited), environment.new_secret)


def look_again(form: PageForm, suggested: Callable[[], Mapping[str, Suggestion]]) -> None:
    """Let a form be looked at as it was sent, with a new secret, or with one to be read."""
    if name := request.form.get("Generate", ""):
        environment.generate(form, name, suggested())
    else:
        environment.show(form, request.form.get("Reveal", ""))


def lists(pages: Collection[str]) -> dict[str, Any]:
    """Return what the fields of pages offer, and how the lists of that are called."""
    host, names = host_of(), {"shares_list": shares.LIST_ID, "devices_list": devices.LIST_ID, "same": shares.SAME}
    return {
        **names,
        "known_shares": [*host.shares.listing(), *host.shares.folders()] if {"shares", "storage"} & {*pages} else [],
        "known_devices": host.devices() if "devices" in pages else [],
    }
