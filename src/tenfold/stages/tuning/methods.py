"""The ways to search, and why one is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tenfold.foundation.errors import InputError, did_you_mean

ENOUGH_TO_LEARN = 12
"""Trials, those of the portfolio included, from which on a model of the losses is better than chance."""

MANY_LANES = 16
"""Fits side by side from which on most of them are begun before the answers of the others are known."""

LONG_FIT_SECONDS = 30.0
"""A whole fit of this length is worth being ended early."""

FEW_TRIALS = 30
"""Up to so many, trials are few enough for a Gaussian process."""

_FITS_FOR_HALVING = 5

Chosen = Literal["grid", "random", "bayesian", "hyperband", "asha"]
METHODS: tuple[Chosen, ...] = ("grid", "random", "bayesian", "hyperband", "asha")


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodChoice:
    """The method, and why."""

    method: Chosen
    reason: str


def choose_method(
    asked: str,
    *,
    known: int,
    expected: int | None,
    points: int | None = None,
    lanes: int = 1,
    fit_seconds: float = 0.0,
) -> MethodChoice:
    """Return the method to use.

    Parameters
    ----------
    known : int
        Candidates that training scored already.
    expected : int or None
        Trials that the budget allows; None when that can't be said.
    points : int or None
        Points of the space where a person listed all values; None where it has ranges, or is our own.
    lanes : int
        Fits that run side by side.
    fit_seconds : float
        Time of one whole fit; 0 when nobody looks at a clock.
    """
    if asked != "auto":
        for method in METHODS:
            if method == asked:
                own = choose_method(
                    "auto", known=known, expected=expected, points=points, lanes=lanes, fit_seconds=fit_seconds
                )
                instead = f", as `auto` would: {own.reason}"
                if own.method != method:
                    instead = f"; `auto` would take {own.method}: {own.reason}"
                return MethodChoice(method=method, reason=f"the file says so (`tuning.method`){instead}")
        known_methods = ("auto", *METHODS)
        raise InputError(
            f"'{asked}' is not a tuning method (known are: {', '.join(known_methods)})."
            f"{did_you_mean(asked, known_methods)}"
        )
    if points is not None and (expected is None or points <= expected):
        return MethodChoice(
            method="grid",
            reason=f"the space has {points} points and all can be tried: nothing is left to chance",
        )
    if fit_seconds >= LONG_FIT_SECONDS and expected is not None and _FITS_FOR_HALVING <= expected < ENOUGH_TO_LEARN:
        return MethodChoice(
            method="hyperband",
            reason=f"a whole fit takes {fit_seconds:.0f} s and about {expected} are affordable:"
            " most settings can be told by a part of it",
        )
    if expected is not None and known + expected < ENOUGH_TO_LEARN:
        return MethodChoice(
            method="random",
            reason=f"{_about(expected)} affordable, too few to learn from each other",
        )
    if lanes >= MANY_LANES and expected is not None and expected < 4 * lanes:
        return MethodChoice(
            method="random",
            reason=f"{lanes} fits run side by side and about {expected} trials are affordable: most begin before the"
            " answers of the others are known",
        )
    many = "as many trials as time allows" if expected is None else f"about {expected} trials"
    return MethodChoice(method="bayesian", reason=f"{many} and {known} scored candidates can learn from each other")


def _about(trials: int) -> str:
    return {0: "no trial is", 1: "about 1 trial is"}.get(trials, f"about {trials} trials are")
