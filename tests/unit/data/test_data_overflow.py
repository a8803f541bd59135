"""Numbers that their type could not hold are told with their column; others are left in peace."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tenfold.records.dataset import Column, Field
from tenfold.stages.data.overflow import find_overflow
from tenfold.testing.faults_values import (
    Held,
    check_coercion,
    check_overflow_at_ingest,
    check_overflow_in_production,
)


def told(name: str, values: np.ndarray) -> list[str]:
    column = Column(field=Field(name=name, kind="numeric", integer=True), role="feature", reason="")
    return [finding.rule for finding in find_overflow(pl.DataFrame({name: values.astype(float)}), [column])]


def test_codes_that_lost_their_zeros_are_told_by_their_lengths() -> None:
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.integers(10_000, 99_999, 900), rng.integers(1_000, 9_999, 100)])
    assert told("zip_code", codes) == ["lost-zeros"]
    assert not told("salary", codes)
    assert not told("zip_code", codes[:900])


def test_a_number_at_the_end_of_single_precision_is_told() -> None:
    values = np.random.default_rng(1).normal(10, 2, 1_000).round()
    assert not told("x", values)
    values[7] = 3.4028235e38
    assert told("x", values) == ["overflow"]


def test_a_wide_range_with_negatives_is_no_wrap() -> None:
    rng = np.random.default_rng(2)
    for values in (
        rng.integers(-128, 128, 1_000),
        rng.normal(0, 40, 1_000).round(),
        np.r_[rng.integers(0, 100, 990), [-99] * 10],
    ):
        assert "wrapped" not in told("x", values)
    assert "wrapped" not in told("bytes", rng.integers(0, 256, 1_000))


@pytest.mark.parametrize("check", [check_coercion, check_overflow_at_ingest, check_overflow_in_production])
def test_planted_faults_are_found_and_clean_twins_left_alone(check) -> None:
    held: list[Held] = [check(seed) for seed in range(20)]
    assert sum(each.found for each in held) >= 19, [each for each in held if not each.found][:3]
    assert sum(each.alarm for each in held) <= 1, [each for each in held if each.alarm][:3]
