from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tenfold.bundle.history import History, Lag, lag_of, lag_values, step_of
from tenfold.bundle.signature import Signature
from tenfold.foundation.errors import DataError
from tenfold.foundation.serial import from_json, to_json
from tenfold.records.dataset import Field
from tenfold.records.features import Step

START = datetime(2026, 1, 1, tzinfo=UTC)


def flights(*rows: tuple[str | None, float | None, float | None]) -> pl.DataFrame:
    """Rows of (plane, hours after the start, delay)."""
    return pl.DataFrame(
        {
            "plane": [row[0] for row in rows],
            "time": [None if row[1] is None else START + timedelta(hours=row[1]) for row in rows],
            "delay": [row[2] for row in rows],
        },
        schema={"plane": pl.String, "time": pl.Datetime("us", "UTC"), "delay": pl.Float64},
    )


def lags_of(
    rows: pl.DataFrame, back: int | str = 1, *, hours: float = 0.0, entity: str | None = "plane"
) -> list[object]:
    lag = Lag(column="delay", back=back, time="time", entity=entity, delay_seconds=hours * 3600)
    return lag_values([lag], rows, rows)[lag.name].to_list()


def test_a_lag_is_the_value_of_the_entitys_earlier_row() -> None:
    rows = flights(("a", 2, 20.0), ("b", 1, 100.0), ("a", 1, 10.0), ("a", 3, 30.0))
    assert lags_of(rows) == [10.0, None, None, 20.0]
    assert lags_of(rows, 2) == [None, None, None, 10.0]


def test_a_value_counts_only_once_it_is_known() -> None:
    rows = flights(("a", 0, 1.0), ("a", 1, 2.0), ("a", 2, 3.0), ("a", 5, 4.0))
    assert lags_of(rows, hours=2) == [None, None, 1.0, 3.0]
    # Known exactly when the prediction is made is known.
    assert lags_of(rows, hours=1) == [None, 1.0, 2.0, 3.0]


def test_no_row_sees_itself_or_its_contemporaries() -> None:
    rows = flights(("a", 1, 10.0), ("a", 1, 20.0), ("a", 2, 30.0))
    assert lags_of(rows) == [None, None, 20.0]


def test_a_duration_goes_back_in_time() -> None:
    rows = flights(("a", 0, 1.0), ("a", 10, 2.0), ("a", 24, 3.0), ("a", 25, 4.0))
    assert lags_of(rows, "1d") == [None, None, 1.0, 1.0]
    assert lags_of(rows, "1h", hours=15) == [None, None, 1.0, 2.0]


def test_a_missing_value_is_still_a_row() -> None:
    rows = flights(("a", 0, 1.0), ("a", 1, None), ("a", 2, 3.0))
    assert lags_of(rows) == [None, 1.0, None]
    assert lags_of(rows, 2) == [None, None, 1.0]


def test_rows_without_entity_or_time_have_no_past_and_are_nobodys_past() -> None:
    rows = flights((None, 0, 1.0), (None, 1, 2.0), ("a", None, 3.0), ("a", 5, 4.0))
    assert lags_of(rows) == [None] * 4


def test_without_an_entity_all_rows_are_one_history() -> None:
    rows = flights(("a", 0, 1.0), ("b", 1, 2.0))
    assert lags_of(rows, entity=None) == [None, 1.0]


def test_words_and_flags_have_lags_too() -> None:
    rows = flights(("a", 0, 1.0), ("a", 1, 2.0)).with_columns(word=pl.Series(["x", "y"]), flag=pl.Series([True, False]))
    found = lag_values([Lag(column=name, back=1, time="time", entity="plane") for name in ("word", "flag")], rows, rows)
    assert found.to_dict(as_series=False) == {"word__lag1": [None, "x"], "flag__lag1": [None, True]}


def test_the_order_of_the_table_does_not_matter() -> None:
    rows = flights(*[("ab"[step % 2], step // 3, float(step)) for step in range(30)])
    expected = rows.with_columns(lag=pl.Series(lags_of(rows)))
    turned = rows.sample(fraction=1.0, shuffle=True, seed=3)
    found = turned.with_columns(lag=pl.Series(lags_of(turned)))
    assert found.sort(found.columns).equals(expected.sort(expected.columns))


def test_numbers_may_be_times_but_not_for_delays() -> None:
    rows = flights(("a", 0, 1.0), ("a", 1, 2.0)).with_columns(time=pl.Series([0.5, 0.7]))
    assert lags_of(rows) == [None, 1.0]
    with pytest.raises(DataError, match="the time 'time' holds numbers"):
        lags_of(rows, hours=1)


def test_no_history_gives_no_lags() -> None:
    rows = flights(("a", 0, 1.0))
    lag = Lag(column="delay", back=1, time="time", entity="plane")
    assert lag_values([lag], rows, rows.clear())["delay__lag1"].to_list() == [None]
    assert lag_values([lag], rows.clear(), rows).schema == {"delay__lag1": pl.Float64}


def test_a_lag_survives_as_a_step_of_the_plan() -> None:
    lag = Lag(column="delay", back="7d", time="time", entity=None, delay_seconds=60.0)
    assert lag_of(from_json(Step, to_json(step_of(lag, "why")))) == lag


HISTORY = History(
    lags=(Lag(column="delay", back=1, time="time", entity="plane"),),
    fields=(
        Field(name="time", kind="datetime"),
        Field(name="plane", kind="categorical"),
        Field(name="delay", kind="numeric"),
    ),
)
SIGNATURE = Signature(fields=(Field(name="seats", kind="numeric"), Field(name="delay__lag1", kind="numeric")))


def test_lags_that_are_sent_are_taken_and_others_come_from_the_history() -> None:
    sent = pl.DataFrame({"seats": [100.0], "delay__lag1": [7.0]})
    assert HISTORY.filled(sent, None, SIGNATURE).equals(sent)
    past = flights(("a", 0, 5.0), ("a", 1, 6.0), ("b", 1, 9.0))
    rows = pl.DataFrame({"seats": [100, 50], "plane": ["a", "c"], "time": [START + timedelta(hours=3)] * 2})
    found = HISTORY.filled(rows, past, SIGNATURE)
    assert found.to_dict(as_series=False) == {"seats": [100.0, 50.0], "delay__lag1": [6.0, None]}
    assert HISTORY.filled(rows.to_dicts(), past.to_dicts(), SIGNATURE).equals(found)


def test_without_lags_and_without_history_the_columns_to_send_are_named() -> None:
    with pytest.raises(DataError, match="send delay__lag1, or give a history with the columns time, plane, delay"):
        HISTORY.filled(pl.DataFrame({"seats": [1.0]}), None, SIGNATURE)
