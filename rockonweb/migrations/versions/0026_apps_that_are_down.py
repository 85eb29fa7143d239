"""what is wrong with apps, the times in which they were down, and maintenance

Revision: 0026
Follows: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("problem", sa.String(length=40), server_default="NONE", nullable=False))
        batch_op.add_column(sa.Column("page_answers", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("ask_page", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("mend", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("container", schema=None) as batch_op:
        batch_op.add_column(sa.Column("signal", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("problem", sa.String(length=40), server_default="NONE", nullable=False))
    op.create_table(
        "episode",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("installation_id", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("well_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("relapses", sa.Integer(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("gave_up", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["installation_id"],
            ["installation.id"],
            name="fk_episode_installation_id_installation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_episode"),
    )
    still_open = sa.text("ended IS NULL")
    with op.batch_alter_table("episode", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_episode_installation_id"), ["installation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_episode_began"), ["began"], unique=False)
        batch_op.create_index(
            "uq_episode_open", ["installation_id"], unique=True, sqlite_where=still_open, postgresql_where=still_open
        )
    op.create_table(
        "maintenance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance"),
    )
    # Who is told of trouble is told of apps that are down.
    op.execute("UPDATE notice_target SET events = events || ' down' WHERE ' ' || events || ' ' LIKE '% trouble %'")
    with op.batch_alter_table("installation", schema=None) as batch_op:
        for column in ("problem", "ask_page", "mend"):
            batch_op.alter_column(column, server_default=None)
    with op.batch_alter_table("container", schema=None) as batch_op:
        for column in ("signal", "problem"):
            batch_op.alter_column(column, server_default=None)
