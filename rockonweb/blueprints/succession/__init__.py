"""A newer definition of an installed rock-on, or its replacement under another name: review, accept, ignore."""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.blueprints.succession import json_diff, new_definition
from rockonweb.blueprints.succession.new_definition import DefinitionOffer, NewQuestionForms
from rockonweb.catalog import replacements
from rockonweb.core.definition.comparison import compare_definitions
from rockonweb.core.definition.parser import definition_digest
from rockonweb.core.errors import Conflict, EngineError, RockonwebError
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.preflight import privileges
from rockonweb.core.text import t
from rockonweb.forms import summary
from rockonweb.host import get_host
from rockonweb.models import Installation, RockOn, Role, db, transaction
from rockonweb.web import preflight_review, questions, rockon_page
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import operations
from rockonweb.work.change_facts import rename_in_facts
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import Review, review_request

MOVE_FIELD = "move_data"  # the checkbox that takes data along
blueprint = RoleBlueprint("succession", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>")


@blueprint.get("/definition")
def show(rockon_id: int) -> ResponseReturnValue:
    """Show the newer definition next to the installed one, and what accepting it would do."""
    return _show_offer(_newer_definition(rockon_id))


@blueprint.post("/definition")
def decide(rockon_id: int) -> ResponseReturnValue:
    """Accept or ignore the newer definition."""
    return _decide_offer(_newer_definition(rockon_id))


@blueprint.get("/successor")
def show_successor(rockon_id: int) -> ResponseReturnValue:
    """Show the rock-on's replacement and what accepting it would do; a choice where there are several candidates."""
    installation = _get_changeable(rockon_id)
    candidates = replacements.find_replacements(installation)
    if candidates.is_ambiguous and candidates.choose_candidate(_chosen_candidate_id()) is None:
        return render_template("succession/choose.html", rockon=installation, candidates=candidates.candidates)
    return _show_offer(_replacement_offer(installation))


@blueprint.post("/successor")
def decide_successor(rockon_id: int) -> ResponseReturnValue:
    """Accept or ignore the replacement."""
    return _decide_offer(_replacement_offer(_get_changeable(rockon_id)))


def _get_changeable(rockon_id: int) -> Installation:
    """Return a rock-on. Raises Conflict where it is busy or not installed."""
    installation = rockon_page.rockon_or_404(rockon_id)
    operations.refuse_unchangeable(installation, t("Installing it uses the newest definition automatically."))
    return installation


def _newer_definition(rockon_id: int) -> DefinitionOffer:
    installation = _get_changeable(rockon_id)
    if installation.entry.source == installation.installed_source or not installation.entry.in_catalogue:
        raise Conflict(
            t("There is no newer definition of %(name)s.", name=installation.name),
            t("Refresh the catalogue to check for one."),
        )
    return new_definition.build_offer(installation)


def _replacement_offer(installation: Installation) -> DefinitionOffer:
    candidate = replacements.find_replacements(installation).choose_candidate(_chosen_candidate_id())
    successor = db.session.get(RockOn, candidate.id) if candidate else None
    if successor is None:
        raise Conflict(
            t("The catalogue has no replacement for %(name)s.", name=installation.name),
            t("What is installed stays. Refresh the catalogue to check again."),
        )
    return new_definition.build_offer(installation, successor)


def _chosen_candidate_id() -> int | None:
    return request.args.get("to", type=int)


def _show_offer(offer: DefinitionOffer) -> ResponseReturnValue:
    facts, error = _gather_offer_facts(offer)
    return _render_offer(offer, new_definition.build_question_forms(offer, facts), error=error)


def _decide_offer(offer: DefinitionOffer) -> ResponseReturnValue:
    """Do what the pressed button says; the preview button and those next to secrets change nothing."""
    if "Ignore" in request.form:
        return _ignore_offer(offer)
    facts, error = _gather_offer_facts(offer)
    question_forms = new_definition.build_question_forms(offer, facts)
    if questions.SECRET_BUTTONS & request.form.keys():
        question_forms.redisplay_with_secret(request.form.get("Generate", ""), request.form.get("Reveal", ""))
        return _render_offer(offer, question_forms, error=error)
    valid = question_forms.validate_forms()
    question_forms.redisplay_with_secret("", "")
    if not valid:
        return _render_offer(offer, question_forms, error=error), 422
    reviewed, form = _review_offer(question_forms), summary.SummaryForm()
    unseen, unconfirmed = (
        not form.matches_review(reviewed),
        not form.privileges_confirmed(privileges.added_privileges(offer.old, offer.new)),
    )
    digest, choices = reviewed.fingerprint, preflight_review.read_unsaved_choices()
    reviewed = _review_offer(question_forms, choices) if choices and not unseen else reviewed
    if reviewed.trouble or unseen or unconfirmed or reviewed.blocking_findings or "Look" in request.form:
        status = 503 if reviewed.trouble else 200 if "Look" in request.form else 409 if unseen else 422
        return _render_offer(offer, question_forms, reviewed, unseen=unseen, digest=digest), status
    confirmed_steps = frozenset(request.form.getlist("asked"))
    confirmed_review = reviewed.with_choices(
        asked=confirmed_steps, give=form.ownership_changes(reviewed.plan.ownership_offers)
    )
    return preflight_review.submit_reviewed(
        confirmed_review, lambda error: _render_offer(offer, question_forms, reviewed, error=error, digest=digest)
    )


def _ignore_offer(offer: DefinitionOffer) -> ResponseReturnValue:
    with transaction():
        offer.rockon.ignored = definition_digest(offer.source)
    flash(_("The installed definition is kept. You will be asked again when there is an even newer one."), "success")
    return redirect_to_view("rockons.show", rockon_id=offer.rockon.id)


def _gather_offer_facts(offer: DefinitionOffer) -> tuple[HostFacts, EngineError | None]:
    """Return the host's facts for the questions; where Docker does not answer, without its facts and with the error."""
    if not offer.migrated.new_questions_on("ports"):
        return HostFacts(), None
    facts, error = get_host().call_with_engine(
        lambda docker: gather_facts(offer.rockon, offer.migrated.answers, docker)
    )
    return rename_in_facts(facts, offer.old.name, offer.new.name), error


def _review_offer(question_forms: NewQuestionForms, choices: Mapping[str, str] | None = None) -> Review:
    """Return the review of accepting the offer: its plan and findings on this host now."""
    offer = question_forms.offer
    successor = offer.successor.id if offer.successor else None
    return review_request(
        offer.rockon,
        ChangeRequest(
            question_forms.merged_answers,
            offer.source,
            successor,
            new_shares=question_forms.shares_to_add,
            unsaved=choices or {},
            move_data=MOVE_FIELD in request.form,
        ),
    )


def _render_offer(
    offer: DefinitionOffer,
    question_forms: NewQuestionForms,
    reviewed: Review | None = None,
    *,
    error: RockonwebError | None = None,
    unseen: bool = False,
    digest: str = "",
) -> str:
    reviewed = reviewed or _review_offer(question_forms)
    installation, changes, error = offer.rockon, reviewed.planned_change, error or reviewed.trouble
    return render_template(
        "succession/page.html",
        offer=offer,
        rockon=installation,
        asked=question_forms,
        trouble=error,
        unseen=unseen,
        move_data=MOVE_FIELD in request.form,
        digest=digest or reviewed.fingerprint,
        before=preflight_review.preflight_review(
            changes.plan.findings,
            privileges.added_privileges(offer.old, offer.new),
            changes.plan.ownership_offers,
            installation,
            submit_button="Accept",
        ),
        differences=compare_definitions(offer.old, offer.new),
        lines=json_diff.diff_json(installation.current_source, offer.source),
        **preflight_review.change_context(reviewed, installation),
        **questions.datalist_context(question_forms.forms),
    )
