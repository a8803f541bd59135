"""What every model must beat: the best constant, and the rule in use today."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.member import Member
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.view import fit_view
from tenfold.foundation.expression import columns_of, evaluate
from tenfold.measures.names import level_of
from tenfold.records.model import Candidate
from tenfold.stages.training.bench import ALL_ROWS, Bench
from tenfold.stages.training.scored import Scored

Values = npt.NDArray[np.float64]

CONSTANT = "constant"
RULE = "rule"


def references(bench: Bench) -> list[Scored]:
    """Return the constant and, where the problem names one, the rule, with their predictions for the held-out rows."""
    constant = {fold: _constant_held(bench, fold) for fold in range(bench.folds)}
    made = [_scored(bench, CONSTANT, constant, "the same for every row")]
    if bench.problem.rule is not None:
        answers = _answers(bench, bench.problem.rule)
        rule = {fold: _rule_held(bench, answers, fold) for fold in range(bench.folds)}
        made.append(_scored(bench, RULE, rule, bench.problem.rule))
    return made


def constant_member(bench: Bench) -> Member:
    """Return the constant learned from all development rows: the last resort, when there was time for nothing else."""
    numbers, _ = bench.row_numbers(ALL_ROWS)
    view, _ = fit_view((), pl.DataFrame({"row": numbers}), None, np.random.default_rng(bench.seed))
    values = _constant(bench, numbers)
    return Member(
        key=CONSTANT,
        weight=1.0,
        view_name="native",
        view=view,
        predictor=ConstantPredictor(values=tuple(values.tolist())),
    )


def _scored(bench: Bench, key: str, held: dict[int, Values], note: str) -> Scored:
    measure, predictions = bench.yardstick(list(held)), np.concatenate(list(held.values()))
    score, objection = measure.score(predictions)
    candidate = Candidate(
        key=key,
        learner=key,
        params={},
        view="",
        loss=measure.loss(predictions),
        score=score,
        origin="reference",
        note="; ".join(part for part in (note, objection) if part),
    )
    return Scored(candidate=candidate, held=held)


def _constant(bench: Bench, rows: npt.NDArray[np.int64]) -> Values:
    """Return the classes' shares among these rows, or the mean; a quantile where that is asked for."""
    truth, weights = bench.truth()[rows], bench.weights()
    weight = np.ones(len(rows)) if weights is None else weights[rows]
    if bench.task != "regression":
        shares = np.bincount(truth.astype(np.int64), weights=weight, minlength=bench.outputs)
        return np.asarray(shares / shares.sum())
    metric = bench.problem.metric.metric
    level = 0.5 if metric in ("mae", "mape", "smape") else level_of(metric)
    if level is not None:
        return np.array([np.quantile(truth, level)])
    return np.array([np.average(truth, weights=weight)])


def _constant_held(bench: Bench, fold: int) -> Values:
    train, held = bench.row_numbers(fold)
    return np.tile(_constant(bench, train), (len(held), 1))


def _answers(bench: Bench, rule: str) -> npt.NDArray[np.generic]:
    """Return what the rule says of every row of the table: numbers, or for classes the number of the answer."""
    answer = evaluate(rule, pl.read_parquet(bench.table, columns=list(columns_of(rule))))
    if bench.task == "regression":
        return answer.cast(pl.Float64).to_numpy()
    return answer.cast(pl.String).fill_null("").rank("dense").to_numpy().astype(np.int64) - 1


def _rule_held(bench: Bench, answers: npt.NDArray[np.generic], fold: int) -> Values:
    """Return the rule's answers; for classes as the shares that the training rows with the same answer have."""
    train, held = bench.row_numbers(fold)
    overall = _constant(bench, train)
    if bench.task == "regression":
        said = answers.astype(np.float64)[held]
        return np.where(np.isfinite(said), said, overall[0])[:, None]
    groups = answers.astype(np.int64)
    counts = np.zeros((int(groups.max()) + 1, bench.outputs))
    np.add.at(counts, (groups[train], bench.truth()[train].astype(np.int64)), 1.0)
    # One row's worth of the overall shares: an answer that no training row has says nothing.
    counts += overall
    return np.asarray((counts / counts.sum(axis=1, keepdims=True))[groups[held]])
