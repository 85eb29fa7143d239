"""The language of notices

Revision: 0018
Follows: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("notice_target", schema=None) as batch_op:
        batch_op.add_column(sa.Column("language", sa.String(length=10), nullable=False, server_default="en"))
    with op.batch_alter_table("notice_target", schema=None) as batch_op:
        batch_op.alter_column("language", server_default=None)
