"""Times as the parts that repeat (hour, weekday, month, season) and as days gone by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from tenfold.bundle.canonical import zone_called
from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import only_column
from tenfold.bundle.transforms.protocols import OnMoments, Row, State, Transform
from tenfold.bundle.transforms.values import NAN, stacked
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.records.features import Step

_DAY_SECONDS = 86_400
# The mean year: seasons keep their angle in leap years and out of them.
_YEAR_DAYS = 365.25
_READ = ("second", "weekday", "month", "day", "elapsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedDates:
    """Parts of a time in its zone, as the clock on the wall there shows it; all missing where the time is.

    ``elapsed`` is in days since ``epoch``, by UTC, so that no clock change makes a day longer.
    """

    column: str
    parts: tuple[str, ...]
    zone: ZoneInfo
    epoch: datetime
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        moment = pl.col(self.column).dt.convert_time_zone(self.zone.key)
        found = table.select(
            second=moment.dt.hour().cast(pl.Int64) * 3600
            + moment.dt.minute().cast(pl.Int64) * 60
            + moment.dt.second().cast(pl.Int64),
            weekday=moment.dt.weekday().cast(pl.Int64) - 1,
            month=moment.dt.month().cast(pl.Int64),
            day=moment.dt.ordinal_day().cast(pl.Int64) - 1,
            elapsed=(pl.col(self.column) - pl.lit(self.epoch)).dt.total_microseconds() / (_DAY_SECONDS * 1e6),
        )
        parts = {name: found[name].cast(pl.Float64).fill_null(NAN).to_numpy() for name in found.columns}
        return stacked([_FORMULAS[part](parts) for part in self.parts], table.height)

    def apply_row(self, row: Row) -> list[float]:
        moment = cast("datetime | None", row[self.column])
        if moment is None:
            return [NAN] * len(self.parts)
        found = dict(zip(_READ, self._read(moment), strict=True))
        return [float(_FORMULAS[part](found)) for part in self.parts]

    def on_moments(self) -> OnMoments:
        formulas = [_FORMULAS[part] for part in self.parts]

        def parts_of(values: Sequence[datetime | None]) -> Floats:
            found = np.array([self._read(moment) for moment in values])
            read = dict(zip(_READ, found.T, strict=True))
            return np.column_stack([formula(read) for formula in formulas])

        return parts_of

    def _read(self, moment: datetime | None) -> tuple[float, ...]:
        """Return what the formulas read of a moment, in the order of ``_READ``."""
        if moment is None:
            return (NAN,) * len(_READ)
        local = moment.astimezone(self.zone)
        return (
            float(local.hour * 3600 + local.minute * 60 + local.second),
            float(local.weekday()),
            float(local.month),
            float(local.timetuple().tm_yday - 1),
            ((moment - self.epoch) // timedelta(microseconds=1)) / (_DAY_SECONDS * 1e6),
        )

    def state(self) -> State:
        return State()


def _around(name: str, length: float, turn: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda found: turn(found[name] * (2.0 * math.pi / length))


def restore(step: Step, state: State) -> FittedDates:
    """Build it again: everything is in the step."""
    del state
    column = only_column(step)
    parts = tuple(cast("tuple[str, ...]", step.settings["parts"]))
    for part in parts:
        if part not in PARTS:
            known = ", ".join(PARTS)
            raise InputError(f"'{part}' is not a part of a time (these are: {known}).{did_you_mean(part, PARTS)}")
    return FittedDates(
        column=column,
        parts=parts,
        zone=zone_called(cast("str | None", step.settings.get("zone"))),
        epoch=datetime.fromisoformat(str(step.settings.get("epoch", "1970-01-01"))).replace(tzinfo=UTC),
        names=tuple(f"{column}__{part}" for part in parts),
    )


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedDates:
    """Nothing is learned; ``settings``: parts, zone, epoch (an ISO date)."""
    del table, target, rng
    return restore(step, State())


# Each works on a column of numbers and on a single one alike.
_FORMULAS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "hour": lambda found: found["second"] / 3600.0,
    "hour_sin": _around("second", _DAY_SECONDS, np.sin),
    "hour_cos": _around("second", _DAY_SECONDS, np.cos),
    "weekday": lambda found: found["weekday"],
    "weekday_sin": _around("weekday", 7, np.sin),
    "weekday_cos": _around("weekday", 7, np.cos),
    "month": lambda found: found["month"],
    "year_sin": _around("day", _YEAR_DAYS, np.sin),
    "year_cos": _around("day", _YEAR_DAYS, np.cos),
    "elapsed": lambda found: found["elapsed"],
}
PARTS = tuple(_FORMULAS)
DATES = Transform(fit=fit, restore=restore)
