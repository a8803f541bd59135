"""Proof that what is fitted before a model never sees the rows that measure it.

Three things are checked in every fold, while it is laid out: the rows that were fitted on are none of those that
measure; applying the transforms leaves them as they were fitted; and a row's numbers do not depend on which other rows
are transformed with it, as they would if a transform learned from what it is applied to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.view import FittedView
from tenfold.foundation.errors import TenfoldError
from tenfold.foundation.serial import to_json

IN_FOLD_FILE = "in_fold.json"
_ALONE = 8
_CLOSE = 1e-6

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class FitLeaked(TenfoldError):
    """Something that was fitted saw rows that measure: every figure that rests on it is too good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is fitted on what in one fold; ``fitted`` and ``held`` are hashes of row numbers."""

    fold: int
    fitted_rows: int
    fitted: str
    held_rows: int
    held: str


def prove(
    view: str,
    fold: int,
    fitted: FittedView,
    table: pl.DataFrame,
    *,
    train: Numbers,
    held: Numbers,
    values: Values,
    before: str,
) -> None:
    """Hold the transforms of one view of one fold to the three checks.

    Parameters
    ----------
    table : DataFrame
        All rows with the columns that the view reads.
    values : ndarray of shape (n_held, n_features)
        What applying it to the held-out rows gave.
    before : str
        `state` of the view as it was fitted.

    Raises
    ------
    FitLeaked
        When one does not hold.
    """
    shared = np.intersect1d(train, held)
    place = f"view '{view}' of fold {fold}"
    if len(shared):
        raise FitLeaked(f"{place} was fitted on {len(shared)} of the rows that measure it, such as row {shared[0]}")
    if state(fitted) != before:
        raise FitLeaked(f"{place} changed when it was applied to rows that measure: a transform learns from them")
    some = held[:: max(1, len(held) // _ALONE)][:_ALONE]
    chosen = np.searchsorted(held, some)
    alone = fitted.apply(table[some]).values
    if not np.allclose(alone, values[chosen], rtol=_CLOSE, atol=_CLOSE, equal_nan=True):
        column = int(np.flatnonzero(~np.isclose(alone, values[chosen], _CLOSE, _CLOSE, equal_nan=True).all(axis=0))[0])
        raise FitLeaked(
            f"{place} gives rows other numbers (in column {column}) when fewer rows are transformed with them: a"
            " transform learns from the rows that it is applied to"
        )


def state(fitted: FittedView) -> str:
    """Return the hash of everything that was fitted."""
    digest = hashlib.sha256()
    for name, content in sorted(fitted.files().items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def proofs_payload(rows: Iterable[tuple[Numbers, Numbers]]) -> Mapping[str, bytes]:
    """Return the payload ``in_fold.json``: for each fold what is fitted on, and what measures.

    It follows from the split alone, so that a run that was interrupted keeps the same; the transforms themselves are
    checked by `prove` whenever a fold is laid out.
    """
    found = [
        Proof(fold=fold, fitted_rows=len(train), fitted=_hash(train), held_rows=len(held), held=_hash(held))
        for fold, (train, held) in enumerate(rows)
    ]
    return {IN_FOLD_FILE: to_json(found)}


def _hash(rows: Numbers) -> str:
    return hashlib.sha256(np.sort(rows).astype("<i8").tobytes()).hexdigest()
