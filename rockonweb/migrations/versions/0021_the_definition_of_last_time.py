"""The definition of last time: what a rock-on that is not installed any more was installed from

Revision: 0021
Follows: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_source", sa.Text(), nullable=True))
    op.execute("UPDATE installation SET last_source = installed_source")
