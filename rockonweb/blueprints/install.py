"""The install wizard: each page has a URL and a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.catalog import replacements
from rockonweb.core.definition.comparison import DefinitionDifference, compare_definitions
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.operations.steps import CreateNetwork
from rockonweb.core.plan.plan import Plan
from rockonweb.core.preflight import privileges
from rockonweb.core.questions import suggestions, wizard
from rockonweb.forms import PageForm, devices, environment, ports, summary
from rockonweb.forms import shares as shares_form
from rockonweb.host import get_host
from rockonweb.models import Role
from rockonweb.models.repository import port_suggester
from rockonweb.web import catalogue_listing, drafts, preflight_review, questions, rockon_page, secret_answers
from rockonweb.web.partials import wants_partial
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import Review, review_request
from rockonweb.work.submission import last_definition

blueprint = RoleBlueprint("install", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/install")


@dataclass(frozen=True)
class WizardContext(questions.RockonPageContext):
    """The rock-on, page and draft of this request."""

    draft: drafts.StoredDraft

    def redirect_relative(self, offset: int) -> ResponseReturnValue:
        """Redirect to the next page (1) or the previous one (-1)."""
        return self.redirect_to_page(wizard.adjacent_page(self.definition, self.page, offset))


@blueprint.get("")
def begin(rockon_id: int) -> ResponseReturnValue:
    """Redirect to the first page that applies."""
    ctx = _load_wizard(rockon_id)
    return ctx.redirect_to_page(wizard.wizard_pages(ctx.definition)[0])


@blueprint.get("/<page>")
def show(rockon_id: int, page: str) -> ResponseReturnValue:
    """Show a page of questions."""
    ctx = _load_wizard(rockon_id, page)
    return _render_questions(ctx, _build_wizard_form(ctx))


@blueprint.post("/<page>")
def submit(rockon_id: int, page: str) -> ResponseReturnValue:
    """Validate and store the answers of a page; Back stores them unchecked, buttons next to secrets store nothing."""
    ctx = _load_wizard(rockon_id, page)
    form = _build_wizard_form(ctx)
    if "Back" in request.form:
        _save_draft_page(ctx, form.submitted_values, accepted=None)
        return ctx.redirect_relative(-1)
    if questions.SECRET_BUTTONS & request.form.keys():
        questions.redisplay_form(
            form, lambda: _suggested_answers(ctx, drafts.prefill_fields(ctx.rockon, ctx.definition, ctx.draft))
        )
        return _render_questions(ctx, form), 200, questions.STAY_HEADERS
    accepted = all([form.validate(), secret_answers.apply_secret_boxes(ctx.rockon, form.answer_fields)])
    _save_draft_page(ctx, form.typed_values if accepted else form.unsaved_values, accepted=accepted)
    return ctx.redirect_relative(1) if accepted else (_render_questions(ctx, form), 422, questions.STAY_HEADERS)


@blueprint.get("/summary")
def review(rockon_id: int) -> ResponseReturnValue:
    """Show all answers and the plan."""
    ctx = _load_wizard(rockon_id, wizard.SUMMARY_PAGE)
    if missing := wizard.first_unanswered_page(ctx.definition, ctx.draft.done):
        return ctx.redirect_to_page(missing)
    reviewed = _review_draft(ctx)
    return _render_summary(ctx, reviewed, reviewed.trouble)


@blueprint.post("/summary")
def install(rockon_id: int) -> ResponseReturnValue:
    """Submit the reviewed install."""
    ctx = _load_wizard(rockon_id, wizard.SUMMARY_PAGE)
    if "Back" in request.form:
        return ctx.redirect_relative(-1)
    if missing := wizard.first_unanswered_page(ctx.definition, ctx.draft.done):
        return ctx.redirect_to_page(missing)
    reviewed = _review_draft(ctx)
    form = summary.SummaryForm()
    changed, unconfirmed = (
        not form.matches_review(reviewed),
        not form.privileges_confirmed(privileges.find_privileges(ctx.definition)),
    )
    if reviewed.trouble or reviewed.blocking_findings or changed or unconfirmed:
        return _render_summary(ctx, reviewed, reviewed.trouble, changed=changed), 503 if reviewed.trouble else 422
    confirmed_review = reviewed.with_choices(give=form.ownership_changes(reviewed.plan.ownership_offers))
    return preflight_review.submit_reviewed(confirmed_review, lambda error: _render_summary(ctx, reviewed, error))


def _load_wizard(rockon_id: int, page: str = wizard.SUMMARY_PAGE) -> WizardContext:
    """Return the context of this request; an installed or busy rock-on redirects elsewhere, an unknown page is 404."""
    installation = rockon_page.rockon_or_404(rockon_id)
    if running := catalogue_listing.active_operations().get(installation.id):
        _redirect_away(url_for("operations.show", operation_id=running))
    if installation.is_installed:
        _redirect_away(url_for("rockons.show", rockon_id=installation.id))
    definition = drafts.catalogue_definition(installation)
    if page not in wizard.wizard_pages(definition):
        abort(404)
    return WizardContext(installation, definition, page, drafts.load_draft(installation, definition, current_user.id))


def _redirect_away(address: str) -> NoReturn:
    """Redirect out of the wizard; htmx must load that page as a whole and not swap it into this one."""
    abort(Response(headers={"HX-Redirect": address}) if wants_partial() else redirect(address, code=303))


def _save_draft_page(ctx: WizardContext, typed: dict[str, str], *, accepted: bool | None) -> None:
    new_shares = None
    if accepted and ctx.page == "shares":
        new_shares = shares_form.shares_to_create(typed, get_host().shares.shares_by_name())
    drafts.save_draft(
        ctx.rockon, ctx.definition, current_user.id, ctx.page, typed, accepted=accepted, new_shares=new_shares
    )


def _build_wizard_form(ctx: WizardContext) -> PageForm:
    """Return the form of a page with values of the draft and suggestions, bound to the request."""
    definition, values = ctx.definition, drafts.prefill_fields(ctx.rockon, ctx.definition, ctx.draft)
    if ctx.page == "shares":
        return _draft_shares_form(ctx, values)
    if ctx.page == "ports":
        return _draft_ports_form(ctx, values)
    if ctx.page == "devices":
        return devices.build_devices_form(definition, values)
    # Only what has no answer yet is filled by suggestions.
    has_unanswered = any(ask.name not in values for ask in wizard.page_questions(definition, ctx.page))
    suggested = _suggested_answers(ctx, values) if has_unanswered else {}
    return environment.build_environment_form(definition, values, suggested, ctx.page)


def _suggested_answers(ctx: WizardContext, values: dict[str, str]) -> dict[str, suggestions.Suggestion]:
    return questions.suggest_field_texts(ctx.definition, ctx.page, values)


def _draft_shares_form(ctx: WizardContext, values: dict[str, str]) -> PageForm:
    share_context = questions.load_share_context(ctx.rockon, _("Install"))
    suggested = questions.suggest_free_shares(ctx.definition, share_context)
    return shares_form.build_shares_form(
        ctx.definition, {**suggested, **values}, share_context, already_confirmed="shares" in ctx.draft.done
    )


def _draft_ports_form(ctx: WizardContext, values: dict[str, str]) -> PageForm:
    facts, _ = get_host().call_with_engine(lambda docker: gather_facts(ctx.rockon, None, docker))
    suggest_port = port_suggester(ctx.rockon)
    draft_values = {name: value for name, value in values.items() if name in ctx.draft.values}
    preferred = {
        ask.name: wizard.parse_port(values.get(ask.name, "")) or suggest_port(ask.container, int(ask.key))
        for ask in wizard.page_questions(ctx.definition, "ports")
    }
    unpublished = {name: value for name, value in values.items() if name in preferred and not value}
    suggested = wizard.suggest_host_ports(ctx.definition, preferred, facts)
    return ports.build_ports_form(ctx.definition, {**unpublished, **draft_values}, suggested, facts)


def _review_draft(ctx: WizardContext) -> Review:
    """Return the review of the draft: its plan and findings on this host now."""
    answers = wizard.answers_from_values(ctx.definition, ctx.draft.values)
    return review_request(ctx.rockon, InstallRequest(answers, ctx.draft.new_shares))


def _render_questions(ctx: WizardContext, form: PageForm) -> str:
    return _render_wizard_page(ctx, form=form, **questions.datalist_context([ctx.page]))


def _render_summary(
    ctx: WizardContext, reviewed: Review, error: RockonwebError | None, *, changed: bool = False
) -> str:
    values, planned = ctx.draft.values, reviewed.plan
    return _render_wizard_page(
        ctx,
        plan=planned,
        trouble=error,
        changed=changed,
        digest=reviewed.fingerprint,
        before=preflight_review.preflight_review(
            [*planned.findings, *wizard.shared_folder_notes(ctx.definition, values)],
            privileges.find_privileges(ctx.definition),
            planned.ownership_offers,
            ctx.rockon,
        ),
        sections=wizard.review_answers(ctx.definition, values, ctx.draft.new_shares),
        networks=_networks_to_create(planned),
        differences=_differences_to_last(ctx),
    )


def _differences_to_last(ctx: WizardContext) -> list[DefinitionDifference]:
    """Return what the definition has otherwise than that of the last install; nothing where it was never installed."""
    last = last_definition(ctx.rockon)
    return compare_definitions(last, ctx.definition) if last else []


def _networks_to_create(plan: Plan) -> list[tuple[str, tuple[str, ...]]]:
    """Return the networks that the plan creates, with the containers that it connects to each."""
    members = dict(plan.networks)
    return [(step.network, members.get(step.network, ())) for step in plan.steps if isinstance(step, CreateNetwork)]


def _render_wizard_page(ctx: WizardContext, **context: Any) -> str:
    return ctx.render_questions(
        pages=wizard.wizard_pages(ctx.definition),
        predecessors=replacements.replaceable_apps(ctx.rockon),
        title=_("%(page)s: install %(name)s", page=questions.PAGE_TITLES[ctx.page], name=ctx.rockon.name),
        **context,
    )
