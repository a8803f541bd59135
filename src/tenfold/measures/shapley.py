"""What each column adds to one prediction: Shapley values against rows of a background.

Of a row x and a background row b, a coalition S of columns is worth the model's score of the row that has x's values in
S and b's elsewhere, averaged over the background (the interventional value function). The effects of all columns add up
to the score of x less the mean score of the background, exactly, however few coalitions were looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Worth = Callable[[Masks, Places], Floats]

BUDGET = 4096
"""How many rows are scored to explain one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """The Shapley values of one prediction.

    Attributes
    ----------
    base : float
        The mean score of the background.
    effects, errors : ndarray of shape (n_columns,)
        What each column adds to the base, and the standard error of this; zeros where all coalitions were looked at.
    exact : bool
        Whether they were.
    """

    base: float
    effects: Floats
    errors: Floats
    exact: bool


def shapley_values(worth: Worth, differs: Masks, *, seed: int, budget: int = BUDGET) -> Effects:
    """Return what each column adds to the score of one row.

    All coalitions are looked at where the budget allows it. Else columns enter one by one in random orders, each order
    beside its reverse (antithetic sampling: what one misses of an interaction the other has), each pair against a row
    of the background, of which each is used as often.

    Parameters
    ----------
    worth : callable
        Given masks of shape (n, n_columns), true where the row's own value stands, and for each the number of the
        background row that has the other values, returns n scores.
    differs : ndarray of bool, shape (n_background, n_columns)
        Where the background has another value than the row. A column that never differs adds nothing.

    References
    ----------
    Shapley, "A value for n-person games", 1953. Castro, Gómez, Tejada, "Polynomial calculation of the Shapley value
    based on sampling", 2009. Mitchell, Cooper, Frank, Holmes, "Sampling permutations for Shapley value estimation",
    2022: antithetic orders.
    """
    rows, columns = differs.shape
    players = np.flatnonzero(differs.any(axis=0))
    effects, errors = np.zeros(columns), np.zeros(columns)
    if len(players) == 0 or rows * 2.0 ** len(players) <= budget:
        base, effects[players] = _exact(worth, players, rows, columns)
        return Effects(base=base, effects=effects, errors=errors, exact=True)
    base, effects[players], errors[players] = _sampled(worth, players, rows, columns, budget=budget, seed=seed)
    return Effects(base=base, effects=effects, errors=errors, exact=False)


def _exact(worth: Worth, players: Places, rows: int, columns: int) -> tuple[float, Floats]:
    count = len(players)
    codes = np.arange(2**count)
    members = (codes[:, None] >> np.arange(count)) & 1 == 1
    masks = np.zeros((len(codes), columns), dtype=np.bool_)
    masks[:, players] = members
    background = np.tile(np.arange(rows), len(codes))
    values = worth(np.repeat(masks, rows, axis=0), background).reshape(len(codes), rows).mean(axis=1)
    sizes = members.sum(axis=1)
    weights = np.array([math.factorial(size) * math.factorial(count - size - 1) for size in range(count)], dtype=float)
    weights /= math.factorial(count)
    effects = np.empty(count)
    for player in range(count):
        without = codes[~members[:, player]]
        gains = values[without | (1 << player)] - values[without]
        effects[player] = float(gains @ weights[sizes[without]])
    return float(values[0]), effects


def _sampled(
    worth: Worth, players: Places, rows: int, columns: int, *, budget: int, seed: int
) -> tuple[float, Floats, Floats]:
    count = len(players)
    # Each pair of orders costs twice the coalitions between nothing and all.
    affordable = max(2, (budget - rows - 1) // (2 * (count - 1)))
    used = np.unique(np.linspace(0, rows - 1, min(rows, affordable)).round().astype(np.int64))
    pairs = len(used) * max(1, affordable // len(used))
    chance = np.random.default_rng(seed)
    orders = chance.permuted(np.tile(np.arange(count), (pairs, 1)), axis=1)
    orders = np.concatenate([orders, orders[:, ::-1]])
    background = np.tile(used[np.arange(pairs) % len(used)], 2)
    # entered[o, k] holds the columns that stand after k + 1 have come in by order o.
    ranks = np.argsort(orders, axis=1)
    entered = ranks[:, None, :] <= np.arange(count - 1)[None, :, None]
    masks = np.zeros((2 * pairs * (count - 1) + len(used) + 1, columns), dtype=np.bool_)
    inner = masks[: 2 * pairs * (count - 1)]
    inner[:, players] = entered.reshape(-1, count)
    masks[-1] = True
    places = np.concatenate([np.repeat(background, count - 1), used, used[:1]])
    values = worth(masks, places)
    own, ends = values[-1], values[-1 - len(used) : -1]
    steps = np.empty((2 * pairs, count + 1))
    steps[:, 0] = ends[np.searchsorted(used, background)]
    steps[:, 1:-1] = values[: len(inner)].reshape(2 * pairs, count - 1)
    steps[:, -1] = own
    gains = np.empty((2 * pairs, count))
    np.put_along_axis(gains, orders, np.diff(steps, axis=1), axis=1)
    paired = (gains[:pairs] + gains[pairs:]) / 2
    errors = paired.std(axis=0, ddof=1) / math.sqrt(pairs)
    return float(ends.mean()), paired.mean(axis=0), errors
