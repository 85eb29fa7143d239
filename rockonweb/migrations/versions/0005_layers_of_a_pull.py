"""layers of a pull

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("operation_step", schema=None) as batch_op:
        batch_op.add_column(sa.Column("layers", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("operation_step", schema=None) as batch_op:
        batch_op.alter_column("layers", server_default=None)
