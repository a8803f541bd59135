"""What a version that is tried says of requests, held against what the champion says of the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tenfold.bundle.format import load_bundle
from tenfold.foundation.errors import DataError, StoreError
from tenfold.measures.metrics import metric_called
from tenfold.measures.paired import difference
from tenfold.measures.threshold import decide
from tenfold.project.window_rows import OWN, outcomes_known
from tenfold.records.problem import Problem
from tenfold.records.release import Traffic
from tenfold.stages.monitoring.rows import Answered, known_rows
from tenfold.store.endpoints import shadow_of
from tenfold.store.open import Store
from tenfold.store.predictions.reader import Position
from tenfold.store.predictions.remembered import read_remembered
from tenfold.store.rows import Release

Floats = NDArray[np.float64]
MOST_ROWS = 20_000
"""The newest so many rows say enough of how alike two versions are."""
_MONEY = "value_per_row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What was counted since a trial began.

    Attributes
    ----------
    rows, champion_rows : int
        Predictions of the version that is tried (of a shadow, those that nobody got) and of the champion.
    judged : int
        Of ``rows``, those whose outcome is due and known.
    agreement : float or None
        The share of rows on which both decide alike; None for a regression, or where the champion cannot read them.
    apart : float or None
        The mean absolute difference of their scores (of the positive class, the last one, or the number).
    gain, gain_low, gain_high : float or None
        Money per row that the decisions of the version tried brought more than the champion's, on the same rows, with
        a 95 % interval; None without ``problem.value``.
    """

    rows: int
    champion_rows: int
    judged: int = 0
    agreement: float | None = None
    apart: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


def compared(store: Store, newest: Release, trial: Traffic, problem: Problem, *, now: datetime) -> Beside:
    """Return how a version that is tried does beside the champion, row by row.

    Every row was answered by one version; the other is asked again here, by its bundle, with the inputs that were
    logged. Of a shadow both answers are in the log.
    """
    since = Position(segments=trial.position)
    answered = _since(read_remembered(store.folder, newest.endpoint, since).rows, trial)
    theirs = answered.filter(pl.col("bundle") == newest.bundle)
    if trial.strategy == "shadow":
        own = _since(read_remembered(store.folder, shadow_of(newest.endpoint)).rows, trial)
    else:
        own = answered
    own = own.filter(pl.col("bundle") == trial.bundle)
    counted = Beside(rows=own.height, champion_rows=theirs.height)
    if not own.height:
        return counted
    outcomes = outcomes_known(store.labels.batches(), store)
    own = own.join(outcomes, on="id", how="left", maintain_order="left")
    due = now - timedelta(seconds=problem.labels_after_seconds)
    judged = own.filter((pl.col("at") <= due) & pl.col("outcome").is_not_null()).height
    own = own.tail(MOST_ROWS)
    counted = Beside(rows=counted.rows, champion_rows=counted.champion_rows, judged=judged)
    other = _champion_says(store, newest, problem, own)
    if other is None:
        return counted
    scores, decisions = other
    said = own.select(_outputs(problem)).to_numpy().astype(np.float64)
    agreement = None
    if problem.task != "regression" and decisions is not None:
        agreement = float(np.mean(_codes(own["decision"], problem) == decisions))
    apart = float(np.mean(np.abs(said[:, -1] - scores[:, -1])))
    gain = _gain(own, problem, said, scores, decisions, due)
    return Beside(
        rows=counted.rows,
        champion_rows=counted.champion_rows,
        judged=judged,
        agreement=agreement,
        apart=apart,
        gain=gain[0],
        gain_low=gain[1],
        gain_high=gain[2],
    )


def _since(rows: pl.DataFrame, trial: Traffic) -> pl.DataFrame:
    return rows.filter(pl.col("at") >= trial.since).unique("id", keep="last", maintain_order=True)


def _champion_says(
    store: Store, newest: Release, problem: Problem, rows: pl.DataFrame
) -> tuple[Floats, NDArray[np.int64] | None] | None:
    """Return the champion's scores and decisions on rows; None where it cannot be loaded, or reads other columns."""
    try:
        model = load_bundle(store.blobs.path(store.registry.find(newest.ref).blob))
        taken = {*OWN, *_outputs(problem)}
        inputs = {name: f"input_{name}" if name in taken else name for name in model.signature.names}
        if (model.task, model.classes) != (problem.task, problem.classes) or not set(inputs.values()) <= set(
            rows.columns
        ):
            return None
        table = model.signature.conform(rows.select(pl.col(column).alias(name) for name, column in inputs.items()))
    except (DataError, StoreError):
        return None
    scores = model.scores(table)
    return scores, decide(scores, model.threshold, model.value) if model.classes else None


def _gain(  # noqa: PLR0917 - two versions on rows
    rows: pl.DataFrame,
    problem: Problem,
    said: Floats,
    scores: Floats,
    decisions: NDArray[np.int64] | None,
    due: datetime,
) -> tuple[float | None, float | None, float | None]:
    """Return what the version tried brought more in money per row, with its interval."""
    if problem.value is None or decisions is None:
        return None, None, None
    usable = ((rows["at"] <= due) & rows["outcome"].is_in(list(problem.classes))).fill_null(value=False).to_numpy()
    if not usable.any():
        return None, None, None
    taken = {*OWN, *_outputs(problem), "outcome"}
    inputs = rows.select(
        pl.col(name).alias(name.removeprefix("input_") if name.removeprefix("input_") in taken else name)
        for name in rows.columns
        if name not in taken
    ).filter(usable)
    sides = [
        known_rows(problem, Answered(inputs=inputs, scores=values, decision=decided, truth=truth))
        for truth in [rows["outcome"].filter(usable)]
        for values, decided in (
            (said[usable], _codes(rows["decision"], problem)[usable]),
            (scores[usable], decisions[usable]),
        )
    ]
    own, other = sides
    metric = metric_called(_MONEY)
    if own is None or other is None or own.outcome.n != other.outcome.n or metric.objection(own.outcome):
        return None, None, None
    found = difference(metric, own.outcome, other.outcome, confidence=0.95)
    return found.value, found.low, found.high


def _codes(decided: pl.Series, problem: Problem) -> NDArray[np.int64]:
    codes = {name: code for code, name in enumerate(problem.classes)}
    return decided.replace_strict(codes, default=-1, return_dtype=pl.Int64).to_numpy()


def _outputs(problem: Problem) -> list[str]:
    return [f"proba_{name}" for name in problem.classes] or ["score"]
