"""How much a model leans on each column: the loss added when the column's values are shuffled among rows."""

from __future__ import annotations

import numpy as np

from tenfold.bundle.model import Model
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.rows import Floats, Rows

_ROWS = 1_000
_ALL_PREDICTIONS = 20_000
_FEWEST_ROWS = 50


def permutation_importance(
    model: Model, problem: Problem, rows: Rows, rng: np.random.Generator
) -> list[dict[str, object]]:
    """Return columns and the loss that shuffling each adds, largest first (Breiman, 2001, "Random forests").

    The work is bounded: the more columns, the fewer rows.
    """
    names = model.signature.names
    count = min(len(rows.numbers), _ROWS, max(_FEWEST_ROWS, _ALL_PREDICTIONS // max(len(names), 1)))
    chosen = rows.take(np.sort(rng.permutation(len(rows.numbers))[:count]))
    table = chosen.table.select(names)
    before = _loss(problem, chosen, model.scores(table))
    found = []
    for name in names:
        shuffled = table.with_columns(table[name][rng.permutation(count)])
        added = _loss(problem, chosen, model.scores(shuffled)) - before
        found.append({"column": name, "added_loss": added})
    return sorted(found, key=lambda one: -float(str(one["added_loss"])))


def _loss(problem: Problem, rows: Rows, scores: Floats) -> float:
    name = "rmse" if problem.task == "regression" else "log_loss"
    outcome = Outcome(task=problem.task, truth=rows.truth, scores=scores)
    return metric_called(name).compute(outcome)
