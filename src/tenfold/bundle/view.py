"""A view: the transforms of a plan, fitted together, that turn a table or a row into numbers for a learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.matrix import Floats, Matrix
from tenfold.bundle.transforms.protocols import Fitted, FittedInPlace, Row, State
from tenfold.bundle.transforms.table import transform_called
from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.serial import canonical_json, from_json
from tenfold.records.features import Step
from tenfold.records.problem import Task

_BLOCK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepState:
    """One fitted step as it is written: the step, and what it remembers beside its arrays."""

    kind: str
    columns: tuple[str, ...]
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Later:
    """A step that no other one reads: it writes its columns into the matrix itself, from the table as it found it."""

    fitted: FittedInPlace
    table: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedView:
    """Fitted transforms, applied one after the other.

    A step reads columns of the table, or what an earlier step made. One that reads a column and makes it again under
    the same name (scaling what was filled) replaces it.

    Attributes
    ----------
    steps, fitted : tuple
        The plan's steps and what fitting made of each.
    names : tuple of str
        The columns of the matrix.
    categorical : tuple of int
        Which of them hold category codes.
    kept : tuple of ndarray
        For each step, which of its columns are given to the learner (no later step replaces them).
    chained : tuple of bool
        For each step, whether a later step reads what it makes.
    """

    steps: tuple[Step, ...]
    fitted: tuple[Fitted, ...]
    names: tuple[str, ...]
    categorical: tuple[int, ...]
    kept: tuple[npt.NDArray[np.int64], ...]
    chained: tuple[bool, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the table that it reads, in the order of the steps."""
        made: set[str] = set()
        read: dict[str, None] = {}
        for step, fitted in zip(self.steps, self.fitted, strict=True):
            read.update(dict.fromkeys(column for column in step.columns if column not in made))
            made.update(fitted.names)
        return tuple(read)

    def apply(self, table: pl.DataFrame) -> Matrix:
        """Return the rows of a canonical table as numbers."""
        parts: list[Floats | _Later] = []
        for position, fitted in enumerate(self.fitted):
            if isinstance(fitted, FittedInPlace) and not self.chained[position]:
                parts.append(_Later(fitted=fitted, table=table))
                continue
            made = fitted.apply(table)
            parts.append(made)
            if self.chained[position]:
                table = _extended(table, fitted.names, made)
        return self._matrix(parts, table.height)

    def apply_row(self, row: Row) -> Floats:
        """Return one canonical row, a mapping from column to value, as numbers of shape (1, n_columns)."""
        result: list[float] = []
        for position, fitted in enumerate(self.fitted):
            made = fitted.apply_row(row)
            kept = self.kept[position]
            if len(kept) == len(made):
                result.extend(made)
            else:
                result.extend(made[column] for column in kept)
            if self.chained[position]:
                row = {**row, **dict(zip(fitted.names, made, strict=True))}
        return np.array([result], dtype=np.float64)

    def files(self) -> dict[str, bytes]:
        """Return its state as ``view.json`` (steps) and ``view.safetensors`` (arrays)."""
        written, arrays = [], {}
        for position, (step, fitted) in enumerate(zip(self.steps, self.fitted, strict=True)):
            state = fitted.state()
            written.append(
                _StepState(
                    kind=step.kind,
                    columns=step.columns,
                    settings=step.settings,
                    facts=state.facts,
                    arrays=tuple(sorted(state.arrays)),
                )
            )
            arrays.update({f"{position:04d}.{name}": array for name, array in state.arrays.items()})
        return {"view.json": canonical_json(written), "view.safetensors": pack(arrays)}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> FittedView:
        """Build it again from its files."""
        written = from_json(tuple[_StepState, ...], files["view.json"])
        arrays = unpack(files["view.safetensors"], name="view.safetensors")
        listed = {f"{position:04d}.{name}" for position, entry in enumerate(written) for name in entry.arrays}
        if listed != set(arrays):
            raise StoreError("'view.safetensors' does not hold the arrays that 'view.json' lists")
        steps, fitted = [], []
        for position, entry in enumerate(written):
            step = Step(kind=entry.kind, columns=entry.columns, settings=entry.settings)
            state = State(facts=entry.facts, arrays={name: arrays[f"{position:04d}.{name}"] for name in entry.arrays})
            steps.append(step)
            fitted.append(transform_called(entry.kind).restore(step, state))
        return assembled(steps, fitted)

    def _matrix(self, parts: Sequence[Floats | _Later], rows: int) -> Matrix:
        values = np.empty((rows, len(self.names)), dtype=np.float64)
        starts = np.cumsum([0, *(len(kept) for kept in self.kept)]).tolist()
        made: list[tuple[npt.NDArray[np.int64], int, Floats]] = []
        for kept, start, part in zip(self.kept, starts, parts, strict=False):
            if isinstance(part, _Later):
                part.fitted.apply_into(part.table, values[:, start : start + len(kept)])
            else:
                made.append((kept, start, part))
        # In blocks that stay in the processor's cache, columns become rows at little cost.
        for first in range(0, rows, _BLOCK):
            block = slice(first, first + _BLOCK)
            for kept, start, part in made:
                chosen = part[block] if len(kept) == part.shape[1] else part[block][:, kept]
                values[block, start : start + len(kept)] = chosen
        return Matrix(values=values, names=self.names, categorical=self.categorical)


def fit_view(
    steps: Sequence[Step], table: pl.DataFrame, target: Floats | None, rng: np.random.Generator
) -> tuple[FittedView, Matrix]:
    """Fit the transforms of a view on training rows, and return it with the matrix of these rows.

    Parameters
    ----------
    steps : sequence of Step
        The plan's steps for this view.
    table : DataFrame
        The training rows of the canonical table, and no others.
    target : ndarray of shape (n_rows, outputs), or None
        See ``encoding_target``. Transforms that read it encode each training row without that row's own label.
    rng : Generator
        Divides the training rows for that.
    """
    fitted: list[Fitted] = []
    parts: list[Floats | _Later] = []
    own = set(table.columns) & {column for step in steps for column in step.columns}
    for position, step in enumerate(steps):
        transform = transform_called(step.kind)
        values: Floats | _Later
        if transform.cross_fit is not None and target is not None:
            made, values = transform.cross_fit(step, table, target, rng)
        else:
            made = transform.fit(step, table, target, rng)
            if isinstance(made, FittedInPlace) and not _read_later(steps, position, made):
                values = _Later(fitted=made, table=table)
            else:
                values = made.apply(table)
        for name in made.names:
            if name in own and name not in step.columns:
                raise InputError(f"two transforms make a column '{name}': rename the column of the table")
        fitted.append(made)
        parts.append(values)
        if not isinstance(values, _Later) and _read_later(steps, position, made):
            table = _extended(table, made.names, values)
    view = assembled(steps, fitted)
    return view, view._matrix(parts, table.height)  # noqa: SLF001  # its own builder


def encoding_target(truth: npt.NDArray[Any], task: Task, classes: int) -> Floats:
    """Return the truth as the columns that target encodings average, of shape (n_rows, outputs).

    Regression: the values. Binary: whether it is the positive class (code 1). Multiclass: one column for each class.
    """
    if task == "multiclass":
        return np.asarray(truth[:, None] == np.arange(classes)[None, :], dtype=np.float64)
    return np.asarray(truth, dtype=np.float64)[:, None]


def _extended(table: pl.DataFrame, names: Sequence[str], made: Floats) -> pl.DataFrame:
    return table.with_columns([pl.Series(name, made[:, column]) for column, name in enumerate(names)])


def _read_later(steps: Sequence[Step], position: int, made: Fitted) -> bool:
    names = set(made.names)
    return any(not names.isdisjoint(step.columns) for step in steps[position + 1 :])


def assembled(steps: Sequence[Step], fitted: Sequence[Fitted]) -> FittedView:
    """Return the view of steps that are fitted already."""
    names: list[str] = []
    categorical: list[int] = []
    kept = []
    for position, made in enumerate(fitted):
        replaced = {
            name
            for step, later in zip(steps[position + 1 :], fitted[position + 1 :], strict=True)
            for name in set(later.names) & set(step.columns)
        }
        keep = [column for column, name in enumerate(made.names) if name not in replaced]
        if made.categorical:
            categorical.extend(range(len(names), len(names) + len(keep)))
        names.extend(made.names[column] for column in keep)
        kept.append(np.array(keep, dtype=np.int64))
    return FittedView(
        steps=tuple(steps),
        fitted=tuple(fitted),
        names=tuple(names),
        categorical=tuple(categorical),
        kept=tuple(kept),
        chained=tuple(_read_later(steps, position, made) for position, made in enumerate(fitted)),
    )
