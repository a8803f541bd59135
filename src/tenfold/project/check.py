"""The file held against the data without training."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tenfold.engine.run import Surroundings, run_graph
from tenfold.engine.session import open_run
from tenfold.engine.stage import External, Stage
from tenfold.foundation.events import Events, Silent
from tenfold.gates.duties import stop_if_duties_open
from tenfold.measures.contract.age import with_age
from tenfold.project.champion import CHAMPION, NOBODY
from tenfold.project.duties import duties
from tenfold.project.earlier import EARLIER
from tenfold.project.run_reports import CheckReport
from tenfold.project.warned import quarantine_of, warnings_of
from tenfold.records.problem import Problem
from tenfold.spec.schema import Spec
from tenfold.stages.problem.checks_planned import plan_checks
from tenfold.stages.problem.serving import propose_serving
from tenfold.store.open import open_store

_LAST_STAGE = "features"


def check(
    stages: Sequence[Stage], table: External, spec: Spec, events: Events | None, *, now: datetime | None = None
) -> CheckReport:
    """Carry the project up to its feature plan in a store of its own, which is thrown away.

    Parameters
    ----------
    now : datetime, optional
        The moment at which the rows must be fresh.

    Raises
    ------
    TenfoldError
        When the file does not fit the data.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tenfold-check-") as folder,
        open_store(Path(folder)) as store,
        open_run(store, spec="", seed=spec.training.seed) as run,
    ):
        outcome = run_graph(
            stages,
            # A check trains nothing, so it needs neither of these two.
            {"table": table, CHAMPION: External.of(NOBODY, None), EARLIER: External.of(NOBODY, None)},
            store=store,
            run=run.id,
            around=replace(Surroundings(), events=events or Silent(), seed=spec.training.seed),
            until=_LAST_STAGE,
        )
        run.finish("stopped", reason="a check")
        data = outcome.results.get("data")
        dataset = None if data is None else with_age(data.record, now)
        warnings, quarantine = warnings_of(outcome, dataset, spec), quarantine_of(outcome, spec)
    problem: Problem = outcome.results["problem"].record
    obliged = duties(spec, problem, today=None if now is None else now.date())
    serving = propose_serving(problem)
    return CheckReport(
        findings=() if dataset is None else dataset.findings,
        warnings=warnings,
        quarantine=quarantine,
        feasibility=problem.feasibility,
        task=problem.task,
        metric=problem.metric.metric,
        metric_reason=problem.metric.reason,
        stopped=outcome.stopped or stop_if_duties_open(obliged),
        problem=problem,
        duties=obliged,
        serving=serving,
        tests=plan_checks(problem, serving, contract=spec.data.contract is not None),
    )
