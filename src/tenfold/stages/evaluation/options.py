"""What the file's ``evaluation`` section says."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.records.problem import Behaviour

LATENCY_CALLS = 1_000
"""Fewer one-row calls than this say little about one in a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What is measured beside the main metric, the usual ones and the requirements' own.

    Attributes
    ----------
    metrics : tuple of str
        Names of further metrics.
    latency_calls : int
        One-row calls by which latency is measured.
    behaviour : tuple of Behaviour
        How the model must answer when its input changes.
    robustness : bool
        Whether a quick set of such changes is measured without being asked for.
    weak_slices : bool
        Whether slices on which the model does worse are looked for.
    calibrate : bool
        Whether probabilities are mended where that helps out of fold.
    intervals : float or None
        The share of rows whose truth the interval, or the set of classes, is to hold; None makes none.
    """

    metrics: tuple[str, ...] = ()
    latency_calls: int = LATENCY_CALLS
    behaviour: tuple[Behaviour, ...] = ()
    robustness: bool = True
    weak_slices: bool = True
    calibrate: bool = True
    intervals: float | None = None
