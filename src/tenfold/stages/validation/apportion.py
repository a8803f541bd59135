"""Whole numbers of rows in given shares, class by class, as exact as whole numbers allow."""

from __future__ import annotations

import numpy as np

from tenfold.stages.validation.protocols import IntArray


def quota(counts: IntArray, share: float) -> IntArray:
    """Return how many rows of each class make up ``share`` of all rows.

    Rounding the running total instead of each class keeps the sum within half a row of the wish, and each class within
    one.

    Parameters
    ----------
    counts : ndarray of shape (n_classes,)
        Rows of each class.

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    total = np.cumsum(counts)
    # The tiny push makes halves round up alike on every class boundary, whatever the binary form of the share is.
    reached = np.floor(total * share + 0.5 + 1e-9).astype(np.int64)
    result: IntArray = np.diff(reached, prepend=0)
    return result


def even_quota(counts: IntArray, blocks: int) -> IntArray:
    """Return rows of each class for each block, so that blocks and classes within blocks differ by one row at most.

    Dealing the rows out in turn, one class after the other, does both.

    Returns
    -------
    ndarray of shape (n_classes, blocks)
    """
    result = np.zeros((len(counts), blocks), dtype=np.int64)
    first = 0
    for index, count in enumerate(counts):
        result[index] = count // blocks
        result[index, (first + np.arange(count % blocks)) % blocks] += 1
        first = (first + count) % blocks
    return result


def deal(labels: IntArray, units: IntArray | None, wanted: IntArray, rng: np.random.Generator) -> IntArray:
    """Return for each row the place it goes to, keeping units whole and meeting ``wanted`` as nearly as they allow.

    Units of several rows are placed first, the largest before the rest, each where it leaves the classes nearest to
    what is wanted; single rows then fill what is missing, exactly.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Class codes.
    units : ndarray of shape (n_rows,) or None
        Rows with equal numbers stay together.
    wanted : ndarray of shape (n_classes, places)
        Rows of each class at each place; each class's sum is its number of rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        Places, 0 to places - 1.
    """
    place = np.full(len(labels), -1, dtype=np.int64)
    missing = wanted.astype(np.int64).copy()
    if units is not None:
        _, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
        _place_units(place, missing, labels, np.where(sizes[unit] > 1, unit, -1), rng)
    for code in range(len(wanted)):
        rows = rng.permutation(np.flatnonzero((labels == code) & (place < 0)))
        start = 0
        for where, number in enumerate(_fill(missing[code], len(rows))):
            place[rows[start : start + number]] = where
            start += number
    return place


def _place_units(
    place: IntArray, missing: IntArray, labels: IntArray, unit: IntArray, rng: np.random.Generator
) -> None:
    rows = np.flatnonzero(unit >= 0)
    if len(rows) == 0:
        return
    rows = rows[np.argsort(unit[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(unit[rows], prepend=-1))
    members = np.split(rows, starts[1:])
    shuffled = rng.permutation(len(members))
    order = shuffled[np.argsort([-len(members[index]) for index in shuffled], kind="stable")]
    for index in order:
        of_class = np.bincount(labels[members[index]], minlength=len(missing))
        # Squared distance to what is wanted grows by a constant minus twice this product: the largest product wins.
        where = int(np.argmax(of_class @ missing))
        place[members[index]] = where
        missing[:, where] -= of_class


def _fill(missing: IntArray, rows: int) -> IntArray:
    """Return how many single rows each place gets: what it lacks, less where units took too much."""
    result = np.maximum(missing, 0)
    excess = int(result.sum()) - rows
    while excess > 0:
        result[int(np.argmax(result))] -= 1
        excess -= 1
    return result
