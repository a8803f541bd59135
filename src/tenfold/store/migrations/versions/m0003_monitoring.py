"""Windows of production time, their references, outcomes that arrive, incidents, and who was told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HISTORIES = (
    "log_readings",
    "window_parts",
    "windows",
    "window_references",
    "incidents",
    "deliveries",
    "label_batches",
)


def _stamped() -> tuple[sa.Column[str], sa.Column[str]]:
    return sa.Column("at", sa.String, nullable=False), sa.Column("recorded", sa.String, nullable=False)


def upgrade() -> None:
    """Make the tables of monitoring, and the triggers that keep them as they were written."""
    op.create_table(
        "log_readings",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("position", sa.String, nullable=False),
        sa.Column("labels", sa.Integer, nullable=False),
        *_stamped(),
        sa.UniqueConstraint("endpoint", "sequence"),
    )
    op.create_table(
        "window_parts",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("endpoint", sa.String, nullable=False, index=True),
        sa.Column("bundle", sa.String, nullable=False),
        sa.Column("ref", sa.String, nullable=False),
        sa.Column("start", sa.String, nullable=False),
        sa.Column("end", sa.String, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
        *_stamped(),
    )
    op.create_table(
        "windows",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("bundle", sa.String, nullable=False),
        sa.Column("start", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("health", sa.String, nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("labels", sa.Integer, nullable=False),
        sa.Column("memory", sa.String, sa.ForeignKey("blobs.name")),
        *_stamped(),
        sa.UniqueConstraint("endpoint", "bundle", "start", "revision"),
    )
    op.create_table(
        "window_references",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("bundle", sa.String, nullable=False),
        sa.Column("window_seconds", sa.Float, nullable=False),
        sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
        *_stamped(),
        sa.UniqueConstraint("bundle", "window_seconds"),
    )
    op.create_table(
        "incidents",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, index=True),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        *_stamped(),
    )
    op.create_table(
        "deliveries",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("change", sa.Integer, sa.ForeignKey("incidents.number"), nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        *_stamped(),
    )
    op.create_table(
        "label_batches",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
        *_stamped(),
    )
    for table in _HISTORIES:
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} FOR EACH ROW "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: a row was to be {event.lower()}d'); END"
            )
