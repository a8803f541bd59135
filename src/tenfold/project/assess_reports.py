"""What an assessment of several use cases came to: frozen, and as a JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenfold.foundation.serial import plain
from tenfold.project.document import Document
from tenfold.project.run_reports import CheckReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the scores of a use case, from 0 to 1: what it rests on, and what is still open about it."""

    score: float
    told: str
    open: str = ""
    measured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One use case in the ranking.

    ``first_share`` is the share of changed weights with which it comes first, ``best_rank`` and ``worst_rank`` how far
    it moves.
    """

    file: str
    name: str
    objective: str
    score: float
    parts: Mapping[str, Part]
    first_share: float
    best_rank: int
    worst_rank: int
    check: CheckReport


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessReport:
    """Use cases, the best first; the document is ``tenfold.assess/1``."""

    cases: tuple[Case, ...]
    weights: Mapping[str, float] = field(default_factory=dict)
    change: float = 0.2
    same_order: float = 1.0
    same_first: float = 1.0
    page: str | None = None
    ok: bool = True

    def document(self) -> Document:
        """Return the ranking as JSON-ready values."""
        return {
            "schema": "tenfold.assess/1",
            "weights": dict(self.weights),
            "stability": {
                "change": self.change,
                "same_order": self.same_order,
                "same_first": self.same_first,
            },
            "page": self.page,
            "cases": [self._line(rank, case) for rank, case in enumerate(self.cases, start=1)],
        }

    def _line(self, rank: int, case: Case) -> Document:
        serving = case.check.serving
        return {
            "rank": rank,
            "file": case.file,
            "name": case.name,
            "objective": case.objective,
            "score": case.score,
            "first_share": case.first_share,
            "best_rank": case.best_rank,
            "worst_rank": case.worst_rank,
            "parts": plain(case.parts),
            "feasibility": plain(case.check.feasibility),
            "serving": None if serving is None else serving.strategy,
            "duties": [duty.id for duty in case.check.duties if duty.missing],
            "stopped": case.check.stopped,
        }
