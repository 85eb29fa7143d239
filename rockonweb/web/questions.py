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
from rockonweb.core.questions.suggestions import Suggestion, suggest_texts
from rockonweb.forms import PageForm, devices, environment, shares
from rockonweb.host import get_host
from rockonweb.models import Installation
from rockonweb.web import partials
from rockonweb.work.collect_facts import other_users

PAGE_TITLES = {
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
STAY_HEADERS = {"HX-Push-Url": "false", "HX-Reswap": "outerHTML"}


@dataclass(frozen=True)
class RockonPageContext:
    """Where a person is among the pages about a rock-on; their blueprint has the name of their templates' folder."""

    rockon: Installation
    definition: Definition
    page: str

    def page_url(self, page: str) -> str:
        """The address of a page beside this one."""
        return url_for(".show", rockon_id=self.rockon.id, page=page)

    def redirect_to_page(self, page: str) -> ResponseReturnValue:
        """Send the browser to a page beside this one."""
        return redirect(self.page_url(page), code=303)

    def render_questions(self, **context: Any) -> str:
        """Render this page, or the part of it that htmx swaps."""
        return partials.render_page(
            f"{request.blueprint}/page.html",
            f"{request.blueprint}/_page.html",
            here=self,
            rockon=self.rockon,
            titles=PAGE_TITLES,
            swapped=partials.wants_partial(),
            **context,
        )


def load_share_context(installation: Installation, button: str) -> shares.ShareContext:
    """Return what questions about shares need to know of the host; `button` is what makes new ones."""
    constraints, existing = get_host().shares.new_share_constraints(), get_host().shares.shares_by_name()
    return shares.ShareContext(
        existing, other_users(installation), constraints.refusal, constraints.hint, constraints.description, button
    )


def suggest_free_shares(
    definition: Definition, context: shares.ShareContext, excluded: Collection[str] = ()
) -> dict[str, str]:
    """Return a share for each volume, none of those that are taken or that other rock-ons use."""
    parent_share = get_host().shares.roomiest_share() if context.refusal else ""
    used_elsewhere = [share for share, users in context.users.items() if users]
    return wizard.suggest_shares(definition, inside=parent_share, taken=[*used_elsewhere, *excluded])


def suggest_field_texts(definition: Definition, page: str, values: wizard.FieldValues) -> dict[str, Suggestion]:
    """Return what can be said about the variables or settings of a page, where the fields hold these values."""
    share_paths = {values.get(ask.name, "") for ask in wizard.page_questions(definition, "shares")}
    hostname = urlsplit(request.host_url).hostname or ""
    return suggest_texts(
        definition, page, values, get_host().collect_surroundings(share_paths, hostname), environment.random_secret
    )


def redisplay_form(form: PageForm, suggested: Callable[[], Mapping[str, Suggestion]]) -> None:
    """Let a form be looked at as it was sent, with a new secret, or with one to be read."""
    if name := request.form.get("Generate", ""):
        environment.fill_generated_secret(form, name, suggested())
    else:
        environment.redisplay_secrets(form, request.form.get("Reveal", ""))


def datalist_context(pages: Collection[str]) -> dict[str, Any]:
    """Return what the fields of pages offer, and how the lists of that are called."""
    host, list_ids = (
        get_host(),
        {"shares_list": shares.LIST_ID, "devices_list": devices.LIST_ID, "same": shares.SAME_FOLDER},
    )
    return {
        **list_ids,
        "known_shares": [*host.shares.shares_by_name(), *host.shares.list_folders()]
        if {"shares", "storage"} & {*pages}
        else [],
        "known_devices": host.devices() if "devices" in pages else [],
    }
