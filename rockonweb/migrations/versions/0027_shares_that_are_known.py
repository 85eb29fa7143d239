"""Shares that are known again, and containers that Docker must not start while theirs are absent

Revision: 0027
Follows: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "share",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("mount_point", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_share"),
        sa.UniqueConstraint("name", name="uq_share_name"),
    )
    with op.batch_alter_table("container", schema=None) as batch_op:
        batch_op.add_column(sa.Column("held_restart_policy", sa.String(length=40), nullable=True))
