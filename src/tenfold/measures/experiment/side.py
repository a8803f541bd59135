"""One arm's rows as they are compared, and what is known of a metric before any row comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tenfold.measures.confusion import every_row
from tenfold.measures.metric import Metric, Moments, first
from tenfold.measures.outcome import Floats, Outcome, Rows
from tenfold.records.problem import Task, ValueMatrix


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """Rows of one arm whose outcome is due and known.

    Attributes
    ----------
    outcome : Outcome
        With a ``group`` where one unit has several rows: units are what was divided, so units are what is counted.
    share : ndarray of shape (n,)
        Which share of the units of both arms this arm was to get when the row was answered.
    expected : mapping from metric to ndarray of shape (n,)
        What a row's value was expected to be before it was divided, in the value's own unit: less is left to chance.
    covariate : ndarray of shape (n,), or None
        Another number of each row that no arm can have changed; bounds are then no longer exact.
    """

    outcome: Outcome
    share: Floats
    expected: Mapping[str, Floats] = field(default_factory=dict)
    covariate: Floats | None = None

    def take(self, rows: Rows) -> Side:
        """Return some rows only."""
        return Side(
            outcome=self.outcome.take(rows),
            share=self.share[rows],
            expected={name: values[rows] for name, values in self.expected.items()},
            covariate=None if self.covariate is None else self.covariate[rows],
        )

    @property
    def units(self) -> int:
        """Number of units that were divided."""
        return self.outcome.n if self.outcome.group is None else len(np.unique(self.outcome.group))

    def weighted(self) -> Outcome:
        """Return the outcome with rows weighted so that arms are compared within times of the same shares.

        Where shares changed, each row counts as the other arm's share of its time did (overlap weights; Li, Morgan and
        Zaslavsky, 2018): a time counts by what it can tell, and a day that was odd was odd for both arms.
        """
        if not self.outcome.n or np.ptp(self.share) == 0.0:
            return self.outcome
        return Outcome(
            task=self.outcome.task,
            truth=self.outcome.truth,
            scores=self.outcome.scores,
            decision=self.outcome.decision,
            money=self.outcome.money,
            weight=1.0 - self.share,
            group=self.outcome.group,
        )


def row_values(metric: Metric, outcome: Outcome) -> Floats | None:
    """Return the values of which the metric is the mean, shape (n,); None where it is no mean over rows."""
    if not isinstance(metric.form, Moments):
        return None
    if metric.form.combine is first:
        return np.asarray(metric.form.statistics(outcome).rows()[:, 0], dtype=np.float64)
    if metric.trials is every_row and outcome.decision is not None:
        return np.asarray(outcome.decision == outcome.truth, dtype=np.float64)
    return None


def row_reach(metric: Metric, task: Task, value: ValueMatrix | None, *, by_row: bool) -> tuple[float, float] | None:
    """Return between which values every row of the metric must lie; None where nothing bounds it.

    Parameters
    ----------
    value : ValueMatrix or None
        What decisions bring; ``by_row``: amounts differ from row to row, so that nothing bounds them beforehand.
    """
    if metric.name == "value_per_row":
        if value is None or by_row:
            return None
        amounts = [amount for row in value.amounts for amount in row]
        return min(amounts), max(amounts)
    if metric.name == "brier":
        return (0.0, 1.0) if task == "binary" else (0.0, 2.0)
    low, high = metric.known.reach
    return (low, high) if np.isfinite(low) and np.isfinite(high) else None
