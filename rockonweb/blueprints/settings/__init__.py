"""Settings of an installed rock-on: show, change, review, apply. A URL per page; nothing happens before Apply."""

from __future__ import annotations

from collections.abc import Mapping
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
from rockonweb.forms.added import ADD_BUTTON, REMOVE_BUTTON, RowsForm
from rockonweb.forms.lines import LINES_BUTTON
from rockonweb.host import get_host
from rockonweb.models import Role
from rockonweb.models.repository import port_suggester
from rockonweb.web import preflight_review, questions, rockon_page, secret_answers
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import operations, rocknets
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import Review, review_request
from rockonweb.work.unreadable_rockons import refuse_unreadable

blueprint = RoleBlueprint("settings", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/settings")

APPLY = _l("Apply")


@dataclass(frozen=True)
class SettingsContext(questions.RockonPageContext):
    """The rock-on, page and pending changes of this request."""

    pending: pending_changes.PendingChanges

    @property
    def changed_pages(self) -> set[str]:
        """The pages with changes that are not applied yet."""
        differences = settings.diff_settings(self.definition, self.pending.current, self.pending.answers)
        return {difference.page for difference in differences}

    def removable(self, ask: wizard.Question) -> bool:
        """Whether a question belongs to an added mount or variable, which can be removed."""
        return ask.page == "storage" or (
            ask.page == "environment" and ask.key not in self.definition.containers[ask.container].environment
        )


@dataclass(frozen=True)
class PageForms:
    """The forms of a page: existing settings, and rows to add more. `unknown_fields` were sent and belong to no
    question.
    """

    form: Any  # PageForm, LabelsForm or MembershipsForm
    rows: RowsForm | None = None
    unknown_fields: tuple[str, ...] = ()

    @property
    def faulty(self) -> bool:
        """Whether the sent form has errors."""
        return bool(self.unknown_fields) or self._first_fault is not None

    @property
    def focus(self) -> Any:
        """The field that gets the focus: the first with an error, one of a new row, or a revealed secret."""
        others = (self.rows and self.rows.focused_input, getattr(self.form, "focused_field", None))
        return self._first_fault or next(filter(None, others), None)

    @property
    def _first_fault(self) -> Any:
        rows = [field for row in self.rows.rows for field in row.fields] if self.rows else []
        return next((field for field in [*self.form, *rows] if field.errors), None)


@blueprint.get("")
def begin(rockon_id: int) -> ResponseReturnValue:
    """Redirect to the first page that applies."""
    ctx = _load_settings_context(rockon_id)
    return ctx.redirect_to_page(settings.settings_pages(ctx.definition)[0])


@blueprint.get("/<page>")
def show(rockon_id: int, page: str) -> ResponseReturnValue:
    """Show a page of settings."""
    ctx = _load_settings_context(rockon_id, page)
    return _render_page_forms(ctx, _build_page_forms(ctx))


@blueprint.post("/<page>")
def submit(rockon_id: int, page: str) -> ResponseReturnValue:
    """Store the page's changes as pending; buttons for rows and those next to secrets store nothing."""
    ctx = _load_settings_context(rockon_id, page)
    page_forms = _build_page_forms(ctx)
    if questions.SECRET_BUTTONS & request.form.keys() and page in ("environment", "custom-config"):
        questions.redisplay_form(page_forms.form, lambda: _suggested_settings(ctx, _field_values(ctx)))
        return _render_page_forms(ctx, page_forms), 200, questions.STAY_HEADERS
    if {ADD_BUTTON, REMOVE_BUTTON, LINES_BUTTON} & request.form.keys():
        return _render_page_forms(ctx, _redisplay_forms(page_forms)), 200, questions.STAY_HEADERS
    answers = _merge_answers(ctx, page_forms)
    secret_fields = page_forms.form.answer_fields if ctx.page in ("environment", "custom-config") else ()
    if not secret_answers.apply_secret_boxes(ctx.rockon, secret_fields) or answers is None or page_forms.unknown_fields:
        return _render_page_forms(ctx, _redisplay_forms(page_forms)), 422, questions.STAY_HEADERS
    existing_shares = {*get_host().shares.shares_by_name(), *ctx.pending.current.used_shares()}
    pending_changes.save_pending(
        ctx.rockon, current_user.id, answers, frozenset(answers.used_shares()) - existing_shares
    )
    return ctx.redirect_to_page(settings.REVIEW_PAGE)


@blueprint.get("/review")
def review(rockon_id: int) -> ResponseReturnValue:
    """Show the pending changes and the plan to apply them."""
    ctx = _load_settings_context(rockon_id, settings.REVIEW_PAGE)
    reviewed = _review_pending(ctx)
    return _render_review(ctx, reviewed, reviewed.trouble)


@blueprint.post("/review")
def apply(rockon_id: int) -> ResponseReturnValue:
    """Submit the reviewed change."""
    ctx = _load_settings_context(rockon_id, settings.REVIEW_PAGE)
    shown, form = _review_pending(ctx), summary.SummaryForm()
    if not ctx.pending.has_changes:
        return _render_review(ctx, shown, shown.trouble), 422
    changed = not form.matches_review(shown)
    choices = preflight_review.read_unsaved_choices()
    reviewed = _review_pending(ctx, choices) if choices and not changed else shown
    if reviewed.trouble or changed or reviewed.blocking_findings:
        status = 503 if reviewed.trouble else 409 if changed else 422
        return _render_review(ctx, reviewed, reviewed.trouble, changed=changed, digest=shown.fingerprint), status
    confirmed_steps = frozenset(request.form.getlist("asked"))
    confirmed_review = reviewed.with_choices(
        asked=confirmed_steps, give=form.ownership_changes(reviewed.plan.ownership_offers)
    )
    return preflight_review.submit_reviewed(
        confirmed_review, lambda error: _render_review(ctx, reviewed, error, digest=shown.fingerprint)
    )


@blueprint.post("/discard")
def discard(rockon_id: int) -> ResponseReturnValue:
    """Discard the changes that are not applied."""
    ctx = _load_settings_context(rockon_id)
    pending_changes.discard_pending(ctx.rockon, current_user.id)
    flash(_("Your changes were discarded. The app was not changed."), "success")
    return redirect_to_view("rockons.show", rockon_id=rockon_id)


def _load_settings_context(rockon_id: int, page: str = settings.REVIEW_PAGE) -> SettingsContext:
    """Return the context; 404 for an unknown page. Raises Conflict where the rock-on is busy or not installed."""
    installation = rockon_page.rockon_or_404(rockon_id)
    definition = installation.current_definition
    if page not in (*settings.settings_pages(definition), settings.REVIEW_PAGE):
        abort(404)
    operations.refuse_unchangeable(
        installation, t("Install it first; you answer its questions during the installation.")
    )
    refuse_unreadable(installation, ChangeRequest())
    return SettingsContext(installation, definition, page, pending_changes.load_pending(installation, current_user.id))


# -- the pages of questions -------------------------------------------------------------------------------------------


def _build_page_forms(ctx: SettingsContext) -> PageForms:
    """Return the forms of a page with the pending values, bound to the request."""
    definition, answers = ctx.definition, ctx.pending.answers
    values = _field_values(ctx)
    rows = added.build_rows_form(definition, ctx.page) if ctx.page in added.ROW_LABELS else None
    form: FlaskForm
    if ctx.page == "shares":
        form = _settings_shares_form(ctx, values)
    elif ctx.page == "storage":
        form = storage.build_storage_form(
            definition, _entries_on_page(ctx, answers.storage), questions.load_share_context(ctx.rockon, str(APPLY))
        )
    elif ctx.page == "ports":
        form = _settings_ports_form(ctx, values)
    elif ctx.page == "devices":
        form = devices.build_devices_form(definition, values)
    elif ctx.page in ("environment", "custom-config"):
        form = environment.build_environment_form(
            _definition_with_variables(ctx), values, _suggested_settings(ctx, values), ctx.page
        )
    elif ctx.page == "labels":
        form = labels.build_labels_form(definition, _labels_on_page(ctx))
    else:
        form = memberships.build_memberships_form(definition, answers.networks, _joinable_networks(ctx))
    valid_names = {name for bound_form in (form, rows) if bound_form is not None for name in bound_form._fields}
    unknown_names = [name for name in field_names.page_field_names(ctx.page, request.form) if name not in valid_names]
    return PageForms(form, rows, tuple(name for name in unknown_names if name != request.form.get(REMOVE_BUTTON)))


def _merge_answers(ctx: SettingsContext, page_forms: PageForms) -> Answers | None:
    """Return the pending answers with those sent for this page; None where the forms have errors."""
    definition, answers, form = ctx.definition, ctx.pending.answers, page_forms.form
    if page_forms.rows is not None:
        if ctx.page == "environment":
            return variables.merge_variables(definition, form, page_forms.rows, answers)
        kinds = {
            "storage": storage.merge_storage,
            "labels": labels.merge_labels,
            "networks": memberships.merge_memberships,
        }
        merged: Answers | None = kinds[ctx.page](form, page_forms.rows, answers)
        return merged
    if not form.validate():
        return None
    section = ctx.page.replace("-", "_")
    typed = getattr(wizard.answers_from_values(definition, form.typed_values), section)
    if section == "ports":
        typed = settings.keep_fixed_ports(definition, typed, answers.ports)
    return replace(answers, **{section: typed})


def _redisplay_forms(page_forms: PageForms) -> PageForms:
    """Return the forms as they were sent; since nothing is stored, typed secrets stay in their fields."""
    if isinstance(page_forms.form, PageForm):
        environment.redisplay_secrets(page_forms.form, "")
    return page_forms


def _field_values(ctx: SettingsContext) -> dict[str, str]:
    """Return the values of the questions' fields, by field name."""
    return settings.settings_values(_definition_with_variables(ctx), ctx.pending.answers)


def _definition_with_variables(ctx: SettingsContext) -> Definition:
    """Return the definition with added variables as questions."""
    return settings.add_variable_questions(ctx.definition, _entries_on_page(ctx, ctx.pending.answers.variables))


def _entries_on_page(ctx: SettingsContext, stored: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return added settings by container and key: the stored ones, or those on the page that was sent."""
    if request.method != "POST" or ctx.page not in ("storage", "environment"):
        return stored
    defined_names = {ask.name for ask in wizard.page_questions(ctx.definition, ctx.page)}
    names = [name for name in request.form if name not in defined_names and name != request.form.get(REMOVE_BUTTON)]
    entries: dict[str, dict[str, str]] = {}
    for container, key in field_names.parse_field_names(ctx.page, names, ctx.definition.containers).values():
        entries.setdefault(container, {})[key] = stored.get(container, {}).get(key, "")
    return entries


def _labels_on_page(ctx: SettingsContext) -> labels.LabelEntries:
    """Return the stored labels, or those on the page that was sent, under their field names there."""
    stored = labels.name_labels(ctx.definition, ctx.pending.answers.labels)
    if request.method != "POST":
        return stored
    stored_labels = {name: label for name, _, label in stored}
    sent = field_names.parse_field_names("labels", request.form, ctx.definition.containers)
    return [
        (name, container, stored_labels.get(name, ""))
        for name, (container, _number) in sent.items()
        if name != request.form.get(REMOVE_BUTTON)
    ]


def _settings_shares_form(ctx: SettingsContext, values: dict[str, str]) -> PageForm:
    form = shares_form.build_shares_form(
        ctx.definition, values, questions.load_share_context(ctx.rockon, str(APPLY)), already_confirmed=True
    )
    for field in form.answer_fields:
        current_share = ctx.pending.current.shares.get(field.ask.container, {}).get(field.ask.key)
        if current_share and field.data and field.data != current_share:
            field.notes = [*field.notes, settings.files_left_behind(current_share, field.data)]
    return form


def _settings_ports_form(ctx: SettingsContext, values: dict[str, str]) -> PageForm:
    facts, _ = get_host().call_with_engine(lambda docker: gather_facts(ctx.rockon, ctx.pending.answers, docker))
    suggest_port = port_suggester(ctx.rockon)
    preferred = {
        ask.name: suggest_port(ask.container, int(ask.key)) for ask in wizard.page_questions(ctx.definition, "ports")
    }
    suggested = wizard.suggest_host_ports(ctx.definition, preferred, facts)
    form = ports.build_ports_form(ctx.definition, values, suggested, facts, page_needed=False)
    for field in form.answer_fields:
        field.notes = settings.port_notes(
            ctx.definition, field.ask, field.data or "", ctx.pending.current, suggested[field.name].port
        )
    return form


def _suggested_settings(ctx: SettingsContext, values: dict[str, str]) -> dict[str, suggestions.Suggestion]:
    return questions.suggest_field_texts(_definition_with_variables(ctx), ctx.page, values)


def _joinable_networks(ctx: SettingsContext) -> set[str]:
    """Return the networks that can be joined: rocknets and unmanaged networks, but not those of links."""
    listing = rocknets.list_rocknets()
    return {network.name for network in (*listing.rocknets, *listing.unmanaged)} - set(link_networks(ctx.definition))


def _render_page_forms(ctx: SettingsContext, page_forms: PageForms) -> str:
    context = questions.datalist_context([ctx.page])
    if ctx.page == "storage" and not ctx.definition.volume_add_support:
        context["no_support"] = settings.no_storage_support(ctx.definition)
    return _render_settings_page(ctx, asked=page_forms, form=page_forms.form, rows=page_forms.rows, **context)


# -- the review -------------------------------------------------------------------------------------------------------


def _review_pending(ctx: SettingsContext, unsaved: Mapping[str, str] | None = None) -> Review:
    """Return the review of the pending changes: their plan and findings on this host now."""
    return review_request(
        ctx.rockon, ChangeRequest(ctx.pending.answers, new_shares=ctx.pending.new_shares, unsaved=unsaved or {})
    )


def _render_review(
    ctx: SettingsContext,
    reviewed: Review,
    error: RockonwebError | None,
    *,
    changed: bool = False,
    digest: str = "",
) -> str:
    old, new, changes = ctx.pending.current, ctx.pending.answers, reviewed.planned_change
    findings: list[Finding] = [*settings.change_warnings(ctx.definition, old, new), *changes.plan.findings]
    return _render_settings_page(
        ctx,
        trouble=error,
        changed=changed,
        digest=digest or reviewed.fingerprint,
        before=preflight_review.preflight_review(findings, [], changes.plan.ownership_offers, ctx.rockon),
        differences=settings.diff_settings(ctx.definition, old, new),
        new_shares=ctx.pending.new_shares,
        **preflight_review.change_context(reviewed, ctx.rockon),
    )


def _render_settings_page(ctx: SettingsContext, **context: Any) -> str:
    title = _("%(page)s: settings of %(name)s", page=questions.PAGE_TITLES[ctx.page], name=ctx.rockon.name)
    return ctx.render_questions(pages=settings.settings_pages(ctx.definition), title=title, **context)
