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
from tenfold.project.champion import CHAMPION, NOBODY
from tenfold.project.run_reports import CheckReport
from tenfold.spec.schema import Spec
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
            {"table": table, CHAMPION: External.of(NOBODY, None)},
            store=store,
            run=run.id,
            around=replace(Surroundings(), events=events or Silent(), seed=spec.training.seed),
            until=_LAST_STAGE,
        )
        run.finish("stopped", reason="a check")
    problem = outcome.results["problem"].record
    dataset = outcome.results.get("data")
    return CheckReport(
        findings=() if dataset is None else dataset.record.findings,
        feasibility=problem.feasibility,
        task=problem.task,
        metric=problem.metric.metric,
        metric_reason=problem.metric.reason,
        stopped=outcome.stopped,
    )
