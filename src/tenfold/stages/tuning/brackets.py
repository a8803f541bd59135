"""Hyperband's brackets: how many settings begin with how little, and how many of them go on with more.

Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar (2018), "Hyperband: a novel bandit-based approach to hyperparameter
optimization", JMLR 18, algorithm 1 and table 1.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST, ETA = 81, 3
"""The paper's R and eta: a full fit has 81 units, and one setting in three goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """So many settings are tried with so many units each."""

    settings: int
    units: int


def brackets(longest: int = LONGEST, eta: int = ETA) -> tuple[tuple[Rung, ...], ...]:
    """Return the brackets of one round of Hyperband, the one that begins with the least first.

    Parameters
    ----------
    longest : int
        Units of a full fit, R in the paper.
    eta : int
        One in ``eta`` settings goes on to the next rung.
    """
    most = deepest(longest, eta)
    made: list[tuple[Rung, ...]] = []
    for s in range(most, -1, -1):
        settings = -(-(most + 1) * eta**s // (s + 1))
        made.append(tuple(Rung(settings=settings // eta**i, units=longest * eta**i // eta**s) for i in range(s + 1)))
    return tuple(made)


def deepest(longest: int, eta: int) -> int:
    """Return the greatest s with eta ** s <= longest; in whole numbers, as a logarithm may round to less."""
    s = 0
    while eta ** (s + 1) <= longest:
        s += 1
    return s


def units_of(rungs: tuple[Rung, ...]) -> int:
    """Return what a bracket costs when every rung begins anew."""
    return sum(rung.settings * rung.units for rung in rungs)
