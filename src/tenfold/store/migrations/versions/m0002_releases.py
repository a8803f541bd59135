"""Releases of endpoints, and which rows were written under a clock that was set."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of releases, and mark the moves of aliases that a replay made."""
    op.add_column("aliases", sa.Column("replay", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "releases",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("bundle", sa.String, nullable=False),
        sa.Column("threshold", sa.Float),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("accepted", sa.String, nullable=False),
        sa.Column("evidence", sa.String, nullable=False),
        sa.Column("replay", sa.Boolean, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
        sa.UniqueConstraint("endpoint", "revision"),
        sa.ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.number"]),
    )
    op.create_index("releases_of_a_model", "releases", ["name", "number"])
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER releases_no_{event.lower()} BEFORE {event} ON releases FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, 'releases is append-only: a row was to be {event.lower()}d'); END"
        )
