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

from rockonweb.models import AuditEntry, User, transaction
from rockonweb.models.audit import ABOUT_LENGTH, ACTION_LENGTH, ADDRESS_LENGTH, WHO_LENGTH

MAX_ENTRIES = 100_000
MAX_FAILURES = 10_000
FAILURE_ACTIONS = ("login.failed", "login.code", "password.wrong")
TRIM_INTERVAL = 100  # lines: looking for the old ones at each would cost more than it saves
COMMAND_LINE = "command line"
BACKGROUND = "background"
LONG_RUNNING_COMMANDS = ("up", "web", "worker", "watch")  # commands that go on running: nobody types what these do


def record(action: str, about: str = "", *, user: str | None = None) -> None:
    """Write a line: `action` is a short dotted word such as "login.failed", `about` the name of a thing.

    Who did it is the person who is logged in, or `user`. Within `writing()` the line belongs to that transaction:
    what is rolled back was not done. Never give it a secret.
    """
    who = user or current_actor()
    entry = AuditEntry(
        who=who[:WHO_LENGTH],
        action=action[:ACTION_LENGTH],
        about=_strip_unprintable(about)[:ABOUT_LENGTH],
        address=_actor_address()[:ADDRESS_LENGTH],
    )
    with transaction() as session:
        session.add(entry)
        session.flush()
        if entry.id % TRIM_INTERVAL == 0:
            _trim_entries(session)
    if has_request_context():
        g.audited = True


def was_recorded() -> bool:
    """Whether a line was written in this request."""
    return bool(g.get("audited"))


def set_actor(user: User) -> None:
    """Say who acts in this request where no session does, as in a call of the API."""
    g.actor = user.name


def current_actor() -> str:
    """Return the name of who acts: the person who is logged in, whoever types at the command line, or Rockonweb."""
    if not has_request_context():
        return f"{getpass.getuser()} ({COMMAND_LINE})" if _actor_address() == COMMAND_LINE else "Rockonweb"
    if "actor" in g:
        return str(g.actor)
    return str(current_user.name) if current_user.is_authenticated else "?"


def _trim_entries(session: Session) -> None:
    failure = AuditEntry.action.in_(FAILURE_ACTIONS)
    for condition, limit in ((failure, MAX_FAILURES), (~failure, MAX_ENTRIES)):
        oldest = (
            select(AuditEntry.id)
            .where(condition)
            .order_by(AuditEntry.id.desc())
            .offset(limit)
            .limit(1)
            .scalar_subquery()
        )
        session.execute(delete(AuditEntry).where(condition, AuditEntry.id <= oldest))


def _actor_address() -> str:
    if has_request_context():
        return request.remote_addr or "?"
    context = click.get_current_context(silent=True)
    return COMMAND_LINE if context and context.info_name not in LONG_RUNNING_COMMANDS else BACKGROUND


def _strip_unprintable(text: str) -> str:
    """Return a name without letters that would break its line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
