"""Classes that a fold does not train, or does not measure: counted, told, and refused where nothing could be said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tenfold.foundation.errors import DataError
from tenfold.records.validation import Fold, Scheme, ValidationPlan
from tenfold.stages.validation.protocols import IntArray

FEWEST_OF_A_CLASS = 5
"""With fewer rows of a class, a fold's ranking says nothing of it; `tenfold.measures.judge` asks for as many."""
MOST_COUNTED = 100
_SHOWN = 3


def folds_of_parts(block: npt.NDArray[np.int16], scheme: Scheme) -> tuple[Fold, ...]:
    """Return the folds of rows that stand in blocks, -1 for none, as the plan of such a split gives them."""
    plan = ValidationPlan(
        strategy="", scheme=scheme, blocks=int(block.max(initial=-1)) + 1, reason="", counts={}, split=""
    )
    return plan.folds(np.full(len(block), "train", dtype="<U10"), block)


def class_counts(
    labels: IntArray, classes: Sequence[str], parts: Sequence[npt.NDArray[np.int64]]
) -> dict[str, tuple[int, ...]]:
    """Return for each class how many rows of it stand in each of some parts; empty for too many classes."""
    if len(classes) > MOST_COUNTED:
        return {}
    counts = [np.bincount(labels[part], minlength=len(classes)) for part in parts]
    return {name: tuple(int(count[code]) for count in counts) for code, name in enumerate(classes)}


def find_rare_classes(labels: IntArray, classes: Sequence[str], folds: Sequence[Fold]) -> list[str]:
    """Return what to tell of classes that folds lack.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Codes into ``classes``.

    Returns
    -------
    list of str
        For each class that some fold does not train, or measures on fewer than `FEWEST_OF_A_CLASS` rows although the
        class has enough of them: which folds, and what follows. Folds too small to measure any class, as single rows
        are, measure together.
    """
    trained = np.array([np.bincount(labels[fold.train], minlength=len(classes)) for fold in folds])
    measured = np.array([np.bincount(labels[fold.validation], minlength=len(classes)) for fold in folds])
    together = len(folds) > 1 and int(measured.sum(axis=1).max()) < FEWEST_OF_A_CLASS
    if together:
        measured = measured.sum(axis=0, keepdims=True)
    untrained: list[str] = []
    unmeasured: list[str] = []
    for code, name in enumerate(classes):
        if not trained[:, code].any() and not measured[:, code].any():
            continue
        missing = np.flatnonzero(trained[:, code] == 0)
        if len(missing):
            untrained.append(f"'{name}' in {_named(missing, folds)}")
        few = np.flatnonzero(measured[:, code] < FEWEST_OF_A_CLASS)
        if len(few):
            rows = ", ".join(str(int(measured[fold, code])) for fold in few[:_SHOWN])
            where = "all folds together" if together else _named(few, folds)
            unmeasured.append(f"'{name}' in {where} ({rows} rows)")
    told = []
    if untrained:
        told.append(
            f"not learned, since no row of it trains: {_listed(untrained)}; what is measured there is no fair measure"
        )
    if unmeasured:
        told.append(
            f"too rare to be measured by itself (fewer than {FEWEST_OF_A_CLASS} rows): {_listed(unmeasured)};"
            " there nothing can be said of it. Fewer `validation.folds`, or more rows of it, would"
        )
    return told


def refuse_if_unmeasurable(labels: IntArray, classes: Sequence[str], folds: Sequence[Fold]) -> None:
    """Refuse a split of two classes that no fold trains, or that folds that train them do not measure.

    Raises
    ------
    DataError
        With the class that is lacking, and what to do.
    """
    if len(classes) != 2:
        return
    # A fold may measure a single row: what counts is what the folds measure together, where both classes train.
    measured = [labels[fold.validation] for fold in folds if _has_both(labels[fold.train])]
    if not folds or (measured and _has_both(np.concatenate(measured))):
        return
    counts = np.bincount(labels, minlength=2)
    rare = classes[int(np.argmin(counts))]
    raise DataError(
        f"the folds that train both classes do not measure both ('{rare}' has {int(counts.min()):,} rows in"
        " all, at other times or in other groups): nothing could be said of a model. Collect more rows of it, or set"
        " `validation: {strategy: stratified}` if rows may be shuffled"
    )


def _has_both(labels: IntArray) -> bool:
    return len(np.unique(labels)) > 1


def _named(numbers: npt.NDArray[np.int64], folds: Sequence[Fold]) -> str:
    if len(numbers) == len(folds):
        return "every fold" if len(folds) > 1 else "the validation part"
    some = ", ".join(str(int(number) + 1) for number in numbers[:5])
    return f"fold{'s' if len(numbers) > 1 else ''} {some}{', …' if len(numbers) > 5 else ''} of {len(folds)}"


def _listed(each: Sequence[str]) -> str:
    return "; ".join(each[:_SHOWN]) + (f"; and {len(each) - _SHOWN} more" if len(each) > _SHOWN else "")
