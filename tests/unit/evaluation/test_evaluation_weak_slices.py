"""Weak slices: a planted one is found on one half and confirmed on the other; a table without one stays quiet."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.expression import holds
from tenfold.measures.outcome import Outcome
from tenfold.records.dataset import Column, Field
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.evaluation.rows import Rows
from tenfold.stages.evaluation.weak_slices import Judged, find_weak_slices, told

ROWS = 4_000


def made(seed: int, task: str, plant: str) -> tuple[pl.DataFrame, Outcome, np.ndarray]:
    """Return a table with predictions that know the truth but for noise, and the rows whose target is noise."""
    rng = np.random.default_rng(seed)
    table = pl.DataFrame(rng.normal(size=(ROWS, 5)), schema=["a", "b", "c", "odd name", "e"])
    kind = rng.choice(["p", "it's"], ROWS, p=[0.95, 0.05])
    table = table.with_columns(kind=pl.Series(kind), flag=pl.Series(rng.random(ROWS) < 0.5))
    weak = {
        "level": kind == "it's",
        "tail": table["odd name"].to_numpy() > 1.645,
        "pair": table["flag"].to_numpy() & (table["c"].to_numpy() > 1.28),
        "none": np.zeros(ROWS, dtype=bool),
    }[plant]
    score = 2.0 * table["a"].to_numpy() - table["b"].to_numpy()
    if task == "regression":
        truth = score + 0.5 * rng.normal(size=ROWS)
        truth[weak] += 2.0 * rng.normal(size=int(weak.sum()))
        return table, Outcome(task="regression", truth=truth, scores=score[:, None]), weak
    chance = 1.0 / (1.0 + np.exp(-2.0 * score))
    happened = (rng.random(ROWS) < chance).astype(np.int64)
    happened[weak] = rng.integers(0, 2, int(weak.sum()))
    scores = np.column_stack([1.0 - chance, chance])
    return table, Outcome(task="binary", truth=happened, scores=scores, decision=(chance > 0.5).astype(np.int64)), weak


def looked_for(table: pl.DataFrame, outcome: Outcome, seed: int = 0, group: np.ndarray | None = None):
    problem = Problem(
        name="p",
        task=outcome.task,
        target="y",
        metric=MetricChoice(metric="rmse" if outcome.task == "regression" else "roc_auc", reason=""),
        classes=() if outcome.task == "regression" else ("0", "1"),
    )
    columns = [Column(field=Field(name=name, kind="numeric"), role="feature", reason="") for name in table.columns]
    half = len(table) // 2
    judged = []
    for name, places in (("cross-validation", np.arange(half)), ("test", np.arange(half, len(table)))):
        rows = Rows(name=name, numbers=places, table=table[places], truth=outcome.truth[places])
        if group is not None:
            rows = Rows(
                name=name, numbers=places, table=table[places], truth=outcome.truth[places], group=group[places]
            )
        judged.append(Judged(rows=rows, outcome=outcome.take(places)))
    return find_weak_slices(problem, columns, judged, seed)


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("plant", ["level", "tail", "pair"])
def test_a_planted_slice_is_found_with_rows_interval_and_a_condition_that_can_be_pasted(task: str, plant: str) -> None:
    for seed in range(3):
        table, outcome, weak = made(seed, task, plant)
        found = looked_for(table, outcome, seed)
        overlaps = []
        for one in found:
            inside = holds(one.condition, table).to_numpy()
            overlaps.append((inside & weak).sum() / (inside | weak).sum())
            assert one.estimate.low is not None
            assert one.estimate.high is not None
            assert one.estimate.low < one.estimate.value < one.estimate.high
            assert one.n == one.estimate.n >= 30
            # Measured on the half that the search did not see.
            assert one.of == ROWS // 2
            assert one.chance < 0.05
        # One condition that holds all of the rows may stand for two.
        assert max(overlaps) > (0.4 if plant == "pair" else 0.5)
        assert "problem.slices" in told(found)[0]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_table_without_a_weak_slice_is_quiet_though_every_model_errs_near_its_boundary(task: str) -> None:
    assert sum(bool(looked_for(*made(seed, task, "none")[:2], seed)) for seed in range(10)) <= 1


def test_slices_are_the_same_in_a_rerun_and_groups_stay_on_one_half() -> None:
    table, outcome, _ = made(1, "binary", "level")
    assert looked_for(table, outcome, 3) == looked_for(table, outcome, 3)
    group = np.arange(ROWS) // 40
    for one in looked_for(table, outcome, 3, group):
        assert one.of % 40 == 0


def test_few_rows_and_perfect_predictions_have_no_weak_slice() -> None:
    table, outcome, _ = made(0, "regression", "tail")
    few = np.arange(100)
    assert looked_for(table[few], outcome.take(few)) == ()
    perfect = Outcome(task="regression", truth=outcome.truth, scores=outcome.truth[:, None])
    assert looked_for(table, perfect) == ()
