"""What the question pages of install, settings and definition updates share."""

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
from rockonweb.forms.lines import LINES_BUTTON
from rockonweb.host import get_host
from rockonweb.models import Installation
from rockonweb.web import partials
from rockonweb.work.collect_facts import other_users

PAGE_TITLES = {
    "shares": _l("Shares"),
    "storage": _l("Additional storage"),
    "ports": _l("Ports"),
    "devices": _l("Devices"),
    "environment": _l("Environment"),
    "custom-config": _l("Custom config"),
    "labels": _l("Labels"),
    "networks": _l("Networks"),
    "summary": _l("Summary"),
    "review": _l("Review"),
}
SECRET_BUTTONS = {"Generate", "Reveal", "Hide", LINES_BUTTON}  # next to secrets: they store nothing
# A response to a button or with errors shows the same page: no new history entry, no scrolling.
STAY_HEADERS = {"HX-Push-Url": "false", "HX-Reswap": "outerHTML"}


@dataclass(frozen=True)
class RockonPageContext:
    """The rock-on, definition and page of this request; the blueprint is named like its folder of templates."""

    rockon: Installation
    definition: Definition
    page: str

    def page_url(self, page: str) -> str:
        """The URL of another page of this blueprint."""
        return url_for(".show", rockon_id=self.rockon.id, page=page)

    def redirect_to_page(self, page: str) -> ResponseReturnValue:
        """Redirect to another page of this blueprint."""
        return redirect(self.page_url(page), code=303)

    def render_questions(self, **context: Any) -> str:
        """Render this page, or for htmx only the part that is swapped."""
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
    """Return what questions about shares need to know of the host; `button` names the button that creates shares."""
    constraints, existing = get_host().shares.new_share_constraints(), get_host().shares.shares_by_name()
    return shares.ShareContext(
        existing, other_users(installation), constraints.refusal, constraints.hint, constraints.description, button
    )


def suggest_free_shares(
    definition: Definition, context: shares.ShareContext, excluded: Collection[str] = ()
) -> dict[str, str]:
    """Return a suggested share for each volume, none that is excluded or used by other rock-ons."""
    parent_share = get_host().shares.roomiest_share() if context.refusal else ""
    used_elsewhere = [share for share, users in context.users.items() if users]
    return wizard.suggest_shares(definition, inside=parent_share, taken=[*used_elsewhere, *excluded])


def suggest_field_texts(definition: Definition, page: str, values: wizard.FieldValues) -> dict[str, Suggestion]:
    """Return the suggestions for a page's fields, by field name, given the current values."""
    share_paths = {values.get(ask.name, "") for ask in wizard.page_questions(definition, "shares")}
    hostname = urlsplit(request.host_url).hostname or ""
    return suggest_texts(
        definition, page, values, get_host().collect_surroundings(share_paths, hostname), environment.random_secret
    )


def redisplay_form(form: PageForm, suggested: Callable[[], Mapping[str, Suggestion]]) -> None:
    """Prepare a sent form for display again, with a generated secret or a revealed one where a button requested it."""
    if name := request.form.get("Generate", ""):
        environment.fill_generated_secret(form, name, suggested())
    else:
        environment.redisplay_secrets(form, request.form.get("Reveal", ""))


def datalist_context(pages: Collection[str]) -> dict[str, Any]:
    """Return the template context of the pages' datalists: their ids and the known shares and devices."""
    host, list_ids = (
        get_host(),
        {"shares_list": shares.LIST_ID, "devices_list": devices.LIST_ID, "same": shares.SAME_FOLDER},
    )
    return {
        **list_ids,
        "known_shares": [*host.shares.shares_by_name(), *host.shares.list_folders()]
        if {"shares", "storage"} & {*pages}
        else [],
        "unusable_folders": host.shares.unusable_folders() if {"shares", "storage"} & {*pages} else [],
        "known_devices": host.devices() if "devices" in pages else [],
    }
