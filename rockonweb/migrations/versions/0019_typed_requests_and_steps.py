"""Typed requests and steps: what an operation was begun with and what it noted apart, and of each step its kind

Until now a step was known by its English title alone, and what its undo had to know by the process that did it. Of
operations that were left in the middle the new columns say as much as can be told, so that they are taken back rightly.

Revision: 0019
Follows: 0018
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic import op
from cryptography.fernet import Fernet, InvalidToken
from flask import current_app

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NOTED = ("state", "status", "running", "owes", "warnings", "stays")
# The titles of steps as they were until now, and what each is called from now on.
TITLES = {
    "make share %(share)s": "make_share",
    "pull %(image)s": "pull",
    "make network %(network)s": "make_network",
    "make container %(container)s": "create",
    "connect %(container)s to network %(network)s": "join",
    "disconnect %(container)s from network %(network)s": "leave",
    "set the permissions of share %(share)s to %(mode)s": "set_mode",
    "give %(share)s to user %(uid)s and group %(gid)s": "set_owner",
    "make the certificate %(path)s, unless it is there": "make_certificate",
    "start %(container)s": "start",
    "wait until %(container)s has done its work": "await_end",
    "wait until %(container)s is ready": "await_answer",
    "wait until %(name)s is healthy": "await_health",
    "wait until %(names)s are healthy": "await_health",
    "set container %(container)s aside": "set_aside",
    "remove the old container %(container)s": "discard",
    "take a snapshot of share %(share)s": "snapshot",
    "put back the data of share %(share)s": "put_back",
    "stop %(container)s": "stop",
    "remove container %(container)s": "remove",
    "remove network %(network)s": "remove_network",
    "remove image %(image)s": "remove_image",
    "fetch the catalogue": "fetch_catalogue",
    "look at the host again": "look_again",
}
# What the titles do not say, as far as a step can't be read without it.
REST: dict[str, dict[str, Any]] = {
    "set_mode": {"container": ""},
    "make_certificate": {"container": ""},
    "await_answer": {"command": []},
    "await_health": {"pages": []},
    "snapshot": {"containers": []},
    "put_back": {"point": 0},
    "run_once": {"container": ""},
}
ALWAYS_TAKEN_BACK = ("make_network", "create", "set_aside", "snapshot")


def upgrade() -> None:
    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("noted", sa.Text(), nullable=False, server_default="{}"))
    with op.batch_alter_table("operation_step", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=40), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("data", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("memory", sa.JSON(), nullable=True))
    connection = op.get_bind()
    noted = dict(split_parameters(connection))
    name_steps(connection, noted)
    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.alter_column("noted", server_default=None)
    with op.batch_alter_table("operation_step", schema=None) as batch_op:
        batch_op.alter_column("kind", server_default=None)
        batch_op.alter_column("data", server_default=None)


def split_parameters(connection: sa.Connection) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Write request and notes of each operation apart; yield the operations with all that they were begun with."""
    table = sa.table(
        "operation", sa.column("id"), sa.column("kind"), sa.column("parameters"), sa.column("noted")
    )
    key = hashlib.sha256(b"secrets at rest " + str(current_app.secret_key).encode()).digest()
    cipher = Fernet(base64.urlsafe_b64encode(key))
    for number, kind, kept in connection.execute(sa.select(table.c.id, table.c.kind, table.c.parameters)).all():
        with suppress(InvalidToken, ValueError):  # of another key: it stays unreadable, as it was
            options = json.loads(cipher.decrypt(kept.encode()))
            notes = {name: options[name] for name in NOTED if options.get(name) is not None}
            request = {name: value for name, value in options.items() if name not in (*NOTED, "names")}
            if kind == "CHANGE":
                request["answers"] = request.pop("wanted", None)
            written = cipher.encrypt(json.dumps({k: v for k, v in request.items() if v is not None}).encode()).decode()
            connection.execute(
                table.update().where(table.c.id == number).values(parameters=written, noted=json.dumps(notes))
            )
            yield number, options


def name_steps(connection: sa.Connection, begun_with: Mapping[int, Mapping[str, Any]]) -> None:
    """Write of each step its kind and data, and of those that were begun what their undo has to know."""
    columns = ("id", "operation_id", "title", "started", "kind")
    table = sa.table(
        "operation_step", *map(sa.column, columns), sa.column("data", sa.JSON()), sa.column("memory", sa.JSON())
    )
    plain = [getattr(table.c, name) for name in columns[:4]]
    for number, operation, title, started in connection.execute(sa.select(*plain)).all():
        kind, data = read_title(title)
        memory = remembered(kind, data, begun_with.get(operation, {})) if started else None
        values = {"kind": kind, "data": data, "memory": sa.null() if memory is None else memory}
        connection.execute(table.update().where(table.c.id == number).values(**values))


def read_title(title: str) -> tuple[str, dict[str, Any]]:
    """Return the kind and the data that a title tells of; the kind is blank for one that is of no step."""
    if title.startswith("docker run "):
        return "run_once", REST["run_once"]
    template, values = title, {}
    with suppress(ValueError, TypeError, KeyError):
        kept = json.loads(title)
        template, values = kept["template"], kept["values"]
    if template not in TITLES:  # from before sentences were kept with their places
        for one in TITLES:
            pattern = re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(one))
            if found := re.fullmatch(pattern, title):
                template, values = one, found.groupdict()
                break
        else:
            return "", {}
    kind = TITLES[template]
    data = {**values, **REST.get(kind, {})}
    if kind == "await_health":
        data = REST[kind]
    elif kind == "set_mode":
        data["mode"] = int(str(data["mode"]), 8)
    elif kind == "set_owner":
        data |= {name: int(data[name]) for name in ("uid", "gid")}
    return kind, data


def remembered(kind: str, data: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the undo of a step that was begun has to know, None where there is nothing to take back."""
    made = kind == "make_share" and data.get("share") in options.get("new_shares", ())
    stopped = kind == "stop" and data.get("container") in options.get("running", ())
    return {} if kind in ALWAYS_TAKEN_BACK or made or stopped else None
