"""The body site of a lesion with its code and side, the day of a photograph, checklists, and the name of a reader.

Columns only, all of them empty in rows from before: rows are written once, and their digests stand in the log.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ADDED: dict[str, dict[str, sa.types.TypeEngine[str]]] = {
    "lesion": {"site": sa.Text(), "site_code": sa.String(20), "side": sa.String(10)},
    "assessment": {"photographed": sa.String(10), "checklists": sa.Text()},
    "review": {"reader": sa.String(120)},
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
