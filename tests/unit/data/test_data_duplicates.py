"""Copies of rows, by design and by chance."""

from __future__ import annotations

import numpy as np
import polars as pl

from tenfold.stages.data.duplicates import conflicting_rows, find_copies


def test_rows_equal_in_all_but_the_identifier_are_copies() -> None:
    frame = pl.DataFrame({"id": ["a", "b", "c"], "x": [1.5, 2.5, 1.5], "w": [None, "k", None]})
    copies = find_copies(frame, leaving_out=["id"])
    assert copies.repeated == 1
    assert copies.number.to_list() == [0, 1, 0]
    assert find_copies(frame).repeated == 0


def test_few_values_repeat_by_chance_and_many_do_not() -> None:
    rng = np.random.default_rng(0)
    coins = pl.DataFrame({"a": rng.choice(["x", "y"], 500), "b": rng.choice(["u", "v", "w"], 500)})
    assert find_copies(coins).by_chance
    wide = pl.DataFrame({name: rng.normal(size=500) for name in "abc"})
    copies = find_copies(pl.concat([wide, wide[:20]]))
    assert (copies.repeated, copies.by_chance) == (20, False)


def test_equal_texts_are_never_chance() -> None:
    frame = pl.DataFrame({"text": ["hello there", "good bye", "hello there"], "y": ["a", "b", "a"]})
    assert find_copies(frame).by_chance
    assert not find_copies(frame, texts=["text"]).by_chance


def test_rows_with_equal_features_and_another_target_are_counted() -> None:
    frame = pl.DataFrame({"x": [1.0, 1.0, 2.0, None, None], "y": ["a", "b", "a", "a", "b"]})
    assert conflicting_rows(frame, "y") == 4
    assert conflicting_rows(frame.with_columns(id=pl.int_range(5)), "y") == 0
    assert conflicting_rows(frame.with_columns(id=pl.int_range(5)), "y", leaving_out=["id"]) == 4
