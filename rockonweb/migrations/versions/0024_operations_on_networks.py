"""Operations on networks, with the rock-ons that are on them

Revision: 0024
Follows: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("network", sa.String(length=255), nullable=True))
        batch_op.create_index(batch_op.f("ix_operation_network"), ["network"], unique=False)
    op.create_table(
        "operation_member",
        sa.Column("operation_id", sa.Integer(), nullable=False),
        sa.Column("installation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operation.id"], name="fk_operation_member_operation_id_operation", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["installation_id"],
            ["installation.id"],
            name="fk_operation_member_installation_id_installation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "installation_id", name="pk_operation_member"),
    )
    with op.batch_alter_table("operation_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_operation_member_installation_id"), ["installation_id"], unique=False)
