"""rehearsals of automatic updates: whether one is done before

Revision: 0031
Follows: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("auto_rehearse", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.alter_column("auto_rehearse", server_default=None)
