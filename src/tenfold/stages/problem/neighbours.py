"""What neighbours disagree about: errors that no model of these columns can avoid."""

from __future__ import annotations

import numpy as np

from tenfold.stages.problem.encode import Floats
from tenfold.stages.problem.learning import Growth
from tenfold.stages.problem.sample import Truth

_HALVINGS = 4


def disagreement(values: Floats, truth: Truth, *, classes: int, rng: np.random.Generator) -> Growth:
    """Return how often a row and its nearest other row disagree, among more and more rows.

    For numbers it is half the mean squared difference, which estimates the variance of the noise.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Columns, scaled.
    classes : int
        Number of classes; 0 for numbers.
    """
    count = len(truth)
    if values.shape[1] == 0:
        # Without columns everybody is everybody's neighbour.
        values = np.zeros((count, 1))
    order = rng.permutation(count)
    sizes = [count >> halving for halving in range(_HALVINGS, -1, -1)]
    losses, errors = [], []
    for size in sizes:
        # Parts of a size share no row, and together they are the whole sample: all sizes are measured on all rows.
        parts = [order[start : start + size] for start in range(0, count - size + 1, size)]
        apart = np.concatenate([_apart(values[part], truth[part], classes) for part in parts])
        losses.append(float(apart.mean()))
        # A pair may be each other's nearest: then it counts for one.
        errors.append(float(np.sqrt(2.0) * apart.std() / np.sqrt(len(apart))))
    spread = np.array(errors)
    # Measured on the same rows with other neighbours, the sizes' errors hang together about half.
    covariance = 0.5 * np.outer(spread, spread) + 0.5 * np.diag(spread**2)
    rows = np.array(sizes, dtype=np.float64)
    return Growth(name="neighbours", rows=rows, losses=np.array(losses), covariance=covariance)


def _apart(values: Floats, truth: Truth, classes: int) -> Floats:
    from scipy.spatial import cKDTree

    _, index = cKDTree(values).query(values, k=2)
    # Among copies a row may come second to itself.
    other = np.where(index[:, 0] == np.arange(len(truth)), index[:, 1], index[:, 0])
    if classes:
        differs: Floats = (truth != truth[other]).astype(np.float64)
        return differs
    numbers = truth.astype(np.float64)
    half: Floats = np.square(numbers - numbers[other]) / 2.0
    return half


def cover_hart(disagree: float, classes: int) -> float:
    """Return the least error of any model, given how often a row and its nearest neighbour disagree.

    Cover and Hart (1967, "Nearest neighbor pattern classification"): among very many rows they disagree in at most
    ``error * (2 - K / (K - 1) * error)`` of all cases.
    """
    share = (classes - 1) / classes
    return share * (1.0 - float(np.sqrt(max(0.0, 1.0 - disagree / share))))
