"""The audit log: an entry for every change by a user, and for every login.

The newest 100,000 entries are kept: years of a household, about 20 MB at most. Failed logins have a limit of their
own, so that an attacker who guesses for days can't push out other entries.
"""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta

import click
from flask import g, has_request_context, request
from flask_login import current_user
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from rockonweb.models import AuditEntry, User, db, transaction, utc_now
from rockonweb.models.audit import ABOUT_LENGTH, ACTION_LENGTH, ADDRESS_LENGTH, WHO_LENGTH

MAX_ENTRIES = 100_000
MAX_FAILURES = 10_000
FAILURE_ACTIONS = ("login.failed", "login.code", "password.wrong")
CLOCK_TOLERANCE = timedelta(days=1)
TRIM_INTERVAL = 100  # entries between two deletions of old ones
COMMAND_LINE = "command line"
BACKGROUND = "background"
LONG_RUNNING_COMMANDS = ("up", "web", "worker", "watch")  # what these do later is not typed by a user


def record(action: str, about: str = "", *, user: str | None = None) -> None:
    """Write an entry: `action` is a dotted word such as "login.failed", `about` the name of what it concerns.

    The actor is `user`, else `current_actor()`. Within `transaction()` the entry belongs to that transaction and is
    rolled back with it. Must never contain a secret.
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


def newest_moment(session: Session) -> datetime | None:
    """Return the latest moment of the newest entries; None without an entry."""
    newest = select(AuditEntry.moment).order_by(AuditEntry.id.desc()).limit(TRIM_INTERVAL).subquery()
    moment: datetime | None = session.scalar(select(func.max(newest.c.moment)))
    return moment


def is_clock_behind() -> bool:
    """Whether this machine's clock is behind entries that were written already, by more than a day."""
    newest = newest_moment(db.session())
    return newest is not None and newest - utc_now() > CLOCK_TOLERANCE


def was_recorded() -> bool:
    """Whether an entry was written in this request."""
    return bool(g.get("audited"))


def set_actor(user: User) -> None:
    """Set the actor of this request where it has no login session, as in API calls."""
    g.actor = user.name


def current_actor() -> str:
    """Return the name of the actor: the current user, the system user at the command line, or Rockonweb."""
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
    """Replace unprintable characters, such as line breaks, with blanks."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
