"""The install wizard: a URL per page, one form each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select

from rockonweb.catalog import successors
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.operations.steps import MakeNetwork
from rockonweb.core.plan.plan import Plan
from rockonweb.core.preflight import privileges
from rockonweb.core.questions import suggestions, wizard
from rockonweb.forms import PageForm, devices, environment, ports, summary
from rockonweb.forms import shares as shares_form
from rockonweb.host import host_of
from rockonweb.models import ACTIVE, Operation, Role, db
from rockonweb.models.repository import suggested_port
from rockonweb.web import drafts, preflight_review, questions, rockon_page, secret_answers
from rockonweb.web.partials import partial_wanted
from rockonweb.web.permissions import Pages
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import Review, review_request

blueprint = Pages("install", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/install")


@dataclass(frozen=True)
class Here(questions.Place):
    """Where a person is in a rock-on's wizard."""

    kept: drafts.Kept

    def beside(self, step: int) -> ResponseReturnValue:
        """Send the browser to the next page (1) or the one before (-1)."""
        return self.go(wizard.beside(self.definition, self.page, step))


@blueprint.get("")
def begin(rockon_id: int) -> ResponseReturnValue:
    """Lead to the first page that applies."""
    here = _here(rockon_id)
    return here.go(wizard.pages(here.definition)[0])


@blueprint.get("/<page>")
def show(rockon_id: int, page: str) -> ResponseReturnValue:
    """Show a page of questions."""
    here = _here(rockon_id, page)
    return _questions(here, _form(here))


@blueprint.post("/<page>")
def submit(rockon_id: int, page: str) -> ResponseReturnValue:
    """Take the answers of a page; Back keeps them unchecked, the buttons beside secrets keep nothing."""
    here = _here(rockon_id, page)
    form = _form(here)
    if "Back" in request.form:
        _save(here, form.sent, accepted=None)
        return here.beside(-1)
    if {"Generate", "Reveal", "Hide"} & request.form.keys():
        questions.look_again(form, lambda: _suggested(here, drafts.prefill(here.rockon, here.definition, here.kept)))
        return _questions(here, form), 200, questions.STAYING
    accepted = all([form.validate(), secret_answers.take(here.rockon, form.answers)])
    _save(here, form.typed if accepted else form.typed_so_far, accepted=accepted)
    return here.beside(1) if accepted else (_questions(here, form), 422, questions.STAYING)


@blueprint.get("/summary")
def review(rockon_id: int) -> ResponseReturnValue:
    """Show all answers and exactly what will be done."""
    here = _here(rockon_id, wizard.SUMMARY)
    if missing := wizard.unanswered(here.definition, here.kept.done):
        return here.go(missing)
    found = _look(here)
    return _summary(here, found, found.trouble)


@blueprint.post("/summary")
def install(rockon_id: int) -> ResponseReturnValue:
    """Begin the install that was reviewed."""
    here = _here(rockon_id, wizard.SUMMARY)
    if "Back" in request.form:
        return here.beside(-1)
    if missing := wizard.unanswered(here.definition, here.kept.done):
        return here.go(missing)
    found = _look(here)
    form = summary.SummaryForm()
    changed, unconfirmed = not form.saw(found), not form.confirmed(privileges.powers(here.definition))
    if found.trouble or found.blocked or changed or unconfirmed:
        return _summary(here, found, found.trouble, changed=changed), 503 if found.trouble else 422
    chosen = found.choosing(give=form.given(found.plan.offers))
    return preflight_review.begin(chosen, lambda trouble: _summary(here, found, trouble))


def _here(rockon_id: int, page: str = wizard.SUMMARY) -> Here:
    """Return where the person is; an installed or busy rock-on leads elsewhere, an unknown page is 404."""
    rockon = rockon_page.get(rockon_id)
    running = db.session.scalar(
        select(Operation.id).where(Operation.installation_id == rockon.id, Operation.progress.in_(ACTIVE))
    )
    if running is not None:
        _leave(url_for("operations.show", operation_id=running))
    if rockon.installed:
        _leave(url_for("rockons.show", rockon_id=rockon.id))
    definition = drafts.definition_of(rockon)
    if page not in wizard.pages(definition):
        abort(404)
    return Here(rockon, definition, page, drafts.load(rockon, definition, current_user.id))


def _leave(address: str) -> NoReturn:
    """Send the browser out of the wizard; htmx must load that page and not put it into this one."""
    abort(Response(headers={"HX-Redirect": address}) if partial_wanted() else redirect(address, code=303))


def _save(here: Here, typed: dict[str, str], *, accepted: bool | None) -> None:
    known = host_of().shares.listing()
    new = shares_form.new_shares(typed, known) if accepted and here.page == "shares" else None
    drafts.save(here.rockon, here.definition, current_user.id, here.page, typed, accepted=accepted, new_shares=new)


def _form(here: Here) -> PageForm:
    """Return the form of a page, filled with what is known, bound to what was sent."""
    definition, values = here.definition, drafts.prefill(here.rockon, here.definition, here.kept)
    if here.page == "shares":
        return _shares_form(here, values)
    if here.page == "ports":
        return _ports_form(here, values)
    if here.page == "devices":
        return devices.form(definition, values)
    return environment.form(definition, values, _suggested(here, values), here.page)


def _suggested(here: Here, values: dict[str, str]) -> dict[str, suggestions.Suggestion]:
    return questions.suggested_texts(here.definition, here.page, values)


def _shares_form(here: Here, values: dict[str, str]) -> PageForm:
    room = questions.room(here.rockon, "Submit")
    suggested = questions.suggested_shares(here.definition, room)
    return shares_form.form(here.definition, {**suggested, **values}, room, agreed="shares" in here.kept.done)


def _ports_form(here: Here, values: dict[str, str]) -> PageForm:
    facts, _ = host_of().ask(lambda docker: gather_facts(here.rockon, None, docker))
    suggest = suggested_port(here.rockon)
    kept = {name: value for name, value in values.items() if name in here.kept.values}
    wanted = {
        ask.name: wizard.port_number(values.get(ask.name, "")) or suggest(ask.container, int(ask.key))
        for ask in wizard.asks(here.definition, "ports")
    }
    unpublished = {name: value for name, value in values.items() if name in wanted and not value}
    suggested = wizard.suggested_ports(here.definition, wanted, facts)
    return ports.form(here.definition, {**unpublished, **kept}, suggested, facts)


def _look(here: Here) -> Review:
    """Return what the draft would do on this host today."""
    answers = wizard.answers(here.definition, here.kept.values)
    return review_request(here.rockon, InstallRequest(answers, here.kept.new_shares))


def _questions(here: Here, form: PageForm) -> str:
    return _render(here, form=form, **questions.lists([here.page]))


def _summary(here: Here, found: Review, trouble: RockonwebError | None, *, changed: bool = False) -> str:
    values, planned = here.kept.values, found.plan
    return _render(
        here,
        plan=planned,
        trouble=trouble,
        changed=changed,
        digest=found.fingerprint,
        before=preflight_review.before(
            [*planned.findings, *wizard.notes(here.definition, values)],
            privileges.powers(here.definition),
            planned.offers,
            here.rockon,
        ),
        sections=wizard.review(here.definition, values, here.kept.new_shares),
        networks=_networks(planned),
    )


def _networks(planned: Plan) -> list[tuple[str, tuple[str, ...]]]:
    """Return the networks that the plan makes, with the containers that it puts on each."""
    members = dict(planned.networks)
    return [(step.network, members.get(step.network, ())) for step in planned.steps if isinstance(step, MakeNetwork)]


def _render(here: Here, **context: Any) -> str:
    return here.render(
        pages=wizard.pages(here.definition),
        predecessors=successors.succeeded_by(here.rockon),
        title=_("%(page)s: install %(name)s", page=questions.TITLES[here.page], name=here.rockon.name),
        **context,
    )
