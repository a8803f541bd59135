"""A model from elsewhere, judged on the sealed rows as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenfold.bundle.model import Model
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.champion import Champion
from tenfold.stages.evaluation.measured import estimates, find_slices, metric_names
from tenfold.stages.evaluation.operational import measure_latency, measure_size, operational_of
from tenfold.stages.evaluation.options import EvaluationOptions
from tenfold.stages.evaluation.outcomes import Baseline, outcome_of
from tenfold.stages.evaluation.rows import Rows
from tenfold.stages.evaluation.verdicts import Bench, judge_requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Verdicts on the sealed rows, and every metric by part, as in an evaluation's record."""

    verdicts: tuple[Verdict, ...]
    metrics: Mapping[str, Mapping[str, Estimate]]


def judge_adopted(
    model: Model,
    problem: Problem,
    development: Rows,
    sealed: Rows,
    options: EvaluationOptions,
    *,
    size_bytes: int,
    seed: int,
    champion: Champion | None = None,
) -> Judged:
    """Hold a model against every requirement on rows that the project sealed.

    Parameters
    ----------
    development : Rows
        From which the baseline is learned.
    size_bytes : int
        The length of the bundle's archive.
    """
    table = model.signature.conform(sealed.table)
    outcome: Outcome = outcome_of(problem, sealed, model.scores(table), model.threshold)
    operational = {
        **measure_latency(model, table, options.latency_calls),
        "size_mb": measure_size(size_bytes),
    }
    there = None if champion is None else champion.outcome(problem, sealed)[0]
    bench = Bench(
        outcome=outcome,
        slices=find_slices(problem, sealed),
        baseline=Baseline(problem=problem, development=development, rows=sealed),
        operational=operational,
        champion=there,
        champion_operational=None if champion is None or there is None else operational_of(champion, sealed),
    )
    return Judged(
        verdicts=judge_requirements(problem.requirements, bench, seed),
        metrics={
            sealed.name: estimates(metric_names(problem, options.metrics), outcome, seed),
            "operational": operational,
        },
    )
