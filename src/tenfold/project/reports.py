"""What each action of a project came to: frozen, and as the JSON document that other programs rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.engine.plan import PlannedStage
from tenfold.engine.run import RunOutcome
from tenfold.foundation.serial import plain
from tenfold.records.dataset import Dataset, Finding
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.model import Candidate, Candidates
from tenfold.records.problem import Feasibility
from tenfold.store.rows import DoctorReport, Run, RunStage, RunStatus, VerifyReport, Version

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One pass through the stages; the document is ``tenfold.run/1``."""

    run: str
    status: RunStatus
    outcome: RunOutcome
    verdicts: tuple[Verdict, ...] = ()
    candidates: Candidates | None = None
    version: Version | None = None
    bundle: Path | None = None
    report: Path | None = None
    looks: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether no requirement failed and no gate closed."""
        return self.status != "failed"

    @property
    def feasibility(self) -> Feasibility | None:
        """What the quick look at the data said."""
        problem = self.outcome.results.get("problem")
        return None if problem is None else problem.record.feasibility

    def document(self) -> Document:
        """Return the run as JSON-ready values."""
        problem = self.outcome.results.get("problem")
        evaluation = self.outcome.results.get("evaluation")
        metrics = {} if evaluation is None else evaluation.record.metrics
        return {
            "schema": "tenfold.run/1",
            "run": self.run,
            "status": self.status,
            "task": None if problem is None else problem.record.task,
            "model": self._model(),
            "stopped": self._stopped(),
            "stages": [
                {"name": stage.name, "seconds": stage.seconds, "cached": stage.cached, "fingerprint": stage.fingerprint}
                for stage in self.outcome.stages
            ],
            "metrics": {
                part: {name: _estimate(estimate) for name, estimate in estimates.items()}
                for part, estimates in metrics.items()
            },
            "requirements": [_verdict(verdict) for verdict in self.verdicts],
            "leaderboard": self._leaderboard(),
            "feasibility": plain(self.feasibility),
            "looks": self.looks,
            "report": None if self.report is None else str(self.report),
            "seconds": self.seconds,
        }

    def _model(self) -> Document | None:
        if self.version is None:
            return None
        return {
            "name": self.version.name,
            "version": self.version.number,
            "ref": self.version.ref,
            "path": None if self.bundle is None else str(self.bundle),
            "bundle": self.version.bundle,
        }

    def _stopped(self) -> Document | None:
        if self.outcome.stopped is None:
            return None
        return {"stage": self.outcome.stopped_at, "reason": self.outcome.stopped}

    def _leaderboard(self) -> list[Document]:
        if self.candidates is None:
            return []
        weights = dict(self.outcome.results["tuning"].record.members)
        speed = self.outcome.results["evaluation"].record.row_cpu_us
        return [_standing(each, weights.get(each.key, 0.0), speed) for each in self.candidates.candidates]


def _standing(candidate: Candidate, weight: float, speed: Mapping[str, float]) -> Document:
    return {
        "learner": candidate.learner,
        "key": candidate.key,
        "score": candidate.score,
        "low": candidate.low,
        "high": candidate.high,
        "seconds": candidate.seconds,
        "weight": weight,
        "row_cpu_us": speed.get(candidate.key, candidate.row_cpu_us),
    }


def _estimate(estimate: Estimate) -> Document:
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "method": estimate.method,
    }


def _verdict(verdict: Verdict) -> Document:
    return {
        "id": verdict.requirement,
        "place": verdict.place,
        "slice": verdict.slice,
        "level": verdict.level,
        "that": verdict.text,
        "verdict": verdict.verdict,
        "value": verdict.value,
        "low": verdict.low,
        "high": verdict.high,
        "bound": verdict.bound,
        "n": verdict.n,
        "needed": verdict.needed,
        "confidence": verdict.confidence,
        "method": verdict.method,
        "reason": verdict.reason,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What a run would do again, and why; the document is ``tenfold.plan/1``."""

    stages: tuple[PlannedStage, ...]
    ok: bool = True

    def document(self) -> Document:
        """Return the plan as JSON-ready values."""
        return {
            "schema": "tenfold.plan/1",
            "stages": [
                {
                    "name": stage.name,
                    "fingerprint": stage.fingerprint,
                    "cached": stage.cached,
                    "reasons": list(stage.reasons),
                    "seconds": stage.seconds,
                }
                for stage in self.stages
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The file held against the data, without training; the document is ``tenfold.check/1``."""

    findings: tuple[Finding, ...]
    feasibility: Feasibility | None
    task: str
    metric: str
    metric_reason: str
    stopped: str | None = None

    @property
    def ok(self) -> bool:
        """Whether a run would get past its gates."""
        return self.stopped is None

    def document(self) -> Document:
        """Return the check as JSON-ready values."""
        return {
            "schema": "tenfold.check/1",
            "ok": self.ok,
            "stopped": self.stopped,
            "task": self.task,
            "metric": {"name": self.metric, "reason": self.metric_reason},
            "feasibility": plain(self.feasibility),
            "findings": plain(self.findings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """One run of the history with its stages and its own document."""

    run: Run
    stages: tuple[RunStage, ...]
    document_of_run: Document | None = None
    ok: bool = True

    def summary(self) -> Document:
        """Return the run's line in a list."""
        model = (self.document_of_run or {}).get("model") or {}
        return {
            "run": self.run.id,
            "status": self.run.status,
            "at": self.run.at.isoformat(),
            "ended": None if self.run.ended_at is None else self.run.ended_at.isoformat(),
            "reason": self.run.reason,
            "model": model.get("ref"),
            "stages": [
                {
                    "name": stage.stage,
                    "state": "finished",
                    "cached": stage.cached,
                    "seconds": stage.seconds,
                    "fingerprint": stage.fingerprint,
                }
                for stage in self.stages
            ],
        }

    def document(self) -> Document:
        """Return the run with the document it ended with: ``tenfold.run-record/1``."""
        return {"schema": "tenfold.run-record/1", **self.summary(), "document": self.document_of_run}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsReport:
    """All runs, newest first; the document is ``tenfold.runs/1``."""

    runs: tuple[ShownRun, ...]
    ok: bool = True

    def document(self) -> Document:
        """Return the list as JSON-ready values."""
        return {"schema": "tenfold.runs/1", "runs": [run.summary() for run in self.runs]}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffReport:
    """What differs between two runs; the document is ``tenfold.diff/1``."""

    before: str
    after: str
    stages: tuple[Document, ...]
    metrics: tuple[Document, ...]
    requirements: tuple[Document, ...]
    spec: str
    ok: bool = True

    def document(self) -> Document:
        """Return the differences as JSON-ready values."""
        return {
            "schema": "tenfold.diff/1",
            "before": self.before,
            "after": self.after,
            "stages": list(self.stages),
            "metrics": list(self.metrics),
            "requirements": list(self.requirements),
            "spec": self.spec,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproduceReport:
    """A run built again from its decisions; the document is ``tenfold.reproduce/1``."""

    run: str
    expected: str
    found: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the bundle is the same, byte for byte."""
        return self.expected == self.found

    def document(self) -> Document:
        """Return the comparison as JSON-ready values."""
        return {
            "schema": "tenfold.reproduce/1",
            "run": self.run,
            "equal": self.ok,
            "expected": self.expected,
            "found": self.found,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsReport:
    """Registered versions; the document is ``tenfold.models/1``."""

    versions: tuple[Version, ...]
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ok: bool = True

    def document(self) -> Document:
        """Return the registry as JSON-ready values."""
        return {"schema": "tenfold.models/1", "models": [self.line(version) for version in self.versions]}

    def line(self, version: Version) -> Document:
        """Return one version's line."""
        named = self.aliases.get(version.name, {})
        return {
            "name": version.name,
            "version": version.number,
            "ref": version.ref,
            "bundle": version.bundle,
            "run": version.run,
            "aliases": [alias for alias, number in named.items() if number == version.number],
            "at": version.at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """One version with its evidence; the document is ``tenfold.model/1``."""

    version: Version
    path: Path
    task: str
    inputs: tuple[Document, ...]
    evidence: tuple[Document, ...]
    ok: bool = True

    def document(self) -> Document:
        """Return the version as JSON-ready values."""
        return {
            "schema": "tenfold.model/1",
            **ModelsReport(versions=()).line(self.version),
            "path": str(self.path),
            "task": self.task,
            "threshold": self.version.facts.get("threshold"),
            "inputs": list(self.inputs),
            "evidence": list(self.evidence),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """Everything that happened to a model's versions, oldest first; the document is ``tenfold.history/1``."""

    name: str
    events: tuple[Document, ...]
    ok: bool = True

    def document(self) -> Document:
        """Return the history as JSON-ready values."""
        return {"schema": "tenfold.history/1", "name": self.name, "events": list(self.events)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDoctor:
    """The store's health; the document is ``tenfold.doctor/1``."""

    found: DoctorReport

    @property
    def ok(self) -> bool:
        """Whether nothing kept is lost or wrong."""
        return self.found.ok

    def document(self) -> Document:
        """Return the checks as JSON-ready values."""
        return {"schema": "tenfold.doctor/1", "ok": self.ok, **plain(self.found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreVerify:
    """History against the audit chain; the document is ``tenfold.verify/1``."""

    found: VerifyReport

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return self.found.ok

    def document(self) -> Document:
        """Return the verification as JSON-ready values."""
        return {"schema": "tenfold.verify/1", "ok": self.ok, **plain(self.found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictReport:
    """A scored file; the document is ``tenfold.predict/1``."""

    model: str
    output: str
    rows: int
    columns: tuple[str, ...]
    seconds: float
    ok: bool = True

    def document(self) -> Document:
        """Return the scoring as JSON-ready values."""
        return {
            "schema": "tenfold.predict/1",
            "model": self.model,
            "output": self.output,
            "rows": self.rows,
            "columns": list(self.columns),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileReport:
    """A table looked at; the document is ``tenfold.profile/1``."""

    dataset: Dataset
    notes: tuple[str, ...] = ()
    ok: bool = True

    def document(self) -> Document:
        """Return the profile as JSON-ready values."""
        return {"schema": "tenfold.profile/1", "notes": list(self.notes), **plain(self.dataset)}


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """A new project file; the document is ``tenfold.init/1``."""

    path: Path
    contract: Path | None
    target: str
    task: str
    metric: str
    reasons: tuple[str, ...]
    columns: int
    rows: int
    ok: bool = True

    def document(self) -> Document:
        """Return what was inferred as JSON-ready values."""
        return {
            "schema": "tenfold.init/1",
            "path": str(self.path),
            "contract": None if self.contract is None else str(self.contract),
            "target": self.target,
            "task": self.task,
            "metric": self.metric,
            "reasons": list(self.reasons),
            "columns": self.columns,
            "rows": self.rows,
        }
