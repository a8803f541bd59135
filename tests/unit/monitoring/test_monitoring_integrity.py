from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from monitoring_stream import KINDS, START, Stream, reference, rows

from tenfold.foundation.serial import from_json, to_json
from tenfold.measures.states.scan import scan
from tenfold.measures.states.shape import shape_of
from tenfold.stages.monitoring.cut import window_start, window_starts
from tenfold.stages.monitoring.reference import Reference, Sample, build_reference


@pytest.fixture(scope="module")
def held() -> Reference:
    return reference(3000, np.random.default_rng(1))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)


@pytest.mark.parametrize(
    ("rule", "column", "change"),
    [
        ("empty", "n0", pl.lit(None, dtype=pl.Float64)),
        ("empty", "c1", pl.lit(None, dtype=pl.String)),
        ("missing", "n1", pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("n1"))),
        ("constant", "n2", pl.lit(0.25)),
        ("constant", "c2", pl.lit("v1")),
        ("scale", "n3", pl.col("n3") * 1000),
        ("scale", "n3", pl.col("n3") / 1000),
        ("range", "n0", pl.col("n0") * 1000),
        ("unseen", "c4", pl.when(pl.int_range(pl.len()) % 8 == 0).then(pl.lit("brand new")).otherwise(pl.col("c4"))),
    ],
)
def test_what_is_broken_is_named_by_column_in_the_first_window(
    held: Reference, rng: np.random.Generator, rule: str, column: str, change: pl.Expr
):
    stream = Stream(reference=held)
    assert stream.window(rows(500, rng)).health.integrity == ()
    findings = stream.window(rows(500, rng).with_columns(change.alias(column))).health.integrity
    assert (rule, column) in {(finding.rule, finding.column) for finding in findings}
    assert {finding.column for finding in findings} == {column}
    assert f"'{column}'" in findings[0].message


def test_an_absent_column_is_named(held: Reference, rng: np.random.Generator):
    findings = Stream(reference=held).window(rows(500, rng).drop("c0")).health.integrity
    assert [(finding.rule, finding.column, finding.severity) for finding in findings] == [("absent", "c0", "critical")]


def test_a_feed_that_stands_still_is_named_in_whatever_order_it_comes(held: Reference, rng: np.random.Generator):
    stream = Stream(reference=held)
    first = rows(500, rng)
    stream.window(first)
    findings = stream.window(first.sample(fraction=1.0, shuffle=True, seed=3)).health.integrity
    assert {finding.rule for finding in findings} == {"frozen"}
    assert {"n0", "n1", "n2", "n3", "c7"} <= {finding.column for finding in findings}


def test_one_column_that_stands_still_is_named(held: Reference, rng: np.random.Generator):
    stream = Stream(reference=held)
    first = rows(500, rng)
    stream.window(first)
    # Most values again, with a few new ones among them, and other rows beside it.
    again = rows(500, rng).with_columns(pl.concat([first["n7"][:450], rows(50, rng)["n7"]]).alias("n7"))
    findings = stream.window(again).health.integrity
    assert [(finding.rule, finding.column) for finding in findings] == [("frozen", "n7")]


def test_half_the_volume_is_found_once_a_week_was_seen(held: Reference, rng: np.random.Generator):
    stream = Stream(reference=held)
    for day in range(14):
        weekend = (START.weekday() + day) % 7 >= 5
        assert stream.window(rows(300 if weekend else 600, rng)).health.integrity == ()
    monday = stream.window(rows(300, rng)).health.integrity
    assert [(finding.rule, finding.column) for finding in monday] == [("volume", None)]


def test_silence_is_found(held: Reference, rng: np.random.Generator):
    stream = Stream(reference=held)
    for _ in range(8):
        stream.window(rows(300, rng))
    for _ in range(12):
        findings = stream.window(rows(0, rng)).health.integrity
        assert [(finding.rule, finding.severity) for finding in findings] == [("volume", "critical")]


def test_a_model_that_gives_no_number_is_found(held: Reference, rng: np.random.Generator):
    frame = rows(500, rng).with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(float("nan")).otherwise("n9").alias("n9")
    )
    findings = Stream(reference=held).window(frame).health.integrity
    assert ("nonsense", "prediction:yes") in {(finding.rule, finding.column) for finding in findings}


def test_a_column_that_tells_the_time_may_leave_its_range():
    days = 60
    moments = pl.Series([START] * (days * 50)).dt.offset_by("0d") + pl.Series(
        np.repeat(np.arange(days), 50) * 86_400_000_000
    ).cast(pl.Duration("us"))
    table = pl.DataFrame(
        {"day": np.repeat(np.arange(days, dtype=float), 50), "x": np.random.default_rng(4).normal(size=days * 50)}
    )
    held = build_reference(
        "b" * 64,
        Sample(table=table, moments=moments),
        Sample(table=table.select(pl.col("x").alias("prediction:yes"))),
        kinds={"day": "numeric", "x": "numeric"},
    )
    assert held.parts == days
    assert held.habit("day").tells_time
    assert held.habit("day").constant
    assert not held.habit("x").tells_time
    assert held.habit("x").spread < 1.5


def test_a_reference_survives_being_written(held: Reference):
    assert from_json(Reference, to_json(held)) == held


def test_a_state_is_of_the_rows_that_were_counted(held: Reference, rng: np.random.Generator):
    frame = rows(500, rng)
    state = scan(frame, held.shapes)
    assert set(state.columns) == set(KINDS)
    assert state.columns["b1"].missing == 0
    assert shape_of(frame["b1"], "boolean").levels == ("false", "true")


def test_windows_of_seven_days_begin_on_mondays():
    assert window_start(START, 7 * 86400).weekday() == 0
    moments = pl.Series([START], dtype=pl.Datetime("us", "UTC"))
    assert window_starts(moments, 7 * 86400).to_list() == [window_start(START, 7 * 86400)]
    assert window_starts(moments, 3600).to_list() == [START]
