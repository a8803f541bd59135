"""What only shows in the rows of a window: units of one source, feeds that stand still, columns exchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.context import StageContext
from tenfold.foundation.serial import from_json, to_json
from tenfold.measures.states.column import Kind
from tenfold.records.health import IntegrityFinding, Window
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.monitoring.integrity import Past
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.reference import Reference, Sample, build_reference, said_of
from tenfold.stages.monitoring.rows import Answered
from tenfold.stages.monitoring.run import run
from tenfold.testing import faults_data as faults

SEEDS = 10
FIRST = datetime(2024, 3, 4, tzinfo=UTC)
TODAY = FIRST + timedelta(days=29)
NUMBERS = ("amount", "items", "weight", "distance", "age", "score", "temperature", "wind", "rate")
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("source", "store", "kind"), "categorical"),
    **dict.fromkeys(NUMBERS, "numeric"),
    **dict.fromkeys(("fetched", "ordered"), "datetime"),
}
PROBLEM = Problem(
    name="shop", task="regression", target="y", time="ordered", metric=MetricChoice(metric="rmse", reason="")
)
PARTNER = pl.col("source") == "partner"


@dataclass(frozen=True)
class Day:
    reference: Reference
    table: pl.DataFrame


@pytest.fixture(scope="module")
def days() -> list[Day]:
    found = []
    for seed in range(SEEDS):
        rng = np.random.default_rng([seed, 11])
        table = faults.shop_days(faults.shop_of(rng), FIRST, 30, 300, rng)
        known = table.filter(pl.col("ordered") < TODAY)
        reference = build_reference(
            "b" * 64,
            Sample(table=known.select(list(KINDS)), moments=known["ordered"]),
            Sample(table=said_of("regression", (), said(known)), moments=known["ordered"]),
            kinds=KINDS,
        )
        found.append(Day(reference, table.filter(pl.col("ordered") >= TODAY)))
    return found


def said(table: pl.DataFrame) -> np.ndarray:
    return table["score"].fill_null(60.0).to_numpy()[:, None]


def findings(day: Day, table: pl.DataFrame) -> tuple[IntegrityFinding, ...]:
    window = Window(
        endpoint="shop", bundle="b" * 64, ref="shop@1", start=TODAY, end=TODAY + timedelta(days=1), rows=table.height
    )
    rows = Answered(
        inputs=table.select(list(KINDS)),
        scores=said(table),
        decision=None,
        truth=pl.Series([None] * table.height, dtype=pl.Float64),
        moments=table["ordered"],
    )
    ctx = StageContext(rng=np.random.default_rng(7))
    return run(
        day.reference, rows, window, PROBLEM, MonitoringOptions(), ctx, past=Past(), detectors={}
    ).health.integrity


def stopped(table: pl.DataFrame) -> pl.DataFrame:
    since = TODAY + timedelta(hours=table["ordered"].dt.hour().median() - 1)  # type: ignore[operator]  # a number
    return faults.stopped_feed(table, ("temperature", "wind"), "ordered", since, since + timedelta(hours=3))


FAULTS: dict[str, tuple[set[str], set[str], str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
    "grams from one source": (
        {"unit"},
        {"weight"},
        "partner",
        lambda table: faults.in_another_unit(table, "weight", factor=1000.0, where=PARTNER),
    ),
    "Fahrenheit": (
        {"unit"},
        {"temperature"},
        "Fahrenheit",
        lambda table: faults.in_another_unit(table, "temperature", factor=1.8, offset=32.0),
    ),
    "holes in one source": (
        {"missing"},
        {"score"},
        "partner",
        lambda table: faults.blanked(table, "score", share=0.7, rng=np.random.default_rng(3), where=PARTNER),
    ),
    "a number for none": (
        {"stand-in"},
        {"amount"},
        "999",
        lambda table: faults.blanked(table, "amount", share=0.08, rng=np.random.default_rng(3), stand_in=999.0),
    ),
    "a feed by the hour stops": ({"stale"}, {"temperature", "wind"}, "stands still", stopped),
    "a clock a day ahead": (
        {"future"},
        {"fetched"},
        "future",
        lambda table: faults.moved_hours(table, "fetched", hours=24),
    ),
    "hours moved": (
        {"hours"},
        {"ordered", "fetched"},
        "h late",
        lambda table: faults.moved_hours(faults.moved_hours(table, "ordered", hours=4), "fetched", hours=4),
    ),
    "two columns swapped": (
        {"swapped"},
        {"amount", "age"},
        "'amount'",
        lambda table: faults.swapped(table, ("amount", "age")),
    ),
    "relations turned over": (
        {"relations"},
        {"amount", "items", "weight"},
        "rank correlation",
        lambda table: faults.turned_over(table, "weight"),
    ),
    "a renamed category": (
        {"renamed"},
        {"kind"},
        "K17",
        lambda table: faults.written_otherwise(
            table, "kind", {table["kind"].drop_nulls().mode()[0]: "K17"}, share=1.0, rng=np.random.default_rng(3)
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_rows_is_named_by_column_and_place(days: list[Day], fault: str):
    rules, columns, words, plant = FAULTS[fault]
    found = 0
    for day in days:
        told = findings(day, plant(day.table))
        found += any(each.rule in rules and each.column in columns and words in each.message for each in told)
    assert found >= 8


def test_ordinary_days_raise_hardly_an_alarm(days: list[Day]):
    assert sum(bool(findings(day, day.table)) for day in days) <= 2


def test_what_is_known_of_rows_survives_being_kept(days: list[Day]):
    reference = days[0].reference
    again = from_json(Reference, to_json(reference))
    assert again == reference
    assert again.slices.slices
    assert again.cadence.stretches
    assert again.related.wander
