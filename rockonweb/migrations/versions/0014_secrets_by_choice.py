"""secrets by choice

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        batch_op.add_column(sa.Column("secret_choices", sa.JSON(), nullable=True))
