"""What is counted of one column, so that the counts of two parts add up to those of the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tenfold.foundation.errors import InputError

Kind = Literal["numeric", "categorical", "boolean", "datetime", "text"]

BINS = 12
SKETCH = 64
"""So many of the smallest distinct hashes of a column's values are kept."""
MAGNITUDES = 80
"""Powers of two by which the size of numbers is counted: from 2 to the -40 to 2 to the 39."""
EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one column is counted: fixed by the reference, the same for every window.

    Attributes
    ----------
    edges : tuple of float
        Inner edges of the bins of a number (or of the length of a text), ascending; value x falls into the bin
        numbered by how many edges are <= x.
    levels : tuple of str
        Categories of the reference, most frequent first. The first ``BINS - 1`` have a bin of their own, the others
        share one, and one more counts what the reference does not hold.
    closed : bool
        ``levels`` holds every category of the reference, so another one is new.
    low, high : float or None
        The range that numbers may have; None: not judged.
    tracked : bool
        Drift is judged. Moments always move on, so they are not.
    novelty : float
        Share of the reference's rows whose category occurs in no other row: about the share of new ones to expect
        (Good, 1953).
    """

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    closed: bool = True
    low: float | None = None
    high: float | None = None
    tracked: bool = True
    novelty: float = 0.0

    @property
    def bins(self) -> int:
        """How many bins values fall into, missing values not among them."""
        if not self.tracked:
            return 0
        if self.kind in ("categorical", "boolean"):
            own = min(len(self.levels), BINS - 1)
            return own + (2 if len(self.levels) > own else 1)
        return len(self.edges) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnState:
    """One column of some rows, counted.

    Attributes
    ----------
    n, missing : int
        Rows, and those without a value.
    counts : tuple of int
        Values by bin of the column's `Shape`.
    low, high : float or None
        The smallest and largest number; None where there is none.
    below, above : int
        Numbers outside of the range that the shape allows.
    magnitudes : tuple of int
        How many numbers have which power of two (`MAGNITUDES` of them), zeros not counted; empty for no numbers.
    unseen : int
        Values of categories that the reference does not hold; ``examples`` names the first of them in the alphabet.
    content : int
        Sum of the values' hashes, modulo 2 to the 64: equal for equal values in whatever order.
    sketch : tuple of int
        The smallest distinct hashes, ascending: all of them when there are fewer than `SKETCH` distinct values.
    """

    n: int = 0
    missing: int = 0
    counts: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None
    below: int = 0
    above: int = 0
    magnitudes: tuple[int, ...] = ()
    unseen: int = 0
    examples: tuple[str, ...] = ()
    content: int = 0
    sketch: tuple[int, ...] = ()

    @property
    def known(self) -> int:
        """Rows with a value."""
        return self.n - self.missing

    @property
    def distinct(self) -> float:
        """Number of distinct values: exact below `SKETCH`, else estimated from the sketch (Bar-Yossef et al., 2002)."""
        if len(self.sketch) < SKETCH:
            return float(len(self.sketch))
        return (SKETCH - 1) / ((self.sketch[-1] + 1) / 2.0**64)

    def merged(self, other: ColumnState) -> ColumnState:
        """Return the state of the rows of both.

        Raises
        ------
        InputError
            When the two were counted by different shapes.
        """
        if len(self.counts) != len(other.counts):
            raise InputError(f"states of {len(self.counts)} and {len(other.counts)} bins cannot be added")
        return ColumnState(
            n=self.n + other.n,
            missing=self.missing + other.missing,
            counts=_added(self.counts, other.counts),
            low=_of_both(min, self.low, other.low),
            high=_of_both(max, self.high, other.high),
            below=self.below + other.below,
            above=self.above + other.above,
            magnitudes=_added(self.magnitudes, other.magnitudes),
            unseen=self.unseen + other.unseen,
            examples=tuple(sorted({*self.examples, *other.examples})[:EXAMPLES]),
            content=(self.content + other.content) % 2**64,
            sketch=tuple(sorted({*self.sketch, *other.sketch})[:SKETCH]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """Some rows, counted column by column; ``absent`` names columns that the rows do not have."""

    rows: int
    columns: Mapping[str, ColumnState]
    absent: tuple[str, ...] = ()

    def merged(self, other: TableState) -> TableState:
        """Return the state of the rows of both; a column that one of them lacks is absent."""
        absent = tuple(sorted({*self.absent, *other.absent}))
        both = {name: state for name, state in self.columns.items() if name in other.columns}
        return TableState(
            rows=self.rows + other.rows,
            columns={name: state.merged(other.columns[name]) for name, state in both.items()},
            absent=absent,
        )


def _added(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if not a or not b:
        return a or b
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _of_both(choose: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)
