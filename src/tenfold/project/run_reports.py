"""What runs, plans and checks came to: frozen, and as the JSON documents that other programs rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.engine.code import environment
from tenfold.engine.plan import PlannedStage
from tenfold.engine.run import RunOutcome
from tenfold.foundation.serial import plain
from tenfold.project.document import Document
from tenfold.project.warned import Quarantine, Warned
from tenfold.records.dataset import Finding
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.model import Candidate, Candidates
from tenfold.records.problem import Duty, Feasibility, PlannedTest, Problem, Serving
from tenfold.reports.leaderboard import best_first
from tenfold.store.rows import Run, RunStage, RunStatus, Version


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
    promotion: Document | None = None
    wear: str = ""
    worn: bool = False
    changed: tuple[str, ...] = ()

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
                part: {name: estimate_line(estimate) for name, estimate in estimates.items()}
                for part, estimates in metrics.items()
            },
            "requirements": [verdict_line(verdict) for verdict in self.verdicts],
            "leaderboard": self._leaderboard(),
            "feasibility": plain(self.feasibility),
            "looks": self.looks,
            "sealed": {"worn": self.worn, "reason": self.wear} if self.wear else None,
            "changed": list(self.changed),
            "environment": environment(),
            "report": None if self.report is None else str(self.report),
            "promotion": self.promotion,
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
        return [_standing(each, weights.get(each.key, 0.0), speed) for each in best_first(self.candidates)]


def _standing(candidate: Candidate, weight: float, speed: Mapping[str, float]) -> Document:
    return {
        "learner": candidate.learner,
        "key": candidate.key,
        "score": candidate.score,
        "loss": candidate.loss,
        "low": candidate.low,
        "high": candidate.high,
        "seconds": candidate.seconds,
        "weight": weight,
        "row_cpu_us": speed.get(candidate.key, candidate.row_cpu_us),
    }


def estimate_line(estimate: Estimate) -> Document:
    """Return a metric's value as JSON-ready values."""
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "method": estimate.method,
    }


def verdict_line(verdict: Verdict) -> Document:
    """Return a verdict as JSON-ready values."""
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
        "reused": verdict.reused,
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
    problem: Problem | None = None
    duties: tuple[Duty, ...] = ()
    serving: Serving | None = None
    tests: tuple[PlannedTest, ...] = ()
    warnings: tuple[Warned, ...] = ()
    quarantine: Quarantine | None = None

    @property
    def ok(self) -> bool:
        """Whether a run would get past its gates, and no duty of the risk tier is left out."""
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
            "warnings": plain(self.warnings),
            "quarantine": plain(self.quarantine),
            "promises": None
            if self.problem is None
            else {
                "owner": self.problem.owner,
                "risk": self.problem.risk,
                "signoff": plain(self.problem.signoff),
                "kpis": plain(self.problem.kpis),
                "functions": plain(self.problem.functions),
                "requirements": [
                    {"id": each.id, "that": each.text, "level": each.level} for each in self.problem.requirements
                ],
            },
            "duties": plain(self.duties),
            "serving": plain(self.serving),
            "tests": plain(self.tests),
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
    environment: tuple[Document, ...] = ()
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
            "environment": list(self.environment),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproduceReport:
    """A run built again from its decisions; the document is ``tenfold.reproduce/1``."""

    run: str
    expected: str
    found: str
    seconds: float
    differing: tuple[str, ...] = ()
    environment: tuple[Document, ...] = ()

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
            "differing": list(self.differing),
            "environment": list(self.environment),
        }
