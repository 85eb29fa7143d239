"""Submits what was reviewed, unless something forbids it or has to be confirmed first."""

from __future__ import annotations

from sqlalchemy import select

from rockonweb.core.definition.comparison import compare_definitions
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import Conflict
from rockonweb.core.preflight.privileges import added_privileges, find_privileges
from rockonweb.core.text import TranslatableText, fill_template, join_texts, t
from rockonweb.host import get_host
from rockonweb.models import Installation, Kind, Operation, Progress, db
from rockonweb.work import operations
from rockonweb.work.review import Review, ReviewableRequest, prepare_review
from rockonweb.work.unreadable_rockons import refuse_unreadable


def review_or_refuse(installation: Installation, request: ReviewableRequest, hint: str = "") -> Review:
    """Return a review to submit without showing it. Raises EngineError where Docker does not answer, and Conflict with
    the blocking findings and this `hint`.
    """
    refuse_unreadable(installation, request)  # before Docker is asked
    with get_host(installation).connect_docker() as docker:
        review = prepare_review(installation, request, docker)
    refuse_blocked(review, hint)
    return review


def refuse_blocked(review: Review, hint: str = "") -> None:
    """Raise Conflict with the blocking findings, if there are any, and this `hint`."""
    if review.blocking_findings:
        raise Conflict(
            join_texts(
                "\n", (finding.sentence if hint else finding.full_message for finding in review.blocking_findings)
            ),
            hint,
        )


def has_changed_since(installation: Installation) -> bool:
    """Whether an install now would use another definition than the last one, which somebody reviewed or asked for."""
    return installation.last_source != installation.entry.source


def last_definition(installation: Installation) -> Definition | None:
    """Return the definition of the last install of a rock-on, None where it is unknown or no longer understood."""
    if not installation.last_source:
        return None
    definition = installation.parse_definition(installation.last_source)
    return None if definition.unreadable else definition


def was_installed_before(installation: Installation) -> bool:
    """Whether an install of a rock-on has succeeded."""
    installs = select(Operation.id).where(
        Operation.installation_id == installation.id,
        Operation.kind == Kind.INSTALL,
        Operation.progress == Progress.DONE,
    )
    return db.session.scalar(installs.limit(1)) is not None


def refuse_unconfirmed(review: Review, confirmation: str, how: TranslatableText, *, as_last_time: bool) -> None:
    """Raise Conflict with what an install does that the last one of this rock-on did not, unless it is confirmed.

    New privileges have to be confirmed in any case, other differences only where the install is requested as it was
    `as_last_time`. `confirmation` is what the user sent, `how` says how to send it, with a place for `code`.
    """
    installation = review.rockon
    last = last_definition(installation)
    is_news = has_changed_since(installation) if last else was_installed_before(installation)
    if not is_news or confirmation == review.confirmation:
        return
    definition = installation.parse_definition(installation.entry.source)
    new_privileges = added_privileges(last, definition) if last else find_privileges(definition)
    differences = compare_definitions(last, definition) if last else ()
    news = [part.sentence for part in (*new_privileges, *(differences if as_last_time else ()))]
    if news or (as_last_time and not last):
        raise Conflict(
            join_texts(
                "\n",
                (
                    t(
                        "The definition of %(name)s has changed since it was last installed, so nothing was done.",
                        name=installation.name,
                    ),
                    *news,
                ),
            ),
            fill_template(how, code=review.confirmation),
        )


def submit_review(review: Review, user: str) -> int:
    """Queue what was reviewed for a user (name); return the operation's id. Raises Conflict or QueueUnreachable."""
    return operations.submit_operation(review.rockon, review.request, user, review.reviewed_lines)
