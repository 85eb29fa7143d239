"""room for large numbers and long names

PostgreSQL refuses what is larger than its column; SQLite never did.

Revision: 0015
Follows: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("operation_step", schema=None) as batch_op:
        for name in ("current", "total"):
            batch_op.alter_column(name, existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=True)
    with op.batch_alter_table("container", schema=None) as batch_op:
        batch_op.alter_column("name", existing_type=sa.String(length=255), type_=sa.Text(), existing_nullable=False)
    with op.batch_alter_table("metastore_file", schema=None) as batch_op:
        batch_op.alter_column("url", existing_type=sa.String(length=500), type_=sa.Text(), existing_nullable=False)
