"""Columns that may know the answer: by their name, or because one of them alone gives it away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.measures.rank import roc_auc
from tenfold.records.features import FeatureLeak
from tenfold.records.problem import Problem
from tenfold.stages.features.candidates import Candidate

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NEAR_PERFECT = 0.999
"""AUC or R2 of a column alone, each half of the rows told by the other, from which on it knows the answer."""
_FEWEST_ROWS = 100
_FEWEST_OF_A_CLASS = 10
_MOST_ROWS = 50_000
_ROWS_OF_A_VALUE = 20
"""A number of which each value stands in so many rows is compared by its values, else by its neighbours."""
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
    truth: Integers | Floats,
    problem: Problem,
    rng: np.random.Generator,
) -> list[FeatureLeak]:
    """Return the columns from which alone, by the mean target of like rows, the target can be read.

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
        strength = _strength(_reading(found, table[found.name][rows]), seen, half, problem)
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


def _can_tell(truth: Integers | Floats, problem: Problem) -> bool:
    if len(truth) < _FEWEST_ROWS:
        return False
    if problem.task == "regression":
        return bool(np.ptp(truth) > 0)
    counts = np.bincount(truth.astype(np.int64), minlength=len(problem.classes))
    return bool((counts >= _FEWEST_OF_A_CLASS).sum() >= 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reading:
    """A column as its rows are compared: by equal ``bins``, and where there are ``numbers``, by their neighbours.

    Bin 0 is missing.
    """

    bins: Integers
    numbers: Floats | None = None


def _reading(found: Candidate, values: pl.Series) -> _Reading:
    if found.kind in {"categorical", "boolean"} or values.n_unique() <= len(values) / _ROWS_OF_A_VALUE:
        return _Reading(bins=values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy())
    numbers = (values.dt.epoch("us") if found.kind == "datetime" else values).cast(pl.Float64)
    array = numbers.fill_null(np.nan).to_numpy()
    return _Reading(bins=np.isfinite(array).astype(np.int64), numbers=array)


def _strength(reading: _Reading, truth: Integers | Floats, half: Flags, problem: Problem) -> float:
    if problem.task == "regression":
        predicted = _told(reading, truth.astype(np.float64), half, neighbours=1)
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
        found.append(roc_auc(positive, _told(reading, positive.astype(np.float64), half, neighbours=3)))
    return float(np.mean(found))


def _told(reading: _Reading, target: Floats, half: Flags, *, neighbours: int) -> Floats:
    """Return, for each row, the mean target of the rows of the other half that are like it.

    Those are the rows of its bin; of a number, so many ``neighbours`` below it and above it.
    """
    result = np.empty(len(target))
    size = int(reading.bins.max()) + 1
    for rows in (half, ~half):
        overall, bins = target[rows].mean(), reading.bins[rows]
        sums = np.bincount(bins, weights=target[rows] - overall, minlength=size)
        # A tenth of a row of the overall mean: bins without rows have it, and it moves the others by nearly nothing.
        means = overall + sums / (np.bincount(bins, minlength=size) + 0.1)
        result[~rows] = means[reading.bins[~rows]]
        if reading.numbers is not None:
            there, asked = rows & (reading.bins > 0), ~rows & (reading.bins > 0)
            result[asked] = _mean_around(reading.numbers[there], target[there], reading.numbers[asked], neighbours)
    return result


def _mean_around(numbers: Floats, target: Floats, asked: Floats, neighbours: int) -> Floats:
    order = np.argsort(numbers, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(target[order])])
    place = np.searchsorted(numbers[order], asked)
    low, high = np.maximum(place - neighbours, 0), np.minimum(place + neighbours, len(numbers))
    means: Floats = (sums[high] - sums[low]) / np.maximum(high - low, 1)
    return means
