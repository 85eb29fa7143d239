"""operations that wait in line

Revision: 0011
Follows: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ACTIVE = sa.text("progress IN ('QUEUED', 'RUNNING')")
RUNNING = sa.text("progress = 'RUNNING'")


def upgrade() -> None:
    op.drop_index("uq_operation_active", table_name="operation")
    op.create_index(
        "uq_operation_running",
        "operation",
        ["rockon_id"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_index("ix_operation_active", "operation", ["rockon_id"], sqlite_where=ACTIVE, postgresql_where=ACTIVE)
