"""Units, calms and clocks: what is told of tables to train on, and what is left in peace."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from tenfold.records.dataset import Column, Field, Kind
from tenfold.stages.data.hours import find_clocks_ahead
from tenfold.stages.data.stand_ins import find_stand_ins
from tenfold.stages.data.units import find_two_units
from tenfold.testing import faults_data as faults


def columns(table: pl.DataFrame, **kinds: Kind) -> list[Column]:
    return [
        Column(field=Field(name=name, kind=kind), role="feature", reason="", distinct=table[name].n_unique())
        for name, kind in kinds.items()
    ]


def test_small_and_large_aircraft_are_no_two_units():
    rng = np.random.default_rng(1)
    kind = rng.choice(["propeller", "jet", "wide"], 4000, p=[0.2, 0.6, 0.2])
    middle = np.select([kind == "propeller", kind == "jet"], [15.0, 150.0], 300.0)
    table = pl.DataFrame({"kind": kind, "seats": np.round(middle * rng.uniform(0.85, 1.15, 4000))})
    assert find_two_units(table, columns(table, kind="categorical", seats="numeric")) == []


def test_cents_from_one_shop_are_two_units():
    rng = np.random.default_rng(1)
    table = pl.DataFrame({"shop": rng.choice(["a", "b", "c"], 4000), "price": np.exp(rng.normal(3, 0.5, 4000))})
    table = faults.in_another_unit(table, "price", factor=100.0, where=pl.col("shop") == "b")
    told = find_two_units(table, columns(table, shop="categorical", price="numeric"))
    assert [each.column for each in told] == ["price"]
    assert "'shop' is 'b'" in told[0].message


def test_a_calm_is_a_speed_and_an_age_of_zero_is_none():
    rng = np.random.default_rng(1)
    wind = 1.15 * np.clip(np.round(rng.gamma(5, 1.8, 3000)), 3, None)
    age = np.round(rng.uniform(18, 60, 3000))
    gone = rng.random(3000) < 0.04
    table = pl.DataFrame({"wind": np.where(gone, 0.0, wind), "age": np.where(gone, 0.0, age)})
    assert [each.column for each in find_stand_ins(table, columns(table, wind="numeric", age="numeric"))] == ["age"]


def test_a_source_whose_clock_is_a_day_ahead_is_named():
    found = alarms = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, 4])
        table = faults.shop_days(faults.shop_of(rng), datetime(2024, 3, 4, tzinfo=UTC), 21, 150, rng)
        known = columns(table, source="categorical", store="categorical", ordered="datetime")
        moved = faults.moved_hours(table, "ordered", hours=24, where=pl.col("source") == "partner")
        found += any("'source' is 'partner'" in each.message for each in find_clocks_ahead(moved, known))
        alarms += bool(find_clocks_ahead(table, known))
    assert found >= 8
    assert alarms <= 2
