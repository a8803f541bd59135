"""Judgements: one row for each time a requirement was held against something real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

VerdictName = Literal["pass", "fail", "inconclusive", "pending"]
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)
"""In the order in which counts of them are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One requirement judged on one subject at one place.

    ``value`` with ``low`` and ``high`` is the quantity that was held against ``bound``: the metric itself, or for a
    bound by reference the metric with the interval of the paired difference put around it. ``needed`` is the number of
    rows that would settle an inconclusive verdict, when that can be said. ``slice`` is empty for all rows. ``reused``
    is how often the sealed rows had been looked at before.
    """

    requirement: str
    verdict: VerdictName
    place: str
    level: Literal["must", "should"]
    metric: str
    direction: Literal[">=", "<="]
    text: str = ""
    slice: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    reference: str | None = None
    n: int = 0
    needed: int | None = None
    confidence: float = 0.95
    method: str = ""
    reason: str = ""
    reused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A verdict with its circumstances, as it is kept for ever.

    ``subject`` is the bundle's hash; ``inputs`` hashes of what was judged on (snapshot, split, bundle). ``at`` is the
    project's clock, ``recorded`` the system's.
    """

    id: str
    verdict: Verdict
    subject: str
    run: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    at: datetime
    recorded: datetime
