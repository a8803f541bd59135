"""Rolling windows: what an entity's earlier rows come to, over a span that ends before the prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.past import MICROSECONDS, Integers, entity_numbers, instants
from tenfold.foundation.errors import DataError
from tenfold.foundation.units import parse_seconds
from tenfold.records.features import Step

Function = Literal["mean", "sum", "count", "max", "min", "std", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """One statistic of one column over a window of an entity's earlier rows.

    The window ends where what is known ends: a row belongs to the window of a prediction at time ``t`` when it is
    earlier than ``t``, its own time plus the shift (the greater of ``gap`` and ``delay_seconds``) is not after ``t``,
    and its time is later than ``t`` minus the shift minus the window. Rows without a value do not count.

    Attributes
    ----------
    window : int or str
        A duration (``7d``); a number n: the n latest rows that are known; 0: all that are known.
    function : str
        ``std`` divides by n - 1; ``count`` is how many values there are; ``last`` the latest.
    gap : str
        A duration left free before the prediction.
    positive : str or None
        For a column of words: values are 1 where it says this, else 0.
    name : str
        What the column is called.
    """

    column: str
    window: int | str
    function: Function
    time: str
    entity: str | None = None
    gap: str = "0s"
    delay_seconds: float = 0.0
    positive: str | None = None
    name: str = ""

    @property
    def shift_seconds(self) -> float:
        """How old a row must be to count."""
        return max(parse_seconds(self.gap), self.delay_seconds)


def rolling_name(column: str, function: str, window: int | str, gap: str) -> str:
    """Return the name of a column that holds a rolling statistic."""
    over = "all" if window == 0 else str(window)
    return f"{column}__{function}_{over}" + ("" if parse_seconds(gap) == 0 else f"_after_{gap}")


def step_of_rolling(rolling: Rolling, reason: str) -> Step:
    """Return the step of a feature plan that stands for a rolling statistic."""
    settings = {
        "window": rolling.window,
        "function": rolling.function,
        "time": rolling.time,
        "entity": rolling.entity,
        "gap": rolling.gap,
        "delay_seconds": rolling.delay_seconds,
        "positive": rolling.positive,
        "name": rolling.name,
    }
    return Step(kind="rolling", columns=(rolling.column,), settings=settings, reason=reason)


def rolling_of(step: Step) -> Rolling:
    """Return the rolling statistic that a step of a feature plan stands for."""
    return Rolling(column=step.columns[0], **cast("dict[str, Any]", step.settings))


def rolling_values(asked: Sequence[Rolling], rows: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """Return the statistics for each row, one column of float64 for each; null where no row is in the window.

    Counts and sums of nothing are 0 where the row's time (and entity) is known.

    Parameters
    ----------
    rows : DataFrame
        Canonical; holds the time and entity columns.
    history : DataFrame
        Canonical; holds these and the columns. It may hold the rows themselves: no row sees itself.
    """
    return pl.DataFrame([_values(each, rows, history) for each in asked])


def _values(rolling: Rolling, rows: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
    kept = pl.col(rolling.time).is_not_null() & pl.col(rolling.column).is_not_null()
    if rolling.entity is not None:
        kept &= pl.col(rolling.entity).is_not_null()
    history = history.filter(kept)
    values = _numbers(rolling, history[rolling.column])
    there, here = entity_numbers(rolling.entity, history, rows)
    times = instants(history[rolling.time])
    # Of rows at the same time the greater value is the later, so that the order of the table doesn't matter.
    order = np.lexsort((values, times, there))
    there, times, values = there[order], times[order], values[order]
    untimed = rows[rolling.time].is_null().to_numpy() | (here < 0)
    start, end = _span(rolling, rows[rolling.time], here, there, times)
    result = _statistics(rolling.function, values, np.minimum(start, end), end)
    empty = end <= start
    if rolling.function not in {"count", "sum"}:
        untimed = untimed | empty
    return pl.Series(rolling.name, result, dtype=pl.Float64).fill_nan(None).set(pl.Series(untimed), None)


def _numbers(rolling: Rolling, values: pl.Series) -> Floats:
    if rolling.positive is not None:
        values = values.cast(pl.String) == rolling.positive
    elif values.dtype == pl.String:
        if rolling.function != "count":
            raise DataError(f"'{rolling.column}' holds words: of these only `count` can be rolled")
        return np.zeros(len(values))
    return values.cast(pl.Float64).to_numpy()


def _span(
    rolling: Rolling, now: pl.Series, here: Integers, there: Integers, times: npt.NDArray[Any]
) -> tuple[Integers, Integers]:
    """Return where each row's window begins and ends among the sorted rows of the history."""
    distinct = np.unique(times)
    width = len(distinct) + 1
    keys = there * width + np.searchsorted(distinct, times)
    moments, shift = instants(now), rolling.shift_seconds
    if (shift or isinstance(rolling.window, str)) and not isinstance(now.dtype, pl.Datetime):
        raise DataError(
            f"the time '{rolling.time}' holds numbers, so that spans of time can't be found for '{rolling.name}': give "
            "it dates, or count rows (`windows: [10]`)"
        )
    # Known at once, but only to what comes after: a row never sees itself or its contemporaries.
    known = np.searchsorted(distinct, moments, side="left")
    cut = moments
    if shift:
        cut = moments - round(shift * MICROSECONDS)
        known = np.minimum(known, np.searchsorted(distinct, cut, side="right"))
    end = np.searchsorted(keys, here * width + known)
    start = np.searchsorted(keys, here * width)
    if isinstance(rolling.window, str):
        oldest = cut - round(parse_seconds(rolling.window) * MICROSECONDS)
        after = np.searchsorted(distinct, oldest, side="right")
        start = np.maximum(start, np.searchsorted(keys, here * width + after))
    elif rolling.window:
        start = np.maximum(start, end - rolling.window)
    return start.astype(np.int64), end.astype(np.int64)


def _statistics(function: Function, values: Floats, start: Integers, end: Integers) -> Floats:
    """Return a statistic of each slice; NaN for empty ones, but 0 for counts and sums."""
    counts = (end - start).astype(np.float64)
    if function == "count":
        return counts
    result = np.zeros(len(start)) if function == "sum" else np.full(len(start), np.nan)
    filled = np.flatnonzero(end > start)
    if not len(filled):
        return result
    # Equal windows are added up once; each alone, so that no other row can move its last digit.
    spans, place = np.unique(np.stack([start[filled], end[filled]], axis=1), axis=0, return_inverse=True)
    result[filled] = _OF_SPANS[function](values, spans)[place.ravel()]
    return result


def _reduced(reduce: np.ufunc) -> Callable[[Floats, Integers], Floats]:
    def of_spans(values: Floats, spans: Integers) -> Floats:
        # A last value that no span reads lets a span end with the values.
        made: Floats = reduce.reduceat(np.append(values, 0.0), spans.ravel())[::2]
        return made

    return of_spans


_sums = _reduced(np.add)


def _means(values: Floats, spans: Integers) -> Floats:
    return _sums(values, spans) / (spans[:, 1] - spans[:, 0])


def _deviations(values: Floats, spans: Integers) -> Floats:
    counts = spans[:, 1] - spans[:, 0]
    result = np.full(len(spans), np.nan)
    for place in np.flatnonzero(counts > 1):
        result[place] = np.std(values[spans[place, 0] : spans[place, 1]], ddof=1)
    return result


def _latest(values: Floats, spans: Integers) -> Floats:
    return values[spans[:, 1] - 1]


_OF_SPANS: Mapping[Function, Callable[[Floats, Integers], Floats]] = {
    "sum": _sums,
    "mean": _means,
    "max": _reduced(np.maximum),
    "min": _reduced(np.minimum),
    "std": _deviations,
    "last": _latest,
}
FUNCTIONS: tuple[Function, ...] = ("mean", "sum", "count", "max", "min", "std", "last")
