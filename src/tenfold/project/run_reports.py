"""What runs, plans and checks came to: frozen, and as the JSON documents that other programs rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.engine.code import environment
from tenfold.engine.plan import PlannedStage
from tenfold.engine.run import RunOutcome
from tenfold.foundation.serial import plain
from tenfold.measures.ways import ways_of
from tenfold.project.document import Document
from tenfold.project.warned import Quarantine, Warned
from tenfold.records.dataset import Finding
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.model import Candidate, Candidates, LearningCurve
from tenfold.records.problem import Duty, Feasibility, PlannedTest, Problem, Serving
from tenfold.records.tuning import Tuning
from tenfold.reports.leaderboard import best_first
from tenfold.store.rows import Run, RunStage, RunStatus, Version

_CURVE_POINTS = 24


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
            "ways": {way: estimate_line(found) for way, found in self._ways().items()},
            "split": self._split(),
            "weak_slices": [] if evaluation is None else plain(evaluation.record.weak_slices),
            "robustness": [] if evaluation is None else plain(evaluation.record.robustness),
            "calibration": None if evaluation is None else plain(evaluation.record.calibration),
            "intervals": None if evaluation is None else plain(evaluation.record.intervals),
            "requirements": [verdict_line(verdict) for verdict in self.verdicts],
            "leaderboard": self._leaderboard(),
            "convergence": [] if self.candidates is None else list(self.candidates.findings),
            "search": self._search(),
            "feasibility": plain(self.feasibility),
            "looks": self.looks,
            "sealed": {"worn": self.worn, "reason": self.wear} if self.wear else None,
            "changed": list(self.changed),
            "environment": environment(),
            "report": None if self.report is None else str(self.report),
            "promotion": self.promotion,
            "seconds": self.seconds,
        }

    def _ways(self) -> Mapping[str, Estimate]:
        """Return the main metric by the way it was measured."""
        found = self.outcome.results
        if "evaluation" not in found:
            return {}
        return ways_of(found["problem"].record, found["tuning"].record, found["evaluation"].record)

    def _split(self) -> Document | None:
        """Return how the rows are divided, and why."""
        received = self.outcome.results.get("validation")
        if received is None:
            return None
        plan = received.record
        return {
            "strategy": plan.strategy,
            "scheme": plan.scheme,
            "folds": plan.fold_count,
            "repeats": plan.repeats,
            "nested": plan.nested,
            "reason": plan.reason,
            "rejected": [list(each) for each in plan.rejected],
            "observed": list(plan.observed),
            "time": plan.time,
            "groups": plan.groups,
            "gap_seconds": plan.gap_seconds,
            "embargo_seconds": plan.embargo_seconds,
            "window_seconds": plan.window_seconds,
            "counts": dict(plan.counts),
            "hash": plan.split,
            "optimism": None if plan.optimism is None else {**plain(plan.optimism), "by": plan.optimism.optimism},
            "findings": list(plan.findings),
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

    def _search(self) -> Document | None:
        tuning = self.outcome.results.get("tuning")
        if tuning is None:
            return None
        record: Tuning = tuning.record
        return {
            "method": record.method,
            "reason": record.reason,
            "stopped": record.stopped,
            "trials": len(record.trials),
            "counts": record.counts(),
            "epochs": sum(trial.epochs for trial in record.trials),
            "repeats": record.repeats,
            "selection": plain(record.selection),
            "earlier": [plain(each) for each in record.earlier],
            "rejected": [
                {
                    "number": trial.number,
                    "learner": trial.learner,
                    "requirement": trial.requirement,
                    "measured": dict(trial.measured),
                    "reason": trial.reason,
                }
                for trial in record.trials
                if trial.state == "rejected"
            ],
            "journal": None if "study.journal" not in tuning.files else str(tuning.files["study.journal"]),
        }

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
        "note": candidate.note,
        "convergence": plain(candidate.convergence),
        "curve": None if candidate.curve is None else _curve(candidate.curve),
    }


def _curve(curve: LearningCurve) -> Document:
    """Return a learning curve of few points; all of them stand in the payload of tuning (``candidates.json``)."""
    many = len(curve.iterations)
    kept = sorted({round(place * (many - 1) / (_CURVE_POINTS - 1)) for place in range(_CURVE_POINTS)})
    return {
        "unit": curve.unit,
        "loss": curve.loss,
        "kept": curve.kept,
        "iterations": [curve.iterations[place] for place in kept],
        "held": [curve.held[place] for place in kept],
        "train": [curve.train[place] for place in kept],
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
