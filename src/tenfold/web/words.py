"""Moments, verdicts and commands as the pages write them; numbers are written as in the report."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Literal

from tenfold.reports.words import MISSING, short

Tone = Literal["good", "bad", "unsure", "open", "plain"]

_TONES: dict[str, Tone] = {
    "pass": "good", "passed": "good", "promote": "good", "closed": "good", "judged": "good",
    "fail": "bad", "failed": "bad", "critical": "bad", "crashed": "bad",
    "inconclusive": "unsure", "warning": "unsure", "stopped": "unsure", "wait": "unsure",
}  # fmt: skip
_SIGNS = {"good": "✓", "bad": "✕", "unsure": "?", "open": "…", "plain": "·"}
_OWN_SIGNS = {"refuse": "✕", "train": "→", "none": "–", "warning": "!"}

_BECAUSE = {
    "manual": "because a person asked",
    "schedule": "because its time had come",
    "requirement": "because a requirement failed in production",
    "harm": "because it did worse than its baseline",
}


def tone(word: str) -> Tone:
    """Return in which of the four colours a word stands; ``open`` for what is neither good nor bad."""
    return _TONES.get(word, "open")


def sign(word: str) -> str:
    """Return the sign that stands before a word, so that nobody needs to see its colour."""
    return _OWN_SIGNS.get(word) or _SIGNS[tone(word)]


def exact(value: float | None) -> str:
    """Return a number as the commands' JSON has it: what a program reads beside what a person reads."""
    return "" if value is None or not math.isfinite(value) else json.dumps(value)


def signed(value: float | None) -> str:
    """Return a difference with its sign."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"+{short(value)}" if value > 0 else short(value).replace("-", "\N{MINUS SIGN}")


def because(reason: str) -> str:
    """Return the cause of a request to train, in words; one that is not known is told as it is."""
    return _BECAUSE.get(reason, f"because of {reason}")


def moment_of(at: datetime | str | None) -> datetime | None:
    """Return a moment in UTC, whichever way it is kept; None for a text that is none."""
    if at is None or not at:
        return None
    try:
        found = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)


def minute(at: datetime | str | None) -> str:
    """Return a moment to the minute, in UTC, as the commands print it; a name that is no moment as it is."""
    found = moment_of(at)
    if found is None:
        return at if isinstance(at, str) and at else MISSING
    return f"{found:%Y-%m-%d %H:%M}"


def iso(at: datetime | str | None) -> str:
    """Return a moment for a program."""
    found = moment_of(at)
    return "" if found is None else found.isoformat()
