"""A test of two versions on production traffic: how long it takes, what was read, what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

VerdictName = Literal["pass", "fail", "inconclusive", "pending"]
Answer = Literal["promote", "rollback", "continue", "stopped"]
Guarantee = Literal["exact", "asymptotic", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One version of a test and what it answered.

    Attributes
    ----------
    share : float
        The share of the units that it gets now.
    rows, units : int
        Predictions since the test began, and the units that were divided: ids, each of which stays with its arm.
    due, labelled : int
        Rows whose outcome is due, and those among them whose outcome is known. Outcomes that are not due are left out.
    """

    ref: str
    bundle: str
    role: Literal["champion", "candidate", "shadow"]
    share: float
    rows: int = 0
    units: int = 0
    due: int = 0
    labelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioCheck:
    """Whether units, or the outcomes known of them, were divided between the arms as was asked.

    ``p`` is an anytime-valid p-value: of a sound division it ever falls below ``error`` with a chance of at most
    ``error``. ``counts`` and ``expected`` are the candidate's and the champion's.
    """

    of: Literal["units", "outcomes"]
    counts: tuple[int, int]
    expected: tuple[float, float]
    p: float
    error: float
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One requirement, on one slice, held against what the arms did.

    Attributes
    ----------
    value, champion : float or None
        The metric of the candidate and of the champion.
    difference, low, high : float or None
        What is held against ``bound``: the candidate's metric less the champion's (times a factor, for a bound in per
        cent), with bounds that both hold at every look together with ``confidence``; for a bound that is a number, the
        candidate's metric itself.
    guarantee : str
        ``exact``: the chance of error is at most one less ``confidence``, whatever the number of rows and of looks.
        ``asymptotic``: in the limit of many units. ``none``: no bounds are given, and ``reason`` says why.
    n : int
        Rows of both arms.
    needed : int or None
        How many would settle it, were the difference found the true one.
    """

    requirement: str
    metric: str
    verdict: VerdictName
    level: Literal["must", "should"] = "must"
    text: str = ""
    slice: str = ""
    reference: str | None = None
    value: float | None = None
    champion: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    n: int = 0
    needed: int | None = None
    confidence: float = 0.95
    guarantee: Guarantee = "none"
    method: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """Something that stops the candidate whatever else is found.

    ``value`` with ``low`` or ``high`` is what was measured of the candidate (for ``errors`` and ``slice`` less that of
    the champion), ``limit`` what it must not be surely beyond, ``error`` the chance that it ever stops a candidate that
    keeps the limit.
    """

    of: Literal["errors", "latency", "slice"]
    name: str
    breached: bool
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    n: int = 0
    error: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """One look at a test, and what follows from it.

    Attributes
    ----------
    since, until : datetime
        Rows answered since then count; ``until`` None: the test goes on.
    crossed : int
        Rows left out because their unit was answered by both arms.
    early : int
        Rows whose outcome is known before it is due; they wait, as early outcomes are not like the others.
    decision : str
        ``promote``, ``rollback``, ``continue``, or ``stopped``: nothing can be read, the division is unsound.
    because : tuple of str
        Ids of the requirements, guardrails or checks that the decision rests on.
    error_spent : mapping from str to float
        By what was promised (``promote``, ``rollback``, ``stopped``): the chance that the test ever says so wrongly.
    data : mapping from str to str
        Fingerprints of the rows and of the outcomes that were read.
    adjusted : str
        What was taken off each row's value; ``narrower``: by which part of themselves bounds are narrower for it, by
        requirement (below zero: wider).
    """

    endpoint: str
    strategy: Literal["canary", "ab", "shadow"]
    place: Literal["canary", "ab"]
    since: datetime
    at: datetime
    champion: Arm
    candidate: Arm
    decision: Answer
    reason: str
    until: datetime | None = None
    because: tuple[str, ...] = ()
    crossed: int = 0
    early: int = 0
    ratios: tuple[RatioCheck, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    error_spent: Mapping[str, float] = field(default_factory=dict)
    method: str = ""
    horizon: int = 0
    adjusted: str = ""
    narrower: Mapping[str, float] = field(default_factory=dict)
    actor: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step of a canary that is to begin.

    Attributes
    ----------
    requests : int
        Judged requests of its own, since its beginning, after which it rises or is decided.
    days : float or None
        When that is, counted from the beginning; None where nothing is known of how many units come.
    """

    share: float
    requests: int
    days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPlan:
    """What a test would take, said before it starts.

    Attributes
    ----------
    effect : float
        The difference that is to be found, in the metric's unit, beyond the requirement's bound.
    units, expected_units : int or None
        Units of both arms after which it is found with ``power``, and the average when it is true; None: never.
    days, expected_days : float or None
        The same in days at ``units_per_day``, the delay of outcomes included.
    found_after : tuple of (days, effect)
        The least effect found after so many days.
    enough : bool
        Whether ``days`` is at most ``most_days``.
    instead : str
        What to do where traffic is not enough.
    candidate : str
        The version that was named; empty where none was.
    strategy : {'ab', 'canary'}
        How it is to be tried. Of a canary ``share`` is that of the last step at which both versions answer.
    steps : tuple of PlannedStep
        Of a canary.
    most : int
        Judged requests of its own after which a canary is decided at the latest; 0: no such number is promised.
    most_after_days : float or None
        When that is.
    objection : str
        Why it would not be let in as things stand; empty: it would.
    """

    endpoint: str
    metric: str
    effect: float
    effect_from: str
    share: float
    confidence: float
    power: float
    deviation: float
    deviation_from: str
    units_per_day: float | None
    units_from: str
    labels_after_seconds: float
    most_days: float
    enough: bool
    reason: str
    requirement: str = ""
    units: int | None = None
    expected_units: int | None = None
    days: float | None = None
    expected_days: float | None = None
    found_after: tuple[tuple[float, float], ...] = ()
    instead: str = ""
    method: str = ""
    horizon: int = 0
    candidate: str = ""
    strategy: str = "ab"
    steps: tuple[PlannedStep, ...] = ()
    most: int = 0
    most_after_days: float | None = None
    objection: str = ""
