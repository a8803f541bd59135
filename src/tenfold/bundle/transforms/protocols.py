"""What a transform is: fitted once on training rows, then applied to tables and to single rows alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.records.features import Step

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """What a fitted transform remembers: plain JSON values, and arrays of numbers by name."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


class Fitted(Protocol):
    """A transform after fitting.

    The names of its columns follow from the step alone, never from the rows it was fitted on: models fitted on
    different folds can then be merged. It reads values of the canonical table (see ``records.dataset.Field``); null,
    NaN and infinity all mean missing.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it makes."""
        ...

    @property
    def categorical(self) -> bool:
        """Whether these columns hold category codes."""
        ...

    def apply(self, table: pl.DataFrame) -> Floats:
        """Return the columns it makes, of shape (n_rows, len(names))."""
        ...

    def apply_row(self, row: Row) -> list[float]:
        """Return the same for one row, given as a mapping from column to value."""
        ...

    def state(self) -> State:
        """Return what ``restore`` needs to build it again."""
        ...


@runtime_checkable
class FittedInPlace(Fitted, Protocol):
    """A fitted transform that can write its columns where they belong: its columns are many."""

    def apply_into(self, table: pl.DataFrame, out: Floats) -> None:
        """Write the columns it makes into ``out``, of shape (n_rows, len(names))."""
        ...


OnNumbers = Callable[[Floats], Floats]
"""From numbers of shape (n_rows, n_columns), as ``values.numbers`` reads them, to columns of shape (n_rows, n_made)."""

OnWords = Callable[[Sequence[str | None], Floats], None]
"""Writes the columns made of one column of words into zeros of shape (n_rows, n_made)."""

OnMoments = Callable[[Sequence[datetime | None]], Floats]
"""From one column of times to columns of shape (n_rows, n_made)."""


class Read(Protocol):
    """The columns of a request, for a transform that reads several kinds of them."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def numbers(self, column: str) -> Floats:
        """Return a column of numbers of shape (n_rows,)."""
        ...

    def words(self, column: str) -> Sequence[str | None]:
        """Return a column of words."""
        ...


OnColumns = Callable[[Read], Floats]
"""From the columns of a request to columns of shape (n_rows, n_made)."""


class Out(Protocol):
    """Where numbers are written one by one: a row of the matrix, or a list."""

    def __setitem__(self, key: int, value: float, /) -> None:
        """Write one."""
        ...


OnRow = Callable[[Sequence[Any], Out, int], None]
"""Writes the columns made of one row's values into zeros, from a place on; missing numbers are NaN, words None."""


# What follows is the lowered form: constants bound once, then arrays and lists in, arrays out, no table in between.


@runtime_checkable
class LowersNumbers(Fitted, Protocol):
    """A fitted transform that reads numbers alone."""

    def on_numbers(self) -> OnNumbers:
        """Return what it does to them; it may return what it was given, and never writes to it."""
        ...


@runtime_checkable
class LowersWords(Fitted, Protocol):
    """A fitted transform that reads one column of words."""

    def on_words(self) -> OnWords:
        """Return what it does to it."""
        ...


@runtime_checkable
class LowersMoments(Fitted, Protocol):
    """A fitted transform that reads one column of times."""

    def on_moments(self) -> OnMoments:
        """Return what it does to it."""
        ...


@runtime_checkable
class LowersColumns(Fitted, Protocol):
    """A fitted transform that reads columns of several kinds."""

    def on_columns(self) -> OnColumns:
        """Return what it does to them."""
        ...


@runtime_checkable
class LowersRow(Fitted, Protocol):
    """A fitted transform that is quicker on one row without arrays; it has one of the forms above as well."""

    def on_row(self) -> OnRow:
        """Return what it does to the values of its columns."""
        ...


Fit = Callable[[Step, pl.DataFrame, Floats | None, np.random.Generator], Fitted]
CrossFit = Callable[[Step, pl.DataFrame, Floats, np.random.Generator], tuple[Fitted, Floats]]
Restore = Callable[[Step, State], Fitted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """One kind of transform: how it is fitted, and how it is built again from its state.

    ``cross_fit`` belongs to those that read the target: it also returns the training rows' own values, each computed
    without the row's own label. ``aligned`` says that a column means the same whichever rows it was fitted on, so that
    models of several folds can be averaged behind one view; axes of a decomposition turn with the rows.
    """

    fit: Fit
    restore: Restore
    cross_fit: CrossFit | None = None
    aligned: bool = True
