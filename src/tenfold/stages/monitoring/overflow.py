"""Numbers that their type could not hold: wrapped around, run over, or stopped at the largest there is."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.measures.states.column import ColumnState, Shape
from tenfold.records.health import IntegrityFinding, Severity

WIDTHS = (8, 16, 32)
_LARGEST_SINGLE = 3.4e38
_ABSURD = 1e9
_NEAR = 4.0
_MANY = 0.01


def find_overflown(shape: Shape, now: ColumnState, known: ColumnState) -> Iterator[IntegrityFinding]:
    """Yield that the extremes of a column are those of numbers that overflowed; one such row is enough.

    Numbers that were never negative and are, by about a whole range of 8, 16 or 32 bits, wrapped around at its upper
    end; one just below such a range, far above all that was known, went below zero. What lies a thousand million times
    beyond the known, or at the end of single precision, overflowed in a calculation.
    """
    if shape.kind != "numeric" or None in (now.low, now.high, known.low, known.high):
        return
    assert now.low is not None
    assert now.high is not None
    assert known.low is not None
    assert known.high is not None
    reach = max(abs(known.low), abs(known.high), 1.0)
    if max(abs(now.low), abs(now.high)) >= min(_ABSURD * reach, max(_LARGEST_SINGLE, 10 * reach)):
        worst = now.high if abs(now.high) >= abs(now.low) else now.low
        text = f"'{shape.name}' holds {worst:.4g}, beyond {reach:.4g} in the reference: a number overflowed on its way"
        yield _finding(shape, text, worst, now)
        return
    for bits in WIDTHS:
        size = 2.0**bits
        if known.low >= 0 > now.low and _wrapped(now.low, known.high, size):
            text = (
                f"'{shape.name}' holds {now.low:,.0f}, which is {now.low + size:,.0f} wrapped around in {bits} bits;"
                " it was never negative"
            )
            yield _finding(shape, text, now.low, now)
            return
        if known.low >= 0 and known.high < size / _NEAR and 0 < size - now.high <= max(known.high, 1.0):
            text = (
                f"'{shape.name}' holds {now.high:,.0f}, which is {now.high - size:,.0f} in {bits} bits without a sign:"
                f" a number went below zero; {known.high:,.0f} was the largest"
            )
            yield _finding(shape, text, now.high, now)
            return


def _wrapped(low: float, high: float, size: float) -> bool:
    """Whether a negative number is one just above half a range, and such numbers are not far from the known ones."""
    return -size / 2 <= low and low == round(low) and size / (2 * _NEAR) <= high and low + size <= _NEAR * high


def _finding(shape: Shape, text: str, value: float, now: ColumnState) -> IntegrityFinding:
    # One such row is worth a word; where they are many, nothing should be learned from the window.
    severity: Severity = "critical" if now.below + now.above > _MANY * now.known else "warning"
    return IntegrityFinding(rule="overflow", severity=severity, message=text, column=shape.name, value=value)
