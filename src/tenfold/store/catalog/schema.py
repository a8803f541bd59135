"""The catalog's tables. Moments are ISO 8601 text in UTC, so that they sort; structures are canonical JSON text.

A table changes here and in a new migration at once; a test holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)

HEAD = "0006"
"""The newest migration: known here so that opening an up-to-date store need not import the migration tool."""

HISTORIES = (
    *("run_stages", "evidence", "versions", "aliases", "releases", "decisions", "looks", "audit"),
    *("log_readings", "window_parts", "windows", "window_references", "incidents", "deliveries", "label_batches"),
    "traffic_looks",
    "batch_slots",
)
"""Tables to which rows are only ever added; triggers refuse everything else."""

metadata = MetaData()

alembic_version = Table("alembic_version", MetaData(), Column("version_num", String))

blobs = Table(
    "blobs",
    metadata,
    Column("name", String, primary_key=True),
    Column("size", Integer, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("status", String, nullable=False),
    Column("spec", String, ForeignKey("blobs.name")),
    Column("seed", Integer, nullable=False),
    Column("process", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
    Column("ended_at", String),
    Column("ended_recorded", String),
    Column("reason", String, nullable=False),
    Column("document", String, ForeignKey("blobs.name")),
)

stage_results = Table(
    "stage_results",
    metadata,
    Column("fingerprint", String, primary_key=True),
    Column("stage", String, nullable=False, index=True),
    Column("record", String, ForeignKey("blobs.name"), nullable=False),
    Column("causes", String, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("run", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
)

stage_files = Table(
    "stage_files",
    metadata,
    Column("fingerprint", String, ForeignKey("stage_results.fingerprint"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("blob", String, ForeignKey("blobs.name"), nullable=False),
)

run_stages = Table(
    "run_stages",
    metadata,
    Column("run", String, ForeignKey("runs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("stage", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("run", String, nullable=False, index=True),
    Column("subject", String, nullable=False, index=True),
    Column("requirement", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("inputs", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("name", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("bundle", String, nullable=False),
    Column("blob", String, ForeignKey("blobs.name"), nullable=False),
    Column("run", String, nullable=False),
    Column("facts", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
    UniqueConstraint("name", "bundle"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("alias", String, nullable=False),
    Column("version", Integer),
    Column("reason", String, nullable=False),
    Column("by", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
    Column("replay", Boolean, nullable=False, server_default=false()),
)

releases = Table(
    "releases",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("endpoint", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("action", String, nullable=False),
    Column("name", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous", Integer),
    Column("bundle", String, nullable=False),
    Column("threshold", Float),
    Column("reason", String, nullable=False),
    Column("by", String, nullable=False),
    Column("accepted", String, nullable=False),
    Column("evidence", String, nullable=False),
    Column("replay", Boolean, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
    Column("traffic", String),
    UniqueConstraint("endpoint", "revision"),
    ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.number"]),
    Index("releases_of_a_model", "name", "number"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("endpoint", String, nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("newest", String, ForeignKey("blobs.name")),
    Column("lockbox", String, ForeignKey("blobs.name")),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
)

traffic_looks = Table(
    "traffic_looks",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("endpoint", String, nullable=False, index=True),
    Column("look", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
)

batch_slots = Table(
    "batch_slots",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("schedule", String, nullable=False),
    Column("slot", String, nullable=False),
    Column("state", String, nullable=False),
    Column("entry", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
    UniqueConstraint("schedule", "slot", "state"),
)

looks = Table(
    "looks",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("split", String, nullable=False, index=True),
    Column("run", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("index", Integer, primary_key=True),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("details", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded", String, nullable=False),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
)


def text_of(moment: datetime) -> str:
    """Return a moment as it is kept: always UTC, always with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_of(text: str) -> datetime:
    """Return the moment kept as ``text``."""
    return datetime.fromisoformat(text)
