"""sessions that end, the second step of a login, tokens that are limited

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROLES = ("VIEWER", "OPERATOR", "OWNER")
NEW_OF_USERS = ("last_login", "totp_since", "totp_secret", "totp_pending", "totp_counter")


def upgrade() -> None:
    op.create_table(
        "login_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("browser", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_login_session_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("hash", name=op.f("uq_login_session_hash")),
    )
    op.create_index(op.f("ix_login_session_user_id"), "login_session", ["user_id"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_recovery_code_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("hash", name=op.f("uq_recovery_code_hash")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"], unique=False)

    # Tokens that are there may do what their account may, as before.
    role = sa.Enum(*ROLES, name="role", native_enum=False, length=20)
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.add_column(sa.Column("label", sa.String(length=100), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("role", role, nullable=False, server_default="OWNER"))
        batch_op.add_column(sa.Column("expires", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.alter_column("label", server_default=None)
        batch_op.alter_column("role", server_default=None)

    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_login", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("totp_secret", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("totp_pending", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("totp_counter", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.alter_column("totp_counter", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("user", schema=None) as batch_op:
        for name in NEW_OF_USERS:
            batch_op.drop_column(name)
    with op.batch_alter_table("token", schema=None) as batch_op:
        for name in ("expires", "role", "label"):
            batch_op.drop_column(name)
    op.drop_index(op.f("ix_recovery_code_user_id"), table_name="recovery_code")
    op.drop_table("recovery_code")
    op.drop_index(op.f("ix_login_session_user_id"), table_name="login_session")
    op.drop_table("login_session")
