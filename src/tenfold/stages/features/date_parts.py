"""Which parts of a time can tell rows apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.bundle.transforms.dates import DATES, PARTS
from tenfold.records.features import Step

_YEAR_DAYS = 365.0
_SEASONS = ("month", "year_sin", "year_cos")
_ROUND = {
    "hour": ("hour_sin", "hour_cos"),
    "weekday": ("weekday_sin", "weekday_cos"),
    "month": ("year_sin", "year_cos"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DateParts:
    """The parts of one time that are used, and why the others are not.

    ``for_trees`` are cut at any place; ``for_sums`` stand on the circle, so that midnight lies beside midnight.
    """

    column: str
    zone: str
    epoch: str
    for_trees: tuple[str, ...]
    for_sums: tuple[str, ...]
    reason: str

    def step(self, parts: tuple[str, ...]) -> Step:
        """Return the step that makes these parts."""
        settings = {"parts": parts, "zone": self.zone, "epoch": self.epoch}
        return Step(kind="dates", columns=(self.column,), settings=settings, reason=self.reason)


def choose_parts(column: str, development: pl.DataFrame, zone: str, *, split_by_time: bool) -> DateParts:
    """Return the parts of a time that differ among the development rows and will mean the same later.

    Parameters
    ----------
    split_by_time : bool
        The model is judged on later rows than it learned from: of a year that was not seen whole, the season to come
        was never seen, and a number of days gone by never comes again.
    """
    epoch = str(development[column].dt.date().min() or "1970-01-01")
    every = Step(kind="dates", columns=(column,), settings={"parts": PARTS, "zone": zone, "epoch": epoch})
    values = DATES.fit(every, development, None, np.random.default_rng(0)).apply(development)
    values = values[~np.isnan(values).any(axis=1)]
    if not len(values):
        return DateParts(column=column, zone=zone, epoch=epoch, for_trees=(), for_sums=(), reason="")
    differ = {part for place, part in enumerate(PARTS) if np.ptp(values[:, place]) > 0}
    reasons = [f"by the clock of {zone}"]
    span = float(np.ptp(values[:, PARTS.index("elapsed")]))
    if split_by_time:
        differ.discard("elapsed")
        reasons.append("without the days gone by, as later rows lie beyond all that were seen")
        if span < _YEAR_DAYS:
            differ.difference_update(_SEASONS)
            reasons.append(f"without the season, as {span:.0f} days are not a whole year")
    for part, circle in _ROUND.items():
        if part not in differ:
            differ.difference_update(circle)
    if "hour" not in differ:
        reasons.append("the hour is always the same")
    trees = tuple(part for part in ("hour", "weekday", "month", "year_sin", "year_cos", "elapsed") if part in differ)
    sums = tuple(part for part in PARTS if part in differ and part not in _ROUND)
    return DateParts(
        column=column, zone=zone, epoch=epoch, for_trees=trees, for_sums=sums, reason="time parts " + ", ".join(reasons)
    )
