"""What every model must beat: the best constant, and the rule in use today."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.member import Member
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.view import fit_view
from tenfold.foundation.expression import columns_of, evaluate
from tenfold.records.model import Candidate
from tenfold.stages.training.bench import ALL_ROWS, Bench
from tenfold.stages.training.fitting import predicted_rows
from tenfold.stages.training.scored import Scored

Values = npt.NDArray[np.float64]

CONSTANT = "constant"
RULE = "rule"


def references(bench: Bench) -> list[Scored]:
    """Return the constant and, where the problem names one, the rule, with their predictions for the held-out rows."""
    made = [_scored(bench, CONSTANT, _constant_oof(bench), "the same for every row")]
    if bench.problem.rule is not None:
        made.append(_scored(bench, RULE, _rule_oof(bench, bench.problem.rule), bench.problem.rule))
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


def _scored(bench: Bench, key: str, oof: Values, note: str) -> Scored:
    rows = predicted_rows(oof)
    measure = bench.yardstick_of(rows)
    score, objection = measure.score(oof[rows])
    candidate = Candidate(
        key=key,
        learner=key,
        params={},
        view="",
        loss=measure.loss(oof[rows]),
        score=score,
        origin="reference",
        note="; ".join(part for part in (note, objection) if part),
    )
    return Scored(candidate=candidate, oof=oof)


def _constant(bench: Bench, rows: npt.NDArray[np.int64]) -> Values:
    """Return the classes' shares among these rows, or the mean; the median where absolute errors count."""
    truth, weights = bench.truth()[rows], bench.weights()
    weight = np.ones(len(rows)) if weights is None else weights[rows]
    if bench.task != "regression":
        shares = np.bincount(truth.astype(np.int64), weights=weight, minlength=bench.outputs)
        return np.asarray(shares / shares.sum())
    if bench.problem.metric.metric in ("mae", "mape"):
        return np.array([np.median(truth)])
    return np.array([np.average(truth, weights=weight)])


def _constant_oof(bench: Bench) -> Values:
    oof = np.full((bench.rows, bench.outputs), np.nan)
    for fold in range(bench.folds):
        train, held = bench.row_numbers(fold)
        oof[held] = _constant(bench, train)
    return oof


def _rule_oof(bench: Bench, rule: str) -> Values:
    """Return the rule's answers; for classes as the shares that the training rows with the same answer have."""
    answer = evaluate(rule, pl.read_parquet(bench.table, columns=list(columns_of(rule))))
    oof = np.full((bench.rows, bench.outputs), np.nan)
    if bench.task == "regression":
        said = answer.cast(pl.Float64).to_numpy()
        for fold in range(bench.folds):
            train, held = bench.row_numbers(fold)
            oof[held, 0] = np.where(np.isfinite(said[held]), said[held], _constant(bench, train)[0])
        return oof
    groups = answer.cast(pl.String).fill_null("").rank("dense").to_numpy().astype(np.int64) - 1
    truth = bench.truth()
    for fold in range(bench.folds):
        train, held = bench.row_numbers(fold)
        counts = np.zeros((int(groups.max()) + 1, bench.outputs))
        np.add.at(counts, (groups[train], truth[train].astype(np.int64)), 1.0)
        # One row's worth of the overall shares: an answer that no training row has says nothing.
        counts += _constant(bench, train)
        oof[held] = (counts / counts.sum(axis=1, keepdims=True))[groups[held]]
    return oof
