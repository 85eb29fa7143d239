"""what is added and reserved

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("environment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("added", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("environment", schema=None) as batch_op:
        batch_op.alter_column("added", server_default=None)
    with op.batch_alter_table("port", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reserved", sa.Integer(), nullable=True))
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ignored", sa.String(length=32), server_default="", nullable=False))
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        batch_op.alter_column("ignored", server_default=None)
