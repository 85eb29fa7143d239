"""what the catalogue shows and searches

Revision: 0003
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXTS = ("sort_name", "search", "summary", "badges", "categories", "icon")


def upgrade() -> None:
    # The rows that are there are described again from their definitions, right after the migrations.
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        batch_op.add_column(sa.Column("described", sa.Integer(), server_default="0", nullable=False))
        for name in TEXTS:
            batch_op.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        for name in ("described", *TEXTS):
            batch_op.alter_column(name, server_default=None)
        batch_op.create_index(batch_op.f("ix_rockon_sort_name"), ["sort_name"], unique=False)
