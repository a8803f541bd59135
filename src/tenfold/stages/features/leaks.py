"""Columns that may know the answer: by their name, or because one of them alone gives it away."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.measures.rank import roc_auc
from tenfold.records.features import FeatureLeak
from tenfold.records.problem import Problem
from tenfold.stages.features.candidates import Candidate

NEAR_PERFECT = 0.999
"""AUC or R2 of a column alone, each half of the rows told by the other, from which on it knows the answer."""
_FEWEST_ROWS = 100
_FEWEST_OF_A_CLASS = 10
_MOST_ROWS = 50_000
_BINS = 256
_MOST_LEVELS = 1_000
_RESULTS = frozenset({"outcome", "result", "label", "target", "actual", "truth"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def leaks_by_name(candidates: Sequence[Candidate], problem: Problem) -> list[FeatureLeak]:
    """Return the columns whose name holds the target's, or a word for a result: perhaps written with the outcome."""
    target = _words(problem.target)
    telling = {word for word in target if len(word) >= 3 and not word.isdigit()}
    leaks = []
    for found in candidates:
        words = set(_words(found.name))
        if telling and set(target) <= words:
            reason = f"its name holds that of the target '{problem.target}'"
        elif words & _RESULTS:
            reason = f"its name holds '{min(words & _RESULTS)}'"
        else:
            continue
        leaks.append(
            FeatureLeak(
                column=found.name,
                kind="name",
                severity="warn",
                reason=f"'{found.name}': {reason}; is it known when the prediction is made?",
            )
        )
    return leaks


def near_perfect(
    candidates: Sequence[Candidate],
    table: pl.DataFrame,
    truth: npt.NDArray[np.int64] | Floats,
    problem: Problem,
    rng: np.random.Generator,
) -> list[FeatureLeak]:
    """Return the columns from which alone, by the mean target of a value or a range, the target can be read.

    Parameters
    ----------
    table : DataFrame
        Development rows.
    truth : ndarray of shape (n_rows,)
        Class codes, or numbers.
    rng : Generator
        Draws the rows that are looked at, and their two halves.
    """
    rows = rng.permutation(table.height)[:_MOST_ROWS]
    seen = truth[rows]
    if not _can_tell(seen, problem):
        return []
    half = np.arange(len(rows)) % 2 == 0
    leaks = []
    for found in candidates:
        if found.kind == "text":
            continue
        bins = _binned(found, table[found.name][rows])
        strength = _strength(bins, seen, half, problem)
        if strength >= NEAR_PERFECT:
            measure = "R2" if problem.task == "regression" else "AUC"
            leaks.append(
                FeatureLeak(
                    column=found.name,
                    kind="near-perfect",
                    severity="block",
                    strength=strength,
                    reason=f"'{found.name}' alone tells the target ({measure} {strength:.4f} on development rows): "
                    f"if it is known when the prediction is made, write `data: {{columns: {{{found.name}: "
                    "{allow: true}}}`, else `{available: later}`",
                )
            )
    return leaks


def _words(name: str) -> list[str]:
    """Return the words of a name: ``dep_delay``, ``depDelay`` and ``Dep. delay`` are all dep, delay."""
    return [word.lower() for word in _WORD.findall(name)] or [name.casefold()]


def _can_tell(truth: npt.NDArray[np.int64] | Floats, problem: Problem) -> bool:
    if len(truth) < _FEWEST_ROWS:
        return False
    if problem.task == "regression":
        return bool(np.ptp(truth) > 0)
    counts = np.bincount(truth.astype(np.int64), minlength=len(problem.classes))
    return bool((counts >= _FEWEST_OF_A_CLASS).sum() >= 2)


def _binned(found: Candidate, values: pl.Series) -> npt.NDArray[np.int64]:
    """Return a number for each row's level or range of values; missing has one of its own."""
    if found.kind in {"categorical", "boolean"}:
        frequent = values.value_counts(sort=True)[values.name].drop_nulls()[:_MOST_LEVELS]
        levels = frequent.cast(pl.String)
        positions = values.cast(pl.String).cast(pl.Enum(levels), strict=False).to_physical().cast(pl.Int64) + 2
        return positions.fill_null(pl.Series(values.is_null().cast(pl.Int64))).to_numpy()
    numbers = values.dt.epoch("us") if found.kind == "datetime" else values
    array = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = array[np.isfinite(array)]
    if not len(known):
        return np.zeros(len(array), dtype=np.int64)
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    # Values that many rows share stand alone, so that a column of few values is not blurred.
    return np.where(np.isfinite(array), 1 + np.searchsorted(edges, array) + np.searchsorted(edges, array, "right"), 0)


def _strength(
    bins: npt.NDArray[np.int64], truth: npt.NDArray[np.int64] | Floats, half: npt.NDArray[np.bool_], problem: Problem
) -> float:
    if problem.task == "regression":
        predicted = _told(bins, truth.astype(np.float64), half)
        spread = float(((truth - truth.mean()) ** 2).sum())
        return 1.0 - float(((truth - predicted) ** 2).sum()) / spread
    codes = truth.astype(np.int64)
    counts = np.bincount(codes, minlength=len(problem.classes))
    wanted = [1] if problem.task == "binary" else np.flatnonzero(counts >= _FEWEST_OF_A_CLASS).tolist()
    found = []
    for code in wanted:
        positive = codes == code
        if not 0 < positive.sum() < len(positive):
            return 0.0
        found.append(roc_auc(positive, _told(bins, positive.astype(np.float64), half)))
    return float(np.mean(found))


def _told(bins: npt.NDArray[np.int64], target: Floats, half: npt.NDArray[np.bool_]) -> Floats:
    """Return the mean target of each row's bin among the rows of the other half."""
    size = int(bins.max()) + 1
    result = np.empty(len(bins))
    for rows in (half, ~half):
        overall = target[rows].mean()
        counts = np.bincount(bins[rows], minlength=size)
        sums = np.bincount(bins[rows], weights=target[rows] - overall, minlength=size)
        # A tenth of a row of the overall mean: bins without rows have it, and it moves the others by nearly nothing.
        result[~rows] = overall + (sums / (counts + 0.1))[bins[~rows]]
    return result
