"""What became of each moment of a batch's schedule."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of moments, to which rows are only ever added."""
    op.create_table(
        "batch_slots",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("schedule", sa.String, nullable=False),
        sa.Column("slot", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("entry", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
        sa.UniqueConstraint("schedule", "slot", "state"),
    )
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER batch_slots_no_{event.lower()} BEFORE {event} ON batch_slots FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, 'batch_slots is append-only: a row was to be {event.lower()}d'); END"
        )
