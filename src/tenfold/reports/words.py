"""Numbers and names as a person reads them."""

from __future__ import annotations

import math

from tenfold.measures.names import find_metric_name
from tenfold.records.evaluation import Estimate

MISSING = "–"
_UNITS = {"ms": " ms", "MB": " MB"}


def number(value: float | None) -> str:
    """Return a number with four digits that count: ``0.9312``, ``48,120``, ``1.2e-05``."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e7 or size < 1e-4:
        return f"{value:.3g}"
    if size >= 1000:
        return f"{value:,.0f}"
    decimals = max(0, 3 - math.floor(math.log10(size)))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text and size >= 1 else text


def short(value: float | None) -> str:
    """Return a number without the zeros at its end: for ticks and for bounds that a person wrote."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def count(value: int) -> str:
    """Return a whole number with separators."""
    return f"{value:,}"


def percent(share: float) -> str:
    """Return a share in per cent."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{share:.1%}" if 0.0005 <= share <= 0.9995 else ("< 0.1%" if share < 0.5 else "> 99.9%")


def with_unit(metric: str, value: float | None) -> str:
    """Return a metric's value with its unit where it has a short one."""
    return MISSING if value is None else number(value) + unit(metric)


def unit(metric: str) -> str:
    """Return the unit to write behind a value, with its blank; empty where there is none."""
    known = find_metric_name(metric)
    return "" if known is None else _UNITS.get(known.unit, "")


def interval(estimate: Estimate) -> str:
    """Return ``low to high``, or a dash."""
    return between(estimate.low, estimate.high)


def between(low: float | None, high: float | None) -> str:
    """Return two bounds, or a dash where neither is known."""
    if low is None and high is None:
        return MISSING
    return f"{number(low)} to {number(high)}"


def meaning(metric: str) -> str:
    """Return one sentence on what a metric says."""
    known = find_metric_name(metric)
    return "" if known is None else known.meaning
