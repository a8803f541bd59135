"""The proof that an export is its model: ten thousand rows that are hard to read get the same scores from both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.model import Model
from tenfold.bundle.signature import canonical_type
from tenfold.exports.hard_rows import HardRows
from tenfold.exports.protocols import Answers, Export, Refused, Subject
from tenfold.measures.threshold import decide

_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How an export was compared with its model.

    Attributes
    ----------
    rows : int
        How many rows were compared.
    peculiar : mapping from word to int
        How many of them were hard in which way.
    tolerance, greatest_difference : float
        Of a score, relative to its size where that is above one.
    decisions_flipped : int
        Always 0: an export that decides otherwise is refused. Not counted for regression, where nothing is decided.
    """

    rows: int
    peculiar: Mapping[str, int] = field(default_factory=dict)
    tolerance: float
    greatest_difference: float
    decisions_flipped: int = 0


def prove(export: Export, folder: Path, subject: Subject, hard: HardRows) -> Proof:
    """Compare what the files in ``folder`` say with what the model says.

    Raises
    ------
    Refused
        When a score differs by more than the export's tolerance, or a decision is another one; the message names the
        row's peculiarity.
    """
    model = subject.model
    known = model_scores(model, hard)
    found = export.answers(folder, subject, hard.rows)
    worst = _compared(export, subject, hard, known, found)
    _same_decisions(export, subject, hard, known, found)
    return Proof(rows=len(hard.rows), peculiar=Counter(hard.why), tolerance=export.tolerance, greatest_difference=worst)


def model_scores(model: Model, hard: HardRows) -> Floats:
    """Return what the model itself says of the rows, read as a canonical table, of shape (n_rows, outputs)."""
    with np.errstate(all="ignore"):
        return model.scores(as_table(model, hard.rows))


def as_table(model: Model, rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """Return rows as the canonical table that the model reads."""
    columns = []
    for field_, values in zip(model.signature.fields, zip(*rows, strict=True), strict=True):
        if field_.kind == "numeric":
            values = tuple(None if value is None else float(value) for value in values)  # noqa: PLW2901 - the same values
        columns.append(pl.Series(field_.name, values, dtype=canonical_type(field_.kind)))
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=len(rows))


def differences(known: Floats, found: Floats) -> Floats:
    """Return how far scores are apart, of shape (n_rows,), relative to their size where that is above one.

    Scores that are no finite numbers must be the same; else they are infinitely far apart.
    """
    with np.errstate(all="ignore"):
        apart = np.abs(found - known) / np.maximum(1.0, np.abs(known))
    same = (found == known) | (np.isnan(found) & np.isnan(known))
    apart = np.where(same, 0.0, np.where(np.isfinite(apart) & np.isfinite(known), apart, np.inf))
    worst: Floats = apart.max(axis=1, initial=0.0)
    return worst


def _compared(export: Export, subject: Subject, hard: HardRows, known: Floats, found: Answers) -> float:
    if found.scores.shape != known.shape:
        raise Refused(
            f"{subject.ref} is not exported to {export.kind}: it gives scores of shape {found.scores.shape} where the "
            f"model gives {known.shape}"
        )
    apart = differences(known, found.scores)
    worst = int(np.argmax(apart))
    if not apart[worst] <= export.tolerance:
        wrong = int((apart > export.tolerance).sum())
        raise Refused(
            f"{subject.ref} is not exported to {export.kind}: {wrong} of {len(apart)} hard rows get other scores; the "
            f"worst gets {_shown(found.scores[worst])} where the model gives {_shown(known[worst])} "
            f"({hard.why[worst]}), and at most {export.tolerance:g} is allowed"
        )
    return float(apart[worst])


def _same_decisions(export: Export, subject: Subject, hard: HardRows, known: Floats, found: Answers) -> None:
    model = subject.model
    if model.task == "regression":
        return
    expected = [model.classes[code] for code in decide(known, model.threshold, model.value)]
    given = found.decisions
    if given is None:
        given = tuple(model.classes[code] for code in decide(found.scores, model.threshold, model.value))
    flipped = [place for place, (a, b) in enumerate(zip(expected, given, strict=True)) if a != b]
    if flipped:
        first = flipped[0]
        raise Refused(
            f"{subject.ref} is not exported to {export.kind}: {len(flipped)} of {len(expected)} hard rows are decided "
            f"otherwise, such as '{given[first]}' for '{expected[first]}' at {_shown(known[first])} ({hard.why[first]})"
        )


def _shown(scores: Floats) -> str:
    return ", ".join(f"{score:.17g}" for score in scores[:_SHOWN]) + (", ..." if len(scores) > _SHOWN else "")
