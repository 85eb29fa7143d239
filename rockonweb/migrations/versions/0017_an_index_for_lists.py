"""An index for what lists sort, filter and search by

Revision: 0017
Follows: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # PostgreSQL keeps long texts apart anyway, and refuses long entries of an index.
    if op.get_bind().dialect.name == "sqlite":
        columns = ["sort_name", "name", "in_catalogue", "state", "status", "categories", "badges", "newer_images"]
        op.create_index("ix_rockon_lists", "rockon", [*columns, "search"])
