"""Which image of a file with several a case is of, and the diameter of the lesion.

Columns only, all of them empty in rows from before: rows are written once, and their digests stand in the log.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ADDED: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
    "image": {"file_sha256": sa.String(64), "frame": sa.Integer(), "frames": sa.Integer()},
    "assessment": {"diameter": sa.Text()},
}


def upgrade() -> None:
    """Add the columns."""
    for table, columns in _ADDED.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    for table, columns in _ADDED.items():
        for name in columns:
            op.drop_column(table, name)
