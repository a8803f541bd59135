"""Times as public holidays: whether the day is one, and how far it is to the next and since the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.canonical import zone_called
from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import only_column
from tenfold.bundle.transforms.protocols import OnMoments, Row, State, Transform
from tenfold.bundle.transforms.values import NAN
from tenfold.records.features import Step

MOST_DAYS = 30.0
"""Farther holidays are all alike."""
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedHolidays:
    """1 on a holiday else 0, days to the next, days since the last (0 on one, at most 30); missing where the time is.

    ``days`` are the holidays as days since 1970, increasing: the calendar travels in the step, so that serving needs no
    library and a later version of it cannot change a model. The day is that of the clock on the wall in ``zone``.
    """

    column: str
    zone: ZoneInfo
    days: npt.NDArray[np.int64]
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        local = table[self.column].dt.convert_time_zone(self.zone.key).dt.date()
        day = local.cast(pl.Int32).cast(pl.Int64)
        result = self._distances(day.fill_null(0).to_numpy())
        result[day.is_null().to_numpy()] = NAN
        return result

    def apply_row(self, row: Row) -> list[float]:
        moment = cast("datetime | None", row[self.column])
        if moment is None:
            return [NAN] * len(self.names)
        day = (moment.astimezone(self.zone).date() - _EPOCH).days
        made: list[float] = self._distances(np.array([day]))[0].tolist()
        return made

    def on_moments(self) -> OnMoments:
        def distances(values: Sequence[datetime | None]) -> Floats:
            local = [_EPOCH if moment is None else moment.astimezone(self.zone).date() for moment in values]
            result = self._distances(np.array([(day - _EPOCH).days for day in local], dtype=np.int64))
            result[[moment is None for moment in values]] = NAN
            return result

        return distances

    def state(self) -> State:
        return State()

    def _distances(self, day: npt.NDArray[np.int64]) -> Floats:
        result = np.empty((len(day), 3))
        if not len(self.days):
            result[:] = 0.0, MOST_DAYS, MOST_DAYS
            return result
        after = np.searchsorted(self.days, day, side="left")
        before = np.searchsorted(self.days, day, side="right") - 1
        following = self.days[np.minimum(after, len(self.days) - 1)] - day
        since = day - self.days[np.maximum(before, 0)]
        result[:, 1] = np.where(after < len(self.days), np.minimum(following, MOST_DAYS), MOST_DAYS)
        result[:, 2] = np.where(before >= 0, np.minimum(since, MOST_DAYS), MOST_DAYS)
        result[:, 0] = result[:, 1] == 0
        return result


def restore(step: Step, state: State) -> FittedHolidays:
    """Build it again: everything is in the step."""
    del state
    column = only_column(step)
    written = cast("tuple[str, ...]", step.settings["days"])
    return FittedHolidays(
        column=column,
        zone=zone_called(cast("str | None", step.settings.get("zone"))),
        days=np.array(sorted((date.fromisoformat(day) - _EPOCH).days for day in written), dtype=np.int64),
        names=(f"{column}__holiday", f"{column}__to_holiday", f"{column}__since_holiday"),
    )


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedHolidays:
    """Nothing is learned; ``settings``: days (ISO dates), zone."""
    del table, target, rng
    return restore(step, State())


HOLIDAYS = Transform(fit=fit, restore=restore)
