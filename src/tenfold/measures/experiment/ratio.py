"""Whether units were divided between the arms as was asked: a test that may be looked at after every unit.

The counts of a phase are held against its shares by a mixture of Dirichlet-multinomial chances around those shares,
divided by the chance that the shares give: a martingale with mean one while the shares are true (Lindon and Malek,
2022: "Anytime-valid inference for multinomial count data"). Phases with other shares multiply. So a sound division is
ever called unsound with a chance of at most ``ERROR``, however often one looks. The order of the units plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.measures.outcome import Floats

ERROR = 0.01
"""The chance that a sound division is ever called unsound."""
CONCENTRATIONS = (60.0, 600.0, 6000.0)
"""How near to the asked shares the true ones are taken to be; each counts alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Units of a time in which shares were the same; ``counts`` and ``shares`` by arm, shares adding up to one."""

    counts: tuple[int, ...]
    shares: tuple[float, ...]


def p_value(phases: Sequence[Phase]) -> float:
    """Return the anytime-valid p-value of "the units were divided as asked", at most one."""
    return float(min(1.0, np.exp(-log_evidence(phases))))


def log_evidence(phases: Sequence[Phase]) -> float:
    """Return the logarithm of the evidence against the shares."""
    found = 0.0
    for phase in phases:
        counts, shares = np.asarray(phase.counts, dtype=np.float64), np.asarray(phase.shares)
        expected = float(counts @ np.log(shares))
        mixed = [_log_chance(each * shares, counts) for each in CONCENTRATIONS]
        found += float(np.logaddexp.reduce(mixed) - np.log(len(CONCENTRATIONS))) - expected
    return found


def _log_chance(concentration: Floats, counts: Floats) -> float:
    """Return the logarithm of the chance of counts in one order: Dirichlet-multinomial."""
    from scipy.special import gammaln

    whole = concentration.sum()
    parts = gammaln(concentration + counts) - gammaln(concentration)
    return float(gammaln(whole) - gammaln(whole + counts.sum()) + parts.sum())
