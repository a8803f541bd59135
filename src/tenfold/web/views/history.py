"""What was live when, and what was decided about renewing it."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.foundation.errors import InputError
from tenfold.project.release_reports import LiveReport
from tenfold.store.rows import KeptDecision, Release
from tenfold.web.state import Span, State

_MOST_DECISIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Spans, releases and decisions, each newest first.

    ``quiet`` decisions found no reason to train; ``answer`` or ``refused`` is there where a moment was asked for.
    """

    spans: tuple[Span, ...]
    releases: tuple[Release, ...]
    decisions: tuple[KeptDecision, ...]
    quiet: tuple[KeptDecision, ...]
    more: int
    asked: str
    answer: LiveReport | None
    refused: str


def history_of(state: State, asked: str = "") -> HistoryPage:
    """Return what was live when; for a moment ``asked`` in ISO 8601 also what was live then."""
    answer, refused = None, ""
    if asked:
        try:
            answer = state.project.live_at(state.project.spec.name, asked)
        except InputError as error:
            refused = str(error)
    decisions = tuple(reversed(state.decisions))[:_MOST_DECISIONS]
    return HistoryPage(
        spans=tuple(reversed(state.spans())),
        releases=tuple(reversed(state.releases)),
        decisions=tuple(each for each in decisions if each.decision.action != "none"),
        quiet=tuple(each for each in decisions if each.decision.action == "none"),
        more=len(state.decisions) - len(decisions),
        asked=asked,
        answer=answer,
        refused=refused,
    )
