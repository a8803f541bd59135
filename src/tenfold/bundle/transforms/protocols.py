"""What a transform is: fitted once on training rows, then applied to tables and to single rows alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
