"""The file held against the data without training."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tenfold.engine.run import Surroundings, run_graph
from tenfold.engine.session import open_run
from tenfold.engine.stage import External, Stage
from tenfold.foundation.events import Events, Silent
from tenfold.gates.duties import stop_if_duties_open
from tenfold.project.champion import CHAMPION, NOBODY
from tenfold.project.duties import duties
from tenfold.project.earlier import EARLIER
from tenfold.project.run_reports import CheckReport
from tenfold.records.problem import Problem
from tenfold.spec.schema import Spec
from tenfold.stages.problem.checks_planned import plan_checks
from tenfold.stages.problem.serving import propose_serving
from tenfold.store.open import open_store

_LAST_STAGE = "features"


def check(stages: Sequence[Stage], table: External, spec: Spec, events: Events | None) -> CheckReport:
    """Carry the project up to its feature plan in a store of its own, which is thrown away.

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
    problem: Problem = outcome.results["problem"].record
    dataset = outcome.results.get("data")
    obliged = duties(spec, problem)
    serving = propose_serving(problem)
    return CheckReport(
        findings=() if dataset is None else dataset.record.findings,
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
