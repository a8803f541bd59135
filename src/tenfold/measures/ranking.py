"""Several things ranked by weighted scores, and how much of the order hangs on the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.measures.outcome import Floats

DRAWS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """An order by weighted scores.

    Attributes
    ----------
    order : tuple of int
        Which comes first, second, …; on ties in the order given.
    totals : ndarray of shape (n,)
        Weighted means of the scores.
    same_order, same_first : float
        The share of changed weights with which the whole order, and its first place, stay as they are.
    best_rank, worst_rank : tuple of int
        Of each, over all changed weights; the first place is 1.
    first_share : ndarray of shape (n,)
        The share of changed weights with which each comes first.
    """

    order: tuple[int, ...]
    totals: Floats
    same_order: float
    same_first: float
    best_rank: tuple[int, ...]
    worst_rank: tuple[int, ...]
    first_share: Floats


def rank(
    scores: Sequence[Mapping[str, float]], weights: Mapping[str, float], *, change: float, rng: np.random.Generator
) -> Ranking:
    """Rank by the weighted mean of scores, and again with every weight changed by up to ``change`` of itself.

    Parameters
    ----------
    scores : sequence of n mappings
        Each with one score from 0 to 1 under every name of the weights.
    weights : mapping
        Not negative, at least one above 0.
    change : float
        0.2: each weight is multiplied by a number drawn uniformly from 0.8 to 1.2, each by its own.
    """
    table = np.array([[one[name] for name in weights] for one in scores])
    given = np.array(list(weights.values()), dtype=np.float64)
    drawn = given * rng.uniform(1.0 - change, 1.0 + change, size=(DRAWS, len(given)))
    totals = table @ (given / given.sum())
    order = _order(totals[None])[0]
    orders = _order(drawn @ table.T)
    ranks = np.argsort(orders, axis=1) + 1
    return Ranking(
        order=tuple(int(place) for place in order),
        totals=totals,
        same_order=float((orders == order).all(axis=1).mean()),
        same_first=float((orders[:, 0] == order[0]).mean()),
        best_rank=tuple(int(best) for best in ranks.min(axis=0)),
        worst_rank=tuple(int(worst) for worst in ranks.max(axis=0)),
        first_share=np.bincount(orders[:, 0], minlength=len(table)) / DRAWS,
    )


def _order(totals: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return the order of each row of totals; rounding keeps equal totals in the order given."""
    result: np.ndarray[tuple[int, int], np.dtype[np.int64]] = np.argsort(-np.round(totals, 12), axis=1, kind="stable")
    return result
