"""Quick models trained on more and more rows, all measured on the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.stages.problem.deep_trees import deep_probe
from tenfold.stages.problem.encode import Design, Floats
from tenfold.stages.problem.probes import Course, Probe, lay_course, linear_probe, mean_probe, trees_probe
from tenfold.stages.problem.sample import Sample, Truth
from tenfold.stages.problem.signal import fold_ranks

FEWEST_ROWS = 24
"""On fewer training rows a quick model says nothing about how it goes on."""
_HALVINGS = 5
_REPEATS = ((400, 3), (1_200, 2))
"""Up to so many rows, so many divisions of the sample: few rows scatter."""

Grown = tuple[Probe, ...]
Train = Callable[[Course], Grown]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Growth:
    """How one quick model does on more and more rows.

    Attributes
    ----------
    rows : ndarray of shape (n_points,)
        Training rows, increasing.
    losses : ndarray of shape (n_points,)
        ``1 - roc_auc``, ``log_loss``, ``rmse``, or the share of wrong classes.
    covariance : ndarray of shape (n_points, n_points)
    """

    name: str
    rows: Floats
    losses: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What the quick models say of the same rows, by repetition, size and model; ``courses`` are of full size."""

    sizes: tuple[int, ...]
    courses: tuple[Course, ...]
    probes: tuple[tuple[Grown, ...], ...]
    rows: int


def grow(sample: Sample, design: Design, *, seed: int, rng: np.random.Generator) -> Said | None:
    """Train quick models on a half, a quarter, … of the rows as well; None when there are too few for three sizes."""
    count = len(sample.truth)
    repeats = 1 if sample.time is not None else next((times for most, times in _REPEATS if count <= most), 1)
    courses = tuple(lay_course(sample, rng) for _ in range(repeats))
    full = min(len(train) for train, _ in courses[0].folds)
    sizes = tuple(sorted(full >> halving for halving in range(_HALVINGS + 1) if full >> halving >= FEWEST_ROWS))
    if len(sizes) < 3:
        return None
    probes = tuple(
        tuple(
            train_quick(sample, design, _shortened(course, size, sample.time is None, rng), seed=seed) for size in sizes
        )
        for course in courses
    )
    return Said(sizes=sizes, courses=courses, probes=probes, rows=count)


def growths(sample: Sample, said: Said, loss: str) -> tuple[Growth, ...]:
    """Return how each quick model grows, by a loss: ``error_rate`` or that of the task's metric."""
    names = [one.name for one in said.probes[0][0]]
    return tuple(_growth(sample, said, place, name, loss) for place, name in enumerate(names))


def train_quick(sample: Sample, design: Design, course: Course, *, seed: int) -> Grown:
    """Return what each quick model says of the rows of a course."""
    linear, trees = linear_probe(sample, design, course), trees_probe(sample, design, course, seed=seed)
    return linear, trees, mean_probe(linear, trees), deep_probe(sample, design, course, seed=seed)


def _shortened(course: Course, size: int, shuffled: bool, rng: np.random.Generator) -> Course:
    """Return the course with ``size`` training rows in each fold: chosen by chance, or the newest ones."""
    folds = []
    for train, measured in course.folds:
        kept = np.sort(rng.choice(train, size, replace=False)) if shuffled else train[-size:]
        folds.append((kept, measured))
    return Course(folds=tuple(folds))


def _growth(sample: Sample, said: Said, place: int, name: str, loss: str) -> Growth:
    """Average over repetitions; rows pull on all sizes alike, so the sizes' errors hang together."""
    values = np.zeros((len(said.probes), len(said.sizes)))
    pulls = np.zeros((said.rows, len(said.sizes)))
    for repeat, course in enumerate(said.courses):
        truth = sample.truth[course.rows]
        for size, probes in enumerate(said.probes[repeat]):
            value, pull = _loss(sample, truth, probes[place].scores, course, loss)
            values[repeat, size] = value
            pulls[course.rows, size] += pull / len(said.courses)
    measured = len(said.courses[0].rows)
    covariance = pulls.T @ pulls / measured**2
    if len(values) > 1:
        # What division and choice of training rows add.
        covariance += np.diag(values.var(axis=0, ddof=1) / len(values))
    return Growth(
        name=name, rows=np.array(said.sizes, dtype=np.float64), losses=values.mean(axis=0), covariance=covariance
    )


def _loss(sample: Sample, truth: Truth, scores: Floats, course: Course, loss: str) -> tuple[float, Floats]:
    if loss == "error_rate":
        wrong = (scores.argmax(axis=1) != truth).astype(np.float64)
        return float(wrong.mean()), wrong - wrong.mean()
    if loss == "roc_auc":
        places = fold_ranks(scores[:, 1], course.fold)
        scores = np.column_stack([1.0 - places, places])
    outcome = Outcome(task=sample.task, truth=truth, scores=scores)
    metric = metric_called(loss)
    value, pull = metric.compute(outcome), metric.influence(outcome)
    return (1.0 - value, -pull) if loss == "roc_auc" else (value, pull)


def best(grown: Sequence[Growth]) -> Growth:
    """Return the quick model that does best on all rows."""
    return min(grown, key=lambda one: one.losses[-1])
