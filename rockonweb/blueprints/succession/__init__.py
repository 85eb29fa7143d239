"""A newer definition of an installed rock-on, or its successor under another name: look, accept, ignore."""

from __future__ import annotations

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.blueprints.succession import json_diff, new_definition
from rockonweb.blueprints.succession.new_definition import Asked, Offer
from rockonweb.catalog import successors
from rockonweb.core.definition.comparison import compare
from rockonweb.core.definition.definition import digest
from rockonweb.core.errors import Conflict, EngineError, RockonwebError
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.preflight import privileges
from rockonweb.core.text import t
from rockonweb.forms import summary
from rockonweb.host import host_of
from rockonweb.models import Installation, RockOn, Role, db, writing
from rockonweb.web import preflight_review, questions, rockon_page
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import lead_to
from rockonweb.work import operations
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import Review, renamed, review_request

blueprint = Pages("succession", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>")


@blueprint.get("/definition")
def show(rockon_id: int) -> ResponseReturnValue:
    """Show the newer definition beside the installed one, and what taking it would do."""
    return _look(_newer(rockon_id))


@blueprint.post("/definition")
def decide(rockon_id: int) -> ResponseReturnValue:
    """Take the newer definition, or leave it aside."""
    return _decided(_newer(rockon_id))


@blueprint.get("/successor")
def show_successor(rockon_id: int) -> ResponseReturnValue:
    """Show what the rock-on is called now, and what taking the new name would do; a choice where several fit."""
    rockon = _installed(rockon_id)
    found = successors.of(rockon)
    if found.ambiguous and found.chosen(_chosen()) is None:
        return render_template("succession/choose.html", rockon=rockon, candidates=found.candidates)
    return _look(_succeeding(rockon))


@blueprint.post("/successor")
def decide_successor(rockon_id: int) -> ResponseReturnValue:
    """Take the new name and its definition, or leave them aside."""
    return _decided(_succeeding(_installed(rockon_id)))


def _installed(rockon_id: int) -> Installation:
    """Return a rock-on that can be changed now. Raises Conflict where it is busy or not installed."""
    rockon = rockon_page.get(rockon_id)
    operations.refuse_unchangeable(rockon, t("An install takes the newest definition by itself."))
    return rockon


def _newer(rockon_id: int) -> Offer:
    rockon = _installed(rockon_id)
    if rockon.entry.source == rockon.installed_source or not rockon.entry.in_catalogue:
        raise Conflict(
            t("There is no newer definition of %(name)s.", name=rockon.name),
            t("Refresh the catalogue to look for one."),
        )
    return new_definition.offer(rockon)


def _succeeding(rockon: Installation) -> Offer:
    found = successors.of(rockon).chosen(_chosen())
    successor = db.session.get(RockOn, found.id) if found else None
    if successor is None:
        raise Conflict(
            t("The catalogue has nothing that takes the place of %(name)s.", name=rockon.name),
            t("What is installed stays. Refresh the catalogue to look again."),
        )
    return new_definition.offer(rockon, successor)


def _chosen() -> int | None:
    return request.args.get("to", type=int)


def _look(offer: Offer) -> ResponseReturnValue:
    facts, trouble = _facts(offer)
    return _page(offer, new_definition.ask(offer, facts), trouble=trouble)


def _decided(offer: Offer) -> ResponseReturnValue:
    """Do what the pressed button says; the buttons beside secrets, and the one that looks, do nothing."""
    if "Ignore" in request.form:
        return _leave_aside(offer)
    facts, trouble = _facts(offer)
    asked = new_definition.ask(offer, facts)
    if {"Generate", "Reveal", "Hide"} & request.form.keys():
        asked.another_look(request.form.get("Generate", ""), request.form.get("Reveal", ""))
        return _page(offer, asked, trouble=trouble)
    valid = asked.validate()
    asked.another_look("", "")
    if not valid:
        return _page(offer, asked, trouble=trouble), 422
    found, form = _review(asked), summary.SummaryForm()
    unseen, unconfirmed = not form.saw(found), not form.confirmed(privileges.added(offer.old, offer.new))
    if found.trouble or unseen or unconfirmed or found.blocked or "Look" in request.form:
        status = 503 if found.trouble else 200 if "Look" in request.form else 409 if unseen else 422
        return _page(offer, asked, found, unseen=unseen), status
    kept = frozenset(request.form.getlist("asked"))
    chosen = found.choosing(asked=kept, give=form.given(found.plan.offers))
    return preflight_review.begin(chosen, lambda trouble: _page(offer, asked, found, trouble=trouble))


def _leave_aside(offer: Offer) -> ResponseReturnValue:
    with writing():
        offer.rockon.ignored = digest(offer.source)
    flash(_("It stays as it is. When there is a yet newer definition, you will be asked again."), "success")
    return lead_to("rockons.show", rockon_id=offer.rockon.id)


def _facts(offer: Offer) -> tuple[HostFacts, EngineError | None]:
    """Return the host's facts for the questions; without what only Docker knows where it does not answer, and why."""
    if not offer.carried.asked("ports"):
        return HostFacts(), None
    facts, trouble = host_of().ask(lambda docker: gather_facts(offer.rockon, offer.carried.answers, docker))
    return renamed(facts, offer.old.name, offer.new.name), trouble


def _review(asked: Asked) -> Review:
    """Return what would be done today."""
    offer = asked.offer
    successor = offer.successor.id if offer.successor else None
    return review_request(
        offer.rockon, ChangeRequest(asked.answers, offer.source, successor, new_shares=asked.new_shares)
    )


def _page(
    offer: Offer,
    asked: Asked,
    found: Review | None = None,
    *,
    trouble: RockonwebError | None = None,
    unseen: bool = False,
) -> str:
    found = found or _review(asked)
    rockon, change, trouble = offer.rockon, found.changes, trouble or found.trouble
    return render_template(
        "succession/page.html",
        offer=offer,
        rockon=rockon,
        asked=asked,
        trouble=trouble,
        unseen=unseen,
        digest=found.fingerprint,
        before=preflight_review.before(
            change.plan.findings, privileges.added(offer.old, offer.new), change.plan.offers, rockon, sent="Accept"
        ),
        differences=compare(offer.old, offer.new),
        lines=json_diff.beside(rockon.installed_source or rockon.entry.source, offer.source),
        **preflight_review.change_of(found, rockon),
        **questions.lists(asked.forms),
    )
