"""What apps printed, apart from what we and Docker say: only those who may read logs may read it

Revision: 0022
Follows: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("operation_step", schema=None) as batch_op:
        batch_op.add_column(sa.Column("app_output", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("operation_step", schema=None) as batch_op:
        batch_op.alter_column("app_output", server_default=None)
    op.execute(
        "UPDATE operation_step SET app_output = output, output = '' "
        "WHERE kind IN ('run_once', 'await_end', 'await_answer', 'await_health')"
    )
