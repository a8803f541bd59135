"""All rows or the recent ones: what trains the challenger, chosen by predicting the newest rows from those before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.problem import Task
from tenfold.records.retrain import Span

Floats = npt.NDArray[np.float64]

ALL = "all rows"
RECENT_DAYS = (92, 31)
"""Spans that are held against all rows: about three months, about one."""
MEASURED_SHARE = 0.15
FEWEST_ROWS = 500
_MOST_ROWS = 40_000
_ROUNDS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is predicted, from which columns, along which time."""

    task: Task
    target: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    time: str


def choose_span(table: pl.DataFrame, question: Question, *, seed: int, gap: timedelta = timedelta(0)) -> Span:
    """Return the rows to train on: all of ``table``, or those since a moment.

    The newest rows are predicted by a small boosted model from each span of the rows before them. A recent span is
    taken when its mean loss (logarithmic; squared for a regression) is smaller by more than one standard error of the
    paired difference; where the spans are alike, all rows are the safer choice.

    Parameters
    ----------
    gap : timedelta
        Left out before the rows that measure: their outcomes were not known when those were predicted.
    """
    times = table[question.time]
    ordered = table.sort(question.time)
    cut = ordered[question.time][int(table.height * (1.0 - MEASURED_SHARE))] if table.height else None
    whole = Span(name=ALL, rows=table.height, since=_moment(times.min()), until=_moment(times.max()))
    if cut is None:
        return whole
    measured = ordered.filter(pl.col(question.time) >= cut)
    before = ordered.filter(pl.col(question.time) < cut - gap)
    spans = _candidates(before, measured, question.time)
    if len(spans) < 2:
        return _because(whole, "there is too little history to choose from")
    losses = {name: _loss(rows, measured, question, seed) for name, rows in spans.items()}
    best, gained, error = ALL, 0.0, 0.0
    for name in list(spans)[1:]:
        better = losses[ALL] - losses[name]
        mean, spread = float(better.mean()), float(better.std(ddof=1) / np.sqrt(len(better)))
        if mean > spread and mean > gained:
            best, gained, error = name, mean, spread
    if best == ALL:
        return _because(whole, f"no recent span predicts the newest {measured.height} rows better than all rows do")
    days = int(best.split()[1])
    since = _moment(times.max()) - timedelta(days=days + _days_of(measured, question.time))
    rows = table.filter(times >= since).height
    reason = (
        f"it predicts the newest {measured.height} rows better than all rows do (loss {gained:.2g} ± {error:.1g} less)"
    )
    return Span(name=best, rows=rows, since=since, until=whole.until, reason=reason)


def _candidates(before: pl.DataFrame, measured: pl.DataFrame, time: str) -> dict[str, pl.DataFrame]:
    """Return each span's rows before the measured ones, all rows first; spans that are too small are left out."""
    if before.height < FEWEST_ROWS or measured.height < FEWEST_ROWS // 5:
        return {}
    newest, oldest = _moment(before[time].max()), _moment(before[time].min())
    spans = {ALL: before}
    for days in RECENT_DAYS:
        since = newest - timedelta(days=days)
        rows = before.filter(pl.col(time) >= since)
        if since > oldest and FEWEST_ROWS <= rows.height < before.height:
            spans[f"last {days} days"] = rows
    return spans


def _loss(rows: pl.DataFrame, measured: pl.DataFrame, question: Question, seed: int) -> Floats:
    """Return the loss of each measured row under a small model of ``rows``."""
    import lightgbm

    if rows.height > _MOST_ROWS:
        rows = rows.sample(_MOST_ROWS, seed=seed)
    numbers = _Numbers.of(pl.concat([rows, measured]), question.columns)
    objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}[question.task]
    settings: dict[str, object] = {"objective": objective, "learning_rate": 0.1, "num_leaves": 31, "verbose": -1}
    settings |= {"seed": seed, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 50, "max_cat_to_onehot": 8}
    if question.task == "multiclass":
        settings["num_class"] = len(question.classes)
    truth = _truth(rows, question)
    data = lightgbm.Dataset(
        numbers.values[: rows.height], truth, categorical_feature=list(numbers.categorical), free_raw_data=True
    )
    fitted = lightgbm.train(settings, data, num_boost_round=_ROUNDS)
    said = np.asarray(fitted.predict(numbers.values[rows.height :], num_threads=1), dtype=np.float64)
    expected = _truth(measured, question)
    if question.task == "regression":
        return (said - expected) ** 2
    if question.task == "binary":
        said = np.column_stack([1.0 - said, said])
    chance = said[np.arange(len(expected)), expected.astype(np.int64)]
    return -np.log(np.clip(chance, 1e-7, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Numbers:
    """Columns as trees read them; categories as codes, times as hour, weekday and day of the year."""

    values: Floats
    categorical: tuple[int, ...]

    @classmethod
    def of(cls, table: pl.DataFrame, columns: Sequence[str]) -> _Numbers:
        parts: list[pl.Series] = []
        categorical = []
        for name in columns:
            column = table[name]
            if isinstance(column.dtype, pl.Datetime):
                parts += [column.dt.hour(), column.dt.weekday()]
            elif column.dtype == pl.String:
                categorical.append(len(parts))
                parts.append(column.rank("dense").cast(pl.Float64))
            else:
                parts.append(column)
        arrays = [part.cast(pl.Float64).fill_null(float("nan")).to_numpy() for part in parts]
        return cls(values=np.column_stack(arrays), categorical=tuple(categorical))


def _truth(rows: pl.DataFrame, question: Question) -> Floats:
    target = rows[question.target]
    if question.task == "regression":
        return target.cast(pl.Float64).to_numpy()
    codes = {name: float(code) for code, name in enumerate(question.classes)}
    return target.replace_strict(codes, return_dtype=pl.Float64).to_numpy()


def _because(span: Span, reason: str) -> Span:
    return Span(name=span.name, rows=span.rows, since=span.since, until=span.until, reason=reason)


def _moment(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value


def _days_of(rows: pl.DataFrame, time: str) -> int:
    return (_moment(rows[time].max()) - _moment(rows[time].min())).days
