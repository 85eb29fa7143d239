"""newer images, and those that we brought

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OUTCOMES = ("CURRENT", "NEWER", "GONE", "UNKNOWN")
NEW_COLUMNS = (
    ("newer_images", sa.Boolean(), sa.false()),
    ("auto_update", sa.Boolean(), sa.false()),
    ("auto_from", sa.Integer(), "180"),
    ("auto_until", sa.Integer(), "300"),
    ("auto_tried", sa.Text(), ""),
)


def upgrade() -> None:
    op.create_table(
        "container_image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("container_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Enum(*OUTCOMES, name="outcome", native_enum=False, length=40), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("running", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("remote_digest", sa.Text(), nullable=False),
        sa.Column("remote_created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remote_size", sa.BigInteger(), nullable=True),
        sa.Column("got", sa.Text(), nullable=False),
        sa.Column("got_digest", sa.Text(), nullable=False),
        sa.Column("got_created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("got_size", sa.BigInteger(), nullable=True),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"],
            ["container.id"],
            name=op.f("fk_container_image_container_id_container"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_container_image")),
        sa.UniqueConstraint("container_id", name=op.f("uq_container_image_container_id")),
    )
    op.create_table(
        "pulled_image",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("pulled", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pulled_image")),
    )
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        for name, kind, default in NEW_COLUMNS:
            batch_op.add_column(sa.Column(name, kind, server_default=default, nullable=False))
        batch_op.add_column(sa.Column("images_looked", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("rockon", schema=None) as batch_op:
        for name, _kind, _default in NEW_COLUMNS:
            batch_op.alter_column(name, server_default=None)
