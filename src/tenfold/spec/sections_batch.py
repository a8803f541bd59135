"""The section ``deployment.batch``: rows that are scored on a schedule, from where, to where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from tenfold.foundation.errors import did_you_mean
from tenfold.foundation.units import parse_seconds
from tenfold.spec.faults import Fault
from tenfold.spec.section import Duration, Filled, Identifier, Section, Written
from tenfold.spec.sections_sources import SourceSection

if TYPE_CHECKING:
    from tenfold.spec.schema import Spec

_LONGEST_LATE_SECONDS = 366 * 86_400.0
_READ = frozenset({"path", "url", "table", "query", "time", "available_at"})
_ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
MOMENT = "{moment}"
"""Stands in the name of a file for the moment that it is of."""
_MOMENT_PATTERN = "%Y%m%dT%H%M%SZ"
_DATABASES = ("sqlite:", "postgresql://", "postgres://", "mysql://", "mariadb://")
_DELTA = "delta:"
_FILE_ENDINGS = (".parquet", ".csv", ".jsonl")
_VARIABLE_ALONE = re.compile(r"(\$\{env:[A-Za-z_]\w*\}|env:[A-Za-z_]\w*)")
_BRACED = re.compile(r"(?<!\$)\{[^{}]*\}")


class BatchSection(Section):
    """Rows of a table that grows, scored by ``tenfold tick`` at each moment of a schedule.

    ``source``: a name of ``data.sources``, or a source of its own. ``time``: its column that says when a row came;
    None is the source's ``available_at`` or ``time``. ``schedule``: five fields as cron has them, on the clock of
    ``timezone`` (None: ``data.timezone``, else UTC). ``late``: how long after its moment a row is still looked for;
    ``key``: what tells rows of one time apart then, None for all columns. ``missed``: whether moments that passed while
    nothing ran are made up for, one by one. ``since``: from when on rows are scored; None: from the moment before the
    first pass. ``sink``: a database with its ``table``, a Delta table (``delta:FOLDER``), or one file for each moment:
    ``{moment}`` in their name is that moment in UTC. ``wait``: how long after its moment rows are scored.
    """

    source: Identifier | SourceSection
    sink: Written
    table: Filled | None = None
    schedule: Filled
    time: Filled | None = None
    timezone: Filled | None = None
    keep: tuple[Filled, ...] = ()
    key: tuple[Filled, ...] = ()
    since: Filled | None = None
    late: Duration = "1h"
    wait: Duration = "0s"
    missed: Literal["score", "skip"] = "score"
    join: bool = False
    chunk_rows: Annotated[int, Field(ge=1)] | None = None

    @property
    def late_seconds(self) -> float:
        """How long after its moment a row is still looked for."""
        return parse_seconds(self.late)

    @property
    def wait_seconds(self) -> float:
        """How long after its moment rows are scored."""
        return parse_seconds(self.wait)

    @property
    def sink_kind(self) -> Literal["database", "delta", "files"]:
        """Return what the sink is; a variable alone names a database."""
        if self.sink.startswith(_DATABASES) or _VARIABLE_ALONE.fullmatch(self.sink):
            return "database"
        return "delta" if self.sink.startswith(_DELTA) else "files"

    def file_of(self, moment: datetime) -> str:
        """Return the name of a moment's file: the moment in UTC, so that no hour is named twice."""
        return self.sink.replace(MOMENT, f"{moment.astimezone(UTC):{_MOMENT_PATTERN}}")


def batch_source(spec: Spec) -> SourceSection | None:
    """Return the source of a project's batch; None where there is no batch, or no source of that name."""
    batch = spec.deployment.batch
    if batch is None:
        return None
    return batch.source if isinstance(batch.source, SourceSection) else spec.data.sources.get(batch.source)


def batch_time(spec: Spec) -> str | None:
    """Return the column that says when a row of the batch came."""
    batch, source = spec.deployment.batch, batch_source(spec)
    if batch is None or source is None:
        return None
    return batch.time or source.available_at or source.time


def batch_timezone(spec: Spec) -> str:
    """Return the zone on whose clock the schedule is read."""
    batch = spec.deployment.batch
    return (None if batch is None else batch.timezone) or spec.data.timezone or "UTC"


def check_batch(spec: Spec) -> Iterator[Fault]:
    """Yield what of ``deployment.batch`` cannot be done."""
    batch = spec.deployment.batch
    if batch is None:
        return
    for setting, message in _faults(spec, batch):
        line = spec.line_of("deployment", "batch", setting) or spec.line_of("deployment", "batch")
        yield Fault(message=message, line=line)


def fault_of_schedule(schedule: str) -> str:
    """Return what is wrong with the five fields of a schedule; an empty string when they can be followed."""
    # Read by what follows it later; the scheduler is imported only where a file has a schedule.
    from apscheduler.triggers.cron import CronTrigger

    try:
        trigger = CronTrigger.from_crontab(schedule, timezone="UTC")
    except ValueError as error:
        return str(error)
    if trigger.get_next_fire_time(None, _ANY_MOMENT) is None:
        return "such a moment never comes"
    if any(character.isdigit() for character in schedule.rsplit(maxsplit=1)[-1].partition("/")[0]):
        # Cron counts from Sunday and the scheduler from Monday; names cannot be misread.
        return "days of the week are written by name"
    return ""


def _faults(spec: Spec, batch: BatchSection) -> Iterator[tuple[str, str]]:
    source = batch_source(spec)
    if source is None:
        hint = did_you_mean(str(batch.source), spec.data.sources)
        yield "source", f"deployment.batch.source '{batch.source}' is no source of data.sources.{hint}"
    elif (source.path is None) == (source.url is None):
        found = "neither" if source.path is None else "both"
        yield "source", f"deployment.batch.source needs a path or a url, found {found}"
    elif other := sorted(source.model_fields_set - _READ):
        yield (
            "source",
            f"`{other[0]}` of deployment.batch.source is not read in a batch; it takes {', '.join(sorted(_READ))}",
        )
    elif batch_time(spec) is None:
        yield (
            "source",
            "deployment.batch needs `time:`, the column that says when a row came: by it each row is scored once",
        )
    if fault := fault_of_schedule(batch.schedule):
        yield "schedule", f"deployment.batch.schedule must be five fields such as '0 * * * *' ({fault})"
    if not _is_zone(batch.timezone):
        yield "timezone", f"'{batch.timezone}' is not a time zone; write a name such as Europe/Berlin"
    elif batch.since is not None and _day(batch.since) is None:
        yield "since", f"deployment.batch.since must be a day or a time such as 2026-03-01, found '{batch.since}'"
    if batch.late_seconds > _LONGEST_LATE_SECONDS:
        yield "late", f"deployment.batch.late is at most 366d, found {batch.late}"
    if batch.wait_seconds > _LONGEST_LATE_SECONDS:
        yield "wait", f"deployment.batch.wait is at most 366d, found {batch.wait}"
    yield from _sink_faults(batch)


def _sink_faults(batch: BatchSection) -> Iterator[tuple[str, str]]:
    kind, sink = batch.sink_kind, batch.sink
    where = f"deployment.batch.sink '{sink}'"
    if kind == "database":
        if batch.table is None:
            yield "sink", f"{where} is a database: name its table with `table:`"
        return
    if batch.table is not None:
        yield "table", f"`table` of deployment.batch is for a sink in a database, and {sink} is none: leave it out"
    name = sink.rpartition("/")[2]
    if kind == "delta":
        if _BRACED.search(sink):
            yield "sink", f"{where} is one table that each moment is added to: leave out the braces"
    elif "://" in sink or not name.endswith(_FILE_ENDINGS):
        endings = ", ".join(_FILE_ENDINGS)
        yield "sink", f"{where} must be a database, delta:FOLDER, or files that end with {endings}"
    elif other := [found for found in _BRACED.findall(sink) if found != MOMENT]:
        yield "sink", f"'{other[0]}' of deployment.batch.sink stands for nothing: the only placeholder is {MOMENT}"
    elif MOMENT not in name:
        stem, _, ending = name.rpartition(".")
        advice = f"write {MOMENT} into its name, such as {stem}-{MOMENT}.{ending}, or use delta:FOLDER or a database"
        yield "sink", f"{where} would be replaced at each moment, for no row is added to a file: {advice}"
    elif MOMENT in sink.rpartition("/")[0]:
        yield "sink", f"{where}: {MOMENT} stands in the name of a file, not of its folder"


def _is_zone(name: str | None) -> bool:
    try:
        ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return False
    return True


def _day(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None
