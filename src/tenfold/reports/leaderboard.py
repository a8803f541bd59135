"""The order of a leaderboard: by the score that is shown, not by the loss that the search minimised."""

from __future__ import annotations

from tenfold.measures.names import METRIC_NAMES
from tenfold.records.model import Candidate, Candidates

_LEFT = "left the race"
"""How the note of a candidate begins that was not measured on all folds."""


def best_first(candidates: Candidates) -> tuple[Candidate, ...]:
    """Return all candidates by their score, the best first; those that were not measured on all folds come last."""
    known = METRIC_NAMES.get(candidates.metric)
    sign = -1.0 if known is None or known.greater_is_better else 1.0
    return tuple(
        sorted(
            candidates.candidates,
            key=lambda each: (each.note.startswith(_LEFT), sign * each.score, each.loss, each.key),
        )
    )
