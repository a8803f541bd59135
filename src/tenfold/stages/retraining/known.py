"""Which rows were known at a moment: only these may train."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from tenfold.foundation.errors import DataError


def known_rows(table: pl.DataFrame, *, time: str, labels_after: timedelta, now: datetime) -> pl.DataFrame:
    """Return the rows whose outcome was known at ``now``: their time plus the delay of the labels is not later.

    Rows without a time are left out, since nobody can say when they were known.

    Raises
    ------
    DataError
        When the column is not there or holds no times.
    """
    if time not in table.columns or not isinstance(table.schema[time], pl.Datetime):
        raise DataError(f"'{time}' is no column of times, so that it cannot be said which rows were known at {now}")
    return table.filter(pl.col(time) <= now - labels_after)


def without_sealed(table: pl.DataFrame, *, time: str, since: datetime, until: datetime) -> pl.DataFrame:
    """Return the rows outside [since, until]: those that were sealed for an earlier model stay sealed."""
    inside = (pl.col(time) >= since) & (pl.col(time) <= until)
    return table.filter(~inside.fill_null(value=False))
