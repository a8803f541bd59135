"""States of parts add up to the state of the whole."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.measures.states.column import SKETCH, Kind, Shape
from tenfold.measures.states.scan import empty, scan
from tenfold.measures.states.shape import shape_of

_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = st.one_of(
    st.none(), st.floats(allow_nan=False), st.sampled_from([0.0, -0.0, 1.0, 1e300, -5.5]), st.just(math.nan)
)
ROWS = st.lists(
    st.tuples(
        NUMBERS,
        st.one_of(st.none(), st.sampled_from(["a", "b", "c"]), st.text(max_size=3)),
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1))),  # noqa: DTZ001 - made aware below
        st.one_of(st.none(), st.text(max_size=9)),
    ),
    min_size=1,
    max_size=60,
)
KINDS: dict[str, Kind] = {"x": "numeric", "c": "categorical", "b": "boolean", "t": "datetime", "w": "text"}


def table(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    moment = pl.Datetime("us")
    frame = pl.DataFrame(
        {name: list(values) for name, values in zip(KINDS, columns, strict=True)},
        schema={"x": pl.Float64, "c": pl.String, "b": pl.Boolean, "t": moment, "w": pl.String},
    )
    return frame.with_columns(pl.col("t").dt.replace_time_zone("UTC"))


def shapes(frame: pl.DataFrame) -> tuple[Shape, ...]:
    return tuple(shape_of(frame[name], kind) for name, kind in KINDS.items())


@settings(deadline=None, max_examples=120)
@given(ROWS, ROWS, st.lists(st.integers(0, 60), max_size=4))
def test_merged_states_of_parts_are_the_state_of_the_whole(
    reference: list[tuple[object, ...]], rows: list[tuple[object, ...]], cuts: list[int]
) -> None:
    counted = shapes(table(reference))
    whole = table(rows)
    bounds = [0, *sorted(min(cut, whole.height) for cut in cuts), whole.height]
    merged = empty(counted)
    for start, end in pairwise(bounds):
        merged = merged.merged(scan(whole[start:end], counted))
    assert merged == scan(whole, counted)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter_and_every_row_is_counted_once(
    rows: list[tuple[object, ...]], rng: object
) -> None:
    frame = table(rows)
    counted = shapes(frame)
    state = scan(frame, counted)
    shuffled = list(rows)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert scan(table(shuffled), counted) == state
    for shape in counted:
        column = state.columns[shape.name]
        assert column.n == frame.height
        if shape.tracked:
            assert sum(column.counts) + column.missing == column.n


@settings(deadline=None, max_examples=10)
@given(st.integers(SKETCH * 4, 20_000), st.integers(0, 99))
def test_distinct_values_are_estimated_within_their_error(distinct: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.permutation(np.repeat(rng.normal(size=distinct), 3))
    frame = pl.DataFrame({"x": values})
    found = scan(frame, (shape_of(frame["x"], "numeric"),)).columns["x"].distinct
    # The relative error of the estimate is about one over the root of the sketch's size.
    assert abs(found / distinct - 1) < 5 / math.sqrt(SKETCH)
