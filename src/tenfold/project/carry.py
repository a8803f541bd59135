"""One run, from the table to a registered version with its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
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
from tenfold.measures.contract.age import FRESHNESS, with_age
from tenfold.measures.judge import overall
from tenfold.project.champion import CHAMPION, NOBODY, champion_external
from tenfold.project.changed import data_changes
from tenfold.project.earlier import earlier_externals
from tenfold.project.run_reports import RunReport
from tenfold.project.sealed import looks_at, sealed_part, wear
from tenfold.project.signing import Sign, unsigned
from tenfold.records.dataset import Dataset
from tenfold.records.evaluation import Evaluation
from tenfold.records.evidence import Verdict
from tenfold.records.model import Candidates
from tenfold.reports.data_report import DataFacts, render_data_report
from tenfold.reports.run_report import RunFacts, render_run_report
from tenfold.stages.evaluation.worn import Wear
from tenfold.stages.training.learners import preloaded
from tenfold.store.open import Store
from tenfold.store.rows import RunStatus, Version

EXIT_SECONDS = 0.4
"""Kept back for the interpreter's own end."""

_READABLE = frozenset({"additive", "sparse_linear", "linear", "tree"})
"""Learners whose model a person can read, where it serves alone."""


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
    now : datetime or None
        The project's time, at which the rows must be fresh; None is the clock's.
    sign : function of store and bundle
        Signs a version when it is registered.
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
    now: datetime | None = None
    clock: Clock = field(default_factory=SystemClock)
    sign: Sign = unsigned


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
        outcome = _aged(outcome, journey.now or journey.clock.now(), events)
        report = _conclude(outcome, journey, store, run, champion=_compared_with(journey.stages, externals))
        changed = data_changes(outcome.results.get("data"), run.id, store)
        for message in changed:
            events.emit(Event(kind="warning", stage="data", message=message))
        report = replace(report, changed=changed, seconds=journey.clock.monotonic() - began)
        run.finish(report.status, document=_written(report), reason=outcome.stopped or "")
    events.emit(Event(kind="run", message=report.status, facts={"state": "done", "seconds": report.seconds}))
    return report


def _aged(outcome: RunOutcome, now: datetime, events: Events) -> RunOutcome:
    """Say of the data how old they are by now: they may have been read long ago."""
    data = outcome.results.get("data")
    if data is None:
        return outcome
    record = with_age(data.record, now)
    for finding in record.findings:
        if finding.rule == FRESHNESS:
            events.emit(Event(kind="warning", stage="data", message=finding.message, facts={"rule": finding.rule}))
    return replace(outcome, results={**outcome.results, "data": replace(data, record=record)})


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
    worn = Wear(looks=0)
    if evaluated is not None and outcome.stopped is None:
        worn = _wear(outcome, store)
        verdicts = from_json(tuple[Verdict, ...], evaluated.files["verdicts.json"].read_bytes())
        verdicts = tuple(replace(verdict, reused=worn.earlier) for verdict in verdicts)
        candidates = from_json(Candidates, outcome.results["tuning"].files["candidates.json"].read_bytes())
        version = _register(evaluated, journey.name, store, run.id, journey.sign)
        _keep_evidence(verdicts, outcome, store, run.id, champion=champion)
        page = _write_page(outcome, verdicts, candidates, version, store, worn)
    return RunReport(
        run=run.id,
        status=_status(outcome, verdicts),
        outcome=outcome,
        verdicts=verdicts,
        candidates=candidates,
        version=version,
        bundle=None if evaluated is None else evaluated.files["bundle.zip"],
        report=page,
        looks=worn.looks if evaluated is not None and outcome.stopped is None else _wear(outcome, store).looks,
        wear=worn.message,
        worn=worn.worn,
    )


def _register(evaluated: Received[Evaluation], name: str, store: Store, run: str, sign: Sign) -> Version:
    refused = may_register(evaluated.record)
    if refused is not None:
        raise CheckFailed(f"the model is not registered: {refused}")
    blob, bundle = store.blobs.put(evaluated.files["bundle.zip"]), evaluated.record.bundle
    threshold = evaluated.record.threshold
    facts = {"evaluation": evaluated.fingerprint, "threshold": None if threshold is None else threshold.value}
    return store.registry.register(name, bundle=bundle, blob=blob, run=run, facts={**facts, **sign(store, bundle)})


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
    # The same verdict from a later look adds nothing to the one from the earlier look.
    newest = {
        _asked(each.verdict): (replace(each.verdict, reused=0), dict(each.inputs))
        for each in store.evidence.of(subject=subject)
    }
    fresh = [verdict for verdict in verdicts if newest.get(_asked(verdict)) != (replace(verdict, reused=0), inputs)]
    if fresh:
        store.evidence.append(fresh, subject=subject, run=run, inputs=inputs)


def _asked(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.requirement, verdict.slice, verdict.place


def _write_page(  # noqa: PLR0917 - all that stands on the page
    outcome: RunOutcome,
    verdicts: tuple[Verdict, ...],
    candidates: Candidates,
    version: Version,
    store: Store,
    worn: Wear,
) -> Path:
    records = {name: received.record for name, received in outcome.results.items()}
    evaluation: Evaluation = records["evaluation"]
    if worn.reused:
        evaluation = replace(evaluation, findings=(*evaluation.findings, worn.message))
    facts = RunFacts(
        run=version.run,
        version=version.ref,
        problem=records["problem"],
        dataset=records["data"],
        validation=records["validation"],
        features=records["features"],
        candidates=candidates,
        tuning=records["tuning"],
        evaluation=evaluation,
        verdicts=verdicts,
        reading=_reading(outcome, candidates),
        evidence={
            (each.verdict.requirement, each.verdict.slice): each.id
            for each in store.evidence.of(subject=evaluation.bundle)
            if each.verdict.place == "test"
        },
    )
    page = store.folder / "reports" / f"{version.ref}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_run_report(facts), encoding="utf-8")
    _write_data_page(outcome, version, page.with_suffix(".data.html"), store)
    return page


def _reading(outcome: RunOutcome, candidates: Candidates) -> Reading | None:
    """Return the model itself where a person can read it; what nobody can is not even opened."""
    members = outcome.results["tuning"].record.members
    learners = {each.learner for each in candidates.candidates if each.key in dict(members)}
    if len(members) != 1 or not learners <= _READABLE:
        return None
    return read_model(load_bundle(outcome.results["evaluation"].files["bundle.zip"], verify=False))


def _write_data_page(outcome: RunOutcome, version: Version, page: Path, store: Store) -> None:
    """Write the page about the data of a version, once: neither changes."""
    if page.exists():
        return
    data = outcome.results["data"]
    before, earlier = _earlier_table(data, version, store)
    facts = DataFacts(
        title=version.ref,
        dataset=data.record,
        table=pl.read_parquet(data.files["table.parquet"]),
        problem=outcome.results["problem"].record,
        features=outcome.results["features"].record,
        earlier=earlier,
        earlier_name=before,
    )
    page.write_text(render_data_report(facts), encoding="utf-8")


def _earlier_table(data: Received[Dataset], version: Version, store: Store) -> tuple[str, pl.DataFrame | None]:
    """Return the rows of the newest earlier version that learned from others, and its name."""
    for earlier in reversed(store.registry.versions(version.name)):
        if earlier.number >= version.number:
            continue
        stages = {stage.stage: stage.fingerprint for stage in store.history.stages(earlier.run)}
        kept = store.results.find(stages["data"]) if "data" in stages else None
        if kept is None or kept.fingerprint == data.fingerprint or "table.parquet" not in kept.files:
            continue
        return earlier.ref, pl.read_parquet(store.blobs.path(kept.files["table.parquet"]))
    return "", None


def _counting_looks(stage: Stage, store: Store, run: str) -> Stage:
    """Return the stage; the one that opens the sealed test part writes the look down before it looks."""
    if stage.name != "evaluation":
        return stage

    def looked(**needed: Any) -> StageResult[Any]:
        plan_record = needed["validation"].record
        if plan_record.counts.get("test", 0):
            part = sealed_part(needed["problem"].record, needed["data"], needed["validation"])
            store.lockbox.record_look(part, run=run, reason="evaluation of a run")
        result: StageResult[Any] = stage.run(**needed)
        return result

    return replace(stage, run=looked)


def _wear(outcome: RunOutcome, store: Store) -> Wear:
    """Return how worn the sealed part is by the look that gave the evaluation; a cached one was no look of its own."""
    kept = outcome.results
    if "validation" not in kept or not kept["validation"].record.counts.get("test", 0):
        return Wear(looks=0)
    part = sealed_part(kept["problem"].record, kept["data"], kept["validation"])
    looks = looks_at(part, kept["validation"].record.split, store)
    if "evaluation" not in kept:
        return Wear(looks=looks)
    known = store.evidence.of(subject=kept["evaluation"].record.bundle)
    cached = any(stage.name == "evaluation" and stage.cached for stage in outcome.stages)
    at = known[-1].verdict.reused + 1 if cached and known else looks
    return replace(wear(part, at, kept["problem"].record, kept["evaluation"].record), looks=looks)


def _workers(journey: Journey, planned: Sequence[PlannedStage]) -> _Workers:
    searching = any(not stage.cached for stage in planned if stage.name in {"training", "tuning"})
    return _Workers(inline=journey.inline or not searching, cores=journey.cores)


class _Workers:
    """Worker processes while they are needed; they warm up while the first stages work."""

    def __init__(self, *, inline: bool, cores: int | None):
        self._pool = None if inline else ProcessMap(cores, preload=preloaded())

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
