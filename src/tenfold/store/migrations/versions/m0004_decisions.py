"""Decisions about renewing models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of decisions, to which rows are only ever added."""
    op.create_table(
        "decisions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("endpoint", sa.String, nullable=False, index=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("newest", sa.String, sa.ForeignKey("blobs.name")),
        sa.Column("lockbox", sa.String, sa.ForeignKey("blobs.name")),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
    )
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER decisions_no_{event.lower()} BEFORE {event} ON decisions FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, 'decisions is append-only: a row was to be {event.lower()}d'); END"
        )
