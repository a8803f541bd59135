"""What a run tells while it works: small facts, for a display or a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

EventKind = Literal["run", "stage", "progress", "candidate", "note", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about the work in progress.

    ``stage`` is empty for facts about the run; ``facts`` holds plain values (state, seconds, score, best, ...).
    """

    kind: EventKind
    stage: str = ""
    message: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


class Events(Protocol):
    """Whoever wants to be told."""

    def emit(self, event: Event) -> None:
        """Take one event; must not fail and must not block."""
        ...


class Silent:
    """Nobody listens."""

    def emit(self, event: Event) -> None:
        return None
