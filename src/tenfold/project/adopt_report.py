"""What an import came to: frozen, and as a JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tenfold.bundle.foreign_proof import ForeignProof
from tenfold.project.document import Document
from tenfold.project.run_reports import estimate_line, verdict_line
from tenfold.records.evaluation import Estimate, Threshold
from tenfold.records.evidence import Verdict
from tenfold.store.rows import RunStatus, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptReport:
    """A model from elsewhere, registered and judged; the document is ``tenfold.import/1``."""

    run: str
    status: RunStatus
    version: Version
    path: Path
    kind: str
    task: str
    inputs: tuple[str, ...]
    threshold: Threshold | None
    verdicts: tuple[Verdict, ...]
    metrics: Mapping[str, Mapping[str, Estimate]]
    findings: tuple[str, ...]
    looks: int
    proof: ForeignProof

    @property
    def ok(self) -> bool:
        """Whether no requirement failed."""
        return self.status != "failed"

    def document(self) -> Document:
        """Return the import as JSON-ready values."""
        return {
            "schema": "tenfold.import/1",
            "run": self.run,
            "status": self.status,
            "kind": self.kind,
            "task": self.task,
            "model": {
                "name": self.version.name,
                "version": self.version.number,
                "ref": self.version.ref,
                "path": str(self.path),
                "bundle": self.version.bundle,
            },
            "inputs": list(self.inputs),
            "threshold": None
            if self.threshold is None
            else {"value": self.threshold.value, "reason": self.threshold.reason},
            "metrics": {
                part: {name: estimate_line(estimate) for name, estimate in estimates.items()}
                for part, estimates in self.metrics.items()
            },
            "requirements": [verdict_line(verdict) for verdict in self.verdicts],
            "findings": list(self.findings),
            "looks": self.looks,
            "proof": asdict(self.proof),
        }
