"""The proof that a model from elsewhere is still the same: hard rows get the same scores from its house and from us."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.bundle import foreign_original
from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.canonical import Value
from tenfold.bundle.confined import Limits, confined
from tenfold.bundle.foreign import Foreign, Inputs
from tenfold.bundle.matrix import Floats
from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Field

_LARGEST = 1e150
"""As ``transforms.values`` cuts numbers: the original is given what we would read."""
_LEAST_ANSWERED = 0.5
_SHOWN = 4
_MOST_SECONDS = 240.0
_NOBODY = -8.25e37


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignProof:
    """How a model was compared with its original.

    Attributes
    ----------
    rows : int
        How many rows both answered.
    refused : int
        How many the original refuses to read; we answer them.
    greatest_difference : float
        Of a score, relative to its size where that is above one.
    decisions_flipped : int
        Rows whose most probable class is another one: only where two classes are equally probable but for the
        tolerance.
    """

    rows: int
    refused: int
    tolerance: float
    greatest_difference: float
    decisions_flipped: int


def prove_foreign(
    foreign: Foreign,
    *,
    fields: Sequence[Field],
    rows: Sequence[tuple[Value, ...]],
    why: Sequence[str],
    scores: Floats,
    order: Sequence[int],
    what: str,
) -> ForeignProof:
    """Compare what the original says of canonical rows with ``scores``, what our model says of them.

    Parameters
    ----------
    why : sequence of str
        What is peculiar about each row.
    scores : ndarray of shape (n_rows, outputs)
    order : sequence of int
        For each class of ours, its place among the model's own; empty for regression.
    what : str
        What the model is called, for messages.

    Raises
    ------
    InputError
        When a score differs by more than the tolerance: the message names the row's peculiarity. Or when the original
        refuses most rows.
    MissingExtra
        When its library is not installed.
    """
    original = foreign.original
    values, columns = _as_given(foreign.inputs, fields, rows)
    found = confined(
        getattr(foreign_original, original.scorer),
        pack({"model": np.frombuffer(original.content, dtype=np.uint8), "rows": values}),
        what=what,
        facts={**original.facts, "columns": columns, "task": _task(order)},
        preload=original.preload,
        extra=original.extra,
        limits=Limits(seconds=_MOST_SECONDS),
    )
    arrays = unpack(found.files["scores"], name="scores")
    answered, known = arrays["answered"] > 0, arrays["scores"]
    if answered.mean() < _LEAST_ANSWERED:
        raise InputError(
            f"{what} refuses to read {int((~answered).sum())} of {len(rows)} rows itself, so nothing can be proven:"
            f" {'; '.join(found.facts.get('refusals', []))}"
        )
    if order and known.shape[1] == len(order):
        known = known[:, list(order)]
    if known.shape != scores.shape:
        raise InputError(f"{what} gives scores of shape {known.shape}, and ours are of shape {scores.shape}")
    apart = _apart(known, scores)[answered]
    places = np.flatnonzero(answered)
    worst = int(np.argmax(apart))
    if not apart[worst] <= original.tolerance:
        row = int(places[worst])
        raise InputError(
            f"{what} cannot be carried over: {int((apart > original.tolerance).sum())} of {len(apart)} hard rows get"
            f" other scores; the worst gets {_words(scores[row])} where the original gives {_words(known[row])}"
            f" ({why[row]}), and at most {original.tolerance:g} is allowed"
        )
    flipped = 0 if known.shape[1] == 1 else int((known.argmax(axis=1) != scores.argmax(axis=1))[answered].sum())
    return ForeignProof(
        rows=len(apart),
        refused=int((~answered).sum()),
        tolerance=original.tolerance,
        greatest_difference=float(apart[worst]),
        decisions_flipped=flipped,
    )


def _task(order: Sequence[int]) -> str:
    return "regression" if not order else "binary" if len(order) == 2 else "multiclass"


def _apart(known: Floats, found: Floats) -> Floats:
    with np.errstate(all="ignore"):
        apart = np.abs(found - known) / np.maximum(1.0, np.abs(known))
    same = (found == known) | (np.isnan(found) & np.isnan(known))
    worst: Floats = np.where(same, 0.0, np.where(np.isfinite(apart), apart, math.inf)).max(axis=1, initial=0.0)
    return worst


def _as_given(
    inputs: Inputs, fields: Sequence[Field], rows: Sequence[tuple[Value, ...]]
) -> tuple[Floats, list[tuple[str, list[Any] | None]]]:
    """Return the rows as the original reads them, made without our view: numbers, and words by column."""
    values = np.full((len(rows), len(fields)), np.nan)
    columns: list[tuple[str, list[Any] | None]] = []
    for at, field in enumerate(fields):
        column = [row[at] for row in rows]
        if field.kind in ("numeric", "boolean"):
            values[:, at] = [_number(value) for value in column]
            columns.append((field.name, None))
        elif at in inputs.levels:
            place_of: Mapping[Any, int] = {word: place for place, word in enumerate(inputs.levels[at])}
            values[:, at] = [place_of.get(value, np.nan) for value in column]
            columns.append((field.name, None))
        elif at in inputs.numbers_as_words:
            values[:, at] = [_as_number(value) for value in column]
            columns.append((field.name, None))
        else:
            columns.append((field.name, column))
    return values, columns


def _number(value: Any) -> float:
    if value is None or not math.isfinite(value):
        return math.nan
    return min(max(float(value), -_LARGEST), _LARGEST)


def _as_number(word: Any) -> float:
    """Return a word that is a number to the original; a number that nobody has for any other word."""
    if word is None:
        return math.nan
    try:
        found = float(word)
    except ValueError:
        return _NOBODY
    if not math.isfinite(found):
        return _NOBODY
    # Written otherwise ("1.0" for "1") it is another word to us, as it would be to whoever reads words.
    return found if word == (str(int(found)) if found.is_integer() else str(found)) else _NOBODY


def _words(scores: Floats) -> str:
    return ", ".join(f"{score:.17g}" for score in scores[:_SHOWN]) + (", ..." if len(scores) > _SHOWN else "")
