"""Whether predictions know anything of the truth: a permutation test with exact mean and variance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tenfold.records.problem import Task
from tenfold.stages.problem.encode import Floats
from tenfold.stages.problem.sample import Truth


def signal_z(task: Task, truth: Truth, scores: Floats, fold: npt.NDArray[np.int64]) -> float:
    """Return by how many standard deviations predictions and truth agree more than they would by chance.

    Within each fold predictions are ranked, and the sum of the ranks given to what happened is compared with its mean
    and variance over all permutations of the truth (Hoeffding, 1951, "A combinatorial central limit theorem"). For two
    classes it is the Mann-Whitney test, for numbers Spearman's; the folds are added up.

    Parameters
    ----------
    scores : ndarray of shape (n, n_outputs)
        Out-of-fold predictions.
    fold : ndarray of shape (n,)
    """
    excess, variance = 0.0, 0.0
    for number in np.unique(fold):
        rows = fold == number
        if rows.sum() < 3:
            continue
        of_fold = _against_number if task == "regression" else _against_classes
        more, spread = of_fold(truth[rows], scores[rows])
        excess += more
        variance += spread
    return excess / np.sqrt(variance) if variance > 0 else 0.0


def fold_ranks(scores: Floats, fold: npt.NDArray[np.int64]) -> Floats:
    """Return each score's place within its fold, between 0 and 1: makes scores of different fits comparable."""
    places = np.empty(len(scores))
    for number in np.unique(fold):
        rows = fold == number
        places[rows] = _ranks(scores[rows]) / (rows.sum() + 1)
    return places


def _against_number(truth: Truth, scores: Floats) -> tuple[float, float]:
    said, happened = _ranks(scores[:, 0]), _ranks(truth.astype(np.float64))
    said, happened = said - said.mean(), happened - happened.mean()
    scale = len(said) ** 2  # keeps the folds' sums of like size
    return float(said @ happened) / scale, float((said @ said) * (happened @ happened)) / (len(said) - 1) / scale**2


def _against_classes(truth: Truth, scores: Floats) -> tuple[float, float]:
    codes = truth.astype(np.int64)
    counts = np.bincount(codes, minlength=scores.shape[1]).astype(np.float64)
    rows = len(codes)
    level = np.column_stack([_ranks(scores[:, code]) for code in range(scores.shape[1])]) / rows
    if scores.shape[1] == 2:
        level[:, 0] = 0.0
    by_class, by_row = level.mean(axis=0), level @ counts / rows
    centred = level - by_class - by_row[:, None] + float(by_class @ counts) / rows
    excess = float(level[np.arange(rows), codes].sum() - by_class @ counts)
    return excess, float((centred**2 @ counts).sum()) / (rows - 1)


def _ranks(values: Floats) -> Floats:
    """Return ranks from 1, ties sharing their mean."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    result: Floats = (last - (counts - 1) / 2.0)[index]
    return result
