"""Rows of an input that came between two moments: for a back-fill by date, and for a moment of a schedule."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from tenfold.bundle.format import load_bundle
from tenfold.connectors.between import rows_between
from tenfold.connectors.narrow import Span
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError, InputError
from tenfold.spec.load import FILE_NAME, load_spec
from tenfold.spec.schema import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """A back-fill by date: the rows with ``since <= column < until``.

    Attributes
    ----------
    column : str
        Which column of the input says when a row came.
    since, until : str or None
        A day (its midnight) or a time, in ISO 8601; without an offset on the clock of the file's ``data.timezone``.
    """

    column: str
    since: str | None = None
    until: str | None = None


def moment_of(written: str, timezone: str | None, *, name: str) -> datetime:
    """Return a day or a time as a moment in UTC; InputError when it is neither."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise InputError(
            f"{name} must be a day or a time such as 2026-03-01 or 2026-03-01T06:00, found '{written}'"
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone or "UTC"))).astimezone(UTC)


def span_of(spec: Spec | None, column: str, since: datetime | None, until: datetime | None) -> Span:
    """Return a span whose column is read as the project's file says, where there is one."""
    if spec is None:
        return Span(column=column, since=since, until=until)
    declared = spec.data.columns.get(column)
    return Span(
        column=column,
        since=since,
        until=until,
        timezone=(None if declared is None else declared.timezone) or spec.data.timezone,
        pattern=None if declared is None else declared.datetime_format,
    )


@contextmanager
def dated_input(
    bundle: Path, data: str, dates: Dates, *, folder: Path, table: str | None, shown: str
) -> Iterator[Path]:
    """Yield a file with the rows of ``data`` that came between two moments.

    Raises
    ------
    InputError
        When a moment is none, or the first is not before the second.
    DataError
        When there is no such row, or the input lacks the column.
    """
    request = SourceRequest(name="input", location=data, shown=shown, table=table)
    if request.scheme in {"postgresql", "mysql"} and table is None:
        raise InputError(f"{request.label} is a database: say with --input-table which table is to be read")
    span = _span(dates, load_spec(folder, os.environ) if (folder / FILE_NAME).exists() else None)
    with TemporaryDirectory(prefix="tenfold-dates-") as place:
        into = Path(place, "input.parquet")
        if not rows_between(request, span, into=into, dialect=load_bundle(bundle).reading):
            raise DataError(
                f"{request.label} has no row whose '{dates.column}' lies"
                f"{_shown(' from', dates.since)}{_shown(' to before', dates.until)}"
            )
        yield into


def _span(dates: Dates, spec: Spec | None) -> Span:
    zone = None if spec is None else spec.data.timezone
    since = None if dates.since is None else moment_of(dates.since, zone, name="--since")
    until = None if dates.until is None else moment_of(dates.until, zone, name="--until")
    if since is not None and until is not None and since >= until:
        raise InputError(f"--since {dates.since} is not before --until {dates.until}: no row lies between them")
    return span_of(spec, dates.column, since, until)


def _shown(word: str, moment: str | None) -> str:
    return "" if moment is None else f"{word} {moment}"
