"""Random ids: operations and rollback points are known outside of the database by more than a number that comes again

Those of before keep their number as such an id, under which containers, images and snapshots already carry them. A
container's present name in Docker is stored too.

Revision: 0023
Follows: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("operation", "rollback_point"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("uid", sa.String(length=32), nullable=True))
        op.execute(f"UPDATE {table} SET uid = CAST(id AS VARCHAR(32))")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column("uid", existing_type=sa.String(length=32), nullable=False)
            batch_op.create_unique_constraint(f"uq_{table}_uid", ["uid"])
    with op.batch_alter_table("container", schema=None) as batch_op:
        batch_op.add_column(sa.Column("docker_name", sa.Text(), nullable=True))
    op.execute("UPDATE container SET docker_name = ''")
    with op.batch_alter_table("container", schema=None) as batch_op:
        batch_op.alter_column("docker_name", existing_type=sa.Text(), nullable=False)
