"""Which part columns play."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field, Kind
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.data.options import ColumnOptions
from tenfold.stages.data.profile import profile_columns
from tenfold.stages.data.roles import Part, assign_roles

COUNT = 60


@pytest.fixture
def frame() -> pl.DataFrame:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "y": ["a", "b"] * 30,
            "customer_id": [float(number) for number in range(COUNT)],
            "distinct": [float(number * 3) for number in range(COUNT)],
            "token": [f"t{number}" for number in range(COUNT)],
            "price_no_tax": [float(number % 9) for number in range(COUNT)],
            "sex": ["m", "f"] * 30,
            "at": [start + timedelta(days=number) for number in range(COUNT)],
            "note": [f"free words number {number}" for number in range(COUNT)],
        }
    )


KINDS: Mapping[str, Kind] = {
    "y": "categorical",
    "token": "categorical",
    "sex": "categorical",
    "at": "datetime",
    "note": "text",
}


def parts(frame: pl.DataFrame, time: str | None = None, **declared: ColumnOptions) -> Mapping[str, Part]:
    fields = [Field(name=name, kind=KINDS.get(name, "numeric"), integer=True) for name in frame.columns]
    problem = Problem(name="p", task="binary", target="y", time=time, metric=MetricChoice(metric="x", reason=""))
    return assign_roles(frame, fields, profile_columns(frame), problem, declared)


def test_identifiers_are_told_by_name_or_by_distinct_strings(frame: pl.DataFrame) -> None:
    roles = {name: part.role for name, part in parts(frame, time="at").items()}
    assert roles == {
        "y": "target",
        "customer_id": "id",
        "distinct": "feature",
        "token": "id",
        "price_no_tax": "feature",
        "sex": "feature",
        "at": "time",
        "note": "feature",
    }


@pytest.mark.parametrize(
    "name", ["No", "RespondentID", "id", "row", "Unnamed: 0", "order number", "userId", "passenger-id"]
)
def test_names_of_identifiers_are_known(frame: pl.DataFrame, name: str) -> None:
    assert parts(frame.rename({"customer_id": name}))[name].role == "id"


@pytest.mark.parametrize("name", ["valid", "humid", "income", "casino", "monkey", "borrow", "bid"])
def test_words_that_only_end_like_identifiers_are_not(frame: pl.DataFrame, name: str) -> None:
    assert parts(frame.rename({"customer_id": name}))[name].role == "feature"


def test_what_is_declared_wins(frame: pl.DataFrame) -> None:
    found = parts(
        frame,
        customer_id=ColumnOptions(role="feature"),
        token=ColumnOptions(role="entity"),
        distinct=ColumnOptions(role="weight"),
        sex=ColumnOptions(role="sensitive"),
    )
    assert [found[name].role for name in ("customer_id", "token", "distinct", "sex")] == [
        "feature",
        "entity",
        "weight",
        "sensitive",
    ]
    allowed = parts(frame, sex=ColumnOptions(role="sensitive", feature=True))["sex"]
    assert (allowed.role, allowed.notes) == ("feature", ("sensitive",))


def test_a_column_known_later_stays_a_feature_for_lags(frame: pl.DataFrame) -> None:
    part = parts(frame, distinct=ColumnOptions(available="later"))["distinct"]
    assert part.role == "feature"
    assert "lags alone" in part.reason


@pytest.mark.parametrize(
    ("time", "declared", "said"),
    [
        ("att", {}, r"the time 'att' is not a column. Did you mean 'at'\?"),
        ("sex", {}, "the time 'sex' holds words"),
        (
            None,
            {"tokn": ColumnOptions(role="id")},
            r"`columns` names 'tokn', which is not a column. Did you mean 'token'\?",
        ),
        (None, {"sex": ColumnOptions(role="weight")}, "the weight 'sex' must hold numbers"),
        (None, {"y": ColumnOptions(role="id")}, "'y' is the target and cannot be declared id"),
        (None, {"sex": ColumnOptions(role="target")}, "name the target under `problem`"),
    ],
)
def test_declarations_that_cannot_be_are_refused(
    frame: pl.DataFrame, time: str | None, declared: dict[str, ColumnOptions], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        parts(frame, time, **declared)
