"""Intervals beside predicted numbers, and sets of classes beside decisions (Vovk, Gammerman and Shafer, 2005)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.foundation.errors import StoreError
from tenfold.records.evaluation import Conformal

LOW, HIGH, SET = "low", "high", "set"


def interval_of(scores: Floats, step: Conformal) -> tuple[Floats, Floats]:
    """Return both ends of the interval of each row, of shape (n_rows,)."""
    said = scores[:, 0]
    place = np.searchsorted(np.array(step.edges, dtype=np.float64), said, side="right")
    spread = np.interp(said, step.knots, step.spread) if step.knots else 1.0
    return said + spread * np.array(step.below)[place], said + spread * np.array(step.above)[place]


def set_of(scores: Floats, step: Conformal) -> npt.NDArray[np.bool_]:
    """Return which classes are in the set of each row, of shape (n_rows, n_classes); the likeliest always is."""
    inside = scores >= np.array(step.least)
    inside[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return inside


def conformal_columns(scores: Floats, step: Conformal, classes: Sequence[str]) -> list[pl.Series]:
    """Return the columns ``low`` and ``high``, or ``set``: the classes as a JSON array."""
    if not classes:
        low, high = interval_of(scores, step)
        return [pl.Series(LOW, low), pl.Series(HIGH, high)]
    texts = [
        json.dumps([name for name, inside in zip(classes, row, strict=True) if inside], ensure_ascii=False)
        for row in set_of(scores, step)
    ]
    return [pl.Series(SET, texts, dtype=pl.String)]


def checked(step: Conformal, classes: int) -> Conformal:
    """Return the step as it was read, when it can be taken.

    Raises
    ------
    StoreError
        When its numbers do not describe intervals, or sets, of this model.
    """
    several = (step.edges, step.below, step.above, step.least, step.knots, step.spread)
    numbers = np.array([step.level, *(number for each in several for number in each)], dtype=np.float64)
    bins = len(step.edges) + 1
    shape = (len(step.below), len(step.above), len(step.least))
    ok = (
        bool(np.isfinite(numbers).all())
        and 0.0 < step.level < 1.0
        and shape == ((0, 0, classes) if classes else (bins, bins, 0))
        and bool((np.diff(step.edges) > 0).all())
        and len(step.knots) == len(step.spread)
        and not (classes and step.knots)
        and bool((np.diff(step.knots) > 0).all())
        and all(each > 0.0 for each in step.spread)
    )
    if not ok:
        raise StoreError("the numbers of the prediction intervals do not describe them")
    return step
