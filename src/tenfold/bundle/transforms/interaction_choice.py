"""Which pairs of columns tell more together than each alone: judged on training rows, each pair for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Literal

import numpy as np
import numpy.typing as npt

from tenfold.bundle.matrix import Floats

Operation = Literal["product", "ratio", "difference", "cross"]
SIGNS: Mapping[Operation, str] = {"product": "*", "ratio": "/", "difference": "-", "cross": "×"}

MOST_NUMBERS, MOST_CATEGORIES = 24, 12
"""Pairs grow with the square of the columns: of more, the ones that tell most are paired."""
MOST_MULTIPLIED = 1_000
MOST_ROWS = 4_000
BINS = 8
_MOST_GROUPS = 200
_CLEAR = 4.0
"""Standard deviations above chance, so that one of a thousand pairs seldom passes by luck."""
_LEAST = 0.002
_PENALTY = 10.0
_MOST_MISSING = 0.5
_LARGEST = 1e150
_PREFERENCE: Mapping[Operation, float] = {"product": 1.0, "difference": 0.95, "ratio": 0.85, "cross": 1.0}
"""Of ways that tell about as much the simpler is taken: a ratio has no value at zero, and too great a one beside it."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two columns and what is made of them."""

    operation: Operation
    first: str
    second: str

    @property
    def name(self) -> str:
        """The name of the column that it makes."""
        return f"{self.first}{SIGNS[self.operation]}{self.second}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A pair with the share of what the columns alone leave open that it tells, and how far that is above chance."""

    pair: Pair
    told: float
    deviations: float


def sample_of(rows: int) -> Integers:
    """Return the rows that pairs are judged on: all, or some evenly among them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, MOST_ROWS)).astype(np.int64))


def combined(operation: Operation, first: Floats, second: Floats, centers: tuple[float, float]) -> Floats:
    """Return product (of the deviations from the centers), ratio or difference of two columns; 0 divides nothing."""
    if operation == "product":
        product: Floats = (first - centers[0]) * (second - centers[1])
        return product
    if operation == "difference":
        difference: Floats = first - second
        return difference
    result: Floats = np.full(len(first), np.nan)
    # What overflows is cut, as all numbers are.
    with np.errstate(over="ignore"):
        np.divide(first, second, out=result, where=second != 0)
    return np.clip(result, -_LARGEST, _LARGEST, out=result)


def joint_codes(first: Integers, second: Integers) -> Integers:
    """Return one code for each pair of codes; -1 where one of them is -1."""
    width = int(second.max(initial=0)) + 1
    joint: Integers = np.where((first < 0) | (second < 0), -1, first * width + second)
    return joint


def all_pairs(numbers: Sequence[str], words: Sequence[str]) -> tuple[Pair, ...]:
    """Return every pair that may be looked at: products, differences and both ratios of numbers, crosses of words."""
    signs: tuple[Operation, ...] = ("product", "difference")
    pairs = [
        Pair(operation=sign, first=first, second=second) for first, second in combinations(numbers, 2) for sign in signs
    ]
    pairs += [Pair(operation="ratio", first=first, second=second) for first, second in permutations(numbers, 2)]
    pairs += [Pair(operation="cross", first=first, second=second) for first, second in combinations(words, 2)]
    return tuple(pairs)


def relevant(numeric: Mapping[str, Floats], coded: Mapping[str, Integers], target: Floats) -> tuple[str, ...]:
    """Return the columns worth pairing, in their order: all, or those that tell most of the target of more of them.

    Of numbers one half are those whose bins tell most by themselves (the F statistic, which for counts grows with their
    mutual information), the other half those that tell most multiplied with another one: two columns of an exclusive
    or tell nothing alone. All products of p columns together are one product of matrices.
    """
    goal = np.asarray(target - target.mean(axis=0), dtype=np.float64)
    words = list(coded)
    if len(words) > MOST_CATEGORIES:
        words = _best({name: score(_grouped(codes), goal)[1] for name, codes in coded.items()}, MOST_CATEGORIES)
    names = list(numeric)
    if len(names) > MOST_NUMBERS:
        alone = _best({name: score(_binned(values), goal)[1] for name, values in numeric.items()}, MOST_MULTIPLIED)
        chosen = dict.fromkeys(alone[: MOST_NUMBERS // 2])
        for name in (*_multiplied({name: numeric[name] for name in alone}, goal), *alone):
            if len(chosen) < MOST_NUMBERS:
                chosen[name] = None
        names = list(chosen)
    kept = {*names, *words}
    return tuple(name for name in (*numeric, *coded) if name in kept)


def _best(strengths: Mapping[str, float], most: int) -> list[str]:
    return sorted(strengths, key=lambda name: -strengths[name])[:most]


def _multiplied(numeric: Mapping[str, Floats], goal: Floats) -> list[str]:
    """Return columns by how closely their product with another one follows the target, the closest pairs first."""
    names = list(numeric)
    ranks = np.column_stack([_evened(values) for values in numeric.values()])
    strength = np.zeros((len(names), len(names)))
    for output in range(goal.shape[1]):
        strength += (ranks.T @ (ranks * goal[:, output : output + 1])) ** 2
    first, second = np.triu_indices(len(names), k=1)
    order = np.argsort(-strength[first, second], kind="stable")[:MOST_NUMBERS]
    return [names[place] for pair in order for place in (first[pair], second[pair])]


def _evened(values: Floats) -> Floats:
    """Return numbers as ranks from -1 to 1, so that no extreme speaks louder; 0 where one is missing."""
    present = ~np.isnan(values)
    result = np.zeros(len(values))
    held = values[present]
    if len(held) > 1:
        distinct, place = np.unique(held, return_inverse=True)
        result[present] = 2.0 * place / max(len(distinct) - 1, 1) - 1.0
        result[present] -= result[present].mean()
    return result


def unexplained(numeric: Mapping[str, Floats], coded: Mapping[str, Integers], target: Floats) -> Floats:
    """Return what sums of curves of the single columns leave of the target, of shape (n_rows, outputs).

    Each number has a level in each of its bins, each category at each of its levels; one ridge regression fits all.
    """
    goal = np.clip(target, *np.quantile(target, [0.01, 0.99], axis=0)) if len(np.unique(target)) > 2 else target
    goal = np.asarray(goal - goal.mean(axis=0), dtype=np.float64)
    groups = [_binned(values) for values in numeric.values()]
    groups += [_grouped(values) for values in coded.values()]
    blocks = []
    for codes in groups:
        block = np.zeros((len(goal), int(codes.max(initial=0)) + 1))
        held = codes >= 0
        block[np.flatnonzero(held), codes[held]] = 1.0
        blocks.append(block - block.mean(axis=0))
    if not blocks:
        return goal
    design = np.hstack(blocks)
    gram = design.T @ design + _PENALTY * np.eye(design.shape[1])
    rest: Floats = goal - design @ np.linalg.solve(gram, design.T @ goal)
    return rest


def score(codes: Integers, rest: Floats) -> tuple[float, float]:
    """Return how much of ``rest`` the groups tell (adjusted R2), and its deviations above chance.

    The F statistic is brought to a normal scale by Wilson and Hilferty (1931).
    """
    held = codes >= 0
    codes, rest = codes[held], rest[held]
    groups = np.unique(codes, return_inverse=True)[1] if len(codes) else codes
    count = int(groups.max(initial=-1)) + 1
    if count < 2 or len(rest) <= 2 * count or held.mean() < _MOST_MISSING:
        return 0.0, 0.0
    rest = rest - rest.mean(axis=0)
    total = float((rest**2).sum())
    if total <= 1e-12:
        return 0.0, 0.0
    sizes = np.bincount(groups, minlength=count)
    between = sum(
        float((np.bincount(groups, weights=rest[:, output], minlength=count) ** 2 / sizes).sum())
        for output in range(rest.shape[1])
    )
    within = max(total - between, 1e-12 * total)
    free = count - 1
    ratio = (between / free) / (within / (len(rest) - count))
    told = 1.0 - (within / (len(rest) - count)) / (total / (len(rest) - 1))
    own = 2.0 / (9.0 * free)
    return told, float((ratio ** (1.0 / 3.0) - (1.0 - own)) / np.sqrt(own))


def scored_pairs(
    pairs: Sequence[Pair], numeric: Mapping[str, Floats], coded: Mapping[str, Integers], target: Floats
) -> list[Scored]:
    """Return the pairs that tell clearly more than their columns alone, best first; of two columns only the best way.

    Parameters
    ----------
    numeric, coded : mapping
        Columns of ``MOST_ROWS`` rows at most: numbers (NaN missing), and codes of categories (-1 missing).
    target : ndarray of shape (n_rows, outputs)
    """
    if not len(target):
        return []
    rest = unexplained(numeric, coded, target)
    centers = {
        name: float(np.nanmean(values)) if (~np.isnan(values)).any() else 0.0 for name, values in numeric.items()
    }
    best: dict[tuple[str, str], Scored] = {}
    for pair in pairs:
        if pair.operation == "cross":
            codes = _grouped(joint_codes(coded[pair.first], coded[pair.second]))
        else:
            own = (centers[pair.first], centers[pair.second])
            codes = _binned(combined(pair.operation, numeric[pair.first], numeric[pair.second], own))
        told, deviations = score(codes, rest)
        if told < _LEAST or deviations < _CLEAR:
            continue
        both = (min(pair.first, pair.second), max(pair.first, pair.second))
        known = best.get(both)
        if known is None or told * _PREFERENCE[pair.operation] > known.told * _PREFERENCE[known.pair.operation]:
            best[both] = Scored(pair=pair, told=told, deviations=deviations)
    return sorted(best.values(), key=lambda each: (-each.told, each.pair.name))


def _center(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else 0.0


def _binned(values: Floats) -> Integers:
    present = ~np.isnan(values)
    result = np.full(len(values), -1, dtype=np.int64)
    held = values[present]
    if len(held):
        edges = np.unique(np.quantile(held, np.linspace(0, 1, BINS + 1)[1:-1]))
        result[present] = np.searchsorted(edges, held, side="right")
    return result


def _grouped(codes: Integers) -> Integers:
    """Return codes of the most frequent groups as 0, 1, 2, ...; the rest share one, missing stays -1."""
    held = codes >= 0
    distinct, places, counts = np.unique(codes[held], return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[order] = np.arange(len(distinct))
    result = np.full(len(codes), -1, dtype=np.int64)
    result[held] = np.minimum(rank[places], _MOST_GROUPS)
    return result
