"""One run, from the table to a registered version with its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from tenfold.bundle.format import load_bundle
from tenfold.bundle.reading import Reading, read_model
from tenfold.engine.executors import ProcessMap
from tenfold.engine.plan import PlannedStage, plan
from tenfold.engine.run import RunOutcome, Surroundings, run_graph
from tenfold.engine.session import OpenRun, open_run
from tenfold.engine.stage import External, Stage
from tenfold.foundation.clock import Clock, Deadline, SystemClock
from tenfold.foundation.context import InlineMap, ParallelMap, Received, StageResult
from tenfold.foundation.errors import CheckFailed
from tenfold.foundation.events import Event, Events, Silent
from tenfold.foundation.serial import from_json
from tenfold.gates.policy import may_register
from tenfold.measures.judge import overall
from tenfold.project.champion import CHAMPION, NOBODY, champion_external
from tenfold.project.earlier import earlier_externals
from tenfold.project.run_reports import RunReport
from tenfold.records.evaluation import Evaluation
from tenfold.records.evidence import Verdict
from tenfold.records.model import Candidates
from tenfold.reports.data_report import DataFacts, render_data_report
from tenfold.reports.run_report import RunFacts, render_run_report
from tenfold.store.open import Store
from tenfold.store.rows import RunStatus, Version

EXIT_SECONDS = 0.4
"""Kept back for the interpreter's own end."""

_READABLE = frozenset({"additive", "sparse_linear", "linear", "tree"})
"""Learners whose model a person can read, where it serves alone."""

_PRELOAD = ("lightgbm", "sklearn.linear_model", "sklearn.ensemble")


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What a run starts from.

    Attributes
    ----------
    name : str
        The model's name in the registry.
    budget_seconds : float or None
        Wall time from ``started`` to the end of the command; None when the budget is in trials.
    started_seconds_ago : float
        What the command had already used when the run was asked for.
    inline : bool
        Everything in this process, for debugging; else in worker processes.
    """

    name: str
    spec_text: str
    stages: Sequence[Stage]
    table: External
    seed: int
    cores: int | None = None
    budget_seconds: float | None = None
    started_seconds_ago: float = 0.0
    until: str | None = None
    inline: bool = False
    clock: Clock = field(default_factory=SystemClock)


def carry(journey: Journey, store: Store, events: Events | None = None) -> RunReport:
    """Carry the project through its stages; register and judge what comes out.

    Raises
    ------
    TenfoldError
        When a stage cannot do its work; the run is closed with the reason.
    """
    events = events or Silent()
    began = journey.clock.monotonic() - journey.started_seconds_ago
    externals = {
        "table": journey.table,
        CHAMPION: champion_external(store, journey.name),
        **earlier_externals(journey.stages, store),
    }
    planned = plan(journey.stages, externals, store=store, seed=journey.seed, until=journey.until)
    with open_run(store, spec=journey.spec_text, seed=journey.seed) as run, _workers(journey, planned) as workers:
        around = Surroundings(
            workers=workers,
            events=events,
            clock=journey.clock,
            deadline=_deadline(journey),
            seed=journey.seed,
        )
        outcome = run_graph(
            [_counting_looks(stage, store, run.id) for stage in journey.stages],
            externals,
            store=store,
            run=run.id,
            around=around,
            until=journey.until,
        )
        report = _conclude(outcome, journey, store, run, champion=_compared_with(journey.stages, externals))
        report = replace(report, seconds=journey.clock.monotonic() - began)
        run.finish(report.status, document=_written(report), reason=outcome.stopped or "")
    events.emit(Event(kind="run", message=report.status, facts={"state": "done", "seconds": report.seconds}))
    return report


def _compared_with(stages: Sequence[Stage], externals: Mapping[str, External]) -> str | None:
    """Return the champion's bundle where the judgement depends on it."""
    asked = any(CHAMPION in stage.needs for stage in stages)
    return externals[CHAMPION].fingerprint if asked and externals[CHAMPION].fingerprint != NOBODY else None


def _conclude(outcome: RunOutcome, journey: Journey, store: Store, run: OpenRun, *, champion: str | None) -> RunReport:
    """Register the bundle, keep the evidence, write the report: each again without effect when it was done before."""
    evaluated: Received[Evaluation] | None = outcome.results.get("evaluation")
    verdicts: tuple[Verdict, ...] = ()
    candidates: Candidates | None = None
    version: Version | None = None
    page: Path | None = None
    if evaluated is not None and outcome.stopped is None:
        verdicts = from_json(tuple[Verdict, ...], evaluated.files["verdicts.json"].read_bytes())
        candidates = from_json(Candidates, outcome.results["tuning"].files["candidates.json"].read_bytes())
        version = _register(evaluated, journey.name, store, run.id)
        _keep_evidence(verdicts, outcome, store, run.id, champion=champion)
        page = _write_page(outcome, verdicts, candidates, version, store)
    return RunReport(
        run=run.id,
        status=_status(outcome, verdicts),
        outcome=outcome,
        verdicts=verdicts,
        candidates=candidates,
        version=version,
        bundle=None if evaluated is None else evaluated.files["bundle.zip"],
        report=page,
        looks=_looks(outcome, store),
    )


def _register(evaluated: Received[Evaluation], name: str, store: Store, run: str) -> Version:
    refused = may_register(evaluated.record)
    if refused is not None:
        raise CheckFailed(f"the model is not registered: {refused}")
    blob = store.blobs.put(evaluated.files["bundle.zip"])
    threshold = evaluated.record.threshold
    facts = {"evaluation": evaluated.fingerprint, "threshold": None if threshold is None else threshold.value}
    return store.registry.register(name, bundle=evaluated.record.bundle, blob=blob, run=run, facts=facts)


def _keep_evidence(
    verdicts: tuple[Verdict, ...], outcome: RunOutcome, store: Store, run: str, *, champion: str | None
) -> None:
    """Keep what is not the newest word on its requirement already."""
    subject = outcome.results["evaluation"].record.bundle
    inputs = {
        "bundle": subject,
        "snapshot": outcome.results["data"].record.snapshot,
        "split": outcome.results["validation"].record.split,
    }
    if champion is not None:
        inputs["champion"] = champion
    newest = {_asked(each.verdict): (each.verdict, dict(each.inputs)) for each in store.evidence.of(subject=subject)}
    fresh = [verdict for verdict in verdicts if newest.get(_asked(verdict)) != (verdict, inputs)]
    if fresh:
        store.evidence.append(fresh, subject=subject, run=run, inputs=inputs)


def _asked(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.requirement, verdict.slice, verdict.place


def _write_page(
    outcome: RunOutcome, verdicts: tuple[Verdict, ...], candidates: Candidates, version: Version, store: Store
) -> Path:
    records = {name: received.record for name, received in outcome.results.items()}
    facts = RunFacts(
        run=version.run,
        version=version.ref,
        problem=records["problem"],
        dataset=records["data"],
        validation=records["validation"],
        features=records["features"],
        candidates=candidates,
        tuning=records["tuning"],
        evaluation=records["evaluation"],
        verdicts=verdicts,
        reading=_reading(outcome, candidates),
    )
    page = store.folder / "reports" / f"{version.ref}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_run_report(facts), encoding="utf-8")
    _write_data_page(outcome, version, page.with_suffix(".data.html"))
    return page


def _reading(outcome: RunOutcome, candidates: Candidates) -> Reading | None:
    """Return the model itself where a person can read it; what nobody can is not even opened."""
    members = outcome.results["tuning"].record.members
    learners = {each.learner for each in candidates.candidates if each.key in dict(members)}
    if len(members) != 1 or not learners <= _READABLE:
        return None
    return read_model(load_bundle(outcome.results["evaluation"].files["bundle.zip"], verify=False))


def _write_data_page(outcome: RunOutcome, version: Version, page: Path) -> None:
    """Write the page about the data of a version, once: neither changes."""
    if page.exists():
        return
    data = outcome.results["data"]
    facts = DataFacts(
        title=version.ref,
        dataset=data.record,
        table=pl.read_parquet(data.files["table.parquet"]),
        problem=outcome.results["problem"].record,
        features=outcome.results["features"].record,
    )
    page.write_text(render_data_report(facts), encoding="utf-8")


def _counting_looks(stage: Stage, store: Store, run: str) -> Stage:
    """Return the stage; the one that opens the sealed test part writes the look down before it looks."""
    if stage.name != "evaluation":
        return stage

    def looked(**needed: Any) -> StageResult[Any]:
        plan_record = needed["validation"].record
        if plan_record.counts.get("test", 0):
            store.lockbox.record_look(plan_record.split, run=run, reason="evaluation of a run")
        result: StageResult[Any] = stage.run(**needed)
        return result

    return replace(stage, run=looked)


def _looks(outcome: RunOutcome, store: Store) -> int:
    validation = outcome.results.get("validation")
    return 0 if validation is None else len(store.lockbox.looks(validation.record.split))


def _workers(journey: Journey, planned: Sequence[PlannedStage]) -> _Workers:
    searching = any(not stage.cached for stage in planned if stage.name in {"training", "tuning"})
    return _Workers(inline=journey.inline or not searching, cores=journey.cores)


class _Workers:
    """Worker processes while they are needed; they warm up while the first stages work."""

    def __init__(self, *, inline: bool, cores: int | None):
        self._pool = None if inline else ProcessMap(cores, preload=_PRELOAD)

    def __enter__(self) -> ParallelMap:
        if self._pool is None:
            return InlineMap()
        self._pool.start()
        return self._pool

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()


def _deadline(journey: Journey) -> Deadline:
    if journey.budget_seconds is None:
        return Deadline(clock=journey.clock)
    left = journey.budget_seconds - journey.started_seconds_ago - EXIT_SECONDS
    return Deadline.after(max(0.0, left), journey.clock)


def _status(outcome: RunOutcome, verdicts: tuple[Verdict, ...]) -> RunStatus:
    if outcome.stopped is not None:
        return "failed"
    if "evaluation" not in outcome.results:
        return "stopped"
    return overall(verdicts)


def _written(report: RunReport) -> bytes:
    return json.dumps(report.document(), ensure_ascii=False).encode()
