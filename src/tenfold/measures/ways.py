"""One model, measured in several ways: how good it looked, how good it is, and what lies between."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.records.evaluation import Estimate, Evaluation
from tenfold.records.problem import Problem
from tenfold.records.tuning import Tuning


def ways_of(problem: Problem, tuning: Tuning, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Return the main metric by the way it was measured, the one that is most too good first.

    Returns
    -------
    mapping
        ``best`` on the rows that chose it, ``corrected`` for that choice, ``nested`` where that was asked for, and
        ``sealed`` where rows are; a way that was not gone is left out.
    """
    name = problem.metric.metric
    found: dict[str, Estimate] = {}
    chosen = tuning.selection
    if chosen is not None:
        found["best"] = Estimate(metric=name, value=chosen.naive, method="on the rows that chose it")
        if chosen.corrected is not None:
            found["corrected"] = Estimate(
                metric=name, value=chosen.corrected, low=chosen.low, high=chosen.high, method=chosen.method
            )
    for way, part in (("nested", "nested"), ("sealed", "test")):
        measured = evaluation.metrics.get(part, {}).get(name)
        if measured is not None:
            found[way] = measured
    return found
