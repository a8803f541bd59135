"""Whether the target hangs together with the columns at all: a permutation test, exact for any number of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenfold.records.problem import Task
from tenfold.stages.problem.encode import Floats
from tenfold.stages.problem.sample import Truth

PERMUTATIONS = 1_999
_FIRST_LOOK = 99
_PLAIN = 12.0
_MOST_CLASSES = 6
_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """How likely chance alone is to give what was seen; ``plain`` when there is no doubt and ``p`` is only a bound."""

    p: float
    plain: bool = False


def find_association(task: Task, truth: Truth, design: Floats, rng: np.random.Generator) -> Association:
    """Return the p-value of "the target is independent of all columns together".

    Three statistics, each strong against another kind of dependence, are compared with what they are when the target is
    shuffled: the variance that all columns explain jointly, the sum of what each explains alone, and the most that one
    explains alone, by its value or by its distance from the middle. Their smallest p-value is itself compared with
    that of the shuffled targets, so nothing has to be paid for looking three times (Westfall and Young, 1993,
    "Resampling-based multiple testing").

    Parameters
    ----------
    truth : ndarray of shape (n,)
    design : ndarray of shape (n, p)
        Standardised columns.
    """
    targets = _targets(task, truth)
    if design.shape[1] == 0 or targets.shape[1] == 0:
        return Association(p=1.0)
    columns = _Columns(design)
    observed = columns.statistics(targets[:, :, None])[:, 0]
    shuffled = columns.shuffled(targets, _FIRST_LOOK, rng)
    spread = shuffled.std(axis=1)
    if ((observed - shuffled.mean(axis=1)) > _PLAIN * spread).any():
        return Association(p=1.0 / (_FIRST_LOOK + 1), plain=True)
    shuffled = np.concatenate([shuffled, columns.shuffled(targets, PERMUTATIONS - _FIRST_LOOK, rng)], axis=1)
    everything = np.concatenate([observed[:, None], shuffled], axis=1)
    smallest = np.min([_p_values(statistic) for statistic in everything], axis=0)
    return Association(p=float((smallest <= smallest[0]).mean()))


class _Columns:
    """The columns, made ready for many targets."""

    def __init__(self, design: Floats):
        rows, width = design.shape
        self.values = design
        apart = np.abs(design) - np.abs(design).mean(axis=0)
        self.apart = apart / np.where(apart.std(axis=0) > 1e-9, apart.std(axis=0), 1.0)
        gram = design.T @ design / rows
        gram[np.diag_indices_from(gram)] += 0.02
        self.whitening = np.linalg.inv(np.linalg.cholesky(gram))
        assert self.whitening.shape == (width, width)

    def statistics(self, targets: Floats) -> Floats:
        """Return the three statistics, shape (3, m), of targets of shape (n, outputs, m)."""
        rows, outputs, many = targets.shape
        flat = targets.reshape(rows, outputs * many)
        alone = (self.values.T @ flat) ** 2
        middle = (self.apart.T @ flat) ** 2
        joint = (self.whitening @ (self.values.T @ flat)) ** 2
        most = np.maximum(alone.max(axis=0), middle.max(axis=0)).reshape(outputs, many).max(axis=0)
        sums = [part.sum(axis=0).reshape(outputs, many).sum(axis=0) for part in (joint, alone)]
        return np.stack([*sums, most])

    def shuffled(self, targets: Floats, times: int, rng: np.random.Generator) -> Floats:
        """Return the statistics of ``times`` shuffled targets, shape (3, times)."""
        found = []
        for start in range(0, times, _BATCH):
            orders = [rng.permutation(len(targets)) for _ in range(min(_BATCH, times - start))]
            found.append(self.statistics(np.stack([targets[order] for order in orders], axis=2)))
        return np.concatenate(found, axis=1)


def _targets(task: Task, truth: Truth) -> Floats:
    """Return standardised targets, shape (n, outputs): normal scores of a number, indicators of frequent classes."""
    if task == "regression":
        from scipy.special import ndtri

        order = np.empty(len(truth))
        _, index, counts = np.unique(truth, return_inverse=True, return_counts=True)
        order = (np.cumsum(counts) - (counts - 1) / 2.0)[index]
        raw = ndtri(order / (len(truth) + 1.0))[:, None]
    else:
        codes = truth.astype(np.int64)
        frequent = np.argsort(-np.bincount(codes), kind="stable")[: 1 if task == "binary" else _MOST_CLASSES]
        raw = (codes[:, None] == frequent).astype(np.float64)
    deviation = raw.std(axis=0)
    kept: Floats = (raw[:, deviation > 0] - raw[:, deviation > 0].mean(axis=0)) / deviation[deviation > 0]
    return kept


def _p_values(statistic: Floats) -> npt.NDArray[np.float64]:
    """Return for each value the share of all that are at least as large."""
    ordered = np.sort(statistic)
    below = np.searchsorted(ordered, statistic, side="left")
    shares: npt.NDArray[np.float64] = (len(statistic) - below) / len(statistic)
    return shares
