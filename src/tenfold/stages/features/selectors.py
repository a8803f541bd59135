"""Ways to tell columns that help from those that don't, each on training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.matrix import Floats, Matrix
from tenfold.stages.features.options import Method
from tenfold.stages.features.quick import Quick

Truth = npt.NDArray[Any]

NOISE_REPEATS, BORUTA_ROUNDS = 8, 20
_FEWEST_SHADOWS = 20
_SAME_ORDER = 0.95
_NEARLY_CONSTANT = 0.01
_SHUFFLES = 10
_BINS = 10
_CONFIDENT = 0.01
_DROPPED_AT_ONCE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Training rows as the learners see them.

    Attributes
    ----------
    native, dense : Matrix
        Rows as boosted trees and as linear models read them.
    owners, dense_owners : tuple of str
        For each column of these, the column of the table that it comes from.
    truth : ndarray of shape (n_rows,)
        Class codes, or numbers.
    """

    native: Matrix
    dense: Matrix
    owners: tuple[str, ...]
    dense_owners: tuple[str, ...]
    truth: Truth
    quick: Quick
    rng: np.random.Generator

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return tuple(dict.fromkeys(self.owners))

    def by_owner(self, strengths: Floats) -> dict[str, float]:
        """Return the strongest of each column's own."""
        result = dict.fromkeys(self.columns, 0.0)
        for owner, strength in zip(self.owners, strengths, strict=True):
            result[owner] = max(result[owner], float(strength))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Which columns a method chose, how strong each is, and the line that had to be exceeded."""

    kept: frozenset[str]
    strengths: Mapping[str, float]
    line: float | None = None
    reasons: Mapping[str, str] | None = None


def _above(strengths: Mapping[str, float], line: float) -> Judged:
    return Judged(
        kept=frozenset(name for name, strength in strengths.items() if strength > line), strengths=strengths, line=line
    )


def by_variance(scene: Scene) -> Judged:
    """Keep columns of which at least one row in a hundred differs from the most frequent value."""
    differing = []
    for column in scene.native.values.T:
        counts = np.unique(column, return_counts=True)[1]
        differing.append(1.0 - counts.max() / len(column))
    return _above(scene.by_owner(np.array(differing)), _NEARLY_CONSTANT)


def by_correlation(scene: Scene) -> Judged:
    """Of columns that order the rows alike (Spearman's correlation beyond 0.95) keep the one nearest to the target."""
    ranks = _ranks(scene.native.values)
    goals = _ranks(_goals(scene))
    strengths = scene.by_owner(np.abs(ranks.T @ goals).max(axis=1))
    alike = np.abs(ranks.T @ ranks)
    first = {owner: place for place, owner in reversed(list(enumerate(scene.owners)))}
    kept: list[str] = []
    reasons = {}
    for name in sorted(scene.columns, key=lambda each: (-strengths[each], first[each])):
        double = next((other for other in kept if alike[first[name], first[other]] > _SAME_ORDER), None)
        if double is None:
            kept.append(name)
        else:
            reasons[name] = f"orders the rows as '{double}' does (correlation {alike[first[name], first[double]]:.2f})"
    return Judged(kept=frozenset(kept), strengths=strengths, reasons=reasons)


def by_mutual_information(scene: Scene) -> Judged:
    """Keep columns that share more information with the target than any does with a shuffled one."""
    coded = [_cut(column) for column in scene.native.values.T]
    goal = _cut(scene.truth.astype(np.float64)) if scene.quick.task == "regression" else scene.truth.astype(np.int64)
    strengths = scene.by_owner(np.array([_information(codes, goal) for codes in coded]))
    shuffles = [scene.rng.permutation(goal) for _ in range(_SHUFFLES)]
    line = max(_information(codes, shuffled) for shuffled in shuffles for codes in coded)
    return _above(strengths, line)


def by_noise(scene: Scene) -> Judged:
    """Keep columns that trees gain more from than from any shuffled column, over several models.

    The mean gain of a column is held against the greatest gain of any shuffled one: so noise seldom passes.
    """
    own, line = [], 0.0
    for repeat in range(NOISE_REPEATS):
        gains, shadows = _against_shadows(scene, repeat)
        own.append(gains)
        line = max(line, float(shadows.max()))
    return _above(scene.by_owner(np.mean(own, axis=0)), line)


def by_boruta(scene: Scene) -> Judged:
    """Keep columns that beat the best shuffled one more often than chance (Kursa and Rudnicki, 2010, "Boruta").

    The strength is the share of rounds; the line is where a fair coin would come so far once in a hundred, taking all
    columns together.
    """
    from scipy.stats import binom

    hits = np.zeros(len(scene.owners))
    for repeat in range(BORUTA_ROUNDS):
        gains, shadows = _against_shadows(scene, repeat)
        hits += gains > shadows.max()
    needed = float(binom.isf(_CONFIDENT / max(len(scene.columns), 1), BORUTA_ROUNDS, 0.5))
    return _above(scene.by_owner(hits / BORUTA_ROUNDS), needed / BORUTA_ROUNDS)


def by_recursion(scene: Scene) -> Judged:
    """Leave out the weakest columns again and again; keep the fewest that are as good as the best (within one error).

    Guyon et al. (2002), judged on a third of the rows.
    """
    rows = scene.rng.permutation(len(scene.truth))
    cut = len(rows) // 3
    held, train = rows[:cut], rows[cut:]
    remaining = list(scene.columns)
    tried: list[tuple[list[str], Floats]] = []
    survived = dict.fromkeys(remaining, 0.0)
    while remaining:
        places = [place for place, owner in enumerate(scene.owners) if owner in set(remaining)]
        values = scene.native.values[:, places]
        categorical = tuple(at for at, place in enumerate(places) if place in set(scene.native.categorical))
        losses = scene.quick.losses((values[train], scene.truth[train]), (values[held], scene.truth[held]), categorical)
        tried.append((list(remaining), losses))
        gains = scene.quick.gains(values[train], scene.truth[train], categorical, 0)
        own = dict.fromkeys(remaining, 0.0)
        for at, place in enumerate(places):
            own[scene.owners[place]] = max(own[scene.owners[place]], float(gains[at]))
        for name in remaining:
            survived[name] = len(tried)
        weakest = sorted(remaining, key=lambda name: (own[name], name))
        dropped = set(weakest[: max(1, round(_DROPPED_AT_ONCE * len(weakest)))])
        remaining = [name for name in remaining if name not in dropped]
    best = min(tried, key=lambda each: float(each[1].mean()))[1]
    good: list[list[str]] = [
        names
        for names, losses in tried
        if losses.mean() - best.mean() <= np.std(losses - best) / np.sqrt(max(len(best), 1))
    ]
    # They are in the order in which they were tried, each fewer than the one before.
    return Judged(kept=frozenset(good[-1]), strengths=survived)


def by_l1(scene: Scene) -> Judged:
    """Keep columns that a linear model with an absolute penalty keeps; the penalty is the strongest within one error.

    Tibshirani (1996), by five folds; a class is taken as 0 and 1.
    """
    values, goals = scene.dense.values, _goals(scene)
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    weights = np.zeros(values.shape[1])
    for goal in goals.T:
        if np.ptp(goal) > 0:
            weights = np.maximum(weights, np.abs(_lasso(scaled, goal)))
    strengths = dict.fromkeys(scene.columns, 0.0)
    for owner, weight in zip(scene.dense_owners, weights, strict=True):
        strengths[owner] = max(strengths.get(owner, 0.0), float(weight))
    return _above(strengths, 0.0)


def _against_shadows(scene: Scene, repeat: int) -> tuple[Floats, Floats]:
    """Return the gains of the columns, and of shuffled copies of them that a model saw beside them."""
    values, width = scene.native.values, scene.native.values.shape[1]
    copies = list(range(width)) * -(-_FEWEST_SHADOWS // width)
    shadows = np.column_stack([scene.rng.permutation(values[:, place]) for place in copies])
    categorical = set(scene.native.categorical)
    codes = (*categorical, *(width + at for at, place in enumerate(copies) if place in categorical))
    gains = scene.quick.gains(np.hstack([values, shadows]), scene.truth, tuple(sorted(codes)), repeat)
    return gains[:width], gains[width:]


def _goals(scene: Scene) -> Floats:
    """Return the target as columns of numbers."""
    if scene.quick.task == "regression" or scene.quick.outputs == 2:
        return scene.truth.astype(np.float64)[:, None]
    return np.asarray(scene.truth[:, None] == np.arange(scene.quick.outputs), dtype=np.float64)


def _ranks(values: Floats) -> Floats:
    """Return ranks of columns, centred and of length one; missing counts as the middle."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0, nan_policy="omit")
    centred = np.nan_to_num(ranks - np.nanmean(ranks, axis=0), nan=0.0)
    length = np.sqrt((centred**2).sum(axis=0))
    return np.asarray(centred / np.where(length > 0, length, 1.0), dtype=np.float64)


def _cut(values: Floats) -> npt.NDArray[np.int64]:
    """Return bins of equal counts as codes; missing is one of its own."""
    present = ~np.isnan(values)
    result = np.zeros(len(values), dtype=np.int64)
    if present.any():
        edges = np.unique(np.quantile(values[present], np.linspace(0, 1, _BINS + 1)[1:-1]))
        result[present] = 1 + np.searchsorted(edges, values[present], side="right")
    return result


def _information(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> float:
    """Return the mutual information of two codings, in nats."""
    joint = np.zeros((int(first.max()) + 1, int(second.max()) + 1))
    np.add.at(joint, (first, second), 1.0)
    joint /= joint.sum()
    expected = joint.sum(axis=1, keepdims=True) @ joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / expected[filled])).sum())


def _lasso(values: Floats, goal: Floats) -> Floats:
    """Return the weights of a lasso at the strongest penalty that is within one error of the best."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso, LassoCV

    with warnings.catch_warnings():
        # A path that has not quite converged still tells which weights are zero.
        warnings.simplefilter("ignore", ConvergenceWarning)
        path = LassoCV(cv=5, alphas=40, max_iter=2_000, tol=1e-3).fit(values, goal)
        errors = path.mse_path_.mean(axis=1)
        best = int(np.argmin(errors))
        allowed = errors[best] + path.mse_path_[best].std() / np.sqrt(path.mse_path_.shape[1])
        strongest = float(path.alphas_[np.flatnonzero(errors <= allowed)].max())
        model = Lasso(alpha=strongest, max_iter=2_000, tol=1e-3).fit(values, goal)
    return np.asarray(model.coef_, dtype=np.float64)


SELECTORS: Mapping[Method, Callable[[Scene], Judged]] = {
    "variance": by_variance,
    "correlation": by_correlation,
    "mutual_information": by_mutual_information,
    "noise": by_noise,
    "boruta": by_boruta,
    "recursive": by_recursion,
    "l1": by_l1,
}
