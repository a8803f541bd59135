"""A project: a folder with ``tenfold.yaml``, and everything that can be done with it."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tenfold.engine.code import environment_changes
from tenfold.engine.plan import plan
from tenfold.engine.stage import External, Stage
from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.errors import InputError
from tenfold.foundation.events import Events
from tenfold.foundation.serial import plain
from tenfold.foundation.units import parse_seconds
from tenfold.lifecycle import lifecycle
from tenfold.project.adopt import Adoption, adopt
from tenfold.project.adopt_report import AdoptReport
from tenfold.project.carry import Journey, carry
from tenfold.project.champion import CHAMPION, champion_external
from tenfold.project.check import check
from tenfold.project.deploy import live_at, promote, promote_first, rollback
from tenfold.project.document import Document
from tenfold.project.earlier import earlier_externals
from tenfold.project.evidence import impact, trace
from tenfold.project.evidence_reports import ImpactReport, TraceReport
from tenfold.project.registry_reports import HistoryReport, ModelReport, ModelsReport, StoreDoctor, StoreVerify
from tenfold.project.release_reports import LiveReport, ReleaseReport, release_line
from tenfold.project.reproduce import reproduce
from tenfold.project.routing_files import Router
from tenfold.project.run_reports import (
    CheckReport,
    DiffReport,
    PlanReport,
    ReproduceReport,
    RunReport,
    RunsReport,
    ShownRun,
)
from tenfold.project.signing import signing_of
from tenfold.project.tables import table_of
from tenfold.project.traffic import Asked, TrafficReport, change_traffic, show_traffic
from tenfold.project.wiring import options_of
from tenfold.spec.load import load_spec
from tenfold.spec.schema import Spec
from tenfold.store.open import Store, open_store


def open_project(
    path: Path | str = "tenfold.yaml", *, environ: Mapping[str, str] | None = None, clock: Clock | None = None
) -> Project:
    """Open the project of a file, or of a folder that holds ``tenfold.yaml``.

    Parameters
    ----------
    clock : Clock, optional
        The project's clock, for a replay; the system's by default. What is written by a clock that was set says so.

    Raises
    ------
    InputError
        When there is no such file.
    SpecError
        When the file cannot be understood.
    """
    spec = load_spec(path, os.environ if environ is None else environ)
    clock = clock or SystemClock()
    return Project(spec=spec, store=open_store(spec.store_folder, clock=clock), clock=clock)


_LOOKS_AHEAD_FROM_SECONDS = 45.0
_ROWS_OF_A_RUN = 1_500
"""On fewer rows than a check takes: the time is the budget's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project and its store. Every command of the command line is a method here."""

    spec: Spec
    store: Store
    clock: Clock = field(default_factory=SystemClock)

    def run(
        self,
        *,
        budget: str | None = None,
        until: str | None = None,
        events: Events | None = None,
        workers: str = "processes",
        started_seconds_ago: float = 0.0,
    ) -> RunReport:
        """Carry the project through its stages to a registered, judged version.

        Parameters
        ----------
        budget : str, optional
            Wall time for everything, such as ``60s``; instead of the file's ``training.budget``.
        until : str, optional
            The last stage to run.
        events : Events, optional
            Told of progress.
        workers : {'processes', 'inline'}
            Where the fits are calculated; the result is the same.
        started_seconds_ago : float
            Time of the budget that is used already.

        Raises
        ------
        TenfoldError
            When the data or the file do not allow a run.
        """
        if workers not in {"processes", "inline"}:
            raise InputError(f"workers must be 'processes' or 'inline', found '{workers}'")
        seconds = self.spec.training.budget.seconds if budget is None else parse_seconds(budget)
        cores = self.spec.training.cores
        journey = Journey(
            name=self.spec.name,
            spec_text=self.text,
            stages=self._stages(budget),
            table=self._table(),
            seed=self.spec.training.seed,
            cores=None if cores == "auto" else cores,
            budget_seconds=seconds,
            started_seconds_ago=started_seconds_ago,
            until=until,
            inline=workers == "inline",
            now=self.clock.now(),
            sign=signing_of(self.spec),
        )
        return promote_first(self, carry(journey, self.store, events))

    def check(self, *, events: Events | None = None) -> CheckReport:
        """Hold the file against the data without training: columns, contract, feasibility, leaks."""
        return check(self._stages(None, outlook=True), self._table(), self.spec, events, now=self.clock.now())

    def plan(self, *, budget: str | None = None, until: str | None = None) -> PlanReport:
        """Return what a run would do again, and why."""
        asked = self._stages(budget)
        externals = {
            "table": self._table(),
            CHAMPION: champion_external(self.store, self.spec.name),
            **earlier_externals(asked, self.store),
        }
        stages = plan(asked, externals, store=self.store, seed=self.spec.training.seed, until=until)
        return PlanReport(stages=stages)

    def reproduce(self, run: str, *, events: Events | None = None) -> ReproduceReport:
        """Build a run's model again from its recorded decisions, without a clock, and compare the bundles."""
        return reproduce(run, self.store, events)

    def runs(self) -> RunsReport:
        """Return all runs, newest first."""
        return RunsReport(runs=tuple(self.show_run(run.id) for run in self.store.history.recent()))

    def show_run(self, run: str) -> ShownRun:
        """Return one run with its stages and its document."""
        found = self.store.history.find(run)
        document = None if found.document is None else json.loads(self.store.blobs.path(found.document).read_bytes())
        return ShownRun(run=found, stages=self.store.history.stages(run), document_of_run=document)

    def diff_runs(self, before: str, after: str) -> DiffReport:
        """Return what differs between two runs: file, stages, metrics, verdicts."""
        old, new = self.show_run(before), self.show_run(after)
        old_document, new_document = old.document_of_run or {}, new.document_of_run or {}
        return DiffReport(
            before=before,
            after=after,
            stages=_changed(_by(old.summary()["stages"], "name"), _by(new.summary()["stages"], "name"), "fingerprint"),
            metrics=_changed(_metrics(old_document), _metrics(new_document), "value"),
            requirements=_changed(_requirements(old_document), _requirements(new_document), "verdict"),
            spec="".join(
                difflib.unified_diff(
                    self._spec_of(old).splitlines(keepends=True),
                    self._spec_of(new).splitlines(keepends=True),
                    before,
                    after,
                )
            ),
            environment=environment_changes(
                old_document.get("environment") or {}, new_document.get("environment") or {}
            ),
        )

    def models(self) -> ModelsReport:
        """Return the registered versions."""
        versions = self.store.registry.versions()
        names = {version.name for version in versions}
        return ModelsReport(versions=versions, aliases={name: self.store.aliases.current(name) for name in names})

    def show_model(self, ref: str) -> ModelReport:
        """Return one version with its inputs and its evidence."""
        from tenfold.bundle.format import load_bundle
        from tenfold.bundle.reading import read_model

        version = self.store.registry.find(ref)
        path = self.store.blobs.path(version.blob)
        model = load_bundle(path)
        return ModelReport(
            version=version,
            path=path,
            task=model.task,
            inputs=tuple(plain(each) for each in model.signature.fields),
            evidence=tuple(plain(each) for each in self.store.evidence.of(subject=version.bundle)),
            reading=read_model(model),
        )

    def model_history(self, name: str) -> HistoryReport:
        """Return what happened to a model's versions, oldest first."""
        versions = self.store.registry.versions(name)
        if not versions:
            known = sorted({version.name for version in self.store.registry.versions()})
            raise InputError(f"no model '{name}' is registered; there are: {', '.join(known) or 'none yet'}")
        events: list[Document] = [
            {
                "event": "registered",
                "at": version.at.isoformat(),
                "recorded": version.recorded.isoformat(),
                "ref": version.ref,
                "bundle": version.bundle,
                "run": version.run,
                "threshold": version.facts.get("threshold"),
            }
            for version in versions
        ]
        events += [
            {"event": "alias", **plain(change), "at": change.at.isoformat(), "recorded": change.recorded.isoformat()}
            for change in self.store.aliases.history(name)
        ]
        events += [{"event": "released", **release_line(release)} for release in self.store.releases.history(name)]
        events += [
            {"event": "decision", "number": kept.number, "recorded": kept.recorded.isoformat(), **plain(kept.decision)}
            for kept in self.store.decisions.of(self.spec.endpoint)
        ]
        return HistoryReport(name=name, events=tuple(sorted(events, key=lambda event: str(event["recorded"]))))

    def adopt(self, adoption: Adoption, *, events: Events | None = None) -> AdoptReport:
        """Register a model from elsewhere as a version, judged on the project's sealed rows."""
        return adopt(self, adoption, events=events)

    def promote(
        self,
        ref: str,
        *,
        accept: Sequence[str] = (),
        reason: str = "",
        by: str | None = None,
        clock: Clock | None = None,
        at_once: bool = False,
    ) -> ReleaseReport:
        """Make a version the champion of the endpoint, when every must passes or is accepted with a reason.

        Where ``deployment.strategy`` is another than ``all``, it is tried beside the champion first, unless
        ``at_once``.
        """
        return promote(self, ref, accept=accept, reason=reason, by=by, clock=clock, at_once=at_once)

    def rollback(
        self, name: str, *, reason: str, to: str | None = None, by: str | None = None, clock: Clock | None = None
    ) -> ReleaseReport:
        """Go back to the version that was live before, or to an earlier one."""
        return rollback(self, name, reason=reason, to=to, by=by, clock=clock)

    def traffic(
        self,
        endpoint: str | None = None,
        *,
        emit: Router | None = None,
        read: bool = False,
        adjust: str | None = None,
    ) -> TrafficReport:
        """Return how the endpoint's requests are divided; with ``read`` what a trial says, with ``emit`` a file."""
        return show_traffic(self, endpoint, emit=emit, read=read, adjust=adjust)

    def change_traffic(self, asked: Asked, endpoint: str | None = None, *, clock: Clock | None = None) -> TrafficReport:
        """Try a version beside the champion, give it another share, or end its trial."""
        return change_traffic(self, asked, endpoint, clock=clock)

    def live_at(self, name: str, time: datetime | str, *, known: datetime | str | None = None) -> LiveReport:
        """Return what of a model was live at a moment of the project's clock."""
        return live_at(self, name, time, known=known)

    def trace(self, name: str | None = None) -> TraceReport:
        """Return requirements with their evidence and what they stand for; or a judgement with what it is for."""
        return trace(self, name)

    def impact(self, change: str) -> ImpactReport:
        """Return which versions would fail a requirement with another bound (``ID=BOUND``), from kept evidence."""
        return impact(self, change)

    def store_doctor(self) -> StoreDoctor:
        """Look at the store's health without changing anything."""
        return StoreDoctor(found=self.store.doctor(every_blob=True))

    def store_verify(self) -> StoreVerify:
        """Check history against the audit chain, and every blob against its name."""
        return StoreVerify(found=self.store.verify())

    @property
    def text(self) -> str:
        """The file as it is written."""
        path = Path(self.spec.path)
        return (path / "tenfold.yaml" if path.is_dir() else path).read_text(encoding="utf-8")

    def _stages(self, budget: str | None, *, outlook: bool = False) -> tuple[Stage, ...]:
        options = options_of(self.spec, budget)
        seconds = options.training.budget_seconds
        # A look ahead takes a second or two: a run that is over in less than a minute has none to spare.
        far = outlook or (seconds is not None and seconds >= _LOOKS_AHEAD_FROM_SECONDS)
        rows = options.problem.outlook_rows if outlook else _ROWS_OF_A_RUN
        options = replace(options, problem=replace(options.problem, outlook=far, outlook_rows=rows))
        return lifecycle(options, self.clock)

    def _table(self) -> External:
        return table_of(self.spec, self.store)

    def _spec_of(self, shown: ShownRun) -> str:
        if shown.run.spec is None:
            return ""
        return self.store.blobs.path(shown.run.spec).read_text(encoding="utf-8")


def _by(rows: list[Document], key: str) -> dict[str, Document]:
    return {str(row[key]): row for row in rows}


def _metrics(document: Document) -> dict[str, Document]:
    parts: dict[str, dict[str, Document]] = document.get("metrics", {})
    return {f"{part} {name}": value for part, values in parts.items() for name, value in values.items()}


def _requirements(document: Document) -> dict[str, Document]:
    rows: list[Document] = document.get("requirements", [])
    return {f"{row['id']} {row.get('slice', '')}".strip(): row for row in rows}


def _changed(before: Mapping[str, Document], after: Mapping[str, Document], key: str) -> tuple[Document, ...]:
    """Return, for each name whose ``key`` differs, both values; a name that is missing has None."""
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, {}).get(key), after.get(name, {}).get(key)
        if old != new:
            rows.append({"name": name, "before": old, "after": new})
    return tuple(rows)
