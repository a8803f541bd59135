"""Carry a graph of stages through: keep what each returns, reuse what is kept, stop where a gate says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tenfold.engine.stage import External, Stage, causes_of, in_order, stage_fingerprint, stage_rng
from tenfold.foundation.clock import Clock, Deadline, SystemClock
from tenfold.foundation.context import InlineMap, ParallelMap, Received, StageContext, StageResult
from tenfold.foundation.events import Event, EventKind, Events, Silent
from tenfold.foundation.serial import from_json, to_json
from tenfold.store.open import Store
from tenfold.store.rows import KeptResult, RunStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run of the graph takes from outside beside the stages: workers, listeners, time and chance."""

    workers: ParallelMap = field(default_factory=InlineMap)
    events: Events = field(default_factory=Silent)
    clock: Clock = field(default_factory=SystemClock)
    deadline: Deadline = field(default_factory=Deadline)
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """One stage's part in a run.

    ``seconds`` is the time this run spent on it; ``made_seconds`` what it took when it was made.
    """

    name: str
    fingerprint: str
    cached: bool
    seconds: float
    made_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What came of a run: each stage's result under its name.

    ``stopped`` is the reason a gate gave, ``stopped_at`` the stage it stands behind; both None when the graph was done.
    """

    run: str
    stages: tuple[StageReport, ...]
    results: Mapping[str, Received[Any]]
    stopped: str | None = None
    stopped_at: str | None = None


def run_graph(
    stages: Sequence[Stage],
    externals: Mapping[str, External],
    *,
    store: Store,
    run: str,
    around: Surroundings | None = None,
    until: str | None = None,
) -> RunOutcome:
    """Run the stages in order, each only when its result is not kept yet.

    A result is kept, durable, before the next stage begins; a run that was interrupted goes on from there, and inside
    an interrupted stage from its last checkpoint.

    Parameters
    ----------
    stages : sequence of Stage
    externals : mapping of str to External
        What comes from outside the graph, by the name under which stages need it.
    store : Store
        Where results rest.
    run : str
        The open run's id, see `tenfold.engine.session.open_run`.
    around : Surroundings, optional
        Workers, events, clock, deadline and seed.
    until : str, optional
        The last stage to run.
    """
    walk = _Walk(externals, store, run, around or Surroundings())
    order = in_order(stages, externals, until)
    walk.tell("run", facts={"state": "started", "run": run, "stages": [stage.name for stage in order]})
    for stage in order:
        try:
            reason = walk.step(stage)
        except BaseException as error:
            walk.tell("stage", stage=stage.name, message=str(error), facts={"state": "failed"})
            raise
        if reason is not None:
            walk.tell("stage", stage=stage.name, message=reason, facts={"state": "stopped"})
            return walk.outcome(stopped=reason, stopped_at=stage.name)
    walk.tell("run", facts={"state": "finished", "run": run})
    return walk.outcome()


class _Walk:
    """The walk through the graph: what is known so far."""

    def __init__(self, externals: Mapping[str, External], store: Store, run: str, around: Surroundings):
        self._store = store
        self._run = run
        self._around = around
        self._load = {name: cache(external.load) for name, external in externals.items()}
        self._fingerprints = {name: external.fingerprint for name, external in externals.items()}
        self._results: dict[str, Received[Any]] = {}
        self._reports: list[StageReport] = []

    def step(self, stage: Stage) -> str | None:
        """Bring one stage's result, kept or fresh, and return the gate's reason to stop."""
        clock = self._around.clock
        began = clock.monotonic()
        causes = causes_of(stage, self._fingerprints, self._around.seed)
        name = self._fingerprints[stage.name] = stage_fingerprint(stage, causes)
        kept = self._kept(stage, name)
        cached = kept is not None
        if kept is None:
            self.tell("stage", stage=stage.name, facts={"state": "started"} | self._time_left())
            kept = self._make(stage, name, causes)
        received = self._results[stage.name] = self._receive(stage, kept)
        seconds = clock.monotonic() - began
        part = RunStage(stage=stage.name, fingerprint=name, cached=cached, seconds=seconds)
        self._store.runs.record_stage(self._run, part)
        self._reports.append(
            StageReport(name=stage.name, fingerprint=name, cached=cached, seconds=seconds, made_seconds=kept.seconds)
        )
        state = "cached" if cached else "finished"
        self.tell("stage", stage=stage.name, facts={"state": state, "seconds": seconds} | self._time_left())
        return None if stage.gate is None else stage.gate(received)

    def outcome(self, *, stopped: str | None = None, stopped_at: str | None = None) -> RunOutcome:
        """Return what was reached."""
        return RunOutcome(
            run=self._run,
            stages=tuple(self._reports),
            results=dict(self._results),
            stopped=stopped,
            stopped_at=stopped_at,
        )

    def tell(
        self, kind: EventKind, *, stage: str = "", message: str = "", facts: Mapping[str, object] | None = None
    ) -> None:
        """Emit one event."""
        self._around.events.emit(Event(kind=kind, stage=stage, message=message, facts=facts or {}))

    def _kept(self, stage: Stage, name: str) -> KeptResult | None:
        """Return the kept result, unless something it was made from had to be made anew in this run.

        Fingerprints name inputs, not outcomes: when a damaged result is made again under a deadline it may come out
        different, and what was made from the old one no longer fits.
        """
        fresh = {report.name for report in self._reports if not report.cached}
        if fresh.intersection(stage.needs):
            return None
        return self._store.results.find(name)

    def _make(self, stage: Stage, name: str, causes: Mapping[str, object]) -> KeptResult:
        began = self._around.clock.monotonic()
        needed = {need: self._needed(need) for need in stage.needs}
        context = StageContext(
            rng=stage_rng(stage.name, self._around.seed),
            seed=self._around.seed,
            clock=self._around.clock,
            deadline=self._around.deadline if stage.timed else Deadline(),
            map=self._around.workers,
            checkpoint=self._store.checkpoints.of(name),
            events=self._around.events,
        )
        result: StageResult[Any] = stage.run(**needed, options=stage.options, ctx=context)
        kept = KeptResult(
            fingerprint=name,
            stage=stage.name,
            record=self._store.blobs.put(to_json(result.record)),
            files={file: self._store.blobs.put(content) for file, content in result.files.items()},
            causes=causes,
            seconds=self._around.clock.monotonic() - began,
            run=self._run,
        )
        self._store.results.save(kept)
        return kept

    def _needed(self, name: str) -> object:
        return self._results[name] if name in self._results else self._load[name]()

    def _receive(self, stage: Stage, kept: KeptResult) -> Received[Any]:
        """Return what later stages get. A fresh record, too, is read back: fresh and kept cannot differ."""
        blobs = self._store.blobs
        return Received(
            record=from_json(stage.record, blobs.path(kept.record).read_bytes()),
            files={file: blobs.path(blob) for file, blob in kept.files.items()},
            fingerprint=kept.fingerprint,
        )

    def _time_left(self) -> dict[str, object]:
        left = self._around.deadline.remaining_seconds()
        return {} if self._around.deadline.at_seconds is None else {"remaining_seconds": left}
