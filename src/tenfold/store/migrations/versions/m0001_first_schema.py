"""The first schema: runs, results, evidence, versions, aliases, looks and the audit chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_HISTORIES = ("run_stages", "evidence", "versions", "aliases", "looks", "audit")


def upgrade() -> None:
    """Make every table, and the triggers that keep histories as they were written."""
    op.create_table(
        "blobs",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("spec", sa.String, sa.ForeignKey("blobs.name")),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
        sa.Column("ended_at", sa.String),
        sa.Column("ended_recorded", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("document", sa.String, sa.ForeignKey("blobs.name")),
    )
    op.create_table(
        "stage_results",
        sa.Column("fingerprint", sa.String, primary_key=True),
        sa.Column("stage", sa.String, nullable=False, index=True),
        sa.Column("record", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
        sa.Column("causes", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
    )
    op.create_table(
        "stage_files",
        sa.Column("fingerprint", sa.String, sa.ForeignKey("stage_results.fingerprint"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
    )
    op.create_table(
        "run_stages",
        sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("run", sa.String, nullable=False, index=True),
        sa.Column("subject", sa.String, nullable=False, index=True),
        sa.Column("requirement", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("inputs", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("bundle", sa.String, nullable=False),
        sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("facts", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
        sa.UniqueConstraint("name", "bundle"),
    )
    op.create_table(
        "aliases",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, index=True),
        sa.Column("alias", sa.String, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
    )
    op.create_table(
        "looks",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("split", sa.String, nullable=False, index=True),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("index", sa.Integer, primary_key=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("details", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("recorded", sa.String, nullable=False),
        sa.Column("previous", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    for table in _HISTORIES:
        _guard(f"{table}_no_update", f"UPDATE ON {table}", f"{table} is append-only: a row was to be changed")
        _guard(f"{table}_no_delete", f"DELETE ON {table}", f"{table} is append-only: a row was to be deleted")
    _guard("runs_no_reopen", "UPDATE ON runs WHEN OLD.status <> 'running'", "a closed run never changes")
    _guard("runs_no_delete", "DELETE ON runs", "runs are never deleted")


def _guard(name: str, event: str, message: str) -> None:
    """Make a trigger that refuses an event on a table (SQLite's dialect)."""
    head, _, condition = event.partition(" WHEN ")
    when = f"WHEN {condition}" if condition else ""
    op.execute(f"CREATE TRIGGER {name} BEFORE {head} FOR EACH ROW {when} BEGIN SELECT RAISE(ABORT, '{message}'); END")
