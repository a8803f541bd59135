"""Functions of a confusion matrix: the bootstrap, bias-corrected and accelerated (Efron, 1987).

Equal rows are drawn together: a resample is one multinomial draw over the distinct cells, so that its cost depends on
the number of cells and not of rows. With groups, whole groups are drawn.
"""

from __future__ import annotations

import math

import numpy as np

from tenfold.measures.intervals.case import Bounds, Case, carried_by_one
from tenfold.measures.intervals.linearised import at_the_end, flawless_bounds, linearised_bounds
from tenfold.measures.metric import Moments, Statistics
from tenfold.measures.outcome import Floats, Outcome

RESAMPLES = 1000
# Beyond this many drawn units (resamples x distinct units) the linearised interval is as good, and resampling only
# slow.
_LARGEST_WORK = 3_000_000


def resampled_bounds(case: Case) -> Bounds:
    """Return the bounds of a function of means over rows."""
    form = case.metric.form
    assert isinstance(form, Moments)  # a rank metric has no moments to draw
    if case.error == 0.0 or at_the_end(case.value, case.metric.scale):
        return flawless_bounds(case)
    totals, copies = _units(form.statistics(case.outcome), case.outcome)
    if RESAMPLES * len(copies) > _LARGEST_WORK:
        return linearised_bounds(case)
    drawn = case.rng.multinomial(int(copies.sum()), copies / copies.sum(), size=RESAMPLES) @ totals
    replicates = form.combine(drawn[:, :-1] / np.maximum(drawn[:, -1:], 1e-300))
    low, high = accelerated(replicates, case.value, case.pull, case.tail)
    return Bounds(low=low, high=high, method=f"BCa bootstrap, {RESAMPLES}", reason=carried_by_one(case.pull))


def accelerated(replicates: Floats, value: float, pull: Floats, tail: float) -> tuple[float, float]:
    """Return the BCa bounds from bootstrap replicates, with the acceleration of the units' pulls."""
    from scipy.special import ndtr, ndtri

    ordered = np.sort(replicates[np.isfinite(replicates)])
    below = ((ordered < value).mean() + (ordered <= value).mean()) / 2.0
    edge = 1.0 / len(ordered)
    bias = float(ndtri(np.clip(below, edge, 1.0 - edge)))
    bend = float((pull**3).sum() / (6.0 * (pull**2).sum() ** 1.5))

    def level(quantile: float) -> float:
        moved = bias + quantile
        # Past the pole of the correction the most extreme replicate is all that can be said.
        stretch = max(1.0 - bend * moved, 1e-6)
        return float(ndtr(bias + moved / stretch))

    # The percentile bootstrap is too short by sqrt(n / (n - 1)) and by the step from normal to t; widening the level by
    # the same factor mends it (Hesterberg, 2015, "What teachers should know about the bootstrap").
    units = max(len(pull), 2)
    quantile = float(ndtri(tail)) * math.sqrt(units / (units - 1.0))
    return float(np.quantile(ordered, level(quantile))), float(np.quantile(ordered, level(-quantile)))


def _units(statistics: Statistics, outcome: Outcome) -> tuple[Floats, Floats]:
    """Return what is drawn, shape (n_units, d + 1), the last column the weight, and how often each unit occurs."""
    atoms, index = statistics.atoms, statistics.index
    if index is None:
        index = np.arange(len(atoms))
    weight = np.ones(outcome.n) if outcome.weight is None else outcome.weight
    if outcome.group is None and outcome.weight is None:
        counts = np.bincount(index, minlength=len(atoms)).astype(np.float64)
        return np.column_stack([atoms, np.ones(len(atoms))]), counts
    if outcome.group is None:
        rows = np.column_stack([atoms[index] * weight[:, None], weight])
        return rows, np.ones(outcome.n)
    _, group = np.unique(outcome.group, return_inverse=True)
    mass = np.zeros((int(group.max()) + 1, len(atoms)))
    np.add.at(mass, (group, index), weight)
    return np.column_stack([mass @ atoms, mass.sum(axis=1)]), np.ones(len(mass))
