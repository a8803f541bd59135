"""Ways to search, as Optuna's samplers, and why one is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tenfold.foundation.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import optuna

ENOUGH_TO_LEARN = 12
"""Trials, those of the portfolio included, from which on a model of the losses is better than chance."""

Chosen = Literal["random", "bayesian"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodChoice:
    """The method, and why."""

    method: Chosen
    reason: str


def choose_method(asked: str, known: int, expected: int | None) -> MethodChoice:
    """Return the method to use.

    Parameters
    ----------
    known : int
        Candidates that training scored already.
    expected : int or None
        Trials that the budget allows; None when that can't be said.
    """
    if asked != "auto":
        if asked not in SAMPLERS:
            known_methods = ("auto", *SAMPLERS)
            raise InputError(
                f"'{asked}' is not a tuning method (known are: {', '.join(known_methods)})."
                f"{did_you_mean(asked, known_methods)}"
            )
        return MethodChoice(method="random" if asked == "random" else "bayesian", reason="the file says so")
    if expected is not None and known + expected < ENOUGH_TO_LEARN:
        return MethodChoice(
            method="random",
            reason=f"about {expected} trials are affordable, too few to learn from each other",
        )
    many = "as many trials as time allows" if expected is None else f"about {expected} trials"
    return MethodChoice(method="bayesian", reason=f"{many} and {known} scored candidates can learn from each other")


def _random(seed: int) -> optuna.samplers.BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _bayesian(seed: int) -> optuna.samplers.BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, n_startup_trials=ENOUGH_TO_LEARN, constant_liar=True)


SAMPLERS: Mapping[str, Callable[[int], optuna.samplers.BaseSampler]] = {"random": _random, "bayesian": _bayesian}
