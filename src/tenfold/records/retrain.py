"""Why a model is trained anew, how the new one did against the old one, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Cause = Literal["schedule", "requirement", "harm", "manual"]
Action = Literal["train", "promote", "refuse", "wait", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainRequest:
    """The reason for a new run, as the run's input.

    Attributes
    ----------
    reason : str
        ``schedule``: its time has come. ``requirement``: a live requirement failed. ``harm``: the model costs more than
        its baseline, or predicts nonsense. ``manual``: a person asked.
    window : str
        The window of production time that gave the reason; empty for a schedule or a person.
    at : datetime
        The moment of the request, on the project's clock: rows whose outcome was not known then do not train.
    changed : tuple of str
        What was seen to have changed, one sentence each.
    """

    endpoint: str
    reason: Cause
    at: datetime
    window: str = ""
    details: str = ""
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What the challenger is better by than the champion on the same rows, in the direction of the metric.

    ``value`` is positive where the challenger is better, whether the metric is to be large or small; ``low`` and
    ``high`` are one-sided bounds, each at ``confidence``. ``rows`` says which rows, ``payload`` is the hash of the blob
    that holds them with both models' scores.
    """

    metric: str
    rows: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    champion: float | None = None
    challenger: float | None = None
    confidence: float = 0.95
    method: str = ""
    reason: str = ""
    payload: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which rows a challenger was trained on, and why these: all that were known, or the recent ones."""

    name: str
    rows: int
    since: datetime | None = None
    until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision about renewing the model of an endpoint, with its reason.

    ``train``: a challenger is trained for ``request``. ``promote``, ``refuse``: what became of it. ``wait``: nothing
    can be said yet, or a person has to say it. ``none``: there was no reason to train.

    Attributes
    ----------
    key : str
        One decision is made for each key, however often it is asked for.
    champion, challenger : str or None
        References, such as ``flights@3``.
    newest, lockbox : Gain or None
        On the newest labelled rows, which neither saw, and on the rows sealed when the champion was made.
    look : int
        How often this challenger was compared with this champion, this time included; 0 where nothing could be
        compared.
    window : str
        The windows that were looked at, the newest first.
    waits_for : str
        ``rows``, ``person``, ``budget``, or empty.
    """

    key: str
    endpoint: str
    action: Action
    reason: str
    at: datetime
    request: RetrainRequest | None = None
    champion: str | None = None
    challenger: str | None = None
    run: str = ""
    span: Span | None = None
    newest: Gain | None = None
    lockbox: Gain | None = None
    evidence: tuple[str, ...] = ()
    look: int = 0
    window: str = ""
    waits_for: str = ""
