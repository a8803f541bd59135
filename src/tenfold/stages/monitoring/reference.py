"""What production is held against: the development rows, counted, and what their outcomes were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import numpy as np
import polars as pl

from tenfold.measures.sequential import spread_of
from tenfold.measures.states.column import ColumnState, Kind, Shape, TableState
from tenfold.measures.states.scan import empty, scan
from tenfold.measures.states.shape import shape_of
from tenfold.stages.monitoring.cut import phase_of, phases_of, window_starts
from tenfold.stages.monitoring.slices import Slices, slices_of
from tenfold.stages.monitoring.stale import Cadence, cadence_of
from tenfold.stages.monitoring.swapped import Related, related

FORMAT = 1
_START = "start of window"
_FEWEST_PARTS = 3
_FEWEST_ROWS = 30
# Of a column that varies this much between windows, as a share of all its variation, the values tell the time.
_TELLS_TIME = 0.25
# By so much must the phases explain what varies, before each is held against itself alone.
_VARIES = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a column behaves from window to window inside the reference, where nothing is wrong.

    Attributes
    ----------
    spread : float
        By how much more than chance its shares vary between windows: weekdays and seasons, at least 1.
    tells_time : bool
        It differs so much between windows that it says which window it is (the month, a counter).
    phases : tuple of tuple of int
        Counts by bin, missing values last, of each phase (weekday), where they differ from phase to phase; ``spread``
        is then that within a phase. Empty where they do not.
    constant, repeats : bool
        It has had one value throughout a window; it has had the same values in two windows in a row.
    """

    spread: float = 1.0
    tells_time: bool = False
    phases: tuple[tuple[int, ...], ...] = ()
    constant: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The development rows' outcomes, as far as a baseline needs them.

    Attributes
    ----------
    counts : tuple of int
        Rows by class; empty for a regression.
    mean, median, relative : float or None
        Best constants of a regression: for squares, for absolute and for relative errors.
    rule : tuple of tuple of int
        Rows by what the rule in use decided, and by class; empty without a rule.
    """

    counts: tuple[int, ...] = ()
    mean: float | None = None
    median: float | None = None
    relative: float | None = None
    rule: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What windows of one version are held against.

    ``parts`` is the number of windows that the reference itself was cut into; 0 where its rows have no time, and then
    nothing is known of habits.
    """

    bundle: str
    shapes: tuple[Shape, ...]
    said: tuple[Shape, ...]
    state: TableState
    habits: Mapping[str, Habit] = field(default_factory=dict)
    parts: int = 0
    outcomes: Outcomes | None = None
    window_seconds: float = 86400.0
    format: int = FORMAT
    slices: Slices = field(default_factory=Slices)
    cadence: Cadence = field(default_factory=Cadence)
    related: Related = field(default_factory=Related)

    @property
    def all_shapes(self) -> tuple[Shape, ...]:
        """Inputs and predictions."""
        return (*self.shapes, *self.said)

    def habit(self, name: str) -> Habit:
        """Return what is known of a column's habits."""
        return self.habits.get(name, Habit())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Rows of the reference: a table, and when each row belongs to, where that is known."""

    table: pl.DataFrame
    moments: pl.Series | None = None


def build_reference(
    bundle: str,
    inputs: Sample,
    said: Sample,
    *,
    kinds: Mapping[str, Kind],
    outcomes: Outcomes | None = None,
    window_seconds: float = 86400.0,
) -> Reference:
    """Count the reference of a version.

    Parameters
    ----------
    inputs : Sample
        The columns that the model reads, of the development rows.
    said : Sample
        What the model says (`said_of`) of rows that it was not fitted on.
    kinds : mapping of str to str
        The kind of every input.
    """
    shapes = tuple(shape_of(inputs.table[name], kind) for name, kind in kinds.items() if name in inputs.table.columns)
    saying = tuple(
        shape_of(column, "numeric" if column.dtype.is_numeric() else "categorical", ranged=False)
        for column in said.table.get_columns()
    )
    state, habits, parts = _counted(inputs, shapes, window_seconds)
    spoken, more, _ = _counted(said, saying, window_seconds)
    starts = None if inputs.moments is None else window_starts(inputs.moments, window_seconds)
    return Reference(
        bundle=bundle,
        shapes=shapes,
        said=saying,
        state=TableState(rows=state.rows, columns={**state.columns, **spoken.columns}),
        habits={**habits, **more},
        parts=parts,
        outcomes=outcomes,
        window_seconds=window_seconds,
        slices=slices_of(inputs.table, shapes, inputs.moments, starts),
        cadence=Cadence() if inputs.moments is None else cadence_of(inputs.table, shapes, inputs.moments),
        related=related(inputs.table, shapes, starts),
    )


def said_of(
    task: str, classes: Sequence[str], scores: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> pl.DataFrame:
    """Return what is watched of predictions, given scores of shape (n, n_outputs).

    The probability of the positive class, or the number; with more classes the most probable one, and how probable.
    """
    if task == "regression":
        return pl.DataFrame({"prediction": scores[:, 0]})
    if task == "binary":
        return pl.DataFrame({f"prediction:{classes[-1]}": scores[:, -1]})
    finite = np.isfinite(scores).all(axis=1)
    best = np.where(finite, np.argmax(np.nan_to_num(scores), axis=1), -1)
    names = pl.Series(
        "prediction:class", [None if code < 0 else classes[code] for code in best.tolist()], dtype=pl.String
    )
    return pl.DataFrame([names, pl.Series("prediction:confidence", scores.max(axis=1, initial=-np.inf))])


def _counted(
    sample: Sample, shapes: Sequence[Shape], window_seconds: float
) -> tuple[TableState, dict[str, Habit], int]:
    """Return the state of all rows, and the habits of their columns by window."""
    if sample.moments is None:
        return scan(sample.table, shapes), {}, 0
    column = window_starts(sample.moments, window_seconds).alias(_START)
    parts: dict[datetime, TableState] = {}
    for (start,), rows in sample.table.with_columns(column).group_by(_START):
        if isinstance(start, datetime):
            parts[start] = scan(rows, shapes)
    whole = empty(shapes)
    for part in parts.values():
        whole = whole.merged(part)
    starts = [start for start in sorted(parts) if parts[start].rows >= _FEWEST_ROWS]
    full = [parts[start] for start in starts]
    phases, count = [phase_of(start, window_seconds) for start in starts], phases_of(window_seconds)
    if len(full) < _FEWEST_PARTS:
        return whole, {}, 0
    return (
        whole,
        {shape.name: _habit(shape, [part.columns[shape.name] for part in full], phases, count) for shape in shapes},
        len(full),
    )


def _habit(shape: Shape, parts: Sequence[ColumnState], phases: Sequence[int], count: int) -> Habit:
    known = [part for part in parts if part.known]
    counts = np.array([(*part.counts, part.missing) for part in parts], dtype=np.float64)
    spread = spread_of(counts) if shape.tracked else 1.0
    rows = float(np.mean([part.n for part in parts]))
    by_phase = [counts[np.equal(phases, phase)] for phase in range(count)]
    within = spread
    # A phase that was seen but once or twice says little of itself.
    if count > 1 and shape.tracked and min(len(each) for each in by_phase) >= _FEWEST_PARTS:
        within = float(np.mean([spread_of(each) for each in by_phase]))
    repeating = spread > _VARIES * within
    return Habit(
        spread=within if repeating else spread,
        phases=tuple(tuple(int(each) for each in part.sum(axis=0)) for part in by_phase) if repeating else (),
        tells_time=spread > 1 + _TELLS_TIME * rows,
        constant=any(len(part.sketch) == 1 for part in known),
        repeats=any(
            before.content == after.content and before.known == after.known for before, after in pairwise(known)
        ),
    )
