from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from bundle_scene import DENSE, NATIVE, table, truth

from tenfold.bundle.view import FittedView, encoding_target, fit_view
from tenfold.foundation.errors import InputError
from tenfold.records.features import Step

VIEWS = pytest.mark.parametrize("steps", [NATIVE, DENSE], ids=["native", "dense"])


def fitted(steps: tuple[Step, ...], rows: pl.DataFrame) -> FittedView:
    return fit_view(steps, rows, encoding_target(truth(rows), "binary", 2), np.random.default_rng(0))[0]


@VIEWS
def test_a_row_alone_gives_the_same_numbers_as_in_a_table(steps: tuple[Step, ...]) -> None:
    view = fitted(steps, table())
    rows = table(200, seed=8, missing=0.3)
    together = view.apply(rows).values
    alone = np.concatenate([view.apply_row(row) for row in rows.iter_rows(named=True)])
    np.testing.assert_allclose(alone, together, rtol=1e-12, atol=1e-12, equal_nan=True)


@VIEWS
def test_a_view_comes_back_from_its_files_and_writes_the_same_bytes(steps: tuple[Step, ...]) -> None:
    view = fitted(steps, table())
    again = FittedView.from_files(view.files())
    assert again.files() == view.files()
    assert (again.names, again.categorical, again.inputs) == (view.names, view.categorical, view.inputs)
    np.testing.assert_array_equal(again.apply(table(seed=5)).values, view.apply(table(seed=5)).values)


def test_a_column_that_is_filled_and_then_scaled_is_given_once() -> None:
    view = fitted(DENSE, table())
    assert view.names.count("age") == 1
    assert {"age__missing", "town__mean", "joined__hour"} <= set(view.names)
    matrix = view.apply(table(seed=3, missing=0.3))
    assert not np.isnan(matrix.values).any()
    scaled = matrix.values[:, matrix.names.index("age")]
    assert abs(scaled.mean()) < 0.5
    assert 0.5 < scaled.std() < 1.5


def test_category_codes_are_named_as_such() -> None:
    matrix = fitted(NATIVE, table()).apply(table())
    assert [matrix.names[place] for place in matrix.categorical] == ["colour"]
    assert matrix.values.flags.c_contiguous


def test_the_columns_that_a_view_reads_are_those_of_the_table() -> None:
    assert fitted(DENSE, table()).inputs == ("age", "income", "member", "colour", "town", "joined")


def test_training_rows_are_encoded_without_their_own_label() -> None:
    rows = table()
    view, matrix = fit_view(NATIVE, rows, encoding_target(truth(rows), "binary", 2), np.random.default_rng(0))
    place = matrix.names.index("town__mean")
    own, later = matrix.values[:, place], view.apply(rows).values[:, place]
    assert not np.allclose(own, later)
    others = [column for column in range(len(matrix.names)) if column != place]
    np.testing.assert_array_equal(matrix.values[:, others], view.apply(rows).values[:, others])


def test_what_two_steps_would_call_alike_is_refused() -> None:
    rows = pl.DataFrame({"a": [1.0, None], "a__missing": [3.0, 4.0]})
    steps = (
        Step(kind="impute", columns=("a",), settings={"indicator": True}),
        Step(kind="passthrough", columns=("a__missing",)),
    )
    with pytest.raises(InputError, match="two transforms make a column 'a__missing'"):
        fit_view(steps, rows, None, np.random.default_rng(0))


def test_the_same_chance_gives_the_same_numbers() -> None:
    rows = table()
    target = encoding_target(truth(rows), "binary", 2)
    first, second = (fit_view(DENSE, rows, target, np.random.default_rng(4))[1].values for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_target_is_averaged_as_its_task_asks() -> None:
    np.testing.assert_array_equal(encoding_target(np.array([0, 1]), "binary", 2), [[0.0], [1.0]])
    np.testing.assert_array_equal(encoding_target(np.array([2, 0]), "multiclass", 3), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(encoding_target(np.array([1.5, -2]), "regression", 0), [[1.5], [-2.0]])
