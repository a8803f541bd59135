"""Where the model does worse: conditions on one or two columns, found on half of the rows, confirmed on the other.

The search looks at every level, every interval between quantiles, and every pair of two such conditions, by sums over
the cells of a grid; in the manner of SliceFinder (Chung et al., 2019, "Slice finder: automated data slicing for model
validation") and SliceLine (Sagadeeva and Boehm, 2021). What it picks is tested on rows that the search never saw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.foundation.expression import holds
from tenfold.measures.interval import FEWEST_ROWS, estimate
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.records.dataset import Column
from tenfold.records.evaluation import Estimate, WeakSlice
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.difficulty import expected_losses
from tenfold.stages.evaluation.rows import Rows

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MOST_TOLD = 5
FEWEST_TO_LOOK = 200
MATERIAL = 1.5
"""A slice is weak where the mean loss is at least so many times that of rows as hard elsewhere."""
CONFIDENCE = 0.95

_MOST_SEARCHED = 20_000
_MOST_COLUMNS = 60
_FINE, _COARSE = 20, 8
_MOST_LEVELS = 30
_LEAST_SHARE, _MOST_SHARE = 0.01, 0.5
_FEWEST_INSIDE = 20
_PROMISING = 1.3
_TRIED = 8
_REFINED = 6
_ALIKE = 0.5
_WORTH_A_SECOND = 1.15
_ROLES = frozenset({"feature", "sensitive", "group", "entity"})
_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Rows with honest predictions: none of them trained what predicted it."""

    rows: Rows
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Axis:
    """One column cut into cells, and the conditions that are unions of neighbouring cells.

    Attributes
    ----------
    cell : ndarray of shape (n,)
        The cell of each row; ``cells`` where it is in none.
    inside : ndarray of shape (n_conditions, cells)
        1 where a condition holds for the rows of a cell.
    """

    name: str
    cell: Codes
    cells: int
    inside: Floats
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    condition: str
    strength: float


def find_weak_slices(
    problem: Problem, columns: Sequence[Column], judged: Sequence[Judged], seed: int
) -> tuple[WeakSlice, ...]:
    """Return the slices that are confirmed to be weak, the one that costs most first; at most five.

    Parameters
    ----------
    judged : sequence of Judged
        Parts of the table with predictions of models that did not see them.

    Returns
    -------
    tuple of WeakSlice
        Figures are of the half that the search did not see. A slice is told when its mean loss (squared error of the
        probabilities; absolute error) exceeds what rows as hard have, by a one-sided test at 95 % that allows for the
        number of slices tested, and is at least 1.5 times as large, and its main metric is not better.
    """
    rng = np.random.default_rng([seed, *b"weak slices"])
    table = pl.concat([one.rows.table for one in judged], how="vertical_relaxed")
    loss = np.concatenate([_losses(one.outcome) for one in judged])
    if len(loss) < FEWEST_TO_LOOK or not loss.any():
        return ()
    search = _half(judged, len(loss), rng)
    looked = np.flatnonzero(search)
    if len(looked) > _MOST_SEARCHED:
        looked = np.sort(rng.permutation(looked)[:_MOST_SEARCHED])
    names = [
        column.name
        for column in columns
        if column.role in _ROLES and column.name in table.columns and column.available == "now"
    ][:_MOST_COLUMNS]
    expected = expected_losses(table.select(names), joined([one.outcome for one in judged]), loss, looked, seed)
    found = _search(table[looked].select(names), loss[looked], expected[looked])
    rest = np.flatnonzero(~search)
    ground = _Ground(table=table[rest], loss=loss[rest], expected=expected[rest], numbers=rest)
    return _confirmed(problem, judged, ground, list(_distinct(found, table[looked])))


def told(found: Sequence[WeakSlice]) -> tuple[str, ...]:
    """Return one sentence for each weak slice."""
    return tuple(
        f"a weak slice: where {one.condition} ({one.n:,} of {one.of:,} rows, {one.share:.1%}) {_figures(one)}; paste"
        f" the condition into `problem.slices` to have it measured and required in every run"
        for one in found
    )


def _figures(one: WeakSlice) -> str:
    if one.estimate.value is None or one.rest.value is None:
        return f"the loss is {one.ratio:.1f} times that of rows as hard elsewhere"
    bounds = ""
    if one.estimate.low is not None and one.estimate.high is not None:
        bounds = f" [{one.estimate.low:.4g}, {one.estimate.high:.4g}]"
    return (
        f"{one.estimate.metric} is {one.estimate.value:.4g}{bounds} instead of {one.rest.value:.4g}, and the loss"
        f" {one.ratio:.1f} times that of rows as hard elsewhere"
    )


def _losses(outcome: Outcome) -> Floats:
    """Return what each row adds: the squared error of its probabilities, or its absolute error."""
    if outcome.task == "regression":
        return np.abs(outcome.truth - outcome.scores[:, 0])
    hit = np.zeros_like(outcome.scores)
    hit[np.arange(outcome.n), outcome.truth.astype(np.int64)] = 1.0
    return np.asarray(((outcome.scores - hit) ** 2).sum(axis=1))


def _half(judged: Sequence[Judged], count: int, rng: np.random.Generator) -> Mask:
    """Return which rows are searched; groups stay on one side."""
    groups = [one.rows.group for one in judged]
    if any(group is None for group in groups):
        half: Mask = rng.permutation(count) < count // 2
        return half
    _, group = np.unique(np.concatenate([each for each in groups if each is not None]), return_inverse=True)
    side = rng.permutation(int(group.max()) + 1) % 2 == 0
    return np.asarray(side[group])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """The half that confirms; ``numbers`` are the rows' places among all that are judged."""

    table: pl.DataFrame
    loss: Floats
    expected: Floats
    numbers: npt.NDArray[np.int64]


def _search(table: pl.DataFrame, loss: Floats, expected: Floats) -> list[_Found]:
    """Return promising conditions, strongest first."""
    fine = [axis for name in table.columns if (axis := _axis(table[name], _FINE)) is not None]
    total = _Sums.of(np.zeros(len(loss), dtype=np.int64), 1, loss, expected)
    single: dict[str, float] = {}
    found: list[_Found] = []
    alone: list[tuple[float, _Axis, int]] = []
    for axis in fine:
        sums = _Sums.of(axis.cell, axis.cells, loss, expected)
        strength = sums.over(axis.inside).strength(total)
        single[axis.name] = max(float(strength.max(initial=0.0)), 0.0)
        found += _best(strength, axis.texts, 3)
        at = int(strength.argmax())
        alone.append((float(strength[at]), axis, at))
    for strength_alone, axis, at in sorted(alone, key=lambda one: -one[0])[:_REFINED]:
        found += _refined(strength_alone, axis, at, fine, loss, expected, total)
    coarse = {name: axis for name in table.columns if (axis := _axis(table[name], _COARSE)) is not None}
    axes = list(coarse.values())
    for place, a in enumerate(axes):
        for b in axes[place + 1 :]:
            cell = np.where((a.cell < a.cells) & (b.cell < b.cells), a.cell * b.cells + b.cell, a.cells * b.cells)
            sums = _Sums.of(cell, a.cells * b.cells, loss, expected)
            strength = sums.crossed(a, b).strength(total)
            at = int(strength.argmax())
            best = float(strength[at])
            # A second condition must say clearly more than either column alone.
            if best > _WORTH_A_SECOND * max(single[a.name], single[b.name]):
                text = f"{a.texts[at // len(b.texts)]} AND {b.texts[at % len(b.texts)]}"
                found.append(_Found(condition=text, strength=best))
    return sorted(found, key=lambda one: (-one.strength, one.condition))


def _refined(  # noqa: PLR0917 - one condition among all
    strength_alone: float, axis: _Axis, at: int, fine: Sequence[_Axis], loss: Floats, expected: Floats, total: _Sums
) -> list[_Found]:
    """Return the best narrower slices within one condition, at full resolution, that say clearly more than it."""
    if strength_alone <= 0.0:
        return []
    inside = np.append(axis.inside[at], 0.0)[axis.cell] > 0
    found = []
    for other in fine:
        if other is axis:
            continue
        sums = _Sums.of(other.cell[inside], other.cells, loss[inside], expected[inside])
        strength = sums.over(other.inside).strength(total)
        best = int(strength.argmax())
        if strength[best] > _WORTH_A_SECOND * strength_alone:
            text = f"{axis.texts[at]} AND {other.texts[best]}"
            found.append(_Found(condition=text, strength=float(strength[best])))
    return found


def _best(strength: Floats, texts: Sequence[str], most: int) -> list[_Found]:
    order = np.argsort(-strength, kind="stable")[:most]
    return [_Found(condition=texts[at], strength=float(strength[at])) for at in order if strength[at] > 0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """Rows, expected losses, and the excess over them with its square, in each of some sets of rows."""

    rows: Floats
    expected: Floats
    excess: Floats
    square: Floats

    @classmethod
    def of(cls, cell: Codes, cells: int, loss: Floats, expected: Floats) -> _Sums:
        def summed(weights: Floats | None) -> Floats:
            return np.bincount(cell, weights=weights, minlength=cells + 1)[:cells].astype(np.float64)

        excess = loss - expected
        return cls(rows=summed(None), expected=summed(expected), excess=summed(excess), square=summed(excess * excess))

    def over(self, inside: Floats) -> _Sums:
        return self._each(lambda values: inside @ values)

    def crossed(self, a: _Axis, b: _Axis) -> _Sums:
        return self._each(lambda values: (a.inside @ values.reshape(a.cells, b.cells) @ b.inside.T).ravel())

    def _each(self, combined: Callable[[Floats], Floats]) -> _Sums:
        return _Sums(
            rows=combined(self.rows),
            expected=combined(self.expected),
            excess=combined(self.excess),
            square=combined(self.square),
        )

    def strength(self, total: _Sums) -> Floats:
        """Return Welch's t of each set against all other rows; 0 where it is too small, too large or hardly worse."""
        whole = float(total.rows[0])
        others = whole - self.rows
        allowed = (self.rows >= max(_FEWEST_INSIDE, _LEAST_SHARE * whole)) & (self.rows <= _MOST_SHARE * whole)
        here, there = np.maximum(self.rows, 2.0), np.maximum(others, 2.0)
        mean, mean_there = self.excess / here, (total.excess[0] - self.excess) / there
        spread = np.maximum(self.square / here - mean**2, 0.0)
        spread_there = np.maximum((total.square[0] - self.square) / there - mean_there**2, 0.0)
        # Small sets may have next to no spread by chance: never less than a part of what the others have.
        error = np.sqrt(np.maximum(spread, 0.5 * spread_there) / here + spread_there / there)
        allowed &= (self.excess >= (_PROMISING - 1.0) * self.expected) & (error > 0)
        return np.where(allowed, (mean - mean_there) / np.where(error > 0, error, 1.0), 0.0)


def _axis(column: pl.Series, bins: int) -> _Axis | None:
    """Return a column's cells and conditions; None for a column with nothing to tell apart."""
    name = _quoted(column.name)
    if column.dtype.is_numeric():
        return _of_numbers(column, name, bins)
    if column.dtype in (pl.String, pl.Boolean):
        return _of_levels(column, name)
    return None


def _of_numbers(column: pl.Series, name: str, bins: int) -> _Axis | None:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = values[np.isfinite(values)]
    if len(known) < 2 * _FEWEST_INSIDE:
        return None
    distinct = np.unique(known)
    if len(distinct) <= bins:
        edges = distinct[:-1]
    else:
        cuts = np.quantile(known, np.arange(1, bins) / bins)
        edges = np.unique([float(f"{cut:.4g}") for cut in cuts])
        edges = edges[(edges >= distinct[0]) & (edges < distinct[-1])]
    if not len(edges):
        return None
    cells = len(edges) + 1
    missing = int(len(known) < len(values))
    cell = np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), cells)
    inside, texts = [], []
    for first in range(cells):
        for last in range(first, cells):
            if last - first + 1 == cells:
                continue
            line = np.zeros(cells + missing)
            line[first : last + 1] = 1.0
            inside.append(line)
            parts = [f"{name} > {edges[first - 1]:.10g}"] if first else []
            parts += [f"{name} <= {edges[last]:.10g}"] if last < cells - 1 else []
            texts.append(" AND ".join(parts))
    if missing:
        line = np.zeros(cells + 1)
        line[cells] = 1.0
        inside.append(line)
        texts.append(f"{name} IS NULL")
    return _Axis(
        name=column.name, cell=cell.astype(np.int64), cells=cells + missing, inside=np.array(inside), texts=tuple(texts)
    )


def _of_levels(column: pl.Series, name: str) -> _Axis | None:
    counts = column.value_counts(sort=True, name="__rows").filter(pl.col("__rows") >= _FEWEST_INSIDE).head(_MOST_LEVELS)
    levels = counts[column.name].to_list()
    if not levels or (len(levels) == 1 and counts["__rows"][0] == len(column)):
        return None
    place = {level: number for number, level in enumerate(levels)}
    cell = np.array([place.get(value, len(levels)) for value in column.to_list()], dtype=np.int64)
    texts = tuple(_is(name, level) for level in levels)
    return _Axis(name=column.name, cell=cell, cells=len(levels), inside=np.eye(len(levels)), texts=texts)


def _is(name: str, level: object) -> str:
    if level is None:
        return f"{name} IS NULL"
    if isinstance(level, bool):
        return f"{name} = {'true' if level else 'false'}"
    return f"{name} = '{str(level).replace(chr(39), chr(39) * 2)}'"


def _quoted(name: str) -> str:
    """Return a column's name as SQL reads it."""
    return name if _PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


def _distinct(found: Sequence[_Found], table: pl.DataFrame) -> Iterator[str]:
    """Yield conditions, strongest first, leaving out those that mean much the same rows as one before."""
    kept: list[Mask] = []
    for one in found[: 12 * _TRIED]:
        inside = holds(one.condition, table).to_numpy()
        if all((inside & other).sum() < _ALIKE * min(max(inside.sum(), 1), max(other.sum(), 1)) for other in kept):
            kept.append(inside)
            yield one.condition
        if len(kept) == _TRIED:
            return


def _confirmed(
    problem: Problem, judged: Sequence[Judged], ground: _Ground, tried: Sequence[str]
) -> tuple[WeakSlice, ...]:
    slices = []
    for condition in tried:
        inside = holds(condition, ground.table).to_numpy()
        chance = _chance(ground, inside) * len(tried)
        if chance < 1.0 - CONFIDENCE:
            slices.append(_measured(problem, judged, ground, condition, inside, chance, tried=len(tried)))
    weak = [one for one in slices if not _better(one)]
    return tuple(sorted(weak, key=lambda one: -one.n * (one.ratio - 1.0))[:MOST_TOLD])


def _chance(ground: _Ground, inside: Mask) -> float:
    """Return the chance of so great an excess inside without one, by Welch's test; 1 where it is not material."""
    from scipy.stats import t as t_distribution

    excess = ground.loss - ground.expected
    here, there = excess[inside], excess[~inside]
    if len(here) < _FEWEST_INSIDE or len(there) < _FEWEST_INSIDE or _ratio(ground, inside) < MATERIAL:
        return 1.0
    a = max(float(here.var(ddof=1)), 0.5 * float(there.var(ddof=1))) / len(here)
    b = float(there.var(ddof=1)) / len(there)
    if a + b <= 0:
        return 1.0
    freedom = (a + b) ** 2 / (a**2 / (len(here) - 1) + b**2 / (len(there) - 1))
    return float(t_distribution.sf((here.mean() - there.mean()) / np.sqrt(a + b), freedom))


def _ratio(ground: _Ground, inside: Mask) -> float:
    return float(ground.loss[inside].mean() / max(float(ground.expected[inside].mean()), 1e-300))


def _measured(  # noqa: PLR0917 - the parts of one record
    problem: Problem,
    judged: Sequence[Judged],
    ground: _Ground,
    condition: str,
    inside: Mask,
    chance: float,
    *,
    tried: int,
) -> WeakSlice:
    metric = metric_called(problem.metric.metric, problem.task)

    def measured(which: npt.NDArray[np.int64]) -> Estimate:
        outcome = _some(judged, which)
        if outcome.n < FEWEST_ROWS:
            reason = f"insufficient: {outcome.n} rows, at least {FEWEST_ROWS} are needed"
            return Estimate(metric=metric.name, value=None, n=outcome.n, reason=reason)
        return estimate(metric, outcome, rng=np.random.default_rng([len(which), *condition.encode()[:16]]))

    return WeakSlice(
        condition=condition,
        n=int(inside.sum()),
        of=len(inside),
        share=float(inside.mean()),
        estimate=measured(ground.numbers[inside]),
        rest=measured(ground.numbers[~inside]),
        ratio=_ratio(ground, inside),
        chance=chance,
        tried=tried,
    )


def _better(one: WeakSlice) -> bool:
    """Whether the main metric contradicts: then rows differ in how hard they are, not in how well the model does."""
    if one.estimate.value is None or one.rest.value is None:
        return False
    gain = one.estimate.value - one.rest.value
    return gain > 0 if metric_called(one.estimate.metric).greater_is_better else gain < 0


def _some(judged: Sequence[Judged], which: npt.NDArray[np.int64]) -> Outcome:
    """Return the outcome of rows that are numbered through all parts."""
    taken, first = [], 0
    for one in judged:
        inside = which[(which >= first) & (which < first + one.outcome.n)] - first
        first += one.outcome.n
        if len(inside):
            taken.append(one.outcome.take(inside))
    return joined(taken)


def joined(parts: Sequence[Outcome]) -> Outcome:
    """Return several outcomes as one."""
    if len(parts) == 1:
        return parts[0]

    def together(name: str) -> npt.NDArray[np.generic] | None:
        values = [getattr(part, name) for part in parts]
        return None if any(value is None for value in values) else np.concatenate(values)

    return Outcome(
        task=parts[0].task,
        truth=np.concatenate([part.truth for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        decision=together("decision"),  # type: ignore[arg-type]  # concatenating keeps the dtype
        money=together("money"),  # type: ignore[arg-type]  # likewise
        weight=together("weight"),  # type: ignore[arg-type]  # likewise
        group=together("group"),
    )
