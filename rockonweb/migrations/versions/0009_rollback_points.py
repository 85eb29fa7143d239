"""rollback points

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollback_point",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rockon_id", sa.Integer(), nullable=False),
        sa.Column("operation_id", sa.Integer(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("containers", sa.Text(), nullable=False),
        sa.Column("snapshots", sa.Text(), nullable=False),
        sa.Column("ran", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
            name=op.f("fk_rollback_point_operation_id_operation"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["rockon_id"], ["rockon.id"], name=op.f("fk_rollback_point_rockon_id_rockon"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollback_point")),
    )
    with op.batch_alter_table("rollback_point", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rollback_point_operation_id"), ["operation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rollback_point_rockon_id"), ["rockon_id"], unique=False)
