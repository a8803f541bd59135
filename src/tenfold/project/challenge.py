"""A challenger: the rows that may train it, its run, and its contest with the champion."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.format import load_bundle
from tenfold.bundle.inputs import input_table
from tenfold.bundle.model import Model
from tenfold.engine.stage import External
from tenfold.foundation.context import Received
from tenfold.foundation.errors import DataError, InputError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.lifecycle import Table
from tenfold.measures.judge import judge
from tenfold.measures.metrics import metric_called
from tenfold.measures.names import metric_name
from tenfold.measures.outcome import Outcome
from tenfold.project.reproduce import ROWS, kept_results
from tenfold.records.dataset import Field
from tenfold.records.evidence import Verdict
from tenfold.records.problem import Problem
from tenfold.records.retrain import Gain, RetrainRequest, Span
from tenfold.stages.data.target import with_target
from tenfold.stages.evaluation.champion import Champion
from tenfold.stages.evaluation.outcomes import Baseline
from tenfold.stages.evaluation.rows import Rows
from tenfold.stages.retraining.compare import Settled, compare, settle
from tenfold.stages.retraining.known import known_rows, without_sealed
from tenfold.stages.retraining.options import RetrainingOptions
from tenfold.stages.retraining.span import Question, choose_span
from tenfold.store.open import Store
from tenfold.store.rows import Version

PLACE = "retrain"
BETTER = "better-than-champion"
"""The requirement that every challenger is held to, beside those of the file."""
OLD_ROWS = "old sealed rows"
SEALED_ROWS = 12_000
"""More sealed rows than these would say little more, and the newest rows teach the most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """A version with what its run left behind.

    Attributes
    ----------
    sealed : polars.DataFrame
        The rows that it was judged on; empty where none were sealed.
    development : polars.DataFrame
        The rows that it was trained and chosen on; of a model from elsewhere, those that it may have been.
    """

    version: Version
    model: Model
    problem: Problem
    sealed: pl.DataFrame
    development: pl.DataFrame

    def times(self, rows: pl.DataFrame) -> tuple[datetime, datetime] | None:
        """Return the first and the last time of some rows; None without rows or without a time column."""
        if self.problem.time is None or not rows.height:
            return None
        first, last = rows[self.problem.time].min(), rows[self.problem.time].max()
        return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None


def made(ref: str, store: Store) -> Made:
    """Return a version with the rows of its run.

    Raises
    ------
    InputError
        When there is no such version, or nothing is kept of its run.
    """
    version = store.registry.find(ref)
    kept: Mapping[str, Received[Any]] = kept_results(version.run, store, stages=ROWS)
    table = input_table(kept["data"].files["table.parquet"], kept["features"].files.get("lags.parquet"))
    part = pl.read_parquet(kept["validation"].files["split.parquet"])["part"]
    return Made(
        version=version,
        model=load_bundle(store.blobs.path(version.blob)),
        problem=kept["problem"].record,
        sealed=table.filter(part == "test"),
        development=table.filter(part.is_in(["train", "validation"])),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRows:
    """What a challenger is trained from, and which rows these are."""

    external: External
    span: Span


def training_rows(base: External, request: RetrainRequest, champion: Made, store: Store, *, seed: int) -> TrainingRows:
    """Return the rows that were known when the training was asked for, without those sealed for the champion.

    Without a time column nobody can say what was known when: the table is taken as it is now.

    Raises
    ------
    DataError
        When the table lacks the column of times.
    InputError
        When nothing was known.
    """
    problem = champion.problem
    if problem.time is None:
        span = Span(name="all rows", rows=0, reason="the problem has no time column: the table as it is now")
        return TrainingRows(external=base, span=span)
    table = base.load()
    assert isinstance(table, Table)
    delay = timedelta(seconds=problem.labels_after_seconds)
    rows = known_rows(pl.read_parquet(table.path), time=problem.time, labels_after=delay, now=request.at)
    if problem.target in rows.columns:
        rows = rows.filter(pl.col(problem.target).is_not_null())
    sealed = champion.times(champion.sealed)
    if sealed is not None:
        rows = without_sealed(rows, time=problem.time, since=sealed[0], until=sealed[1])
    if not rows.height:
        raise InputError(f"no row with a known outcome at {request.at:%Y-%m-%d %H:%M}: nothing to train on")
    columns = tuple(name for name in champion.model.signature.names if name in rows.columns)
    labelled, _ = with_target(rows, problem)
    # A class that came up since the champion was made counts like the others.
    classes = (
        () if problem.task == "regression" else tuple(sorted(str(each) for each in labelled[problem.target].unique()))
    )
    question = Question(task=problem.task, target=problem.target, classes=classes, columns=columns, time=problem.time)
    span = choose_span(labelled, question, seed=seed, gap=delay)
    if span.since is not None:
        rows = rows.filter(pl.col(problem.time) >= span.since)
    path = store.scratch.new_folder() / "table.parquet"
    rows.write_parquet(path)
    filtered = Table(path=path, fields=tuple(_seen(each, rows) for each in table.fields), sources=table.sources)
    name = fingerprint(base.fingerprint, request.at.astimezone(UTC).isoformat(), span.name, rows.height, sealed)
    return TrainingRows(external=External.of(name, filtered), span=replace(span, rows=rows.height))


def _seen(known: Field, rows: pl.DataFrame) -> Field:
    """Return a field with the values that were seen by then, and not those that come later."""
    if not known.levels or known.name not in rows.columns:
        return known
    return replace(known, levels=tuple(sorted(str(value) for value in rows[known.name].drop_nulls().unique())))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Newest:
    """Labelled rows that production brought: the inputs, the truth in the column of the target, and their names."""

    table: pl.DataFrame
    ids: pl.Series
    words: str


def unseen_since(challenger: Made, champion: Made) -> datetime:
    """Return the moment from which on neither model saw a row: in training, or in choosing."""
    sealed = challenger.times(challenger.sealed)
    start = challenger.version.at if sealed is None else sealed[0]
    trained = champion.times(champion.development)
    if trained is None:
        return max(start, champion.version.at)
    return max(start, trained[1] + timedelta(microseconds=1))


def sealed_rows(challenger: Made, champion: Made) -> Newest:
    """Return the challenger's own sealed rows, where production logged none: the newest ones of the source."""
    rows = challenger.sealed
    if challenger.problem.time is not None and rows.height:
        rows = rows.filter(pl.col(challenger.problem.time) >= unseen_since(challenger, champion))
    ids = pl.Series("id", [f"row-{number}" for number in range(rows.height)], dtype=pl.String)
    return Newest(table=rows, ids=ids, words="newest rows of the source, sealed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """How challenger and champion did, what the requirements say of the challenger, and what follows."""

    newest: Gain
    lockbox: Gain | None
    verdicts: tuple[Verdict, ...]
    settled: Settled
    payloads: Mapping[str, bytes] = field(default_factory=dict)


def contest(
    challenger: Made,
    champion: Made,
    newest: Newest,
    options: RetrainingOptions,
    *,
    objection: str | None,
    look: int,
    seed: int,
) -> Contest:
    """Hold the challenger against the champion on the newest labelled rows and on the champion's sealed rows.

    Parameters
    ----------
    objection : str or None
        Why the registry's rules would not let the challenger become champion.
    """
    problem = challenger.problem
    metric, confidence = problem.metric.metric, options.confidence_per_look
    fresh = _duel(challenger, champion, newest)
    old = _duel(challenger, champion, _lockbox(champion))
    gained = _gain(fresh, metric, confidence, newest.words)
    kept = None if not champion.sealed.height else _gain(old, metric, confidence, OLD_ROWS)
    own = () if fresh.rows is None else _judged(challenger, fresh, seed)
    settled = settle(
        gained,
        kept,
        [verdict for verdict in own if verdict.level == "must"],
        options,
        objection=objection,
        look=look,
    )
    payloads = {name: duel.written() for name, duel in (("newest", fresh), ("lockbox", old)) if duel.rows is not None}
    return Contest(
        newest=gained,
        lockbox=kept,
        verdicts=(*own, *_as_verdicts(gained, kept, metric)),
        settled=settled,
        payloads=payloads,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Duel:
    """Both models' words on the same rows; without rows, the reason."""

    rows: Rows | None = None
    ids: pl.Series | None = None
    challenger: Outcome | None = None
    champion: Outcome | None = None
    reason: str = ""

    def written(self) -> bytes:
        """Return the rows with both models' scores as a Parquet file: whoever doubts the gain can compute it again."""
        assert self.rows is not None
        assert self.ids is not None
        assert self.challenger is not None
        assert self.champion is not None
        columns: list[pl.Series] = [self.ids.alias("id"), pl.Series("truth", self.rows.truth)]
        for name, outcome in (("challenger", self.challenger), ("champion", self.champion)):
            columns.append(pl.Series(f"{name}_score", outcome.scores[:, -1]))
            if outcome.decision is not None:
                columns.append(pl.Series(f"{name}_decision", outcome.decision))
            if outcome.money is not None:
                columns.append(pl.Series(f"{name}_money", outcome.money))
        buffer = io.BytesIO()
        pl.DataFrame(columns).write_parquet(buffer, compression="zstd")
        return buffer.getvalue()


def _lockbox(champion: Made) -> Newest:
    ids = pl.Series("id", [f"sealed-{number}" for number in range(champion.sealed.height)], dtype=pl.String)
    return Newest(table=champion.sealed, ids=ids, words=OLD_ROWS)


def _duel(challenger: Made, champion: Made, rows: Newest) -> _Duel:
    problem = challenger.problem
    labelled = rows.table[problem.target].is_not_null() if rows.table.height else pl.Series(dtype=pl.Boolean)
    if not labelled.any():
        return _Duel(reason=f"there are no labelled rows among the {rows.words}")
    table, ids = rows.table.filter(labelled), rows.ids.filter(labelled)
    judged = Rows(
        name=rows.words, numbers=np.arange(table.height), table=table, truth=_truth(table[problem.target], problem)
    )
    said = []
    for each in (challenger, champion):
        outcome, objection = Champion(name=each.version.ref, model=each.model).outcome(problem, judged)
        if outcome is None:
            return _Duel(reason=objection)
        said.append(outcome)
    return _Duel(rows=judged, ids=ids, challenger=said[0], champion=said[1])


def _gain(duel: _Duel, metric: str, confidence: float, words: str) -> Gain:
    if duel.challenger is None or duel.champion is None:
        return Gain(metric=metric, rows=words, n=0, confidence=confidence, reason=duel.reason)
    return compare(duel.challenger, duel.champion, metric=metric, confidence=confidence, rows=words)


def _judged(challenger: Made, duel: _Duel, seed: int) -> tuple[Verdict, ...]:
    """Return the file's requirements judged on the newest rows; what is only measured in the lab stays there."""
    assert duel.rows is not None
    problem = challenger.problem
    development = Rows(
        name="development",
        numbers=np.arange(challenger.development.height),
        table=challenger.development,
        truth=_truth(challenger.development[problem.target], problem),
    )
    baseline = Baseline(problem=problem, development=development, rows=duel.rows)
    verdicts = []
    for requirement in problem.requirements:
        operational = metric_name(requirement.metric).operational
        if operational or requirement.slices or (requirement.where and PLACE not in requirement.where):
            continue
        reference: Outcome | None = None
        if requirement.bound.reference == "champion":
            reference = duel.champion
        elif requirement.bound.reference == "baseline":
            # The rule may rest on columns that are not logged: the verdict is pending then, and says so.
            with suppress(DataError):
                reference = baseline.against(metric_called(requirement.metric))[1]
        rng = np.random.default_rng([seed, *requirement.id.encode()])
        verdicts.append(judge(requirement, place=PLACE, outcome=duel.challenger, reference=reference, rng=rng))
    return tuple(verdicts)


def _as_verdicts(newest: Gain, lockbox: Gain | None, metric: str) -> tuple[Verdict, ...]:
    """Return the gains as verdicts, so that they stand among the evidence like every other judgement."""
    return tuple(_as_verdict(gain, metric) for gain in (newest, lockbox) if gain is not None and gain.value is not None)


def _as_verdict(gain: Gain, metric: str) -> Verdict:
    better = metric_name(metric).greater_is_better
    bound = gain.champion
    assert bound is not None  # a gain with a value has both models' values
    passed = gain.low is not None and gain.low > 0
    failed = gain.high is not None and gain.high < 0
    ends = [None if end is None else bound + (end if better else -end) for end in (gain.low, gain.high)]
    low, high = ends if better else reversed(ends)
    return Verdict(
        requirement=BETTER,
        verdict="pass" if passed else "fail" if failed else "inconclusive",
        place=PLACE,
        level="should" if gain.rows == OLD_ROWS else "must",
        metric=metric,
        direction=">=" if better else "<=",
        text=f"{metric} {'>=' if better else '<='} champion",
        slice=gain.rows,
        value=gain.challenger,
        low=low,
        high=high,
        bound=bound,
        reference="champion",
        n=gain.n,
        confidence=gain.confidence,
        method=gain.method,
        reason=gain.reason,
    )


def _truth(target: pl.Series, problem: Problem) -> Any:
    if problem.task == "regression":
        return target.cast(pl.Float64).to_numpy()
    codes = {name: code for code, name in enumerate(problem.classes)}
    return target.replace_strict(codes, return_dtype=pl.Int64).to_numpy()
