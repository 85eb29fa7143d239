"""containers of others: adopted, kept, watched

Revision: 0032
Follows: 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "old_container",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("installation_id", sa.Integer(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("docker_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kept_name", sa.Text(), nullable=False),
        sa.Column("restart_policy", sa.String(length=40), nullable=False),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.Column("remove_after", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["installation_id"], ["installation.id"], name="fk_old_container_installation_id_installation", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_old_container"),
    )
    with op.batch_alter_table("old_container", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_old_container_installation_id"), ["installation_id"], unique=False)
    op.create_table(
        "watched_container",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("docker_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_watched_container"),
        sa.UniqueConstraint("name", name="uq_watched_container_name"),
    )
