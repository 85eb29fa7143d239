"""pictures of known apps

Revision: 0025
Follows: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The rows that are there are described again from their definitions, right after the migrations.
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        batch_op.add_column(sa.Column("known_icon", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        batch_op.alter_column("known_icon", server_default=None)
