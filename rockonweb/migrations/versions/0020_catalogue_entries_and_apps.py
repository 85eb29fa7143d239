"""Catalogue entries and apps: what was one row of both is an entry of the catalogue, and an app where one is or was

An app has the number of its entry, so that addresses and the API stay as they were. What hangs on rock-ons that nobody
ever installed goes: only the host port that each offers for its ports is kept, with the entry.

Revision: 0020
Follows: 0019
"""


from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

APP = (
    *("id", "name", "installed_source", "secret_choices", "ignored", "state", "status", "exit_code", "status_error"),
    *("error", "newer_images", "images_looked", "auto_update", "auto_from", "auto_until", "auto_tried"),
)
MOVED = [column for column in APP if column not in ("id", "name")]
CHILDREN = ("container", "custom_config", "kept_volume", "operation", "rollback_point")
OF_CONTAINERS = ("port", "volume", "environment", "device", "label", "network_member", "container_image")
IS_INSTALL = sa.text("installation_id IS NULL")
WHERE = {
    "uq_operation_running": sa.text("progress = 'RUNNING'"),
    "ix_operation_active": sa.text("progress IN ('QUEUED', 'RUNNING')"),
}


def upgrade() -> None:
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    make_installations(connection)
    with op.batch_alter_table("rockon") as batch_op:
        batch_op.add_column(sa.Column("ports", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("containers", sa.Text(), nullable=False, server_default=""))
    keep_suggestions(connection)
    drop_what_nobody_installed(connection)
    for index in WHERE:
        op.drop_index(index, table_name="operation")
    for table in CHILDREN:
        move_child(table)
    for index, where in WHERE.items():
        unique = index.startswith("uq")
        op.create_index(
            index, "operation", ["installation_id"], unique=unique, sqlite_where=where, postgresql_where=where
        )
    split_drafts(connection)
    if sqlite:
        op.drop_index("ix_rockon_lists", table_name="rockon")
    op.drop_index("ix_rockon_state", table_name="rockon")
    with op.batch_alter_table("rockon") as batch_op:
        for column in MOVED:
            batch_op.drop_column(column)
        batch_op.alter_column("ports", server_default=None)
        batch_op.alter_column("containers", server_default=None)
    if sqlite:
        columns = ["sort_name", "name", "in_catalogue", "categories", "badges", "search"]
        op.create_index("ix_rockon_lists", "rockon", columns)


def make_installations(connection: sa.Connection) -> None:
    """Make the apps: of rock-ons that are installed or busy, and of those that have a history or a choice."""
    old = sa.Table("rockon", sa.MetaData(), autoload_with=connection)
    columns = [sa.Column(column, old.c[column].type, nullable=old.c[column].nullable) for column in MOVED]
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["entry_id"], ["rockon.id"], name=op.f("fk_installation_entry_id_rockon")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
        sa.UniqueConstraint("host", "name", name=op.f("uq_installation_host")),
    )
    op.create_index(op.f("ix_installation_entry_id"), "installation", ["entry_id"])
    op.create_index(op.f("ix_installation_state"), "installation", ["state"])
    touched = " UNION ".join(
        f"SELECT rockon_id FROM {table} WHERE rockon_id IS NOT NULL"  # noqa: S608 - names of our own
        for table in ("operation", "kept_volume", "rollback_point")
    )
    words = ", ".join(APP)
    connection.exec_driver_sql(
        f"INSERT INTO installation (entry_id, host, {words}) SELECT id, 'local', {words} FROM rockon"  # noqa: S608
        f" WHERE state != 'AVAILABLE' OR ignored != '' OR id IN ({touched})"
        f" OR (secret_choices IS NOT NULL AND CAST(secret_choices AS TEXT) NOT IN ('null', '{{}}'))"
    )
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT setval(pg_get_serial_sequence('installation', 'id'), GREATEST((SELECT MAX(id) FROM rockon), 1))"
        )


def keep_suggestions(connection: sa.Connection) -> None:
    """Keep the host port that each rock-on offers for its ports."""
    found: dict[int, list[list[Any]]] = {}
    for rockon, *port in connection.exec_driver_sql(
        "SELECT container.rockon_id, container.name, number, protocol, port.\"default\", suggested"
        " FROM port JOIN container ON port.container_id = container.id"
        " ORDER BY container.rockon_id, container.position, port.position"
    ):
        found.setdefault(rockon, []).append(port)
    table = sa.table("rockon", sa.column("id"), sa.column("ports", sa.JSON()))
    for rockon, ports in found.items():
        connection.execute(table.update().where(table.c.id == rockon).values(ports=ports))


def drop_what_nobody_installed(connection: sa.Connection) -> None:
    """Delete the containers and questions of rock-ons that are no apps."""
    gone = "rockon_id NOT IN (SELECT id FROM installation)"
    for table in OF_CONTAINERS:
        connection.exec_driver_sql(
            f"DELETE FROM {table} WHERE container_id IN (SELECT id FROM container WHERE {gone})"  # noqa: S608
        )
    for table in ("container", "custom_config"):
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE {gone}")  # noqa: S608


def move_child(table: str) -> None:
    """Let a table's rows belong to apps."""
    op.drop_index(f"ix_{table}_rockon_id", table_name=table)
    with op.batch_alter_table(table) as batch_op:
        if table == "container":
            batch_op.drop_constraint("uq_container_rockon_id", type_="unique")
        batch_op.drop_constraint(f"fk_{table}_rockon_id_rockon", type_="foreignkey")
        batch_op.alter_column("rockon_id", new_column_name="installation_id")
    with op.batch_alter_table(table) as batch_op:
        batch_op.create_foreign_key(
            f"fk_{table}_installation_id_installation", "installation", ["installation_id"], ["id"], ondelete="CASCADE"
        )
        if table == "container":
            batch_op.create_unique_constraint("uq_container_installation_id", ["installation_id", "name"])
        batch_op.create_index(f"ix_{table}_installation_id", ["installation_id"])


def split_drafts(connection: sa.Connection) -> None:
    """Tell what somebody typed as settings of an installed app from what is for an install."""
    with op.batch_alter_table("draft") as batch_op:
        batch_op.drop_constraint("uq_draft_user_id", type_="unique")
        batch_op.add_column(sa.Column("installation_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            "fk_draft_installation_id_installation", "installation", ["installation_id"], ["id"], ondelete="CASCADE"
        )
    connection.exec_driver_sql(
        "UPDATE draft SET installation_id = rockon_id WHERE rockon_id IN"
        " (SELECT id FROM installation WHERE state IN ('INSTALLED', 'PENDING_UPDATE', 'PENDING_UNINSTALL'))"
    )
    op.create_index(
        "uq_draft_install",
        "draft",
        ["user_id", "rockon_id"],
        unique=True,
        sqlite_where=IS_INSTALL,
        postgresql_where=IS_INSTALL,
    )
    op.create_index("uq_draft_change", "draft", ["user_id", "installation_id"], unique=True)
