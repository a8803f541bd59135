"""Columns as numbers, simply: for a quick look, not for a model that is kept."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Field
from tenfold.stages.problem.sample import Sample

Floats = npt.NDArray[np.float64]

_LEVELS_SHOWN = 20
_LEVELS_CODED = 200
_WORDS = 128
_CLIP = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The features of a sample for two kinds of quick model.

    Attributes
    ----------
    dense : ndarray of shape (n, p)
        Standardised, missing values at the mean with an indicator, frequent levels one-hot.
    native : ndarray of shape (n, d)
        One column for each feature, NaN where missing, levels as codes.
    categorical : tuple of int
        Columns of ``native`` that hold codes.
    """

    dense: Floats
    native: Floats
    categorical: tuple[int, ...]


def encode(sample: Sample, *, without: frozenset[str] = frozenset()) -> Design:
    """Return the sample's features as numbers, leaving out some columns."""
    dense: list[Floats] = []
    native: list[Floats] = []
    categorical: list[int] = []
    for known in sample.features:
        if known.name in without:
            continue
        column = sample.table[known.name]
        if known.kind == "datetime":
            parts = _date_parts(column, trend=known.name != sample.time)
            native += parts
            dense += [part for values in parts for part in _scaled(values)]
        elif column.dtype == pl.String:
            codes = codes_of(column, _LEVELS_CODED)
            categorical.append(len(native))
            native.append(np.where(codes < 0, np.nan, codes).astype(np.float64))
            dense += [(codes == code).astype(np.float64) for code in range(min(_LEVELS_SHOWN, int(codes.max()) + 1))]
            if column.null_count():
                dense.append(column.is_null().to_numpy().astype(np.float64))
            if known.kind == "text":
                words = _hashed_words(column)
                dense += list(words.T)
                native += list(words.T)
        else:
            values = numbers_of(column, known)
            native.append(values)
            dense += _scaled(values)
    rows = sample.table.height
    return Design(
        dense=_standardised(np.column_stack(dense)) if dense else np.empty((rows, 0)),
        native=np.column_stack(native) if native else np.empty((rows, 0)),
        categorical=tuple(categorical),
    )


def numbers_of(column: pl.Series, known: Field) -> Floats:
    """Return a numeric, boolean or datetime column as floats, NaN where missing."""
    if known.kind == "datetime":
        seconds = column.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64) / 1e6
        return seconds.fill_null(float("nan")).to_numpy()
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def codes_of(column: pl.Series, most: int) -> npt.NDArray[np.int64]:
    """Return each row's level, the most frequent 0; levels beyond ``most`` share the last code, missing is -1."""
    tally = column.drop_nulls().value_counts(name="\0rows")
    levels = tally.sort(["\0rows", column.name], descending=[True, False])[column.name]
    codes = np.minimum(np.arange(len(levels)), most)
    if not len(levels):
        return np.full(len(column), -1, dtype=np.int64)
    coded = column.replace_strict(levels, pl.Series(codes), default=None, return_dtype=pl.Int64)
    return coded.fill_null(-1).to_numpy()


def _date_parts(column: pl.Series, *, trend: bool) -> list[Floats]:
    dates = column.dt
    parts = [dates.month(), dates.weekday(), dates.hour()]
    if trend:
        parts.append(column.cast(pl.Datetime("us")).cast(pl.Int64))
    return [part.cast(pl.Float64).fill_null(float("nan")).to_numpy() for part in parts]


def _scaled(values: Floats) -> list[Floats]:
    """Return the column without missing values, clipped at four deviations, and an indicator when it had some."""
    missing = ~np.isfinite(values)
    known = values[~missing]
    if not len(known):
        return []
    centre, spread = float(np.median(known)), float(known.std())
    filled = np.where(missing, centre, values)
    scaled = np.clip((filled - centre) / spread, -_CLIP, _CLIP) if spread > 0 else np.zeros(len(values))
    return [scaled, missing.astype(np.float64)] if missing.any() else [scaled]


def _hashed_words(column: pl.Series) -> Floats:
    """Return, for free text, in which of some buckets it has a word."""
    found = np.zeros((len(column), _WORDS))
    for row, text in enumerate(column.fill_null("")):
        for word in set(text.casefold().split()[:200]):
            found[row, zlib.crc32(word.encode("utf-8", "surrogatepass")) % _WORDS] = 1.0
    return found


def _standardised(values: Floats) -> Floats:
    deviation = values.std(axis=0)
    kept = deviation > 0
    result: Floats = (values[:, kept] - values[:, kept].mean(axis=0)) / deviation[kept]
    return result
