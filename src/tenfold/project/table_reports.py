"""What came of looking at tables and scoring them: frozen, and as JSON documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tenfold.foundation.serial import plain
from tenfold.project.document import Document
from tenfold.records.dataset import Dataset
from tenfold.reports.pairs import Shift


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictReport:
    """A scored file or Delta table; the document is ``tenfold.predict/1``."""

    model: str
    output: str
    rows: int
    columns: tuple[str, ...]
    seconds: float
    job: str = ""
    rows_added: int = 0
    rows_before: int = 0
    was_finished: bool = False
    model_bundle: str = ""
    input_hash: str = ""
    run_id: str = ""
    notes: tuple[str, ...] = ()
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
            "job": self.job,
            "rows_added": self.rows_added,
            "rows_before": self.rows_before,
            "was_finished": self.was_finished,
            "model_bundle": self.model_bundle,
            "input_hash": self.input_hash,
            "run_id": self.run_id,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileReport:
    """A table looked at; the document is ``tenfold.profile/1``.

    ``moved`` is how far columns lie from those of ``against``, the farthest first.
    """

    dataset: Dataset
    notes: tuple[str, ...] = ()
    page: Path | None = None
    against: str | None = None
    moved: tuple[Shift, ...] = ()
    ok: bool = True

    def document(self) -> Document:
        """Return the profile as JSON-ready values."""
        return {
            "schema": "tenfold.profile/1",
            "notes": list(self.notes),
            "page": None if self.page is None else str(self.page),
            "against": self.against,
            "moved": None if self.against is None else plain(self.moved),
            **plain(self.dataset),
        }


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
    notes: tuple[str, ...] = ()
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
            "notes": list(self.notes),
        }
