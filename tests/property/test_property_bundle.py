"""Laws of the bundle: one row is a table of one row, validation rows teach nothing, the past never sees the future."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.history import Lag, lag_values
from tenfold.bundle.plan.lowering import clean, clean_number, lowered
from tenfold.bundle.rolling import FUNCTIONS, Rolling, rolling_values
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import FittedView, encoding_target, fit_view
from tenfold.foundation.errors import DataError, StoreError
from tenfold.records.dataset import Field
from tenfold.records.features import Step

LEVELS = ("", "a", "b", "Ω\u0301", "🟥 red")
PARTS = ("hour", "hour_sin", "weekday", "month", "year_cos", "elapsed")
SCHEMA = {
    "x": pl.Float64,
    "y": pl.Float64,
    "few": pl.String,
    "many": pl.String,
    "flag": pl.Boolean,
    "at": pl.Datetime("us", "UTC"),
    "note": pl.String,
}
VIEWS = (
    (
        Step(kind="passthrough", columns=("x", "y")),
        Step(kind="boolean", columns=("flag",)),
        Step(kind="codes", columns=("few",), settings={"levels": LEVELS[1:]}),
        Step(kind="target_encoding", columns=("many",)),
        Step(kind="dates", columns=("at",), settings={"parts": PARTS, "zone": "America/Sao_Paulo"}),
        Step(kind="text_size", columns=("note",)),
    ),
    (
        Step(kind="impute", columns=("x", "y", "flag"), settings={"strategy": "median", "indicator": True}),
        Step(kind="scale", columns=("x",), settings={"method": "standard"}),
        Step(kind="scale", columns=("y",), settings={"method": "robust"}),
        Step(kind="onehot", columns=("few",), settings={"levels": LEVELS[1:], "min_count": 2}),
        Step(kind="target_encoding", columns=("many",), settings={"impute": "mode"}),
        Step(kind="scale", columns=("many__mean", "many__share"), settings={"method": "minmax"}),
    ),
)
INVENTED = (
    Step(kind="frequency", columns=("many",), settings={"measure": "count"}),
    Step(kind="ordinal", columns=("few",), settings={"levels": LEVELS[1:][::-1]}),
    Step(kind="hash", columns=("few",), settings={"buckets": 4}),
    Step(kind="power", columns=("x", "y"), settings={"method": "yeo_johnson"}),
    Step(kind="bins", columns=("x",), settings={"count": 4}),
    Step(kind="spline", columns=("y",), settings={"knots": 4}),
    Step(kind="pca", columns=("x", "y"), settings={"components": 2}),
    Step(kind="holidays", columns=("at",), settings={"days": ("2013-12-25", "2014-01-01"), "zone": "Asia/Tokyo"}),
    Step(kind="text_topics", columns=("note",), settings={"components": 3}),
    Step(
        kind="interactions",
        columns=("x", "y", "few", "many"),
        settings={
            "pairs": (("product", "x", "y"), ("ratio", "x", "y"), ("difference", "x", "y"), ("cross", "few", "many")),
            "most": 10,
        },
    ),
)
FILLING = (
    Step(kind="neighbours_impute", columns=("x", "y"), settings={"targets": ("x",), "indicator": True}),
    Step(kind="iterative_impute", columns=("x", "y"), settings={"targets": ("y",)}),
    Step(kind="first_present", columns=("x", "y"), settings={"indicator": True}),
    Step(kind="quantile", columns=("y",)),
    Step(kind="text_topics", columns=("note",), settings={"components": 2, "method": "hashing", "terms": 16}),
)
GROUPED = (
    Step(kind="group_impute", columns=("x", "many"), settings={"indicator": True}),
    Step(kind="power", columns=("x",), settings={"method": "auto"}),
    Step(kind="power", columns=("y",), settings={"method": "box_cox"}),
    Step(kind="frequency", columns=("few",), settings={"impute": "mode"}),
)
VIEWS = (*VIEWS, INVENTED, FILLING, GROUPED)
FIELDS = (
    Field(name="x", kind="numeric"),
    Field(name="y", kind="numeric"),
    Field(name="few", kind="categorical", missing_markers=("a",)),
    Field(name="many", kind="categorical"),
    Field(name="flag", kind="boolean"),
    Field(name="at", kind="datetime", timezone="America/Sao_Paulo"),
    Field(name="note", kind="text"),
)

numbers = st.none() | st.floats(width=64) | st.integers(-5, 5).map(float)
words = st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=6) | st.sampled_from(LEVELS[1:])
moments = st.none() | st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001  # its zone is added
rows = st.fixed_dictionaries(
    {
        "x": numbers,
        "y": numbers,
        "few": words,
        "many": words,
        "flag": st.none() | st.booleans(),
        "at": moments,
        "note": words,
    }
)


def frame(found: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(found, schema=SCHEMA)


def fitted(table: pl.DataFrame, steps: tuple[Step, ...]) -> FittedView:
    target = encoding_target(np.arange(table.height) % 2, "binary", 2)
    return fit_view(steps, table, target, np.random.default_rng(0))[0]


@settings(max_examples=60, deadline=None)
@given(training=st.lists(rows, min_size=1, max_size=12), later=st.lists(rows, min_size=1, max_size=8))
def test_one_row_gives_the_same_numbers_alone_as_in_any_table(
    training: list[dict[str, object]], later: list[dict[str, object]]
) -> None:
    for steps in VIEWS:
        view = fitted(frame(training), steps)
        together = view.apply(frame(later)).values
        alone = np.concatenate([view.apply_row(row) for row in later])
        np.testing.assert_allclose(alone, together, rtol=1e-9, atol=1e-9, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(training=st.lists(rows, min_size=1, max_size=12), later=st.lists(rows, min_size=1, max_size=8))
def test_a_lowered_view_makes_of_any_rows_what_the_view_makes_of_a_table(
    training: list[dict[str, object]], later: list[dict[str, object]]
) -> None:
    kinds = {field.name: field.kind for field in FIELDS}
    numeric = [name for name, kind in kinds.items() if kind in {"numeric", "boolean"}]
    for steps in VIEWS:
        view = fitted(frame(training), steps)
        plan = lowered(view, kinds)
        assert plan.own == ()
        together = view.apply(frame(later)).values
        values = np.array([[row[name] for name in numeric] for row in later], dtype=np.float64)
        columns = [[row[name] for row in later] for name in kinds]
        np.testing.assert_allclose(
            plan.matrix(columns, clean(values)),
            together,
            rtol=1e-9,
            atol=1e-9,
            equal_nan=True,  # type: ignore[arg-type]
        )
        for place, row in enumerate(later):
            slots = [clean_number(row[name]) if name in numeric else row[name] for name in kinds]  # type: ignore[arg-type]
            np.testing.assert_allclose(plan.row(slots)[0], together[place], rtol=1e-9, atol=1e-9, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(
    training=st.lists(rows, min_size=2, max_size=12),
    validation=st.lists(rows, max_size=6),
    others=st.lists(rows, max_size=6),
)
def test_rows_that_do_not_train_change_nothing_that_was_fitted(
    training: list[dict[str, object]], validation: list[dict[str, object]], others: list[dict[str, object]]
) -> None:
    for steps in VIEWS:
        files = []
        for beside in (validation, others):
            whole = frame(training + beside)
            files.append(fitted(whole[: len(training)], steps).files())
        assert files[0] == files[1]


@settings(max_examples=60, deadline=None)
@given(training=st.lists(rows, min_size=1, max_size=8), other=st.lists(rows, min_size=1, max_size=8))
def test_the_columns_of_a_view_follow_from_its_steps_alone(
    training: list[dict[str, object]], other: list[dict[str, object]]
) -> None:
    for steps in VIEWS:
        first, second = fitted(frame(training), steps), fitted(frame(other), steps)
        assert (first.names, first.categorical) == (second.names, second.categorical)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=3),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.just([1]),
    st.sampled_from(["1,5", " a ", "true", "2026-01-01"]),
)


@settings(max_examples=150, deadline=None)
@given(row=st.fixed_dictionaries({field.name: anything for field in FIELDS}))
def test_a_row_is_read_or_refused_alike_alone_and_in_a_list(row: dict[str, object]) -> None:
    signature = Signature(fields=FIELDS)

    def outcome(read: object) -> object:
        try:
            return read()  # type: ignore[operator]  # a function without arguments
        except DataError:
            return "refused"

    alone = outcome(lambda: signature.conform_row(row))
    listed = outcome(lambda: signature.conform([row]).to_dicts()[0])
    assert alone == listed
    if alone != "refused":
        # What is canonical stays as it is, read again as a table.
        table = frame([alone])  # type: ignore[list-item]  # a row
        assert signature.conform(table).equals(table)


@settings(max_examples=100, deadline=None)
@given(column=st.lists(st.none() | st.floats() | st.integers(-(2**60), 2**60).map(float), min_size=1, max_size=6))
def test_a_typed_column_is_read_as_its_values_are_one_by_one(column: list[float | None]) -> None:
    for kind in ("numeric", "categorical", "boolean"):
        signature = Signature(fields=(Field(name="c", kind=kind),))
        found = []
        for given_rows in (pl.DataFrame({"c": column}, schema={"c": pl.Float64}), [{"c": value} for value in column]):
            try:
                found.append(signature.conform(given_rows)["c"].to_list())
            except DataError as error:
                found.append([str(error).partition(":")[0]])
        assert found[0] == found[1]


START = datetime(2026, 1, 1, tzinfo=UTC)
events = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.none() | st.integers(-9, 9).map(float)),
    min_size=1,
    max_size=25,
)


def table_of(found: list[tuple[str, int, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "who": [each[0] for each in found],
            "at": [START + timedelta(hours=each[1]) for each in found],
            "value": [each[2] for each in found],
        },
        schema={"who": pl.String, "at": pl.Datetime("us", "UTC"), "value": pl.Float64},
    )


def by_hand(lag: Lag, row: tuple[str, int, float | None], past: list[tuple[str, int, float | None]]) -> float | None:
    """The definition, read slowly."""
    hours = lag.delay_seconds / 3600
    if isinstance(lag.back, str):
        hours = max(hours, float(lag.back.removesuffix("h")))
    known = [each for each in past if each[0] == row[0] and each[1] + hours <= row[1] and each[1] < row[1]]
    known.sort(key=lambda each: (each[1], -math.inf if each[2] is None else each[2]))
    back = lag.back if isinstance(lag.back, int) else 1
    return known[-back][2] if len(known) >= back else None


@settings(max_examples=120, deadline=None)
@given(found=events, back=st.sampled_from([1, 2, 3, "2h", "5h"]), hours=st.sampled_from([0, 1, 3]))
def test_a_lag_is_what_its_definition_says(
    found: list[tuple[str, int, float | None]], back: int | str, hours: int
) -> None:
    lag = Lag(column="value", back=back, time="at", entity="who", delay_seconds=hours * 3600.0)
    table = table_of(found)
    assert lag_values([lag], table, table)[lag.name].to_list() == [by_hand(lag, row, found) for row in found]


@settings(max_examples=80, deadline=None)
@given(found=events, added=events, cut=st.integers(1, 12), hours=st.sampled_from([0, 2]))
def test_what_happens_at_or_after_the_cut_never_changes_a_lag_before_it(
    found: list[tuple[str, int, float | None]], added: list[tuple[str, int, float | None]], cut: int, hours: int
) -> None:
    lags = [
        Lag(column="value", back=back, time="at", entity="who", delay_seconds=hours * 3600.0) for back in (1, 2, "3h")
    ]
    before = [each for each in found if each[1] + hours <= cut]
    asked = table_of([(each[0], cut, None) for each in found])
    later = [each for each in added if each[1] + hours > cut or each[1] >= cut]
    expected = lag_values(lags, asked, table_of(before))
    assert lag_values(lags, asked, table_of(before + later)).equals(expected)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), st.lists(st.floats(), max_size=5), max_size=4
    )
)
def test_arrays_are_read_back_bit_for_bit(found: dict[str, list[float]]) -> None:
    arrays = {name: np.array(values, dtype=np.float64) for name, values in found.items()}
    read = unpack(pack(arrays), name="x")
    assert {name: array.tobytes() for name, array in read.items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 200))
def test_no_bytes_make_the_reader_of_arrays_fail_otherwise_than_by_name(noise: bytes, place: int) -> None:
    whole = pack({"a": np.arange(4.0), "b": np.array([True])})
    for content in (noise, whole[:place] + noise[:3] + whole[place + 3 :]):
        with contextlib.suppress(StoreError):
            unpack(content, name="x")


def rolled(
    each: Rolling, row: tuple[str, int, float | None], past: list[tuple[str, int, float | None]]
) -> float | None:
    """The definition of a rolling statistic, read slowly."""
    shift = each.shift_seconds / 3600
    known = [
        one for one in past if one[0] == row[0] and one[2] is not None and one[1] < row[1] and one[1] + shift <= row[1]
    ]
    known.sort(key=lambda one: (one[1], one[2]))
    if isinstance(each.window, str):
        known = [one for one in known if one[1] > row[1] - shift - float(each.window.removesuffix("h"))]
    elif each.window:
        known = known[-each.window :]
    values = [one[2] for one in known if one[2] is not None]
    if each.function in {"count", "sum"}:
        return float(len(values) if each.function == "count" else sum(values))
    if not values or (each.function == "std" and len(values) < 2):
        return None
    of = {"mean": np.mean, "max": max, "min": min, "last": lambda all_of: all_of[-1]}
    return float(np.std(values, ddof=1) if each.function == "std" else of[each.function](values))


def looks(window: int | str, gap: str, hours: int) -> list[Rolling]:
    return [
        Rolling(
            column="value", window=window, function=function, time="at", entity="who", gap=gap,
            delay_seconds=hours * 3600.0, name=function,
        )
        for function in FUNCTIONS
    ]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    found=events,
    window=st.sampled_from([0, 1, 2, "1h", "4h"]),
    gap=st.sampled_from(["0s", "2h"]),
    hours=st.sampled_from([0, 3]),
)
def test_a_rolling_window_is_what_its_definition_says(
    found: list[tuple[str, int, float | None]], window: int | str, gap: str, hours: int
) -> None:
    table, asked = table_of(found), looks(window, gap, hours)
    made = rolling_values(asked, table, table)
    for each in asked:
        expected = [rolled(each, row, found) for row in found]
        np.testing.assert_allclose(
            made[each.name].cast(pl.Float64).fill_null(np.nan).to_numpy(),
            np.array([math.nan if value is None else value for value in expected]),
            rtol=1e-12, atol=1e-12,
        )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    found=events, added=events, cut=st.integers(1, 12), hours=st.sampled_from([0, 2]), window=st.sampled_from([0, "3h"])
)
def test_what_happens_or_becomes_known_after_the_cut_never_changes_a_rolling_window(
    found: list[tuple[str, int, float | None]],
    added: list[tuple[str, int, float | None]],
    cut: int,
    hours: int,
    window: int | str,
) -> None:
    before = [each for each in found if each[1] + hours <= cut]
    asked = table_of([(each[0], cut, None) for each in found])
    later = [each for each in added if each[1] + hours > cut or each[1] >= cut]
    expected = rolling_values(looks(window, "0s", hours), asked, table_of(before))
    assert rolling_values(looks(window, "0s", hours), asked, table_of(before + later)).equals(expected)
