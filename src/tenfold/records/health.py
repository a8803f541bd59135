"""What production looks like, window by window: what arrived, what moved, what it was worth, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

IncidentKind = Literal["data", "drift", "performance", "operations"]
Severity = Literal["info", "warning", "critical"]
WindowStatus = Literal["waiting", "judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A slice of production time in which one version answered.

    A window in which the champion changed is two, one for each version.

    Attributes
    ----------
    start, end : datetime
        In event time; the end belongs to the next window.
    rows : int
        Predictions.
    labelled : int
        Those whose outcome is known.
    status : str
        ``waiting``: outcomes are not due yet. ``judged``: they are, and what is known was judged.
    revision : int
        1 when the window was first looked at; one more each time its rows or its outcomes changed.
    judgements : int
        How many of these looks judged the live requirements, this one included.
    """

    endpoint: str
    bundle: str
    ref: str
    start: datetime
    end: datetime
    rows: int
    labelled: int = 0
    status: WindowStatus = "waiting"
    revision: int = 1
    judgements: int = 0

    @property
    def name(self) -> str:
        """The window's name: its beginning, to the minute, in UTC."""
        return self.start.strftime("%Y-%m-%dT%H:%M")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityFinding:
    """Something broken in the rows of a window; ``column`` None: in the window as a whole.

    ``value`` is what was found and ``limit`` what is allowed, in the rule's own unit. ``critical``: the feed is broken,
    so neither drift nor a model's worth can be told from this window, and nothing is trained on it.
    """

    rule: str
    severity: Severity
    message: str
    column: str | None = None
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFinding:
    """A column whose values are no longer those of the reference.

    ``distance`` is the total variation (0 to 1) between the shares by bin before and since ``since``, the beginning of
    the window in which the change most likely began. ``value`` is the natural logarithm of the evidence of this column,
    ``threshold`` that from which all columns together raise an alarm.
    """

    column: str
    distance: float
    value: float
    threshold: float
    since: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric on the matured rows of a window, with its two-sided interval at ``confidence``."""

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    confidence: float = 0.95
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A live verdict as the window shows it; ``evidence`` names the row in the evidence log."""

    requirement: str
    verdict: Literal["pass", "fail", "inconclusive", "pending"]
    level: Literal["must", "should"]
    metric: str
    text: str = ""
    slice: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    n: int = 0
    confidence: float = 0.95
    reason: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The monitoring stage's result for one window.

    Attributes
    ----------
    evidence, threshold : float or None
        Natural logarithms: of the evidence for drift over all columns together, and of that which raises an alarm. None
        where drift was not judged; ``notes`` says why.
    drift : tuple of DriftFinding
        The columns named by the alarm; empty without one.
    metrics : mapping of str to Measured
        On the rows whose outcome is known, once outcomes are due.
    harmful : bool
        A must fails on these rows.
    """

    window: Window
    integrity: tuple[IntegrityFinding, ...] = ()
    drift: tuple[DriftFinding, ...] = ()
    evidence: float | None = None
    threshold: float | None = None
    metrics: Mapping[str, Measured] = field(default_factory=dict)
    verdicts: tuple[Judged, ...] = ()
    harmful: bool = False
    notes: tuple[str, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether the feed is broken: an integrity finding is critical."""
        return any(finding.severity == "critical" for finding in self.integrity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One problem in production, from its first window to its closure.

    Attributes
    ----------
    id : str
        Such as ``i3``.
    cause : str
        What makes two findings the same problem: ``empty``, ``range``, ``inputs``, ``auc-floor``.
    opened, last : datetime
        Beginnings of the first and of the newest window that showed it.
    closed : datetime or None
        The beginning of the window after which it was taken for over.
    title : str
        One sentence.
    details : mapping of str to str
        What was found, by column or by requirement.
    calm : int
        Windows since the last one that showed it.
    """

    id: str
    endpoint: str
    kind: IncidentKind
    cause: str
    opened: datetime
    last: datetime
    title: str
    severity: Severity
    closed: datetime | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    windows: int = 1
    calm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChange:
    """What a window did to an incident, and what the incident is since."""

    change: Literal["opened", "updated", "closed"]
    incident: Incident
