"""Live requirements, judged on rows whose outcome is known, window by window.

What is claimed. A window is looked at anew whenever late outcomes arrive; its look number r is judged at the error
``e / (r (r + 1))``, which adds up to e over all looks, and e is shared evenly by the requirements and slices judged,
their sum being at most one in ``quiet`` windows and at most what a requirement's own confidence leaves. So however
often one looks: of a model that keeps a requirement exactly, at most one window in ``quiet`` is ever called failed by
any requirement, on average; and the same holds of a model that breaks it and is called passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tenfold.foundation.errors import DataError
from tenfold.foundation.expression import holds
from tenfold.measures.interval import estimate
from tenfold.measures.judge import judge
from tenfold.measures.metrics import metric_called
from tenfold.measures.names import metric_name
from tenfold.measures.outcome import Outcome
from tenfold.measures.paired import difference
from tenfold.records.evidence import Verdict
from tenfold.records.health import Measured
from tenfold.records.problem import Problem, Requirement
from tenfold.stages.monitoring.baseline import baseline_for
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.reference import Outcomes
from tenfold.stages.monitoring.rows import Known

PLACE = "live"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """What verdicts on a window rest on; ``outcomes`` None: nothing is known of the development rows."""

    problem: Problem
    known: Known | None
    outcomes: Outcomes | None
    judgements: int
    options: MonitoringOptions
    seed: int


def live_requirements(problem: Problem) -> tuple[Requirement, ...]:
    """Return the requirements that are judged live."""
    return tuple(each for each in problem.requirements if not each.where or PLACE in each.where)


def judge_live(bench: Bench) -> tuple[Verdict, ...]:
    """Return one verdict for each live requirement and slice."""
    asked = [(each, name) for each in live_requirements(bench.problem) for name in each.slices or ("",)]
    return tuple(_verdict(requirement, name, len(asked), bench) for requirement, name in asked)


def error_of(confidence: float, asked: int, bench: Bench) -> float:
    """Return the chance of error that one verdict of this look may have."""
    each = min(1.0 - confidence, 1.0 / (bench.options.quiet * max(asked, 1)))
    return each / (bench.judgements * (bench.judgements + 1))


def _verdict(requirement: Requirement, name: str, asked: int, bench: Bench) -> Verdict:
    error = error_of(requirement.confidence, asked, bench)
    at_last = replace(requirement, confidence=1.0 - error)
    rng = np.random.default_rng([bench.seed, *requirement.id.encode(), *name.encode()])
    outcome: Outcome | None = None
    reference: Outcome | None = None
    objection = ""
    if bench.known is not None and not metric_name(requirement.metric).operational:
        try:
            outcome, reference = _sides(requirement, name, bench, bench.known)
        except DataError as error_there:
            objection = str(error_there)
    verdict = judge(at_last, place=PLACE, slice=name, outcome=outcome, reference=reference, rng=rng)
    return replace(verdict, reason=objection) if objection else verdict


def _sides(requirement: Requirement, name: str, bench: Bench, known: Known) -> tuple[Outcome, Outcome | None]:
    """Return the model's outcome and the reference's on the rows of a slice."""
    reference = None
    if requirement.bound.reference == "baseline" and bench.outcomes is not None:
        reference = baseline_for(bench.problem, metric_called(requirement.metric), bench.outcomes, known)
    if not name:
        return known.outcome, reference
    inside = holds(bench.problem.slices[name], known.inputs).to_numpy()
    return known.outcome.take(inside), None if reference is None else reference.take(inside)


def measure(bench: Bench) -> Mapping[str, Measured]:
    """Return the main metric, those that requirements name and those asked for, each with a 95 % interval."""
    if bench.known is None:
        return {}
    wanted = (
        bench.problem.metric.metric,
        *(each.metric for each in bench.problem.requirements),
        *bench.options.metrics,
    )
    return {
        name: _measured(name, bench, bench.known) for name in dict.fromkeys(wanted) if not metric_name(name).operational
    }


def _measured(name: str, bench: Bench, known: Known) -> Measured:
    found = estimate(metric_called(name), known.outcome, rng=np.random.default_rng([bench.seed, *name.encode()]))
    return Measured(
        metric=name,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        confidence=found.confidence,
        reason=found.reason,
    )


def is_harmful(bench: Bench) -> bool:
    """Whether the model is surely worse than its baseline, by the main metric, on these rows."""
    return any(_worse(bench))


def _worse(bench: Bench) -> Iterator[bool]:
    name = bench.problem.metric.metric
    if bench.known is None or bench.outcomes is None or metric_name(name).operational or bench.known.outcome.n < 30:
        return
    metric = metric_called(name)
    try:
        reference = baseline_for(bench.problem, metric, bench.outcomes, bench.known)
    except DataError:
        # The rule's columns are not logged: nothing can be said, and the verdicts say so.
        return
    if metric.objection(bench.known.outcome) or metric.objection(reference):
        return
    confidence = 1.0 - 2.0 * error_of(0.95, 1, bench)
    rng = np.random.default_rng([bench.seed, *b"harm"])
    gap = difference(metric, bench.known.outcome, reference, confidence=confidence, rng=rng)
    if gap.low is not None and gap.high is not None:
        yield gap.high < 0 if metric.greater_is_better else gap.low > 0
