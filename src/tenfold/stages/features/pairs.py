"""Interactions: which pairs each fold's training rows choose, so that those alone are planned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.interaction_choice import Operation, Pair, Scored
from tenfold.bundle.transforms.interactions import choose
from tenfold.records.features import ChosenPair
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.choosing import Rows

MOST_NUMBERS, MOST_CATEGORIES = 24, 12
"""Pairs grow with the square of the columns: of more, the first ones are looked at, and the plan says so."""


def pair_columns(candidates: Sequence[Candidate]) -> tuple[tuple[str, ...], int]:
    """Return the columns that may be paired, and how many more there are."""
    numbers = [found.name for found in candidates if found.kind == "numeric" and found.distinct > 1]
    words = [found.name for found in candidates if found.kind == "categorical" and found.levels]
    beyond = max(len(numbers) - MOST_NUMBERS, 0) + max(len(words) - MOST_CATEGORIES, 0)
    return (*numbers[:MOST_NUMBERS], *words[:MOST_CATEGORIES]), beyond


def all_pairs(columns: Sequence[str], development: pl.DataFrame) -> tuple[Pair, ...]:
    """Return every pair that may be looked at: products, differences and both ratios of numbers, crosses of words."""
    numbers = [name for name in columns if development.schema[name] != pl.String]
    words = [name for name in columns if development.schema[name] == pl.String]
    signs: tuple[Operation, ...] = ("product", "difference")
    pairs = [
        Pair(operation=sign, first=first, second=second) for first, second in combinations(numbers, 2) for sign in signs
    ]
    pairs += [Pair(operation="ratio", first=first, second=second) for first, second in permutations(numbers, 2)]
    pairs += [Pair(operation="cross", first=first, second=second) for first, second in combinations(words, 2)]
    return tuple(pairs)


def choose_pairs(
    columns: Sequence[str], target: Floats, rows: Rows, most: int
) -> tuple[tuple[Pair, ...], tuple[ChosenPair, ...]]:
    """Return the pairs that any fold's training rows, or all development rows, choose, and how often each was.

    Each judges for itself which pairs are among its best; listing them all here lets a fold choose again among fewer,
    with the same result.

    Parameters
    ----------
    target : ndarray of shape (n_rows, outputs)
        Of every row of the table; see ``bundle.view.encoding_target``.
    """
    held = rows.table.select(columns)
    pairs = all_pairs(columns, held)
    chosen: dict[Pair, list[Scored]] = {}
    every = {
        each.pair: each for each in choose(pairs, columns, held[rows.development], target[rows.development])[:most]
    }
    for fold in rows.folds:
        for each in choose(pairs, columns, held[fold], target[fold])[:most]:
            chosen.setdefault(each.pair, []).append(each)
    listed = sorted({*chosen, *every}, key=lambda pair: (-len(chosen.get(pair, ())), pair.name))
    told = tuple(
        ChosenPair(
            name=pair.name,
            operation=pair.operation,
            columns=(pair.first, pair.second),
            frequency=len(chosen.get(pair, ())) / max(len(rows.folds), 1),
            told=every[pair].told if pair in every else 0.0,
        )
        for pair in listed
    )
    return tuple(listed), told
