"""Interactions of wide tables: the columns worth pairing are chosen by what they tell, wherever they stand."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.transforms.interaction_choice import MOST_CATEGORIES, MOST_NUMBERS, all_pairs, relevant
from tenfold.bundle.transforms.interactions import choose, fit
from tenfold.records.features import Step


def wide(columns: int, rows: int = 2000, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    target = (values[:, -1] * values[:, -7] > 0).astype(float)
    return pl.DataFrame({f"x{place}": values[:, place] for place in range(columns)}), target[:, None]


@pytest.mark.parametrize("seed", range(5))
def test_an_exclusive_or_of_the_last_of_sixty_columns_is_found(seed: int) -> None:
    table, target = wide(60, seed=seed)
    best = choose(None, table.columns, table, target)[0]
    assert {best.pair.first, best.pair.second} == {"x59", "x53"}
    assert best.pair.operation == "product"


def test_what_the_plan_chose_a_fold_chooses_again_among_fewer_pairs() -> None:
    table, target = wide(60)
    every = choose(None, table.columns, table, target)[:3]
    assert choose([each.pair for each in every], table.columns, table, target)[:3] == every
    pairs = tuple((each.pair.operation, each.pair.first, each.pair.second) for each in every)
    step = Step(
        kind="interactions", columns=tuple(table.columns), settings={"pairs": pairs, "most": 3, "outputs": 1}, reason=""
    )
    fitted = fit(step, table, target, np.random.default_rng(0))
    assert fitted.apply(table).shape == (table.height, len(every))


def test_of_narrow_tables_every_column_is_worth_pairing_and_of_wide_ones_so_many() -> None:
    table, target = wide(MOST_NUMBERS)
    assert relevant({name: table[name].to_numpy() for name in table.columns}, {}, target) == tuple(table.columns)
    table, target = wide(90)
    rng = np.random.default_rng(1)
    coded = {f"c{place}": rng.integers(0, 4, table.height) for place in range(40)}
    coded["c39"] = (2 * target[:, 0] + rng.integers(0, 2, table.height)).astype(np.int64)
    kept = relevant({name: table[name].to_numpy() for name in table.columns}, coded, target)
    assert len([name for name in kept if name.startswith("x")]) == MOST_NUMBERS
    assert len([name for name in kept if name.startswith("c")]) == MOST_CATEGORIES
    assert {"x89", "x83", "c39"} <= set(kept)


def test_a_thousand_columns_are_paired_in_bounded_time() -> None:
    table, target = wide(1000, rows=4000)
    began = time.process_time()
    best = choose(None, table.columns, table, target)[0]
    assert {best.pair.first, best.pair.second} == {"x999", "x993"}
    assert time.process_time() - began < 10


def test_pairs_grow_with_the_columns_that_are_given_and_no_further() -> None:
    assert len(all_pairs(["a", "b", "c"], ["u", "v"])) == 3 * 4 + 1
