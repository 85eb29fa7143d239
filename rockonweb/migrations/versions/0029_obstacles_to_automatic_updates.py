"""obstacles to automatic updates: why one passes an app over

Revision: 0029
Follows: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("auto_obstacle", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.alter_column("auto_obstacle", server_default=None)
