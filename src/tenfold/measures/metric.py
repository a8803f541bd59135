"""The shape of a metric: a value, and how each row pulls on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tenfold.measures.metric_name import MetricName
from tenfold.measures.names import metric_name
from tenfold.measures.outcome import Floats, Outcome, UndefinedMetric

Need = Literal["scores", "decision", "money"]
Interval = Literal["proportion", "mean", "root-mean", "curve", "linearised", "resample", "none"]
Tails = Literal["light", "two-sided", "heavy"]
Scale = Literal["identity", "logit", "log", "log-complement", "atanh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Per-row statistics, equal rows written once.

    Attributes
    ----------
    atoms : ndarray of shape (n_atoms, d)
        Distinct rows of statistics.
    index : ndarray of shape (n,) or None
        Which atom each row is; None when there is one atom per row, in row order.
    """

    atoms: Floats
    index: NDArray[np.int64] | None = None

    def mean(self, weight: Floats | None) -> Floats:
        """Return the (weighted) mean of each statistic over the rows, shape (d,)."""
        if self.index is None:
            return np.asarray(np.average(self.atoms, axis=0, weights=weight), dtype=np.float64)
        mass = np.bincount(self.index, weights=weight, minlength=len(self.atoms))
        mean: Floats = mass @ self.atoms / mass.sum()
        return mean

    def rows(self) -> Floats:
        """Return the statistics row by row, shape (n, d)."""
        return self.atoms if self.index is None else self.atoms[self.index]


class Form(Protocol):
    """How a metric is computed and linearised."""

    def value(self, outcome: Outcome) -> float:
        """Return the metric."""
        ...

    def influence(self, outcome: Outcome) -> Floats:
        """Return each row's influence, shape (n,): mean zero, its variance over n that of the metric (Hampel, 1974)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """A smooth function of means over rows.

    Attributes
    ----------
    statistics : callable
        The per-row statistics of an outcome, d of them.
    combine : callable
        From means of shape (..., d) to the metric, shape (...).
    """

    statistics: Callable[[Outcome], Statistics]
    combine: Callable[[Floats], Floats]

    def value(self, outcome: Outcome) -> float:
        return float(self.combine(self.statistics(outcome).mean(outcome.weight)))

    def influence(self, outcome: Outcome) -> Floats:
        statistics = self.statistics(outcome)
        mean = statistics.mean(outcome.weight)
        pull = (statistics.atoms - mean) @ self.gradient(statistics.atoms, mean)
        rows = pull if statistics.index is None else pull[statistics.index]
        return rows if outcome.weight is None else rows * (outcome.weight / outcome.weight.mean())

    def gradient(self, atoms: Floats, mean: Floats) -> Floats:
        """Return the derivative of the metric by each mean, shape (d,), by central differences."""
        spread = np.abs(atoms - mean).max(axis=0)
        step = np.where(spread > 0, 1e-6 * spread, 1e-6)
        moves = np.diag(step)
        slope: Floats = (self.combine(mean + moves) - self.combine(mean - moves)) / (2 * step)
        return slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """A metric of the order of the scores.

    Attributes
    ----------
    of : callable
        From an outcome to the metric's value.
    linearised : callable
        From an outcome to the influences of its rows, shape (n,).
    """

    of: Callable[[Outcome], float]
    linearised: Callable[[Outcome], Floats]

    def value(self, outcome: Outcome) -> float:
        return self.of(outcome)

    def influence(self, outcome: Outcome) -> Floats:
        return self.linearised(outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A metric that is biased in small samples in a way no interval allows for: it is shown without a claim."""

    of: Callable[[Outcome], float]

    def value(self, outcome: Outcome) -> float:
        return self.of(outcome)

    def influence(self, outcome: Outcome) -> Floats:
        raise UndefinedMetric(f"no interval is claimed, so the pull of {outcome.n} rows is not defined")


def first(means: Floats) -> Floats:
    """Return the first mean itself: the metric is a mean over rows."""
    return means[..., 0]


def always_defined(outcome: Outcome) -> str:  # noqa: ARG001 - one signature for all
    """Return no objection."""
    return ""


def no_trials(outcome: Outcome) -> NDArray[np.bool_] | None:  # noqa: ARG001 - one signature for all
    """Return None: the metric is not a share of rows."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
        Its name in requirements.
    form : Form
        How it is computed and linearised.
    needs : tuple of str
        The parts of an outcome that it reads: ``scores``, ``decision``, ``money``.
    interval : str
        How its interval is found; see ``interval.py``.
    scale : str
        The scale on which its estimate is most nearly normal; it also says how far the metric can reach.
    tails : str
        How the rows of a mean scatter: ``light``, ``two-sided`` (rare rows far off on either side) or ``heavy``
        (squares); see ``intervals/skewed.py``.
    undefined : callable
        From an outcome to the reason why the metric has no value there; empty when it has one.
    trials : callable
        For a metric that is a share of rows: which rows count, as a mask of shape (n,); else None.
    """

    name: str
    form: Form
    needs: tuple[Need, ...]
    interval: Interval
    scale: Scale = "identity"
    tails: Tails = "light"
    undefined: Callable[[Outcome], str] = always_defined
    trials: Callable[[Outcome], NDArray[np.bool_] | None] = no_trials

    @property
    def known(self) -> MetricName:
        """Direction, tasks, unit and meaning."""
        return metric_name(self.name)

    @property
    def greater_is_better(self) -> bool:
        """Whether more is better."""
        return self.known.greater_is_better

    @property
    def ranking(self) -> bool:
        """Whether it is a metric of the order of scores, which needs some rows of each class."""
        return isinstance(self.form, Ranks)

    def objection(self, outcome: Outcome) -> str:
        """Return why the metric has no value on these rows; empty when it has one."""
        if outcome.task not in self.known.tasks:
            return f"{self.name} is not defined for a {outcome.task} task"
        if outcome.n == 0:
            return "there are no rows"
        if "decision" in self.needs and outcome.decision is None:
            return f"{self.name} needs decisions, and none were made"
        if "money" in self.needs and outcome.money is None:
            return f"{self.name} needs a value matrix, and there is none for these rows"
        return self.undefined(outcome)

    def compute(self, outcome: Outcome) -> float:
        """Return the metric's value.

        Raises
        ------
        UndefinedMetric
            When it has none on these rows; ``objection`` says why.
        """
        objection = self.objection(outcome)
        if objection:
            raise UndefinedMetric(objection)
        return self.form.value(outcome)

    def influence(self, outcome: Outcome) -> Floats:
        """Return how much each row pulls the value, shape (n,).

        Raises
        ------
        UndefinedMetric
            When the metric has no value on these rows.
        """
        objection = self.objection(outcome)
        if objection:
            raise UndefinedMetric(objection)
        return self.form.influence(outcome)
