"""Settings of an installed rock-on: look, change, review, apply. A URL per page, nothing happens before Apply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import abort, flash, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm

from rockonweb.blueprints.settings import pending_changes
from rockonweb.core.answers import field_names
from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.plan.plan import link_networks
from rockonweb.core.preflight import Finding
from rockonweb.core.questions import settings, suggestions, wizard
from rockonweb.core.text import t
from rockonweb.forms import (
    PageForm,
    added,
    devices,
    environment,
    labels,
    memberships,
    ports,
    storage,
    summary,
    variables,
)
from rockonweb.forms import shares as shares_form
from rockonweb.forms.added import ADD, REMOVE, RowsForm
from rockonweb.host import host_of
from rockonweb.models import Role
from rockonweb.models.repository import suggested_port
from rockonweb.web import preflight_review, questions, rockon_page, secret_answers
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import lead_to
from rockonweb.work import operations, rocknets
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import Review, review_request

blueprint = Pages("settings", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/settings")

APPLY = _l("Apply")


@dataclass(frozen=True)
class Here(questions.Place):
    """Where a person is in the settings of a rock-on, and what they want."""

    wanted: pending_changes.Wanted

    @property
    def changed_pages(self) -> set[str]:
        """The pages on which something is changed and not applied yet."""
        found = settings.differences(self.definition, self.wanted.current, self.wanted.answers)
        return {one.page for one in found}

    def removable(self, ask: wizard.Ask) -> bool:
        """Whether a question is about something that was added, and can be removed."""
        return ask.page == "storage" or (
            ask.page == "environment" and ask.key not in self.definition.containers[ask.container].environment
        )


@dataclass(frozen=True)
class PageForms:
    """The forms of a page: what is there, and rows for more. `strays` are fields that were sent and belong nowhere."""

    form: Any  # PageForm, LabelsForm or MembershipsForm
    rows: RowsForm | None = None
    strays: tuple[str, ...] = ()

    @property
    def faulty(self) -> bool:
        """Whether something is wrong with what was sent."""
        return bool(self.strays) or self._first_fault is not None

    @property
    def focus(self) -> Any:
        """The field that gets the focus: the first with an error, a new row's, or one that was asked to be shown."""
        others = (self.rows and self.rows.focus, getattr(self.form, "focus", None))
        return self._first_fault or next(filter(None, others), None)

    @property
    def _first_fault(self) -> Any:
        rows = [field for row in self.rows.rows for field in row.fields] if self.rows else []
        return next((field for field in [*self.form, *rows] if field.errors), None)


@blueprint.get("")
def begin(rockon_id: int) -> ResponseReturnValue:
    """Lead to the first page that applies."""
    here = _here(rockon_id)
    return here.go(settings.pages(here.definition)[0])


@blueprint.get("/<page>")
def show(rockon_id: int, page: str) -> ResponseReturnValue:
    """Show a page of settings."""
    here = _here(rockon_id, page)
    return _settings_page(here, _asked(here))


@blueprint.post("/<page>")
def submit(rockon_id: int, page: str) -> ResponseReturnValue:
    """Keep what is wanted; the buttons that add or remove a row, and those beside secrets, keep nothing."""
    here = _here(rockon_id, page)
    asked = _asked(here)
    if {"Generate", "Reveal", "Hide"} & request.form.keys() and page in ("environment", "custom-config"):
        questions.look_again(asked.form, lambda: _suggested(here, _values(here)))
        return _settings_page(here, asked), 200, questions.STAYING
    if {ADD, REMOVE} & request.form.keys():
        return _settings_page(here, _unkept(asked)), 200, questions.STAYING
    answers = _taken(here, asked)
    boxed = asked.form.answers if here.page in ("environment", "custom-config") else ()
    if not secret_answers.take(here.rockon, boxed) or answers is None or asked.strays:
        return _settings_page(here, _unkept(asked)), 422, questions.STAYING
    known = {*host_of().shares.listing(), *here.wanted.current.used_shares()}
    pending_changes.save(here.rockon, current_user.id, answers, frozenset(answers.used_shares()) - known)
    return here.go(settings.REVIEW)


@blueprint.get("/review")
def review(rockon_id: int) -> ResponseReturnValue:
    """Show what would change, and exactly what will be done."""
    here = _here(rockon_id, settings.REVIEW)
    found = _look(here)
    return _review(here, found, found.trouble)


@blueprint.post("/review")
def apply(rockon_id: int) -> ResponseReturnValue:
    """Begin the change that was reviewed."""
    here = _here(rockon_id, settings.REVIEW)
    found, form = _look(here), summary.SummaryForm()
    if not here.wanted.changed:
        return _review(here, found, found.trouble), 422
    changed = not form.saw(found)
    if found.trouble or changed or found.blocked:
        status = 503 if found.trouble else 409 if changed else 422
        return _review(here, found, found.trouble, changed=changed), status
    asked = frozenset(request.form.getlist("asked"))
    chosen = found.choosing(asked=asked, give=form.given(found.plan.offers))
    return preflight_review.begin(chosen, lambda trouble: _review(here, found, trouble))


@blueprint.post("/discard")
def discard(rockon_id: int) -> ResponseReturnValue:
    """Forget the changes that are not applied."""
    here = _here(rockon_id)
    pending_changes.discard(here.rockon, current_user.id)
    flash(_("Your changes are discarded. Nothing was done to the app."), "success")
    return lead_to("rockons.show", rockon_id=rockon_id)


def _here(rockon_id: int, page: str = settings.REVIEW) -> Here:
    """Return where the person is. An unknown page is 404; what is not installed or busy has a sentence for it."""
    rockon = rockon_page.get(rockon_id)
    definition = rockon.definition
    if page not in (*settings.pages(definition), settings.REVIEW):
        abort(404)
    operations.refuse_unchangeable(rockon, t("Install it first; its questions are asked then."))
    return Here(rockon, definition, page, pending_changes.load(rockon, current_user.id))


# -- the pages of questions -------------------------------------------------------------------------------------------


def _asked(here: Here) -> PageForms:
    """Return the forms of a page, filled with what is wanted, bound to what was sent."""
    definition, answers = here.definition, here.wanted.answers
    values = _values(here)
    rows = added.form(definition, here.page) if here.page in added.WORDS else None
    form: FlaskForm
    if here.page == "shares":
        form = _shares_form(here, values)
    elif here.page == "storage":
        form = storage.form(definition, _kept(here, answers.storage), questions.room(here.rockon, str(APPLY)))
    elif here.page == "ports":
        form = _ports_form(here, values)
    elif here.page == "devices":
        form = devices.form(definition, values)
    elif here.page in ("environment", "custom-config"):
        form = environment.form(_with_variables(here), values, _suggested(here, values), here.page)
    elif here.page == "labels":
        form = labels.form(definition, _labels(here))
    else:
        form = memberships.form(definition, answers.networks, _known_networks(here))
    known = {name for one in (form, rows) if one is not None for name in one._fields}
    strays = [name for name in field_names.of_page(here.page, request.form) if name not in known]
    return PageForms(form, rows, tuple(name for name in strays if name != request.form.get(REMOVE)))


def _taken(here: Here, asked: PageForms) -> Answers | None:
    """Return the answers with what was sent for this page; None when something is wrong, which stands on the forms."""
    definition, answers, form = here.definition, here.wanted.answers, asked.form
    if asked.rows is not None:
        if here.page == "environment":
            return variables.take(definition, form, asked.rows, answers)
        kinds = {"storage": storage, "labels": labels, "networks": memberships}
        taken: Answers | None = kinds[here.page].take(form, asked.rows, answers)
        return taken
    if not form.validate():
        return None
    part = here.page.replace("-", "_")
    typed = getattr(wizard.answers(definition, form.typed), part)
    if part == "ports":
        typed = settings.with_fixed(definition, typed, answers.ports)
    return replace(answers, **{part: typed})


def _unkept(asked: PageForms) -> PageForms:
    """Return the forms as they were sent: nothing of them is kept, so the secrets that were typed stay in them."""
    if isinstance(asked.form, PageForm):
        environment.show(asked.form, "")
    return asked


def _values(here: Here) -> dict[str, str]:
    """Return what the fields of the questions hold, by name."""
    return settings.values(_with_variables(here), here.wanted.answers)


def _with_variables(here: Here) -> Definition:
    """Return the definition with the added variables as questions."""
    return settings.with_variables(here.definition, _kept(here, here.wanted.answers.variables))


def _kept(here: Here, there: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return what was added before; of a page that was sent, what is still on it and what it brings."""
    if request.method != "POST" or here.page not in ("storage", "environment"):
        return there
    own = {ask.name for ask in wizard.asks(here.definition, here.page)}
    names = [name for name in request.form if name not in own and name != request.form.get(REMOVE)]
    found: dict[str, dict[str, str]] = {}
    for container, key in field_names.read(here.page, names, here.definition.containers).values():
        found.setdefault(container, {})[key] = there.get(container, {}).get(key, "")
    return found


def _labels(here: Here) -> labels.Labels:
    """Return the labels that there are; of a page that was sent, those on it under the names that they have there."""
    if request.method != "POST":
        return labels.named(here.definition, here.wanted.answers.labels)
    sent = field_names.read("labels", request.form, here.definition.containers)
    return [
        (name, container, request.form[name])
        for name, (container, _number) in sent.items()
        if name != request.form.get(REMOVE)
    ]


def _shares_form(here: Here, values: dict[str, str]) -> PageForm:
    form = shares_form.form(here.definition, values, questions.room(here.rockon, str(APPLY)), agreed=True)
    for field in form.answers:
        before = here.wanted.current.shares.get(field.ask.container, {}).get(field.ask.key)
        if before and field.data and field.data != before:
            field.notes = [*field.notes, settings.stays_behind(before, field.data)]
    return form


def _ports_form(here: Here, values: dict[str, str]) -> PageForm:
    facts, _ = host_of().ask(lambda docker: gather_facts(here.rockon, here.wanted.answers, docker))
    suggest_port = suggested_port(here.rockon)
    usual = {ask.name: suggest_port(ask.container, int(ask.key)) for ask in wizard.asks(here.definition, "ports")}
    suggested = wizard.suggested_ports(here.definition, usual, facts)
    form = ports.form(here.definition, values, suggested, facts, page_needed=False)
    for field in form.answers:
        field.notes = settings.port_notes(
            here.definition, field.ask, field.data or "", here.wanted.current, suggested[field.name].port
        )
    return form


def _suggested(here: Here, values: dict[str, str]) -> dict[str, suggestions.Suggestion]:
    return questions.suggested_texts(_with_variables(here), here.page, values)


def _known_networks(here: Here) -> set[str]:
    """Return the networks that can be joined: those that people made, here or elsewhere, not those of links."""
    found = rocknets.listing()
    return {net.name for net in (*found.rocknets, *found.strangers)} - set(link_networks(here.definition))


def _settings_page(here: Here, asked: PageForms) -> str:
    context = questions.lists([here.page])
    if here.page == "storage" and not here.definition.volume_add_support:
        context["no_support"] = settings.no_support(here.definition)
    return _render(here, asked=asked, form=asked.form, rows=asked.rows, **context)


# -- the review -------------------------------------------------------------------------------------------------------


def _look(here: Here) -> Review:
    """Return what the changes that are wanted would do today."""
    return review_request(here.rockon, ChangeRequest(here.wanted.answers, new_shares=here.wanted.new_shares))


def _review(here: Here, found: Review, trouble: RockonwebError | None, *, changed: bool = False) -> str:
    old, new, change = here.wanted.current, here.wanted.answers, found.changes
    findings: list[Finding] = [*settings.warnings(here.definition, old, new), *change.plan.findings]
    return _render(
        here,
        trouble=trouble,
        changed=changed,
        digest=found.fingerprint,
        before=preflight_review.before(findings, [], change.plan.offers, here.rockon),
        differences=settings.differences(here.definition, old, new),
        new_shares=here.wanted.new_shares,
        **preflight_review.change_of(found, here.rockon),
    )


def _render(here: Here, **context: Any) -> str:
    title = _("%(page)s: settings of %(name)s", page=questions.TITLES[here.page], name=here.rockon.name)
    return here.render(pages=settings.pages(here.definition), title=title, **context)
