"""Rows through both paths of a model: the one that batches take, and the one that single requests take.

Features are compared first, since they say which column is concerned; then scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.model import Model
from tenfold.bundle.view import FittedView

Floats = npt.NDArray[np.float64]

CLOSE = 1e-9
MOST_ROWS = 20
_MOST_OF_IT = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """Where the two paths differ: the columns of the table concerned (none: not known), in so many rows, in words."""

    columns: tuple[str, ...]
    rows: int
    message: str


def features_apart(model: Model, rows: pl.DataFrame) -> Skew | None:
    """Return the first feature that one row alone gets otherwise than in a table; None when all agree to 1e-9.

    Parameters
    ----------
    rows : polars.DataFrame
        Canonical; the first `MOST_ROWS` are looked at.
    """
    rows = rows.head(MOST_ROWS)
    for view in model.views.values():
        table = view.apply(rows).values
        alone = np.concatenate([view.apply_row(row) for row in rows.iter_rows(named=True)])
        apart = _apart(alone, table)
        if apart.max(initial=0.0) <= CLOSE:
            continue
        place = int(apart.max(axis=0).argmax())
        row = int(apart[:, place].argmax())
        columns = _origins(view, place)
        text = (
            f"the feature '{view.names[place]}' of {_listed(columns)} is {alone[row, place]:.6g} for one row alone and"
            f" {table[row, place]:.6g} in a table (row {row})"
        )
        return Skew(columns=columns, rows=int((apart[:, place] > CLOSE).sum()), message=text)
    return None


def scores_apart(model: Model, rows: pl.DataFrame, logged: Floats) -> Skew | None:
    """Return why scores that were answered are not those that the model gives today; None when they agree to 1e-9.

    Where features differ between the two paths, their column is named. Else columns are tried one by one: which change
    of one column (rounded, filled otherwise, moved by one as ``log`` for ``log1p`` does) brings out the scores that
    were answered; or is the difference where one column is missing, and nowhere else?

    Parameters
    ----------
    rows : polars.DataFrame
        Canonical, as they were logged.
    logged : ndarray of shape (n, outputs)
    """
    expected = model.scores(rows)
    apart = _apart(logged, expected).max(axis=1)
    differing = apart > CLOSE
    if not differing.any():
        return None
    count, worst = int(differing.sum()), int(apart.argmax())
    text = (
        f"{count} of {len(apart)} logged requests that were replayed give other scores in the lab (up to"
        f" {np.abs(logged - expected).max():.3g} apart, {logged[worst, -1]:.6g} was answered where"
        f" {expected[worst, -1]:.6g} is computed): training and serving differ"
    )
    found = features_apart(model, rows.filter(differing))
    if found is not None:
        return Skew(columns=found.columns, rows=count, message=f"{text}; {found.message}")
    where = _where_missing(rows, differing)
    if where is not None:
        return Skew(columns=(where,), rows=count, message=f"{text}; just where '{where}' is missing: filled otherwise?")
    cause = _cause(model, rows.filter(differing), logged[differing], expected[differing])
    if cause is None:
        return Skew(columns=(), rows=count, message=f"{text}; no single column explains it")
    column, words = cause
    return Skew(columns=(column,), rows=count, message=f"{text}; '{column}' {words}")


def _apart(here: Floats, there: Floats) -> Floats:
    gone = np.isnan(here) & np.isnan(there)
    with np.errstate(invalid="ignore"):
        apart = np.abs(here - there) / np.maximum(1.0, np.abs(there))
    apart[here == there] = 0.0
    apart[gone] = 0.0
    apart[np.isnan(apart)] = np.inf
    return apart


def _origins(view: FittedView, place: int) -> tuple[str, ...]:
    """Return the columns of the table that a column of the matrix comes from."""
    steps = [number for number, kept in enumerate(view.kept) for _ in range(len(kept))]
    made = {name: number for number, fitted in enumerate(view.fitted) for name in fitted.names}
    number = steps[place] if place < len(steps) else len(view.steps) - 1
    feature = view.names[place]
    # A step of many columns makes each feature of one of them, where the name says so.
    own = [name for name in view.steps[number].columns if feature == name or feature.startswith(f"{name}__")]
    waiting, found, seen = own or [*view.steps[number].columns], dict[str, None](), set[tuple[str, int]]()
    limit = number
    while waiting:
        column = waiting.pop()
        earlier = [step for step in range(limit) if column in view.fitted[step].names]
        if column in made and earlier and (column, earlier[-1]) not in seen:
            seen.add((column, earlier[-1]))
            waiting += [each for each in view.steps[earlier[-1]].columns if each != column]
            if column in view.steps[earlier[-1]].columns:
                found[column] = None
        else:
            found[column] = None
    return tuple(found)


def _where_missing(rows: pl.DataFrame, differing: npt.NDArray[np.bool_]) -> str | None:
    for name in rows.columns:
        gone = rows[name].is_null().to_numpy()
        if gone.any() and not gone.all() and np.array_equal(gone, differing):
            return name
    return None


def _cause(model: Model, rows: pl.DataFrame, logged: Floats, expected: Floats) -> tuple[str, str] | None:
    """Return the column whose change explains the scores, exactly or for the greatest part, and which change it is."""
    plain = float(np.abs(logged - expected).sum())
    best: tuple[float, str, str] | None = None
    for name in rows.columns:
        for changed, words in _changes(rows[name]):
            left = float(np.abs(logged - model.scores(rows.with_columns(changed.alias(name)))).sum())
            if left <= CLOSE * rows.height:
                return name, f"{words} gives the very scores that were answered"
            if best is None or left < best[0]:
                best = left, name, words
    if best is None or best[0] > (1 - _MOST_OF_IT) * plain:
        return None
    return best[1], f"{best[2]} explains most of it"


def _changes(values: pl.Series) -> Iterator[tuple[pl.Series, str]]:
    if values.dtype != pl.Float64:
        if values.dtype == pl.String:
            yield values.str.to_lowercase(), "in small letters"
            yield pl.Series(values.name, [None] * len(values), dtype=pl.String), "taken as missing"
        return
    for digits in range(4):
        yield values.round(digits), f"rounded to {digits} digits"
    yield values.cast(pl.Float32).cast(pl.Float64), "in single precision"
    yield values.floor(), "cut to whole numbers"
    yield values.fill_null(0.0), "filled with 0"
    for step in (-1.0, 1.0):
        yield values + step, f"moved by {step:+g}, as log for log1p does,"
    for factor in (100.0, 0.01, 1000.0, 0.001):
        yield values * factor, f"times {factor:g}"
    yield pl.Series(values.name, [None] * len(values), dtype=pl.Float64), "taken as missing"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
