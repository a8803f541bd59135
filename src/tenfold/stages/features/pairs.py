"""Interactions: which pairs each fold's training rows choose, so that those alone are planned."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.interaction_choice import MOST_CATEGORIES, MOST_NUMBERS, Pair, Scored
from tenfold.bundle.transforms.interactions import choose
from tenfold.records.features import ChosenPair
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.choosing import Rows


def pair_columns(candidates: Sequence[Candidate]) -> tuple[tuple[str, ...], int]:
    """Return the columns that may be paired, and how many of them no fold can pair beside the others."""
    numbers = [found.name for found in candidates if found.kind == "numeric" and found.distinct > 1]
    words = [found.name for found in candidates if found.kind == "categorical" and found.levels]
    beyond = max(len(numbers) - MOST_NUMBERS, 0) + max(len(words) - MOST_CATEGORIES, 0)
    return (*numbers, *words), beyond


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
    chosen: dict[Pair, list[Scored]] = {}
    every = {each.pair: each for each in choose(None, columns, held[rows.development], target[rows.development])[:most]}
    for fold in rows.folds:
        for each in choose(None, columns, held[fold], target[fold])[:most]:
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
