"""Ends of intervals rounded outwards: a printed interval holds what it held."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

_SHORT, _FULL = 3, 4
_WIDE = 0.02
"""An interval that is wider than this share of itself needs no fourth digit."""


def outwards(value: float, digits: int, *, down: bool) -> float:
    """Return a bound with so many significant digits, the lower one rounded down and the upper one up.

    A point that is rounded to at least as many digits then lies between its bounds as printed, if it did before.

    Parameters
    ----------
    digits : int
        Significant digits that are kept; those before the decimal point always are.
    down : bool
        Whether it is the lower end.
    """
    if value == 0 or not math.isfinite(value):
        return value
    exact = Decimal(repr(float(value)))
    places = min(exact.adjusted() - digits + 1, 0)
    return float(exact.quantize(Decimal(1).scaleb(places), rounding=ROUND_FLOOR if down else ROUND_CEILING))


def digits_of(low: float | None, high: float | None) -> int:
    """Return how many digits the ends of an interval need beside a point that is told with four."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return _FULL
    return _SHORT if high - low >= _WIDE * max(abs(low), abs(high)) else _FULL
