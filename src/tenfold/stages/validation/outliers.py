"""Values far from all others: found in the rows that train, fold by fold, and set aside there alone."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Column
from tenfold.records.validation import Fold
from tenfold.stages.validation.options import OutlierOptions

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

OUTLIERS_FILE = "outliers.parquet"
ALL_ROWS = -1
"""The fold of an outlier found among all development rows, which train the final model."""
_FEWEST_ROWS = 30
_FITTED_ROWS = 50_000
_SCHEMA: Mapping[str, pl.DataType] = {
    "fold": pl.Int16(),
    "row": pl.Int64(),
    "column": pl.String(),
    "value": pl.Float64(),
    "becomes": pl.Float64(),
    "reason": pl.String(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Between which values a column's training rows lie, and how that was found."""

    low: float
    high: float
    words: str


def find_outliers(
    table: pl.DataFrame, columns: Sequence[Column], folds: Sequence[Fold], development: Numbers, options: OutlierOptions
) -> pl.DataFrame:
    """Return the outliers among the rows that train, for each fold and for all development rows.

    Parameters
    ----------
    table : DataFrame
        All rows; the others than those that train are never looked at.

    Returns
    -------
    DataFrame
        ``fold`` (-1: all development rows), ``row`` (its number in the table), ``column`` (null where the whole row is
        meant), ``value`` (what it was), ``becomes`` (where values are clipped) and ``reason``. The table itself is left
        as it is: without this file everything is as before.
    """
    names = [column.name for column in columns if _looked_at(column, options)]
    if not names:
        return pl.DataFrame(schema=_SCHEMA)
    raw = np.column_stack([table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names])
    values = np.where(np.isfinite(raw), raw, np.nan)
    found = []
    for number, rows in ((ALL_ROWS, development), *((place, fold.train) for place, fold in enumerate(folds))):
        if len(rows) < _FEWEST_ROWS:
            continue
        lines = (
            _by_column(values, names, rows, options)
            if options.method in {"iqr", "robust_z"}
            else _by_row(values, rows, options)
        )
        found += [{"fold": number, **line} for line in lines]
    return pl.DataFrame(found, schema=_SCHEMA)


def _looked_at(column: Column, options: OutlierOptions) -> bool:
    if options.columns:
        return column.name in options.columns
    return column.field.kind == "numeric" and column.role == "feature" and column.available == "now"


def _by_column(
    values: Floats, names: Sequence[str], rows: Numbers, options: OutlierOptions
) -> Iterator[dict[str, object]]:
    for place, name in enumerate(names):
        inside = values[rows, place]
        known = inside[np.isfinite(inside)]
        bounds = _iqr(known, options.limit) if options.method == "iqr" else _robust_z(known, options.limit)
        if bounds is None:
            continue
        for row in rows[(inside < bounds.low) | (inside > bounds.high)]:
            value = float(values[row, place])
            yield {
                "row": int(row),
                "column": name,
                "value": value,
                "becomes": min(max(value, bounds.low), bounds.high) if options.action == "clip" else None,
                "reason": f"{value:g} lies outside of {bounds.low:g} to {bounds.high:g} ({bounds.words})",
            }


def _iqr(known: Floats, limit: float | None) -> Bounds | None:
    """Return Tukey's fences: the quartiles, ``limit`` (3) times their distance further out."""
    if len(known) < _FEWEST_ROWS:
        return None
    times = 3.0 if limit is None else limit
    low, high = (float(each) for each in np.quantile(known, [0.25, 0.75]))
    if high <= low:
        return None
    reach = times * (high - low)
    return Bounds(low=low - reach, high=high + reach, words=f"{times:g} times the distance of the quartiles")


def _robust_z(known: Floats, limit: float | None) -> Bounds | None:
    """Return the median, ``limit`` (6) deviations to either side; a deviation is 1.4826 times the median one."""
    if len(known) < _FEWEST_ROWS:
        return None
    times = 6.0 if limit is None else limit
    middle = float(np.median(known))
    deviation = 1.4826 * float(np.median(np.abs(known - middle)))
    if deviation <= 0:
        return None
    return Bounds(low=middle - times * deviation, high=middle + times * deviation, words=f"{times:g} robust deviations")


def _by_row(values: Floats, rows: Numbers, options: OutlierOptions) -> Iterator[dict[str, object]]:
    """Yield rows that are odd as a whole: by isolation forest or local outlier factor.

    Liu, Ting and Zhou (2008), "Isolation forest"; Breunig et al. (2000), "LOF: identifying density-based local
    outliers".
    """
    inside = values[rows]
    kept = np.isfinite(inside).any(axis=0)
    inside = inside[:, kept]
    low, middle, high = np.nanquantile(inside, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, high - low, 1.0)
    scaled = np.where(np.isfinite(inside), (inside - middle) / spread, 0.0)
    share = 0.01 if options.limit is None else options.limit
    fitted = np.sort(np.random.default_rng(options.seed).permutation(len(rows))[:_FITTED_ROWS])
    if options.method == "isolation_forest":
        from sklearn.ensemble import IsolationForest

        forest = IsolationForest(n_estimators=100, random_state=options.seed, n_jobs=1).fit(scaled[fitted])
        score, words = -forest.score_samples(scaled), "isolation forest"
    else:
        from sklearn.neighbors import LocalOutlierFactor

        neighbours = LocalOutlierFactor(n_neighbors=min(20, len(fitted) - 1), novelty=len(fitted) < len(rows), n_jobs=1)
        neighbours.fit(scaled[fitted])
        score = (
            -neighbours.score_samples(scaled)
            if len(fitted) < len(rows)
            else -np.asarray(neighbours.negative_outlier_factor_)
        )
        words = "local outlier factor"
    most = int(np.ceil(share * len(rows)))
    for place in np.argsort(-score, kind="stable")[:most]:
        yield {
            "row": int(rows[place]),
            "column": None,
            "value": float(score[place]),
            "becomes": None,
            "reason": f"{words} {score[place]:.3g}: among the {share:.1%} oddest of the rows that train",
        }


def outliers_payload(outliers: pl.DataFrame, action: str) -> Mapping[str, bytes]:
    """Return the payload that names every outlier, with what is done about it; nothing where there is none."""
    if outliers.is_empty():
        return {}
    sink = io.BytesIO()
    outliers.with_columns(action=pl.lit(action)).write_parquet(sink, compression="zstd")
    return {OUTLIERS_FILE: sink.getvalue()}


def outliers_finding(outliers: pl.DataFrame, options: OutlierOptions) -> str:
    """Say how many outliers there are among all development rows, where, and what is done about them."""
    everywhere = outliers.filter(pl.col("fold") == ALL_ROWS)
    rows = everywhere["row"].n_unique()
    counts = (
        everywhere.drop_nulls("column")["column"].value_counts(name="rows").sort(["rows", "column"], descending=True)
    )
    named = ", ".join(f"'{name}' ({count:,})" for name, count in counts.head(3).iter_rows())
    done = {
        "flag": "they are named and used",
        "clip": "in rows that train they are moved to the bound",
        "drop": "their rows do not train; rows that measure are never left out",
    }[options.action]
    return (
        f"{rows:,} development rows hold outliers by {options.method}" + (f": {named}" if named else "") + f"; {done}"
        " (`data: {outliers: {action: flag | clip | drop}}`)"
    )
