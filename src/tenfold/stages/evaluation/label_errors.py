"""Labels that seem wrong: rows whose truth the model, which never trained on them, confidently contradicts."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.problem import Problem

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

LABEL_ERRORS_FILE = "label_errors.parquet"
_FEWEST_ROWS = 100
_FEWEST_OF_A_CLASS = 10
_BLOCKS = 10
_MARGIN = 0.3
_FAR = 5.0
_HEAVY = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Doubt:
    """Rows whose label is in doubt, the most doubtful first.

    Attributes
    ----------
    rows : ndarray of shape (n,)
        Positions among the rows that were looked at.
    score : ndarray of shape (n,)
        Between 0 and 1 for classes: how much likelier the other class is. For numbers: how many deviations off.
    said : ndarray of shape (n,)
        The class code, or number, that was predicted.
    """

    rows: Numbers
    score: Floats
    said: Floats


def doubtful_classes(truth: Numbers, scores: Floats) -> Doubt:
    """Return the rows whose label is confidently contradicted.

    A row counts as of another class when its probability of it is at least what rows of that class get of it on
    average, and it is the likeliest of such classes (Northcutt, Jiang and Chuang, 2021, "Confident learning").
    Ranked by how far the probability of the other class is above that of the label; small differences are no doubt.

    Parameters
    ----------
    truth : ndarray of shape (n_rows,), class codes
    scores : ndarray of shape (n_rows, n_classes), out-of-fold probabilities
    """
    counts = np.bincount(truth, minlength=scores.shape[1])
    usual = np.array(
        [
            scores[truth == code, code].mean() if counts[code] >= _FEWEST_OF_A_CLASS else np.inf
            for code in range(scores.shape[1])
        ]
    )
    confident = np.where(scores >= usual, scores, -1.0)
    said = confident.argmax(axis=1)
    own = scores[np.arange(len(truth)), truth]
    there = scores[np.arange(len(truth)), said]
    doubtful = np.flatnonzero((confident.max(axis=1) > 0) & (said != truth) & (there - own >= _MARGIN))
    margin = (there - own)[doubtful]
    order = np.argsort(-margin, kind="stable")
    return Doubt(rows=doubtful[order], score=margin[order], said=said[doubtful][order].astype(np.float64))


def doubtful_numbers(truth: Floats, predicted: Floats) -> Doubt:
    """Return the rows whose truth is far off what was predicted, by what is usual at such predictions.

    The usual distance is a robust deviation within tenths of the rows by prediction; where errors have heavy tails,
    farther is asked for.
    """
    off = truth - predicted
    block = np.argsort(np.argsort(predicted, kind="stable"), kind="stable") * _BLOCKS // max(len(predicted), 1)
    overall = 1.4826 * float(np.median(np.abs(off - np.median(off))))
    distance = np.zeros(len(off))
    for number in range(_BLOCKS):
        here = block == number
        middle = float(np.median(off[here]))
        deviation = 1.4826 * float(np.median(np.abs(off[here] - middle)))
        distance[here] = np.abs(off[here] - middle) / max(deviation, 0.1 * overall, 1e-12)
    tail = float(np.quantile(distance, 0.9)) / 1.645
    limit = _FAR * min(max(tail, 1.0), _HEAVY)
    doubtful = np.flatnonzero(distance > limit)
    order = np.argsort(-distance[doubtful], kind="stable")
    rows = doubtful[order]
    return Doubt(rows=rows, score=distance[rows], said=predicted[rows])


def find_label_errors(
    problem: Problem, numbers: Numbers, truth: npt.NDArray[np.int64] | Floats, scores: Floats
) -> tuple[Mapping[str, bytes], str]:
    """Return the payload that lists doubtful labels, and a sentence about them; both empty when there are none.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows,)
        The rows' numbers in the table.
    scores : ndarray of shape (n_rows, n_outputs)
        Out-of-fold probabilities, or predictions.
    """
    if len(truth) < _FEWEST_ROWS:
        return {}, ""
    if problem.task == "regression":
        doubt = doubtful_numbers(truth.astype(np.float64), scores[:, 0])
        given = [f"{value:g}" for value in truth[doubt.rows]]
        said = [f"{value:g}" for value in doubt.said]
    else:
        doubt = doubtful_classes(truth.astype(np.int64), scores)
        given = [problem.classes[code] for code in truth.astype(np.int64)[doubt.rows]]
        said = [problem.classes[int(code)] for code in doubt.said]
    if not len(doubt.rows):
        return {}, ""
    lines = pl.DataFrame({"row": numbers[doubt.rows], "label": given, "said": said, "score": doubt.score})
    sink = io.BytesIO()
    lines.write_parquet(sink, compression="zstd")
    share = len(doubt.rows) / len(truth)
    first = ", ".join(f"row {row} is '{label}', said '{told}'" for row, label, told, _ in lines.head(3).iter_rows())
    sentence = (
        f"{len(doubt.rows):,} labels ({share:.1%} of the rows looked at) are confidently contradicted by models that"
        f" did not train on them, and may be wrong: {first}; all are listed in {LABEL_ERRORS_FILE}"
    )
    return {LABEL_ERRORS_FILE: sink.getvalue()}, sentence
