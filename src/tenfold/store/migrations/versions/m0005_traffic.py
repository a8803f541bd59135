"""How an endpoint's requests were divided, and what was seen of versions that were tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a release say how requests are divided, and make the table of looks, to which rows are only ever added."""
    op.add_column("releases", sa.Column("traffic", sa.String))
    op.create_table(
        "traffic_looks",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("endpoint", sa.String, nullable=False, index=True),
        sa.Column("look", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
    )
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER traffic_looks_no_{event.lower()} BEFORE {event} ON traffic_looks FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, 'traffic_looks is append-only: a row was to be {event.lower()}d'); END"
        )
