"""What a way of splitting sees, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tenfold.records.validation import Scheme

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows to divide, reduced to what a split may look at.

    Attributes
    ----------
    count : int
        Number of rows.
    labels : ndarray of shape (count,) or None
        Codes into ``classes``; None for a regression.
    times : ndarray of shape (count,) or None
        Microseconds; ``NO_TIME`` where the time is missing.
    units : ndarray of shape (count,) or None
        Rows with the same number stay together: members of one group, copies of one row.
    """

    count: int
    labels: IntArray | None = None
    classes: tuple[str, ...] = ()
    times: IntArray | None = None
    units: IntArray | None = None


NO_TIME = int(np.iinfo(np.int64).min)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How much goes where: shares of all rows, the number of blocks of the development rows, the gap.

    ``blocks`` 0 asks for one validation part instead of folds; ``repeats`` says how often rows are dealt into blocks.
    ``gap_seconds`` holds the embargo too. ``window_seconds`` is how far back rows train; 0: as far as for the first
    fold, None: without end.
    """

    test: float
    validation: float
    blocks: int
    gap_seconds: float = 0.0
    repeats: int = 1
    window_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows divided: each row's ``part`` (train, validation, test, out) and ``block`` (-1 outside the folds).

    ``block`` has a second dimension where one number does not say it all: see ``records.validation``.
    """

    part: npt.NDArray[np.str_]
    block: npt.NDArray[np.int16]
    scheme: Scheme
    blocks: int
    findings: tuple[str, ...] = ()
    repeats: int = 1
    window_seconds: float | None = None


class Splitter(Protocol):
    """One way of dividing rows."""

    def __call__(self, rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:
        """Return every row's part and block; equal arguments give equal splits."""
        ...
