"""What an endpoint serves: which versions, from which files, with which threshold, and who gets which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Strategy = Literal["all", "shadow", "canary", "ab"]
TrialAction = Literal["wait", "rise", "promote", "rollback", "none"]
Role = Literal["champion", "candidate", "shadow"]
Policy = Literal["reject", "impute", "pass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicy:
    """What an endpoint does with values that are not what a column should hold.

    Attributes
    ----------
    wrong_type : str
        Of a value of another type: ``reject`` the request, ``impute`` (it counts as missing, and is recorded) or
        ``pass`` (it is read where it can be: the text ``12`` as a number).
    missing : str
        Of none; ``pass`` leaves it to the model, ``impute`` does so and records it.
    unseen : str
        Of a category that training never saw.
    """

    wrong_type: Policy = "reject"
    missing: Policy = "pass"
    unseen: Policy = "pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One version behind an endpoint.

    Attributes
    ----------
    ref : str
        The version, such as ``flights@3``.
    bundle : str
        The bundle's name: whoever loads it holds it against this.
    path : str
        The bundle's archive, relative to the store's folder.
    share : float
        The share of the ids that it answers, 0 to 1; of a shadow, of the ids that it is asked about beside.
    threshold : float or None
        From which probability on the positive class is decided; None where there is no threshold.
    role : str
        ``champion``: answers whatever no other route does. ``candidate``: answers its share. ``shadow``: is asked
        after the answer was given; nobody gets what it says.
    """

    ref: str
    bundle: str
    path: str
    share: float = 1.0
    threshold: float | None = None
    role: Role = "champion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A served name.

    ``revision`` counts its releases from 1. ``at`` is on the project's clock; ``replay`` says that this clock was set,
    not read.

    Attributes
    ----------
    strategy : str
        ``all``: the champion answers everything. Otherwise how the routes share the requests.
    salt : str
        What ids are hashed with: the same salt, the same division, wherever and whenever it is computed.
    assign : str or None
        The column whose value is the id that a row is divided by; None: the row's own id.
    fields : mapping from column to FieldPolicy
        Where a column is not held to the usual.
    """

    name: str
    revision: int
    routes: tuple[Route, ...]
    at: datetime
    strategy: Strategy = "all"
    replay: bool = False
    salt: str = ""
    assign: str | None = None
    fields: Mapping[str, FieldPolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How an endpoint's requests are divided while a version is tried beside the champion.

    Attributes
    ----------
    strategy : str
        ``canary``, ``ab`` or ``shadow``; ``all`` where nothing is tried, and only ``assign`` is to be known.
    number : int
        The version that is tried.
    bundle, threshold
        Its bundle, and its threshold as it was when the trial began.
    share : float
        The share of the ids that it answers now.
    salt : str
        See `Endpoint`; one trial keeps one salt, so a share that rises keeps the ids that were in it.
    since : datetime
        When the trial began, on the project's clock: older rows are not part of it.
    steps : tuple of float
        The shares of a canary, rising; ``step`` is the place of the present one.
    requests : int
        Judged requests of the candidate at least, for each step.
    most : int
        After so many judged requests a canary that was not shown to be good enough is rolled back.
    position : mapping from segment to byte
        Where the prediction log ended when the trial began.
    adjust : str
        What a test takes off each row's value: ``champion``, or a column; empty: nothing. Fixed when it begins.
    assign : str or None
    fields : mapping from column to FieldPolicy
        See `Endpoint`.
    """

    strategy: Strategy
    number: int
    bundle: str
    share: float
    salt: str
    since: datetime
    threshold: float | None = None
    steps: tuple[float, ...] = ()
    step: int = 0
    requests: int = 0
    most: int = 0
    position: Mapping[str, int] = field(default_factory=dict)
    adjust: str = ""
    assign: str | None = None
    fields: Mapping[str, FieldPolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A candidate that a gateway has stopped by itself.

    ``salt`` names the trial, ``at`` is the system's time.
    """

    endpoint: str
    ref: str
    salt: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficLook:
    """One look at a version that is tried: what it answered, how often it agreed with the champion, what follows.

    Attributes
    ----------
    revision : int
        The endpoint's, when it was looked at.
    rows, judged : int
        Requests of the candidate since the trial began, and those among them whose outcome is due and known.
    champion_rows : int
        Requests that the champion answered meanwhile.
    share : float
        The share that was asked for.
    agreement : float or None
        The share of the rows on which both decide alike; of a regression, None.
    apart : float or None
        The mean absolute difference of their scores.
    gain : float or None
        What the candidate's decisions brought more than the champion's on the same rows, in money per row, with
        ``gain_low`` and ``gain_high`` at 95 %; None without ``problem.value`` or outcomes.
    verdicts : mapping from requirement to verdict
        Evidence of them stands in the log under ``evidence``.
    action : str
        ``wait``, ``rise``, ``promote``, ``rollback``, or ``none`` where only a person acts.
    """

    endpoint: str
    revision: int
    strategy: Strategy
    champion: str
    candidate: str
    share: float
    rows: int
    judged: int
    champion_rows: int
    action: TrialAction
    reason: str
    at: datetime
    agreement: float | None = None
    apart: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    verdicts: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
