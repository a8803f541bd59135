"""A view lowered: its transforms as functions over arrays and lists, bound to where they read and write."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.canonical import Value
from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import (
    Fitted,
    LowersColumns,
    LowersMoments,
    LowersNumbers,
    LowersRow,
    LowersWords,
    OnRow,
    Out,
)
from tenfold.bundle.transforms.values import NAN
from tenfold.bundle.view import FittedView
from tenfold.records.dataset import Kind

_LARGEST = 1e150
"""As ``transforms.values`` cuts numbers."""

Columns = Sequence[Sequence[Value]]
"""The rows of a request: for each column of the signature, in order, its canonical values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a column stands: its number in the signature, or its number in a block of numbers."""

    block: int
    column: int
    kind: Kind


@dataclass(slots=True)
class Work:
    """What the steps of a view share while one request is answered.

    Attributes
    ----------
    rows : int
    columns : sequence of sequences
        The request.
    blocks : list of ndarrays of shape (rows, n)
        First the numbers of the request, then what steps made that others read.
    matrix : ndarray of shape (rows, n_columns)
        What the learner reads; zeros at first.
    """

    rows: int
    columns: Columns
    blocks: list[Floats]
    matrix: Floats


Run = Callable[[Work], None]
RunAlone = Callable[[list[Any], Out], None]
_INFINITE = (math.inf, -math.inf)
_REQUEST = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoweredView:
    """A view's steps in order; ``own`` names those that go row by row, for want of a lowered form.

    ``alone`` are the same steps for a request of one row, which would spend its time on making arrays.
    """

    steps: tuple[Run, ...]
    alone: tuple[RunAlone, ...]
    width: int
    own: tuple[str, ...]

    def matrix(self, columns: Columns, numbers: Floats) -> Floats:
        """Return the rows as the learner reads them.

        Parameters
        ----------
        columns : sequence of sequences
            The request's canonical values.
        numbers : ndarray of shape (rows, n_numeric)
            Those of its numeric and boolean columns; see `clean`.
        """
        rows = len(numbers)
        work = Work(rows, columns, [numbers], np.zeros((rows, self.width)))
        for step in self.steps:
            step(work)
        return work.matrix

    def row(self, values: Sequence[object]) -> Floats:
        """Return one row as the learner reads it, of shape (1, width).

        Parameters
        ----------
        values : sequence
            The row in the signature's order: its numbers as `clean_number` returns them, and canonical values.
        """
        matrix = np.zeros((1, self.width))
        if not self.width:
            # A constant reads nothing, and there is no view of no bytes.
            return matrix
        slots, out = list(values), matrix.data.cast("B").cast("d")
        for step in self.alone:
            step(slots, out)
        return matrix


def clean_number(value: float | None) -> float:
    """Return one number as transforms read it; see `clean`."""
    if value is None or value != value or value in _INFINITE:  # noqa: PLR0124 - NaN
        return NAN
    return min(max(value, -_LARGEST), _LARGEST)


def clean(values: Floats) -> Floats:
    """Return numbers as transforms read them: infinity is missing, the largest are cut to 1e150."""
    if not (np.abs(values) > _LARGEST).any():
        return values
    return np.clip(np.where(np.isinf(values), NAN, values), -_LARGEST, _LARGEST)


def lowered(view: FittedView, kinds: Mapping[str, Kind]) -> LoweredView:
    """Return the lowered form of a view.

    Parameters
    ----------
    kinds : mapping from column to kind
        The signature, in order.
    """
    places = request_places(kinds)
    order = tuple(kinds)
    slots = {name: at for at, name in enumerate(order)}
    steps: list[Run] = []
    alone: list[RunAlone] = []
    own: list[str] = []
    blocks, start, used = 1, 0, len(order)
    for step, fitted, kept, chained in zip(view.steps, view.fitted, view.kept, view.chained, strict=True):
        make = _form(fitted, step.columns, places)
        if make is None:
            own.append(f"{step.kind}({', '.join(step.columns)})")
            make = _row_by_row(fitted, places, order)
            on_row = _own_row(fitted, tuple(slots))
            read = _read_slots(tuple(slots.values()))
        else:
            on_row = fitted.on_row() if isinstance(fitted, LowersRow) else _row_of(fitted, step.columns)
            read = _read_slots([slots[name] for name in step.columns])
        whole = len(kept) == len(fitted.names)
        steps.append(_written(make, start, len(fitted.names), None if whole else kept, chained=chained))
        alone.append(_written_alone(on_row, read, start, len(fitted.names), None if whole else kept, chained=chained))
        start += len(kept)
        if chained:
            slots = {**slots, **{name: used + at for at, name in enumerate(fitted.names)}}
            used += len(fitted.names)
            made = {name: Place(block=blocks, column=at, kind="numeric") for at, name in enumerate(fitted.names)}
            places = {**places, **made}
            blocks += 1
    return LoweredView(steps=tuple(steps), alone=tuple(alone), width=start, own=tuple(own))


def request_places(kinds: Mapping[str, Kind]) -> dict[str, Place]:
    """Return where each column of a request stands: numbers and truth values in the first block."""
    places, numbers = {}, 0
    for position, (name, kind) in enumerate(kinds.items()):
        number = kind in {"numeric", "boolean"}
        places[name] = Place(block=_REQUEST, column=numbers if number else position, kind=kind)
        numbers += number
    return places


# Each form makes its columns into ``out``, of shape (rows, n_made), which holds zeros.
_Make = Callable[[Work, Floats], None]


def _form(fitted: Fitted, columns: Sequence[str], places: Mapping[str, Place]) -> _Make | None:
    """Return a transform's lowered form; None where it has none, or reads a column as another thing than it is."""
    read = [places[name] for name in columns]
    if isinstance(fitted, LowersNumbers) and all(_is_number(place) for place in read):
        return _of_numbers(fitted, _gathered(read))
    if isinstance(fitted, LowersWords) and all(_is_word(place) for place in read):
        on_words, position = fitted.on_words(), read[0].column
        return lambda work, out: on_words(work.columns[position], out)  # type: ignore[arg-type]  # words stand there
    if isinstance(fitted, LowersMoments) and all(place.kind == "datetime" for place in read):
        on_moments, at = fitted.on_moments(), read[0].column

        def make(work: Work, out: Floats) -> None:
            out[:] = on_moments(work.columns[at])  # type: ignore[arg-type]  # times stand there

        return make
    if isinstance(fitted, LowersColumns) and all(_is_number(place) or _is_word(place) for place in read):
        on_columns = fitted.on_columns()

        def make_both(work: Work, out: Floats) -> None:
            out[:] = on_columns(_Reading(work, places))

        return make_both
    return None


def _is_number(place: Place) -> bool:
    return place.kind in {"numeric", "boolean"}


def _is_word(place: Place) -> bool:
    return place.kind in {"categorical", "text"}


@dataclass(frozen=True, slots=True)
class _Reading:
    """The columns that stand at a step's places."""

    work: Work
    places: Mapping[str, Place]

    @property
    def rows(self) -> int:
        return self.work.rows

    def numbers(self, column: str) -> Floats:
        place = self.places[column]
        return self.work.blocks[place.block][:, place.column]

    def words(self, column: str) -> Sequence[str | None]:
        return self.work.columns[self.places[column].column]  # type: ignore[return-value]  # words stand there


def _gathered(read: Sequence[Place]) -> Callable[[Work], Floats]:
    """Return what reads some columns of numbers: without a copy where they stand side by side."""
    columns = [place.column for place in read]
    found = {place.block for place in read}
    if len(found) == 1:
        block = found.pop()
        if columns == list(range(columns[0], columns[0] + len(columns))):
            run = slice(columns[0], columns[0] + len(columns))
            return lambda work: work.blocks[block][:, run]
        chosen = np.array(columns, dtype=np.intp)
        return lambda work: work.blocks[block].take(chosen, axis=1)
    pairs = [(place.block, place.column) for place in read]
    return lambda work: np.column_stack([work.blocks[block][:, column] for block, column in pairs])


def _of_numbers(fitted: LowersNumbers, gathered: Callable[[Work], Floats]) -> _Make:
    on_numbers = fitted.on_numbers()

    def make(work: Work, out: Floats) -> None:
        out[:] = on_numbers(gathered(work))

    return make


def _row_by_row(fitted: Fitted, places: Mapping[str, Place], order: Sequence[str]) -> _Make:
    """Return the form of a transform that has none: its own apply of one row, again and again."""
    made = {name: place for name, place in places.items() if place.block != _REQUEST}

    def make(work: Work, out: Floats) -> None:
        for number in range(work.rows):
            row: dict[str, object] = {name: work.columns[at][number] for at, name in enumerate(order)}
            row.update({name: float(work.blocks[place.block][number, place.column]) for name, place in made.items()})
            out[number] = fitted.apply_row(row)

    return make


def _written(make: _Make, start: int, made: int, kept: npt.NDArray[np.int64] | None, *, chained: bool) -> Run:
    """Return a step: what it makes goes where the learner reads it, and, for steps to come, into a block."""
    columns = slice(start, start + (made if kept is None else len(kept)))

    def straight(work: Work) -> None:
        out = work.matrix[:, columns]
        make(work, out)
        if chained:
            work.blocks.append(clean(out))

    def aside(work: Work) -> None:
        out = np.zeros((work.rows, made))
        make(work, out)
        if kept is not None and len(kept):
            work.matrix[:, columns] = out[:, kept]
        if chained:
            work.blocks.append(clean(out))

    return straight if kept is None else aside


# One row: values stand in slots, those of the request first, then what steps made that others read.

_ReadSlots = Callable[[list[Any]], Sequence[Any]]


def _read_slots(slots: Sequence[int]) -> _ReadSlots:
    first = slots[0] if slots else 0
    if list(slots) == list(range(first, first + len(slots))):
        run = slice(first, first + len(slots))
        return lambda values: values[run]
    return itemgetter(*slots)


def _row_of(fitted: Fitted, columns: Sequence[str]) -> OnRow:
    """Return the form for one row of a transform that works on arrays."""
    made = len(fitted.names)
    if isinstance(fitted, LowersNumbers):
        on_numbers = fitted.on_numbers()
        return lambda values, out, start: _copied(on_numbers(np.array([values], dtype=np.float64)), out, start)
    if isinstance(fitted, LowersWords):
        on_words = fitted.on_words()

        def of_words(values: Sequence[Any], out: Out, start: int) -> None:
            found = np.zeros((1, made))
            on_words(values, found)
            _copied(found, out, start)

        return of_words
    if isinstance(fitted, LowersMoments):
        on_moments = fitted.on_moments()
        return lambda values, out, start: _copied(on_moments(values), out, start)
    assert isinstance(fitted, LowersColumns)  # as `_form` has found
    on_columns = fitted.on_columns()
    return lambda values, out, start: _copied(
        on_columns(_ReadingAlone(dict(zip(columns, values, strict=True)))), out, start
    )


def _copied(found: Floats, out: Out, start: int) -> None:
    for at, value in enumerate(found[0].tolist(), start):
        out[at] = value


@dataclass(frozen=True, slots=True)
class _ReadingAlone:
    """The columns of one row."""

    row: Mapping[str, Any]
    rows: int = 1

    def numbers(self, column: str) -> Floats:
        return np.array([self.row[column]], dtype=np.float64)

    def words(self, column: str) -> Sequence[str | None]:
        return [self.row[column]]


def _own_row(fitted: Fitted, names: Sequence[str]) -> OnRow:
    def of_row(values: Sequence[Any], out: Out, start: int) -> None:
        for at, value in enumerate(fitted.apply_row(dict(zip(names, values, strict=True))), start):
            out[at] = value

    return of_row


def _written_alone(
    on_row: OnRow, read: _ReadSlots, start: int, made: int, kept: npt.NDArray[np.int64] | None, *, chained: bool
) -> RunAlone:
    """Return a step for one row; see `_written`."""
    if kept is None and not chained:
        return lambda slots, out: on_row(read(slots), out, start)
    places = range(made) if kept is None else kept.tolist()

    def aside(slots: list[Any], out: Out) -> None:
        found = [0.0] * made
        on_row(read(slots), found, 0)
        for at, place in enumerate(places, start):
            out[at] = found[place]
        if chained:
            slots.extend([value if -_LARGEST <= value <= _LARGEST else clean_number(value) for value in found])

    return aside
