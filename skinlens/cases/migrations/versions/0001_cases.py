"""Patients, lesions, images, models, assessments, reviews, and the log."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, and the head of an empty log."""
    op.create_table("patient", *_kept(), sa.Column("pseudonym", sa.String(60), nullable=False, unique=True))
    op.create_table(
        "lesion",
        *_kept(),
        _pointer("patient"),
        sa.Column("label", sa.String(80), nullable=False),
        sa.UniqueConstraint("patient_id", "label"),
    )
    op.create_table(
        "image",
        *_kept(),
        _pointer("lesion"),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "notes")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("width", "height")),
        sa.Column("synthetic", sa.Boolean, nullable=False),
        sa.UniqueConstraint("lesion_id", "sha256"),
    )
    op.create_table(
        "pixels",
        *_kept(),
        sa.Column("image_id", sa.String(32), sa.ForeignKey("image.id"), nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "model",
        *_kept(),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("card", sa.Text, nullable=False),
    )
    op.create_table(
        "assessment",
        *_kept(),
        _pointer("image"),
        _pointer("model", index=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("software", sa.String(20), nullable=False),
        sa.Column("decision", sa.String(20), nullable=False, index=True),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("score_name", sa.String(20), nullable=False),
        sa.Column("signed_map", sa.LargeBinary, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("prediction", "map_shape", "point", "reasons", "override")
        ),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("case_id", "age", "sex", "site", "note")),
        *(sa.Column(name, sa.Text, nullable=True) for name in ("stability", "admission")),
        sa.Column("prevalence", sa.Double, nullable=True),
    )
    op.create_table(
        "review",
        *_kept(),
        _pointer("assessment"),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
    )
    op.create_table(
        "log",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("moment", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("table_name", sa.String(20), nullable=False),
        sa.Column("row_id", sa.String(32), nullable=False, index=True),
        *(sa.Column(name, sa.String(64), nullable=False) for name in ("row_digest", "previous", "link")),
    )
    head = op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
        sa.CheckConstraint("id = 1"),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0, "link": "0" * 64}])


def downgrade() -> None:
    """Drop every table."""
    for name in ("log_head", "log", "review", "assessment", "model", "pixels", "image", "lesion", "patient"):
        op.drop_table(name)


def _kept() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
    )


def _pointer(table: str, *, index: bool = True) -> sa.Column[Any]:
    return sa.Column(f"{table}_id", sa.String(32), sa.ForeignKey(f"{table}.id"), nullable=False, index=index)
