"""Who did what, when, from where: a line for everything that somebody changed, and for every login.

The newest 100,000 lines are kept: years of a house, and at most about 20 MB. Failed attempts have a place of their own
in it, so that a stranger who guesses for days can't push out what was done.
"""

from __future__ import annotations

import getpass

import click
from flask import g, has_request_context, request
from flask_login import current_user
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rockonweb.models import AuditLine, User, writing
from rockonweb.models.audit import ABOUT, ACTION, ADDRESS, WHO

KEPT = 100_000
KEPT_FAILURES = 10_000
FAILURES = ("login.failed", "login.code", "password.wrong")
TRIMMED_EVERY = 100  # lines: looking for the old ones at each would cost more than it saves
COMMAND_LINE = "command line"
BACKGROUND = "background"
ROLES = ("up", "web", "worker", "watch")  # commands that go on running: nobody types what these do


def record(action: str, about: str = "", *, user: str | None = None) -> None:
    """Write a line: `action` is a short dotted word such as "login.failed", `about` the name of a thing.

    Who did it is the person who is logged in, or `user`. Within `writing()` the line belongs to that transaction:
    what is rolled back was not done. Never give it a secret.
    """
    who = user or actor()
    line = AuditLine(who=who[:WHO], action=action[:ACTION], about=_plain(about)[:ABOUT], address=_address()[:ADDRESS])
    with writing() as session:
        session.add(line)
        session.flush()
        if line.id % TRIMMED_EVERY == 0:
            _trim(session)
    if has_request_context():
        g.audited = True


def written() -> bool:
    """Whether a line was written in this request."""
    return bool(g.get("audited"))


def acts_as(user: User) -> None:
    """Say who acts in this request where no session does, as in a call of the API."""
    g.actor = user.name


def actor() -> str:
    """Return the name of who acts: the person who is logged in, whoever types at the command line, or Rockonweb."""
    if not has_request_context():
        return f"{getpass.getuser()} ({COMMAND_LINE})" if _address() == COMMAND_LINE else "Rockonweb"
    if "actor" in g:
        return str(g.actor)
    return str(current_user.name) if current_user.is_authenticated else "?"


def _trim(session: Session) -> None:
    failure = AuditLine.action.in_(FAILURES)
    for kind, most in ((failure, KEPT_FAILURES), (~failure, KEPT)):
        oldest = select(AuditLine.id).where(kind).order_by(AuditLine.id.desc()).offset(most).limit(1).scalar_subquery()
        session.execute(delete(AuditLine).where(kind, AuditLine.id <= oldest))


def _address() -> str:
    if has_request_context():
        return request.remote_addr or "?"
    context = click.get_current_context(silent=True)
    return COMMAND_LINE if context and context.info_name not in ROLES else BACKGROUND


def _plain(text: str) -> str:
    """Return a name without letters that would break its line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
