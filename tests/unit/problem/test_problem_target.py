"""The task, the classes and the positive class are inferred with a reason, or refused with one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field, Kind
from tenfold.records.problem import Task
from tenfold.stages.problem.options import Amounts, ProblemOptions
from tenfold.stages.problem.target import Target, read_target, value_matrix


def understood(folder: Path, values: pl.Series, kind: Kind | None = None, **options: object) -> Target:
    path = folder / "table.parquet"
    pl.DataFrame({"y": values, "x": pl.arange(0, len(values), eager=True)}).write_parquet(path)
    guessed: Kind = "numeric" if values.dtype.is_numeric() else "categorical"
    fields = (Field(name="y", kind=kind or guessed), Field(name="x", kind="numeric"))
    return read_target(path, fields, ProblemOptions(**{"target": "y", **options}))


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (pl.Series(["a", "b"] * 20), "binary"),
        (pl.Series([0.0, 1.0] * 20), "binary"),
        (pl.Series([True, False] * 20), "binary"),
        (pl.Series(["a", "b", "c"] * 20), "multiclass"),
        (pl.Series([1.0, 2.0, 3.0] * 20), "multiclass"),
        (pl.Series([1.5, 2.0, 3.0] * 20), "regression"),
        (pl.Series([float(number % 28) for number in range(500)]), "regression"),
        (pl.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), "regression"),
    ],
)
def test_the_task_follows_from_the_values_with_a_reason(tmp_path: Path, values: pl.Series, task: Task) -> None:
    found = understood(tmp_path, values)
    assert found.task == task
    assert "'y' has" in found.reasons["task"]


def test_whole_numbers_become_labels_without_a_point_and_booleans_words(tmp_path: Path) -> None:
    assert understood(tmp_path, pl.Series([0.0, 1.0] * 9)).classes == ("0", "1")
    assert understood(tmp_path, pl.Series([True, False] * 9)).classes == ("false", "true")
    assert understood(tmp_path, pl.Series([10.0, 9.0, 1.0] * 20)).classes == ("1", "10", "9")


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (["no"] * 3 + ["yes"] * 30, "yes"),
        (["0"] * 3 + ["1"] * 30, "1"),
        (["False"] * 3 + ["True"] * 30, "True"),
        (["won"] * 30 + ["nowin"] * 3, "nowin"),
        (["1"] * 3 + ["2"] * 30, "1"),
        (["b"] * 9 + ["a"] * 9, "b"),
    ],
)
def test_the_positive_class_is_guessed_by_word_then_by_rarity_and_stands_last(
    tmp_path: Path, labels: list[str], positive: str
) -> None:
    found = understood(tmp_path, pl.Series(labels))
    assert found.positive == found.classes[-1] == positive
    assert "problem.positive" in found.reasons["positive"]


def test_the_users_positive_class_wins_and_a_misspelt_one_is_corrected(tmp_path: Path) -> None:
    labels = pl.Series(["late", "intime"] * 10)
    assert understood(tmp_path, labels, positive="intime").classes == ("late", "intime")
    with pytest.raises(DataError, match="Did you mean 'intime'"):
        understood(tmp_path, labels, positive="in_time")


def test_missing_targets_are_not_counted(tmp_path: Path) -> None:
    found = understood(tmp_path, pl.Series(["a", None, "b", "a"]))
    assert found.counts == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (pl.Series([], dtype=pl.String), "no rows"),
        (pl.Series([None, None], dtype=pl.String), "missing in all 2 rows"),
        (pl.Series(["a", "a", None]), "only one value, 'a'"),
        (pl.Series([f"name {number}" for number in range(50)]), "too many to be classes"),
    ],
)
def test_a_target_that_teaches_nothing_is_refused(tmp_path: Path, values: pl.Series, match: str) -> None:
    with pytest.raises(DataError, match=match):
        understood(tmp_path, values)


def test_a_date_is_no_target(tmp_path: Path) -> None:
    values = pl.Series(["2024-01-01", "2024-01-02"]).str.to_datetime(time_zone="UTC")
    with pytest.raises(DataError, match="is a date"):
        understood(tmp_path, values, kind="datetime")


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'y'"):
        understood(tmp_path, pl.Series(["a", "b"]), target="Y")


@pytest.mark.parametrize(
    ("task", "values", "match"),
    [
        ("regression", pl.Series(["a", "b"] * 9), "holds text"),
        ("binary", pl.Series(["a", "b", "c"] * 9), "has 3 different values"),
        ("multiclass", pl.Series(["a", "b"] * 9), "has two values"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(tmp_path: Path, task: Task, values: pl.Series, match: str) -> None:
    with pytest.raises(DataError, match=match):
        understood(tmp_path, values, task=task)


def test_a_task_that_fits_overrides_the_inference(tmp_path: Path) -> None:
    assert understood(tmp_path, pl.Series([1.0, 2.0, 3.0] * 20), task="regression").task == "regression"


def test_amounts_of_two_classes_are_ordered_by_class(tmp_path: Path) -> None:
    target = understood(tmp_path, pl.Series(["no", "yes"] * 9))
    amounts = Amounts(true_positive=40, false_positive=-8, false_negative=-1, true_negative=2)
    matrix = value_matrix(amounts, target, tmp_path)
    assert matrix is not None
    assert matrix.classes == ("no", "yes")
    assert matrix.amounts == ((2, -8), (-1, 40))


def test_amounts_by_class_must_be_complete(tmp_path: Path) -> None:
    target = understood(tmp_path, pl.Series(["a", "b", "c"] * 9))
    row = {"a": 1.0, "b": 0.0, "c": 0.0}
    matrix = value_matrix(Amounts(by_class={"a": row, "b": row, "c": row}), target, tmp_path)
    assert matrix is not None
    assert matrix.amounts[2] == (1.0, 0.0, 0.0)
    with pytest.raises(DataError, match="for the truth 'b'"):
        value_matrix(Amounts(by_class={"a": row}), target, tmp_path)
    with pytest.raises(DataError, match="names the class 'd'"):
        value_matrix(Amounts(by_class={"d": row}), target, tmp_path)
    with pytest.raises(DataError, match="has 3"):
        value_matrix(Amounts(true_positive=1.0), target, tmp_path)


def test_a_number_has_no_amounts_and_no_positive_class(tmp_path: Path) -> None:
    target = understood(tmp_path, pl.Series([1.5, 2.5, 3.0]))
    with pytest.raises(DataError, match="target is a number"):
        value_matrix(Amounts(), target, tmp_path)
    with pytest.raises(DataError, match="needs two classes"):
        understood(tmp_path, pl.Series([1.5, 2.5, 3.0]), positive="1.5")
